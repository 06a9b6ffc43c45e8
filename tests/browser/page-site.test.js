/** The site that `npm run build -- --site` writes, from a sub-path of a plain static server that sends no headers of its own. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { serve } from '../../build/serve.mjs';
import { buildSite } from '../../build/site.mjs';
import { startChromium } from './helpers/chromium.js';
import { bytesOf, give, samples, setLabels, settled, shown } from './helpers/page.js';

let folder, site, browser;
const log = []; // what the page asks for
const kept = []; // and what its service worker does, to have it without network
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clip-site-'));
  await buildSite(folder);
  site = await serve({
    root: await mkdtemp(join(tmpdir(), 'clip-empty-')),
    mounts: { '/some/where/': folder },
    headers: {},
    onRequest: ({ url, headers }) => void (/service-worker\.js$/.test(headers.referer) ? kept : log).push(url),
  });
  browser = await startChromium();
});
after(async () => {
  await browser?.close();
  await site?.close();
  await rm(folder, { recursive: true, force: true });
});
afterEach(async () => {
  for (const page of browser.context.pages().slice(1)) await page.close();
  log.length = kept.length = 0;
});

async function open() {
  const page = await browser.context.newPage();
  const complaints = [];
  page.on('pageerror', error => complaints.push(error.message));
  page.on('console', message => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
  await page.goto(`${site.url}some/where/`);
  await settled(page, samples[0].labels.length);
  return Object.assign(page, { complaints });
}
const controlled = page => page.waitForFunction(() => navigator.serviceWorker.controller !== null);
const modelFile = url => /\.safetensors|\/clip-[0-9a-f]+\.(json|manifest)/.test(url);

/** Files of the site that were asked for, with their bytes as they travel. @param {string[]} urls */
const weigh = async urls => {
  const sizes = await Promise.all(
    [...new Set(urls)]
      .filter(url => !modelFile(url))
      .map(async url => {
        const path = join(folder, url.replace('/some/where/', '') || 'index.html');
        const compressed = await stat(`${path}.br`).catch(() => null);
        return /** @type {const} */ ([url, (compressed ?? (await stat(path))).size]);
      }),
  );
  return { sizes, total: sizes.reduce((sum, [, size]) => sum + size, 0) };
};
const listed = ({ sizes, total }) =>
  `${sizes.length} requests, ${total} bytes\n${sizes.map(([url, size]) => `  ${size} ${url}`).join('\n')}`;

test('a first visit: 12 requests and 200 KB at most, but for the model; 25 KB later, for visits without network', async () => {
  const page = await open();
  const first = await weigh(log);
  console.log(`until the first answer: ${listed(first)}`);
  assert.ok(first.sizes.length <= 12, `${first.sizes.length} requests`);
  assert.ok(first.total <= 200_000, `${first.total} bytes`);
  await controlled(page);
  await page.waitForTimeout(500);
  const known = new Set(first.sizes.map(([url]) => url));
  const later = await weigh([...log, ...kept].filter(url => !known.has(url)));
  console.log(`later: ${listed(later)}`);
  assert.ok(later.total <= 25_000, `${later.total} bytes later`);
  assert.deepEqual(page.complaints, []);
});

test('from the second visit on it is isolated, asks for nothing, and runs without network', async () => {
  let page = await open();
  await controlled(page);
  await page.waitForFunction(async () => {
    const files = await caches.open((await caches.keys())[0]).then(cache => cache.keys());
    return files.some(({ url }) => url.endsWith('.wasm'));
  });
  await page.close();
  page = await open();
  assert.ok(await page.evaluate(() => crossOriginIsolated), 'threads can be had');
  await page.waitForTimeout(300);
  log.length = kept.length = 0;
  await page.reload();
  await settled(page, samples[0].labels.length);
  assert.deepEqual(
    [...log, ...kept].filter(url => !/service-worker\.js$|manifest\.webmanifest$/.test(url)), // the browser's own, whether there is something newer
    [],
  );
  await site.close(); // not only switched off: the server is gone
  await browser.context.setOffline(true);
  try {
    await page.reload();
    await settled(page, samples[0].labels.length);
    await give(page, 'drop', [{ bytes: await bytesOf('lighthouse'), name: 'l.jpg', mime: 'image/jpeg' }]);
    await setLabels(page, 'broom, lighthouse');
    assert.equal((await settled(page, 2))[0][0], 'lighthouse');
    // what is fetched when it is wanted is there too
    await page.click('#model-open');
    await page.waitForSelector('#model-dialog[open]');
    await page.keyboard.press('Escape');
  } finally {
    await browser.context.setOffline(false);
    site = await serve({
      root: join(folder, '..'),
      mounts: { '/some/where/': folder },
      headers: {},
      port: site.port,
      onRequest: ({ url, headers }) => void (/service-worker\.js$/.test(headers.referer) ? kept : log).push(url),
    });
  }
});

test('can be installed', async () => {
  const page = await open();
  await controlled(page);
  const session = await page.context().newCDPSession(page);
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  assert.deepEqual(
    installabilityErrors.map(({ errorId }) => errorId).filter(id => id !== 'in-incognito'),
    [],
  );
});

test('a newer one says so, and takes over when it is told to', async () => {
  const page = await open();
  await controlled(page);
  const path = join(folder, 'service-worker.js');
  const before = await readFile(path, 'utf8');
  await writeFile(path, before.replace(/clip-wasm-[0-9a-f]{12}/, 'clip-wasm-newer'));
  try {
    await page.evaluate(async () => (await navigator.serviceWorker.ready).update());
    await shown(page, 'A newer version of this page is ready.');
    await Promise.all([page.waitForNavigation(), page.click('#reload')]);
    await settled(page, samples[0].labels.length);
    assert.deepEqual(await page.evaluate(() => caches.keys()), ['clip-wasm-newer']);
  } finally {
    await writeFile(path, before);
  }
});

test('a worker that is made to send a photo elsewhere is stopped by the policy', async () => {
  const got = [];
  const other = createServer((request, response) => {
    got.push(request.url);
    response.writeHead(200, { 'Access-Control-Allow-Origin': '*' }).end('thanks');
  });
  await new Promise(resolve => other.listen(0, 'localhost', resolve));
  try {
    const page = await open();
    const workers = page.workers().filter(worker => worker.url().startsWith('blob:'));
    assert.ok(workers.length >= 1);
    const elsewhere = `http://localhost:${other.address().port}/`;
    // the engine's threads wait for work and answer nothing
    const silent = new Promise(resolve => setTimeout(resolve, 3000, 'silent'));
    const send = url =>
      fetch(url, { method: 'POST', body: 'a photo', mode: 'no-cors' }).then(
        () => 'sent',
        error => error.name,
      );
    const results = await Promise.all(
      workers.map(worker => Promise.race([worker.evaluate(send, elsewhere).catch(() => 'silent'), silent])),
    );
    assert.ok(results.includes('TypeError'), results.join());
    assert.ok(!results.includes('sent'));
    assert.deepEqual(got, []);
  } finally {
    other.close();
  }
});
