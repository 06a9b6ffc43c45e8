/**
 * clip-wasm: CLIP in the browser. An image and a few typed labels go in, a ranked list of labels comes out.
 *
 *     import { Clip } from 'clip-wasm';
 *     const clip = await Clip.load();
 *     await clip.classify(photo, ['kimchi', 'zha cai', 'seasoned cabbage']);     // [{ label: 'kimchi', score: 0.98 }, ...]
 *     const image = await clip.encode(photo);                                    // Float32Array
 *     const texts = await clip.encode(['two dogs', 'a cat']);                    // array of Float32Array
 *     Clip.similarity(image, texts);                                             // [Float32Array [0.21, 0.25]]
 *     clip.dispose();
 *
 * Everything heavy happens in a worker. In Node, node.js takes this file's place, with the same API.
 *
 * core.js is the same without the embedded model, bare.js without anything that must be fetched.
 */
import { EMBEDDED } from './api/clip.js';
import { pipelineOf } from './api/pipeline.js';
import { Clip as Core } from './core.js';
import { embeddedSpec } from './embedded.js';

export { DEFAULT_TEMPLATE } from './api/clip.js';
export { ClipError } from './error.js';

/** @typedef {import('./api/options.js').Dtype} Dtype */
/** @typedef {import('./api/options.js').ImageInput} ImageInput */
/** @typedef {import('./api/options.js').Score} Score */
/** @typedef {import('./api/options.js').ClipInfo} ClipInfo */
/** @typedef {import('./api/options.js').SourceSpec} SourceSpec */
/** @typedef {import('./api/options.js').Progress} Progress */
/** @typedef {import('./api/options.js').BatchProgress} BatchProgress */
/** @typedef {import('./api/options.js').LoadOptions} LoadOptions */
/** @typedef {import('./api/options.js').RunOptions} RunOptions */
/** @typedef {import('./api/options.js').ClassifyOptions} ClassifyOptions */
/** @typedef {import('./api/options.js').EachOptions} EachOptions */
/** @typedef {import('./error.js').ClipErrorCode} ClipErrorCode */
/** @typedef {import('./models/store.js').CachedModel} CachedModel */
/** @typedef {import('./api/clip.js').Embedding} Embedding */
/** @typedef {import('./api/clip.js').Embeddings} Embeddings */
/** @typedef {import('./api/pipeline.js').ZeroShotPipeline} ZeroShotPipeline */
/** @typedef {import('./api/pipeline.js').ZeroShotScore} ZeroShotScore */
/** @typedef {import('./api/embeddings.js').EmbeddingIndex} EmbeddingIndex */
/** @typedef {import('./api/embeddings.js').IndexOptions} IndexOptions */
/** @typedef {import('./api/embeddings.js').Match} Match */
/** @typedef {import('./api/embedding-file.js').ExportOptions} ExportOptions */
/** @typedef {import('./api/embedding-file.js').ImportedEmbeddings} ImportedEmbeddings */
/** @typedef {import('./api/options.js').Labels} Labels */
/** @template {Labels} L @typedef {import('./api/options.js').Ranking<L>} Ranking */
/** @template I @template {Labels} [L=readonly string[]] @typedef {import('./api/options.js').ClassifyResult<I, L>} ClassifyResult */
/** @template I @typedef {import('./api/options.js').EncodeResult<I>} EncodeResult */

export class Clip extends Core {
  /** @protected @override @param {any} model @param {LoadOptions} options */
  static async locate(model, options) {
    return model === EMBEDDED ? embeddedSpec(options.assets) : super.locate(model, options);
  }
}

/** @type {import('./api/pipeline.js').Pipeline} */
export const pipeline = (task, model, options) => pipelineOf(Clip, task, model, options);
