/**
 * The site's service worker (build/site.mjs): keeps the page, so that it opens without network, and gives its answers the headers that
 * isolate it, so that threads work on hosts that send none. A newer one waits until the page says that it may take over.
 */

/** Of the site, and what every page of it needs; filled in when it is built. */
const cacheName = `clip-wasm-${VERSION}`;
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

self.addEventListener('install', event => {
  event.waitUntil(keep(CORE));
});

self.addEventListener('activate', event => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) if (name.startsWith('clip-wasm-') && name !== cacheName) await caches.delete(name);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener('message', event => {
  if (event.data === 'take over') self.skipWaiting();
  // what a page has loaded before there was a service worker; its copies in the browser's own cache are taken
  else if (Array.isArray(event.data?.keep)) event.waitUntil(keep(event.data.keep));
});

/** @param {string[]} addresses */
async function keep(addresses) {
  const cache = await caches.open(cacheName);
  await Promise.all(
    addresses.map(async address => {
      if (await cache.match(address)) return;
      // the page itself may be newer than what the browser kept of it; all else is named by its hash
      const answer = await fetch(address, { cache: address === './' ? 'no-cache' : 'force-cache' });
      if (answer.ok) await cache.put(address, answer);
      else if (CORE.includes(address)) throw new Error(`${address} answered ${answer.status}`);
    }),
  );
}

/** @param {Response} answer */
function isolated(answer) {
  if (answer.status === 0 || answer.status === 304) return answer;
  const headers = new Headers(answer.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
}

const scope = new URL('./', self.location.href);

self.addEventListener('fetch', event => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== scope.origin || !url.pathname.startsWith(scope.pathname)) return;
  if (request.headers.has('range')) return;
  const page = request.mode === 'navigate' && (url.pathname === scope.pathname || url.pathname === `${scope.pathname}index.html`);
  const asset = url.pathname.startsWith(`${scope.pathname}assets/`);
  if (page || asset || url.pathname === `${scope.pathname}manifest.webmanifest`)
    event.respondWith(answer(page ? './' : url.href.split(/[?#]/)[0], request, asset));
});

/** @param {string} key @param {Request} request @param {boolean} asset */
async function answer(key, request, asset) {
  const cache = await caches.open(cacheName);
  const kept = await cache.match(key);
  if (kept) return isolated(kept);
  const fetched = await fetch(request);
  // weights are kept by the package itself, in IndexedDB
  if (asset && fetched.status === 200 && !/\.safetensors$/.test(key)) await cache.put(key, fetched.clone());
  return isolated(fetched);
}
