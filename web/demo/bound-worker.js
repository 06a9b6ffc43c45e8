/** Workers that may reach the model's host and nothing else: started in a frame whose policy says so (worker-frame.js). */
import { placesOf } from './model-source.js';

const FRAME = new URL('./worker-frame.html', import.meta.url);
const WORKER = new URL('../session/worker.js', import.meta.url);

/** @param {unknown} source @returns {Promise<{ start: () => Worker, answers: (url: string) => Promise<boolean>, remove: () => void }>} */
export async function boundTo(source) {
  const frame = document.createElement('iframe');
  frame.hidden = true;
  frame.title = 'clip-wasm';
  frame.src = `${FRAME.href}#${encodeURIComponent(placesOf(source).join(' '))}`;
  const loaded = new Promise(resolve => frame.addEventListener('load', resolve, { once: true }));
  document.body.append(frame);
  await loaded;
  const inner = /** @type {any} */ (frame.contentWindow);
  return { start: () => inner.startWorker(WORKER.href), answers: inner.answers, remove: () => frame.remove() };
}
