/**
 * What callers say, and what they are answered, as types.
 *
 * The room api/: what the faces in Node and in browsers share. It may use session/, models/, pictures/ and engine/.
 */

/** @typedef {import('../error.js').ClipError} ClipError */
/** @typedef {import('../engine/engine.js').Dtype} Dtype */
/** @typedef {import('../session/client.js').CallOptions} CallOptions */
/** @typedef {import('../pictures/input.js').ImageInput} ImageInput */
/** @typedef {import('../session/session.js').Score} Score */
/** @typedef {import('../session/pool.js').Pool['info']} ClipInfo */
/** @typedef {import('../session/pool.js').BatchProgress} BatchProgress */
/** @typedef {import('../models/sources/spec.js').SourceSpec} SourceSpec */
/** @typedef {import('../models/download.js').Progress} DownloadProgress */
/** @typedef {{ phase: 'warning', code: import('../error.js').ClipErrorCode, message: string }} WarningProgress */
/** @typedef {DownloadProgress | WarningProgress} Progress */

/**
 * @typedef {object} LoadOptions
 * @property {Dtype} [dtype] precision of the weights; q8 is the default, small and fast
 * @property {(progress: Progress) => void} [onProgress] hears of this load, of towers that load later, and of warnings
 * @property {AbortSignal} [signal]
 * @property {number} [threads] 1 to 16; more than one needs a page with COOP and COEP headers
 * @property {number} [workers] 1 to 16: how many at most work on a batch, each with the model in its own memory; by default as many as
 *   the machine has cores, at most 8, and no more than a quarter of its memory has room for
 * @property {boolean | 'refresh'} [cache] false: keep nothing in IndexedDB; 'refresh': ask whether the model changed since it was kept
 * @property {'needed' | 'idle' | 'all'} [vocabulary] when the embeddings of tokens come, where the server gives parts of files and there
 *   are many: with the first text that needs each, also the others while nothing else is to be done, or all with the text tower
 * @property {string | URL | (() => Worker) | false} [worker] where the worker's script is, if not beside this one, or how to start
 *   it; false: none, as in a worker of your own
 * @property {string | URL | WebAssembly.Module | ArrayBuffer} [wasm] the module, if not beside this script
 * @property {string | URL | WebAssembly.Module | ArrayBuffer} [readers] clip-readers.wasm, which models of other forms than ours need, likewise
 * @property {string | URL} [assets] the folder into which `clip-wasm copy` copied the package's files, where no bundler took them along
 * @property {number} [maxPixels] of a picture; 268,435,456 by default
 * @property {number} [maxMemory] bytes that a picture may take while it is decoded, its file included; by default 192 MiB, and 64 bytes
 *   for each byte of its file
 * @property {string} [integrity] sha256 of clip.json, which has the sums of all else: nothing but that model is taken
 * @property {'hub' | Record<string, string>} [sha256] of each file of a model of another form, or as the hub lists them
 * @property {string} [revision] of a hub's repository
 * @property {string} [hub] address of the hub
 * @property {number} [timeout] ms that a server may send nothing before a call is given up; 30,000 by default
 */

/** @typedef {{ signal?: AbortSignal, onProgress?: (progress: DownloadProgress) => void }} RunOptions */
/**
 * @typedef {RunOptions & { template?: string | readonly string[], top?: number, scores?: 'softmax' | 'sigmoid' | 'cosine', threshold?: number }}
 *   ClassifyOptions template: around each label, which takes the place of {}; with several, their embeddings are averaged; 'imagenet' are
 *   the 80 of CLIP's paper, 'imagenet-7' seven that do as well. top: how many
 *   labels to answer, all by default. scores: what they are; softmax, which adds up to 1 over the labels, or for models that were trained
 *   so sigmoid, which answers each label by itself, or the cosine that both are made of. threshold: labels with less are left out
 */

/** @typedef {Omit<import('../session/pool.js').BatchOptions, 'signal'>} EachOptions */
/** A list, or a list for each group. @typedef {readonly string[] | { readonly [group: string]: readonly string[] }} Labels */
/** @template {Labels} L @typedef {L extends readonly string[] ? Score[] : { [G in keyof L]: Score[] }} Ranking */
/** @template I @template {Labels} [L=readonly string[]] @typedef {{ index: number, input: I, ranking: Ranking<L>, error?: undefined }
 *   | { index: number, input: I, ranking?: undefined, error: ClipError }} ClassifyResult */
/** @template I @typedef {{ index: number, input: I, embedding: Float32Array, error?: undefined }
 *   | { index: number, input: I, embedding?: undefined, error: ClipError }} EncodeResult */

export {};
