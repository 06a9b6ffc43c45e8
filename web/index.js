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
 * Everything heavy happens in a worker. In Node, node.js takes this file's place, with the same API and no worker.
 */
import { LocalClient, WorkerClient } from './session/client.js';
import { unknownTo } from './models/concepts.js';
import { EMBEDDED, embeddedSpec } from './embedded.js';
import { ClipError, isWellFormed } from './error.js';
import { prepare } from './pictures/input.js';
import { DTYPES, labelPrefixes } from './models/model.js';
import { specOf } from './models/sources/spec.js';
import { Store } from './models/store.js';
import { chooseModule, compile } from './engine/wasm.js';

export { ClipError };

/** @typedef {import('./engine/engine.js').Dtype} Dtype */
/** @typedef {import('./session/client.js').Client} Client */
/** @typedef {import('./session/client.js').CallOptions} CallOptions */
/** @typedef {import('./pictures/input.js').ImageInput} ImageInput */
/** @typedef {import('./session/session.js').Score} Score */
/** @typedef {import('./session/session.js').SessionInfo} ClipInfo */
/** @typedef {import('./models/sources/spec.js').SourceSpec} SourceSpec */
/** @typedef {import('./models/download.js').Progress} DownloadProgress */
/** @typedef {{ phase: 'warning', code: import('./error.js').ClipErrorCode, message: string }} WarningProgress */
/** @typedef {DownloadProgress | WarningProgress} Progress */

/**
 * @typedef {object} LoadOptions
 * @property {Dtype} [dtype] precision of the weights; q8 is the default, small and fast
 * @property {(progress: Progress) => void} [onProgress] hears of this load, of towers that load later, and of warnings
 * @property {AbortSignal} [signal]
 * @property {number} [threads] 1 to 16; more than one needs a page with COOP and COEP headers
 * @property {boolean | 'refresh'} [cache] false: keep nothing in IndexedDB; 'refresh': ask whether the model changed since it was kept
 * @property {string | URL | (() => Worker) | false} [worker] where the worker's script is, if not beside this one (it must be of the
 *   page's origin), or how to start it; false: none, as in a worker of your own
 * @property {string | URL | WebAssembly.Module | ArrayBuffer} [wasm] the module, if not beside this script
 * @property {string} [revision] of a hub's repository
 * @property {string} [hub] address of the hub
 */

/** @typedef {{ signal?: AbortSignal, onProgress?: (progress: DownloadProgress) => void }} RunOptions */
/**
 * @typedef {RunOptions & { template?: string | string[], top?: number }} ClassifyOptions template: around each label, which takes the
 *   place of {}; with several, their embeddings are averaged. top: how many labels to answer, all by default
 */

/** The default of CLIP's paper (section 3.1.4), less its full stop. The embedded model is measured with it. */
export const DEFAULT_TEMPLATE = 'a photo of a {}';

const WASM = {
  simd: () => new URL('./wasm/clip-simd.wasm', import.meta.url).href,
  relaxed: () => new URL('./wasm/clip-relaxed.wasm', import.meta.url).href,
  'simd-threads': () => new URL('./wasm/clip-simd-threads.wasm', import.meta.url).href,
  'relaxed-threads': () => new URL('./wasm/clip-relaxed-threads.wasm', import.meta.url).href,
};

const startWorker = () => new Worker(new URL('./session/worker.js', import.meta.url), { type: 'module', name: 'clip-wasm' });

/** @template T @param {T | T[]} value @returns {T[]} */
const listOf = value => (Array.isArray(value) ? value : [value]);

/** @param {any} input @returns {any[]} */
const picturesOf = input => (typeof FileList === 'function' && input instanceof FileList ? [...input] : listOf(input));

export class Clip {
  /** @type {(label: string) => boolean} */
  #unknown;

  /**
   * Loads a model's description; its towers come when they are first needed (or see prepare).
   * @param {string | URL | File[] | FileList | FileSystemDirectoryHandle} [model] nothing or its name: the embedded model; the address of
   *   a folder; "owner/name" of a hub; the files of a folder that was dropped or chosen. In Node also a folder's path
   * @param {LoadOptions} [options]
   * @returns {Promise<Clip>}
   */
  static async load(model = EMBEDDED, options = {}) {
    const { dtype = 'q8', onProgress, signal } = options;
    if (!DTYPES.includes(dtype)) throw new ClipError('bad-argument', `dtype is ${DTYPES.join(', ')}, not ${JSON.stringify(dtype)}.`);
    /** @type {ClipError[]} */
    const warnings = [];
    const client = await this.connect(await this.locate(model, options), options, ({ code, message }) => {
      warnings.push(new ClipError(code, message));
      onProgress?.({ phase: 'warning', code, message });
    });
    try {
      return new this(client, await client.request(null, [], { signal, onProgress }), warnings, onProgress);
    } catch (error) {
      client.dispose();
      throw error;
    }
  }

  /** @protected @param {any} model @param {LoadOptions} options @returns {Promise<SourceSpec>} */
  static async locate(model, options) {
    return model === EMBEDDED
      ? embeddedSpec()
      : specOf(model, { ...options, base: globalThis.document?.baseURI ?? globalThis.location?.href });
  }

  /** @protected @param {SourceSpec} source @param {LoadOptions} options @param {(warning: import('./error.js').PlainError) => void} warn
   *  @returns {Promise<Client>} */
  static async connect(source, { dtype, threads, cache, worker, wasm }, warn) {
    const chosen = chooseModule(worker === false ? 1 : threads);
    const module = wasm instanceof URL ? wasm.href : typeof wasm === 'string' ? new URL(wasm, document.baseURI).href : wasm;
    const where = module ?? WASM[chosen.name]();
    // compiled while the worker's scripts still load; where only the worker may do that, it tries again
    const open = { dtype, cache, threads: chosen.threads, wasm: compile(where).catch(() => where), source };
    if (worker === false) {
      const [{ Session }, { sourceOf }] = await Promise.all([import('./session/session.js'), import('./models/sources/index.js')]);
      return new LocalClient(watch => Session.open({ ...open, source: sourceOf(source) }, watch), warn);
    }
    const start =
      typeof worker === 'function' ? worker : worker ? () => new Worker(worker, { type: 'module', name: 'clip-wasm' }) : startWorker;
    return new WorkerClient(start, open, warn);
  }

  /** @protected @param {ImageInput} input @param {string} label @returns {ReturnType<typeof prepare>} */
  static picture(input, label) {
    return prepare(input, label);
  }

  /** Use Clip.load. @param {Client} client @param {ClipInfo} info @param {ClipError[]} warnings @param {LoadOptions['onProgress']} onProgress */
  constructor(client, info, warnings, onProgress) {
    /** @protected */
    this.client = client;
    /** What the model says about itself. */
    this.info = info;
    this.#unknown = unknownTo(info.concepts);
    /** What went less well than it might: that nothing can be kept (`not-cached`), or checked (`not-verified`). */
    this.warnings = warnings;
    /** @protected */
    this.onProgress = onProgress;
  }

  /** Loads towers ahead of their first use. @param {('vision' | 'text')[]} [towers] @param {RunOptions} [options] @returns {Promise<void>} */
  async prepare(towers = ['vision', 'text'], options) {
    await this.#request('prepare', [towers], options);
  }

  /**
   * Ranks labels for one picture, or for several (then the answer has a list for each).
   * @template {ImageInput | ImageInput[] | FileList} I
   * @param {I} image @param {string[]} labels @param {ClassifyOptions} [options]
   * @returns {Promise<I extends any[] | FileList ? Score[][] : Score[]>} best first; the scores of a picture add up to 1
   */
  async classify(image, labels, { template = DEFAULT_TEMPLATE, top, ...options } = {}) {
    if (top !== undefined && !(Number.isInteger(top) && top > 0))
      throw new ClipError('bad-argument', `top is a whole number above 0, not ${top}.`);
    const { pictures, transfer } = await this.#pictures(picturesOf(image));
    const request = { pictures, labels, templates: listOf(template), top };
    const scores = await this.#request('classify', [request], { ...options, transfer });
    return Array.isArray(image) || (typeof FileList === 'function' && image instanceof FileList) ? scores : scores[0];
  }

  /**
   * Embeds a picture or a text, or an array of them. Strings are texts; addresses of pictures are URL objects.
   * @template {string | Exclude<ImageInput, string> | (string | Exclude<ImageInput, string>)[]} I
   * @param {I} input @param {RunOptions & { normalize?: boolean }} [options] normalize: to length 1
   * @returns {Promise<I extends any[] ? Float32Array[] : Float32Array>}
   */
  async encode(input, { normalize = false, ...options } = {}) {
    const inputs = listOf(/** @type {any} */ (input));
    const texts = inputs.filter(one => typeof one === 'string');
    texts.forEach((text, i) => {
      if (!isWellFormed(text))
        throw new ClipError('bad-text', `Text ${i + 1} (${JSON.stringify(text.slice(0, 50))}) is not well-formed UTF-16.`);
    });
    const { pictures, transfer } = await this.#pictures(inputs.filter(one => typeof one !== 'string'));
    const ofPictures = pictures.length ? await this.#request('encodeImages', [pictures], { ...options, transfer }) : [];
    const ofTexts = texts.length ? await this.#request('encodeTexts', [texts], options) : [];
    /** @type {Float32Array[]} */
    const all = inputs.map(one => (typeof one === 'string' ? ofTexts : ofPictures).shift());
    const result = normalize ? all.map(unit) : all;
    return /** @type {any} */ (Array.isArray(input) ? result : result[0]);
  }

  /** Token ids of texts, start and end included, cut to what the model reads. @param {string[]} texts @param {RunOptions} [options]
   *  @returns {Promise<number[][]>} */
  async tokenize(texts, options) {
    return this.#request('tokenize', [texts], options);
  }

  /**
   * Whether the model lists the words that it was taught (`info.concepts`) and a label is none of them: its score then says nothing
   * about the picture. Case, space around it, an article before it and the plural make no difference. False for models without a list.
   * @param {string} label @returns {boolean}
   */
  isUnknown(label) {
    return this.#unknown(label);
  }

  /** Frees the model. Calls that still run reject. */
  dispose() {
    this.client.dispose();
  }

  /**
   * Cosines of embeddings: a row for each of a, a column for each of b.
   * @param {Float32Array | Float32Array[]} a @param {Float32Array | Float32Array[]} b @returns {Float32Array[]}
   */
  static similarity(a, b) {
    const [x, y] = [a, b].map(side => (Array.isArray(side) ? side : [side]).map(unit));
    return x.map(row =>
      Float32Array.from(y, column => {
        if (row.length !== column.length)
          throw new ClipError('bad-argument', `Embeddings of ${row.length} and ${column.length} numbers do not compare.`);
        return row.reduce((sum, value, i) => sum + value * column[i], 0);
      }),
    );
  }

  /** What is kept in IndexedDB. */
  static cache = {
    /** @returns {Promise<import('./models/store.js').CachedModel[]>} */
    list: () => withStore(store => store.list(), []),
    /** Forgets a model, by the id that list gives; chunks that other models share stay. @param {string} id @returns {Promise<boolean>} */
    delete: id => withStore(store => store.delete(id, labelPrefixes), false),
    /** Forgets all models, unfinished downloads and labels. @returns {Promise<void>} */
    clear: () => withStore(store => store.clear(), undefined),
  };

  /** @param {any[]} inputs */
  async #pictures(inputs) {
    const { picture: prepareOne } = /** @type {typeof Clip} */ (this.constructor);
    const prepared = await Promise.all(inputs.map((input, i) => prepareOne(input, inputs.length > 1 ? `Picture ${i + 1}` : 'The picture')));
    return { pictures: prepared.map(one => one.picture), transfer: prepared.flatMap(one => one.transfer ?? []) };
  }

  /** @param {import('./session/session.js').Call} call @param {any[]} args @param {CallOptions} [options] */
  #request(call, args, options = {}) {
    return this.client.request(call, args, { onProgress: this.onProgress, ...options });
  }
}

/** @param {Float32Array} vector @returns {Float32Array} of length 1; zeros stay */
function unit(vector) {
  const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  return norm > 0 ? vector.map(x => x / norm) : vector;
}

/** @template T @param {(store: Store) => Promise<T>} work @param {T} otherwise where there is no IndexedDB @returns {Promise<T>} */
async function withStore(work, otherwise) {
  const store = await Store.open().catch(() => null);
  if (!store) return otherwise;
  try {
    return await work(store);
  } finally {
    store.close();
  }
}

/**
 * For those who come from transformers.js: the same arguments, the same shapes.
 * @typedef {{ dtype?: Dtype | 'fp32', progress_callback?: (progress: Progress) => void, revision?: string, device?: string }} PipelineOptions
 * @typedef {((images: ImageInput | ImageInput[], candidate_labels: string[], options?: { hypothesis_template?: string }) =>
 *   Promise<{ score: number, label: string }[] | { score: number, label: string }[][]>) & { dispose: () => Promise<void> }} ZeroShotPipeline
 * @param {'zero-shot-image-classification'} task @param {string | null} [model] @param {PipelineOptions & Omit<LoadOptions, 'dtype'>} [options]
 * @returns {Promise<ZeroShotPipeline>}
 */
export const pipeline = (task, model, options) => pipelineOf(Clip, task, model, options);

/** @param {typeof Clip} Class @param {string} task @param {string | null} [model] @param {any} [options] @returns {Promise<ZeroShotPipeline>} */
export async function pipelineOf(Class, task, model, { dtype, progress_callback, device: _, ...options } = {}) {
  if (task !== 'zero-shot-image-classification') {
    throw new ClipError('bad-argument', `This package knows the task zero-shot-image-classification, not ${JSON.stringify(task)}.`);
  }
  const clip = await Class.load(model ?? undefined, {
    onProgress: progress_callback,
    ...options,
    dtype: dtype === 'fp32' ? 'f32' : dtype,
  });
  /** @param {any} images @param {string[]} labels @param {{ hypothesis_template?: string }} [run] */
  const run = async (images, labels, { hypothesis_template: template = 'This is a photo of {}' } = {}) => {
    const all = /** @type {Score[][]} */ (await clip.classify(listOf(images), labels, { template }));
    const shaped = all.map(scores => scores.map(({ score, label }) => ({ score, label })));
    return Array.isArray(images) ? shaped : shaped[0];
  };
  return Object.assign(run, { dispose: async () => clip.dispose() });
}
