/** Workers that may reach the model's host and nothing else: started in a frame whose policy says so (worker-frame.js). */

const FRAME = new URL('./worker-frame.html', import.meta.url);
const WORKER = new URL('../session/worker.js', import.meta.url);

/** Hosts that the hub sends on to for large files. */
const HUB = ['https://huggingface.co', 'https://*.huggingface.co', 'https://*.hf.co'];

/** @param {string} source whether it is a name on the hub */
const isName = source => /^[\w-][\w.-]*\/[\w.-]+?(@[\w./-]+)?$/.test(source);

/** Where a model's first file would be asked for. @param {string} source as Clip.load takes it */
export const addressOf = source => (isName(source) ? `${HUB[0]}/` : new URL(source, document.baseURI).href);

/** @param {unknown} source as Clip.load takes it @returns {string[]} */
export function placesOf(source) {
  if (typeof source !== 'string') return [];
  if (isName(source)) return HUB;
  const { origin, protocol } = new URL(source, document.baseURI);
  return /^https?:$/.test(protocol) && origin !== location.origin ? [origin] : [];
}

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
