/** clip-wasm without the embedded model, for apps that load their own: bundlers then do not take its weights along. */
import { Clip as Base } from './api/clip.js';
import { connect } from './api/connect.js';
import { pipelineOf } from './api/pipeline.js';

export { DEFAULT_TEMPLATE } from './api/clip.js';
export { ClipError } from './error.js';

/** Each with its own literal address, which bundlers find. */
const MODULES = {
  simd: () => new URL('./wasm/clip-simd.wasm', import.meta.url).href,
  relaxed: () => new URL('./wasm/clip-relaxed.wasm', import.meta.url).href,
  'simd-threads': () => new URL('./wasm/clip-simd-threads.wasm', import.meta.url).href,
  'relaxed-threads': () => new URL('./wasm/clip-relaxed-threads.wasm', import.meta.url).href,
  readers: () => new URL('./wasm/clip-readers.wasm', import.meta.url).href,
};
const startWorker = () => new Worker(new URL('./session/worker.js', import.meta.url), { type: 'module', name: 'clip-wasm' });

export class Clip extends Base {
  /** @protected @override @param {import('./api/options.js').SourceSpec} source @param {import('./api/options.js').LoadOptions} options
   *  @param {(warning: import('./error.js').PlainError) => void} warn */
  static async connect(source, options, warn) {
    return connect(source, options, warn, { modules: MODULES, startWorker, address: import.meta.url, local: openLocal });
  }
}

/** @type {import('./api/connect.js').OpenLocal} */
async function openLocal(open, watch) {
  const [{ Session }, { sourceOf }] = await Promise.all([import('./session/session.js'), import('./models/sources/index.js')]);
  return Session.open({ ...open, source: sourceOf(open.source) }, watch);
}

/** @type {import('./api/pipeline.js').Pipeline} */
export const pipeline = (task, model, options) => pipelineOf(Clip, task, model, options);
