/** The page's side of its service worker: starts it, tells it what was loaded before it was there, and says when a newer page is ready. */
import { $ } from './dom.js';

async function start() {
  const registration = await navigator.serviceWorker.register(new URL('./service-worker.js', document.baseURI));
  const offer = () => ($('update').hidden = !(registration.waiting && navigator.serviceWorker.controller));
  offer();
  registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', offer));
  $('reload').addEventListener('click', () => {
    navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
    registration.waiting?.postMessage('take over');
  });
  const { active } = await navigator.serviceWorker.ready;
  const assets = new URL('./assets/', document.baseURI).href;
  const tell = () => {
    const loaded = performance.getEntriesByType('resource').map(({ name }) => name.split(/[?#]/)[0]);
    active?.postMessage({ keep: loaded.filter(name => name.startsWith(assets) && !name.endsWith('.safetensors')) });
  };
  // once the model is there, all that a visit needs has been loaded
  addEventListener('clip-ready', tell);
  tell();
}

// the page's first answer goes before what only the next visit needs; a model that does not load must not keep it away
const answered = new Promise(resolve => addEventListener('clip-answered', resolve, { once: true }));
const late = new Promise(resolve => addEventListener('load', () => setTimeout(resolve, 8000), { once: true }));
if ('serviceWorker' in navigator)
  Promise.race([answered, late])
    .then(start)
    .catch(() => {});
