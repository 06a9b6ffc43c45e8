/**
 * clip-wasm without addresses of its own: no model, no module, no worker comes along, and nothing is imported later. For service workers,
 * scripts that are no modules, and apps that pin one module:
 *
 *     const clip = await Clip.load('/models/b32/', { wasm: '/clip-relaxed.wasm' });
 *
 * Models of other forms than ours need the package's clip-readers.wasm too, in the option `readers`. It works in the thread that calls it, unless `worker` starts another.
 */
import { Clip as Base } from './api/clip.js';
import { connect } from './api/connect.js';
import * as searching from './api/embeddings.js';
import { pipelineOf } from './api/pipeline.js';
import { sourceOf } from './models/sources/index.js';
import { Session } from './session/session.js';

export { DEFAULT_TEMPLATE } from './api/clip.js';
export { ClipError } from './error.js';

export class Clip extends Base {
  /** @protected @override @param {import('./api/options.js').SourceSpec} source @param {import('./api/options.js').LoadOptions} options
   *  @param {(warning: import('./error.js').PlainError) => void} warn */
  static async connect(source, options, warn) {
    const worker = options.worker ?? (options.assets ? undefined : false);
    return connect(source, { ...options, worker }, warn, { local: openLocal });
  }

  /** @protected @override */
  static async searching() {
    return searching;
  }
}

/** @type {import('./api/connect.js').OpenLocal} */
const openLocal = async (open, watch) => Session.open({ ...open, source: sourceOf(open.source) }, watch);

/** @type {import('./api/pipeline.js').Pipeline} */
export const pipeline = (task, model, options) => pipelineOf(Clip, task, model, options);
