/** The class that all entries of the package export; each says where the engine and its worker are (connect), and which model comes along. */
import { FEW } from '../session/pool.js';
import { unknownTo } from '../models/concepts.js';
import { ClipError } from '../error.js';
import { eachOf, embeddingsOf, guarded, isList, labelsOf, optionsOf, templatesOf, textsOf, towersOf } from './arguments.js';
import { isSet, setOf } from './templates.js';
import { prepare } from '../pictures/input.js';
import { specOf } from '../models/sources/spec.js';
import { Store } from '../models/store.js';

/** @typedef {import('./options.js').Dtype} Dtype */
/** @typedef {import('./options.js').ImageInput} ImageInput */
/** @typedef {import('./options.js').Score} Score */
/** @typedef {import('./options.js').ClipInfo} ClipInfo */
/** @typedef {import('./options.js').SourceSpec} SourceSpec */
/** @typedef {import('./options.js').Progress} Progress */
/** @typedef {import('./options.js').BatchProgress} BatchProgress */
/** @typedef {import('./options.js').LoadOptions} LoadOptions */
/** @typedef {import('./options.js').RunOptions} RunOptions */
/** @typedef {import('./options.js').ClassifyOptions} ClassifyOptions */
/** @typedef {import('./options.js').EachOptions} EachOptions */
/** @typedef {import('./options.js').Labels} Labels */
/** @template {Labels} L @typedef {import('./options.js').Ranking<L>} Ranking */
/** @template I @template {Labels} [L=readonly string[]] @typedef {import('./options.js').ClassifyResult<I, L>} ClassifyResult */
/** @template I @typedef {import('./options.js').EncodeResult<I>} EncodeResult */

/** @typedef {import('./embeddings.js').EmbeddingIndex} EmbeddingIndex */
/** @typedef {import('./embeddings.js').IndexOptions} IndexOptions */
/** @typedef {import('./embeddings.js').Match} Match */
/** @typedef {import('./embedding-file.js').ExportOptions} ExportOptions */
/** @typedef {import('./embedding-file.js').ImportedEmbeddings} ImportedEmbeddings */

/** @typedef {import('../session/pool.js').Pool} Pool */
/** @typedef {import('../session/session.js').Question} Question */
/** @typedef {Float32Array | readonly number[] | Record<string, number>} Embedding */
/** @typedef {Embedding | readonly Embedding[]} Embeddings */

/** Name of the model that comes along with most entries. */
export const EMBEDDED = 'clip-mini';

/** The default of CLIP's paper (section 3.1.4), less its full stop. The embedded model is measured with it. */
export const DEFAULT_TEMPLATE = 'a photo of a {}';

/** The methods of a model, which work however they are reached: by a proxy of a reactive store, or taken off the object. */
const METHODS = /** @type {const} */ (['prepare', 'classify', 'encode', 'classifyEach', 'encodeEach', 'tokenize', 'isUnknown', 'dispose']);

export class Clip {
  /** @type {(label: string) => boolean} */
  #unknown;

  /**
   * Loads a model's description; its towers come when they are first needed (or see prepare).
   * @param {string | URL | readonly File[] | FileList | FileSystemDirectoryHandle} [model] nothing or its name: the embedded model; the address of
   *   a folder; "owner/name" of a hub; the files of a folder that was dropped or chosen. In Node also a folder's path
   * @param {LoadOptions} [options]
   * @returns {Promise<Clip>}
   */
  static load(model, options) {
    return guarded(() => this.open(model, options))();
  }

  /** @private @param {any} model @param {any} options @returns {Promise<Clip>} */
  static async open(model, options) {
    const given = optionsOf('load', options);
    const { onProgress, signal } = given;
    /** @type {ClipError[]} */
    const warnings = [];
    const source = await this.locate(model ?? EMBEDDED, given);
    const { integrity, sha256 } = given;
    if (integrity !== undefined || sha256 !== undefined) source.sums = (await import('./sums.js')).knownSums({ integrity, sha256 });
    const client = await this.connect(source, given, ({ code, message }) => {
      warnings.push(new ClipError(code, message));
      onProgress?.({ phase: 'warning', code, message });
    });
    try {
      await client.open({ signal, onProgress });
      return new this(client, warnings, onProgress);
    } catch (error) {
      client.dispose();
      throw error;
    }
  }

  /** What a model that was named is read from. @protected @param {any} model @param {LoadOptions} options @returns {Promise<SourceSpec>} */
  static async locate(model, options) {
    if (model === EMBEDDED) throw new ClipError('bad-argument', 'No model comes along with this entry of the package: name one to load.');
    return specOf(model, { ...options, base: globalThis.document?.baseURI ?? globalThis.location?.href });
  }

  /** @protected @param {SourceSpec} _source @param {LoadOptions} _options @param {(warning: import('../error.js').PlainError) => void} _warn
   *  @returns {Promise<Pool>} */
  static async connect(_source, _options, _warn) {
    throw new Error('each entry of the package says how');
  }

  /** @protected @param {ImageInput} input @param {string} label
   *  @returns {Promise<{ picture: any, transfer?: Transferable }> | { picture: any, transfer?: Transferable }} */
  static picture(input, label) {
    return prepare(input, label);
  }

  /** Use Clip.load. @param {Pool} client @param {ClipError[]} warnings @param {LoadOptions['onProgress']} onProgress */
  constructor(client, warnings, onProgress) {
    /** @protected */
    this.client = client;
    this.#unknown = unknownTo(client.info.concepts);
    /** What went less well than it might: that nothing can be kept (`not-cached`), or checked (`not-verified`). */
    this.warnings = warnings;
    /** @protected */
    this.onProgress = onProgress;
    for (const name of METHODS) Object.defineProperty(this, name, { value: guarded(/** @type {any} */ (this[name]).bind(this)) });
  }

  /** What the model says about itself, and how many threads and workers are at work now. @returns {ClipInfo} */
  get info() {
    return this.client.info;
  }

  /** Loads towers ahead of their first use. @param {readonly ('vision' | 'text')[]} [towers] @param {RunOptions} [options] @returns {Promise<void>} */
  async prepare(towers, options) {
    await this.#request('prepare', [towersOf(towers)], optionsOf('prepare', options));
  }

  /**
   * Ranks labels for one picture, or for several (then the answer has a ranking for each).
   * @template {ImageInput | readonly ImageInput[] | FileList} I
   * @template {Labels} L
   * @param {I} image @param {L} labels a list; or an object with a list for each group, whose scores are counted by themselves @param {ClassifyOptions} [options]
   * @returns {Promise<I extends readonly any[] | FileList ? Ranking<L>[] : Ranking<L>>} best first, of groups an object with the ranking of each; the scores
   *   of a ranking add up to 1, or each is the probability that its label fits, if the model was trained for that (`info.logitBias`)
   */
  async classify(image, labels, options) {
    const { signal, onProgress, ...how } = optionsOf('classify', options);
    const { question, shape } = await questionOf(labels, how);
    const inputs = isList(image) ? [.../** @type {any[]} */ (image)] : [image];
    const run = { ...(signal && { signal }), ...(onProgress && { onProgress }) };
    const scores = this.#isBatch(inputs)
      ? await allOf(this.#classifyEach(inputs, question, shape, { signal }), 'ranking')
      : (await this.#classify(inputs, question, run)).map(shape);
    return /** @type {any} */ (isList(image) ? scores : scores[0]);
  }

  /**
   * Embeds a picture or a text, or an array of them. Strings are texts; addresses of pictures are URL objects.
   * @template {string | Exclude<ImageInput, string> | readonly (string | Exclude<ImageInput, string>)[]} I
   * @param {I} input @param {RunOptions & { normalize?: boolean }} [options] normalize: to length 1
   * @returns {Promise<I extends readonly any[] ? Float32Array[] : Float32Array>}
   */
  async encode(input, options) {
    const { normalize = false, ...run } = optionsOf('encode', options);
    const inputs = isList(input) ? [.../** @type {any} */ (input)] : [input];
    const texts = textsOf(inputs.filter(one => typeof one === 'string'));
    const ofPictures = await this.#encode(
      inputs.filter(one => typeof one !== 'string'),
      run,
    );
    const ofTexts = texts.length ? await this.#request('encodeTexts', [texts], run) : [];
    /** @type {Float32Array[]} */
    const all = inputs.map(one => (typeof one === 'string' ? ofTexts : ofPictures).shift());
    const result = normalize ? all.map(unit) : all;
    return /** @type {any} */ (isList(input) ? result : result[0]);
  }

  /**
   * Ranks labels for each of any number of pictures, as they are done. Several workers share them; at no time are more of them in memory
   * than that needs. What is wrong with one picture is that one's `error`, and the others go on.
   * @template {ImageInput} I
   * @template {Labels} L
   * @param {Iterable<I> | AsyncIterable<I>} images @param {L} labels as in classify @param {Omit<ClassifyOptions, 'onProgress'> & EachOptions} [options]
   * @returns {AsyncGenerator<ClassifyResult<I, L>, void, void>} ends with an error where there is no going on: the model does not load, the
   *   labels are none, it was aborted
   */
  async *classifyEach(images, labels, options) {
    const { template, top, scores, threshold, ...each } = optionsOf('classifyEach', options);
    const { question, shape } = await questionOf(labels, { template, top, scores, threshold });
    yield* this.#classifyEach(eachOf(images, 'classifyEach'), question, shape, each);
  }

  /** @template I @template {Labels} L @param {Iterable<I> | AsyncIterable<I>} images @param {Question} question @param {(answer: any) => Ranking<L>} shape
   *  @param {EachOptions & { signal?: AbortSignal }} options @returns {AsyncGenerator<ClassifyResult<I, L>, void, void>} */
  async *#classifyEach(images, question, shape, options) {
    const { labels, templates } = question;
    const { signal } = options;
    /** @type {Promise<Float32Array[]> | undefined} */
    let texts;
    // the other workers begin as copies of the first while that one embeds the labels
    const begin = () =>
      (texts ??= this.#request('prepare', [['vision']], { signal }).then(() =>
        this.#request('encodeLabels', [labels, templates], { signal }),
      ));
    const setUp = async (/** @type {import('../session/client.js').Client} */ client) =>
      client.request('adoptLabels', [labels, templates, await begin()], { beside: true });
    const taskOf = async (/** @type {I} */ input, /** @type {number} */ index) => {
      const { picture, transfer } = await this.#picture(input, `Picture ${index + 1}`);
      return { call: /** @type {const} */ ('classify'), args: [{ pictures: [picture], ...question }], transfer };
    };
    for await (const { index, input, value, error } of this.client.each(images, taskOf, { ...options, begin, setUp }))
      yield error ? { index, input, error } : { index, input, ranking: shape(/** @type {any[]} */ (value)[0]) };
  }

  /**
   * Embeds each of any number of pictures and texts, as classifyEach ranks them. Strings are texts; addresses of pictures are URL objects.
   * @template {string | Exclude<ImageInput, string>} I
   * @param {Iterable<I> | AsyncIterable<I>} inputs @param {{ signal?: AbortSignal, normalize?: boolean } & EachOptions} [options]
   * @returns {AsyncGenerator<EncodeResult<I>, void, void>}
   */
  async *encodeEach(inputs, options) {
    const { normalize = false, ...each } = optionsOf('encodeEach', options);
    eachOf(inputs, 'encodeEach');
    const taskOf = async (/** @type {I} */ input, /** @type {number} */ index) => {
      if (typeof input === 'string') return { call: /** @type {const} */ ('encodeTexts'), args: [textsOf([input])], first: true };
      const { picture, transfer } = await this.#picture(input, `Picture ${index + 1}`);
      return { call: /** @type {const} */ ('encodeImages'), args: [[picture]], transfer };
    };
    /** @type {Record<string, Promise<void>>} */
    const ready = {};
    const begin = (/** @type {I} */ input) => {
      const kind = typeof input === 'string' ? 'text' : 'vision';
      return (ready[kind] ??= this.#request('prepare', [[kind]], { signal: each.signal }));
    };
    for await (const { index, input, value, error } of this.client.each(inputs, taskOf, { ...each, begin })) {
      const [embedding] = /** @type {Float32Array[]} */ (value ?? []);
      yield error ? { index, input, error } : { index, input, embedding: normalize ? unit(embedding) : embedding };
    }
  }

  /** Token ids of texts, start and end included, cut to what the model reads. @param {readonly string[]} texts @param {RunOptions} [options]
   *  @returns {Promise<number[][]>} */
  async tokenize(texts, options) {
    return this.#request('tokenize', [textsOf(texts)], optionsOf('tokenize', options));
  }

  /**
   * Whether a label is nothing that the model was taught, so that its score says nothing about the picture. A model may list its words
   * (`info.concepts`; case, space around it, an article before it and the plural make no difference); of others it may tell by itself whether
   * they are like something that it knows (`info.knowledge`: of what is not it makes a short embedding). False for models without either.
   * @param {string} label @returns {Promise<boolean>}
   */
  async isUnknown(label) {
    if (typeof label !== 'string') throw new ClipError('bad-label', 'A label is a string.');
    const { concepts, knowledge } = this.info;
    const unlisted = this.#unknown(label);
    if (!knowledge || (concepts?.length && !unlisted)) return unlisted;
    return Math.hypot(...(await this.encode(label))) < knowledge.min_norm;
  }

  /** Frees the model. Calls that still run reject. */
  dispose() {
    this.client.dispose();
  }

  /** So that `using clip = await Clip.load()` frees it, where the language has that. @ignore */
  static {
    /** @this {Clip} */
    function dispose() {
      this.dispose();
    }
    /** @this {Clip} */
    async function asyncDispose() {
      this.dispose();
    }
    if (Symbol.dispose) Object.defineProperty(this.prototype, Symbol.dispose, { value: dispose });
    if (Symbol.asyncDispose) Object.defineProperty(this.prototype, Symbol.asyncDispose, { value: asyncDispose });
  }

  /**
   * Cosines of embeddings: a row for each of a, a column for each of b. Arrays of numbers do as well, and what JSON made of embeddings.
   * @param {Embeddings} a @param {Embeddings} b @returns {Float32Array[]}
   */
  static similarity(a, b) {
    const [x, y] = [a, b].map(side => guarded(embeddingsOf)(side).map(unit));
    return x.map(row =>
      Float32Array.from(y, column => {
        if (row.length !== column.length)
          throw new ClipError('bad-argument', `Embeddings of ${row.length} and ${column.length} numbers do not compare.`);
        return row.reduce((sum, value, i) => sum + value * column[i], 0);
      }),
    );
  }

  /** The same, for those who come from sentence-transformers. @param {Embeddings} a @param {Embeddings} b @returns {Float32Array[]} */
  similarity(a, b) {
    return Clip.similarity(a, b);
  }

  /** What search is made of, when it is asked for. @protected @returns {Promise<typeof import('./embeddings.js')>} */
  static searching() {
    return import('./embeddings.js');
  }

  /**
   * Keeps many embeddings where they are quick to search, in memory of their own, into which they are copied: 1,000,000 of 512 numbers take 2 GB,
   * and with `dtype: 'q8'`, or given as Int8Array, 0.5 GB.
   * @param {Embeddings | Int8Array} embeddings arrays of numbers; or all in one Float32Array or Int8Array, with `width` @param {IndexOptions} [options]
   * @returns {Promise<EmbeddingIndex>}
   */
  static index(embeddings, options) {
    return guarded(async () => (await this.searching()).EmbeddingIndex.of(embeddings, options))();
  }

  /**
   * The embeddings with the largest cosines to a query, best first. Who asks more than once makes an index.
   * @param {Embedding} query @param {EmbeddingIndex | Embeddings | Int8Array} embeddings as Clip.index makes it or takes them; in one array they are as
   *   wide as the query @param {number} [k] how many, 10 by default @param {{ signal?: AbortSignal }} [options] @returns {Promise<Match[]>}
   */
  static topK(query, embeddings, k, options) {
    return guarded(async () => (await this.searching()).topK(query, embeddings, k, options))();
  }

  /**
   * Embeddings as a file of other programs: NumPy's .npy, or safetensors, where the tensor is called image_embeds.
   * @param {EmbeddingIndex | Embeddings | Int8Array} embeddings an index, or what makes one @param {'safetensors' | 'npy'} format
   * @param {ExportOptions} [options] @returns {Promise<Uint8Array>} numbers are f32
   */
  static exportEmbeddings(embeddings, format, options) {
    return guarded(async () => (await this.searching()).exportEmbeddings(embeddings, format, options))();
  }

  /** Embeddings from such a file. @param {Uint8Array | ArrayBuffer | Blob} file of either form, which it says itself
   *  @param {{ tensor?: string }} [options] tensor: its name, where a safetensors file has several @returns {Promise<ImportedEmbeddings>} */
  static importEmbeddings(file, options) {
    return guarded(async () => (await this.searching()).importEmbeddings(file, options))();
  }

  /** What is kept in IndexedDB. */
  static cache = {
    /** @returns {Promise<import('../models/store.js').CachedModel[]>} */
    list: () => withStore(store => store.list(), []),
    /** Forgets a model, by the id that list gives; chunks that other models share stay. @param {string} id @returns {Promise<boolean>} */
    delete: id => withStore(async store => typeof id === 'string' && store.delete(id), false),
    /** Forgets all models, unfinished downloads and labels. @returns {Promise<void>} */
    clear: () => withStore(store => store.clear(), undefined),
  };

  /** Whether it is worth several workers. @param {any[]} inputs */
  #isBatch(inputs) {
    return inputs.length > FEW && this.client.limit > 1;
  }

  /** @param {any[]} inputs @param {Question} question @param {RunOptions} options @returns {Promise<any[]>} */
  async #classify(inputs, question, options) {
    const { pictures, transfer } = await this.#pictures(inputs);
    return this.#request('classify', [{ pictures, ...question }], { ...options, transfer });
  }

  /** @param {any[]} inputs pictures @param {RunOptions} options @returns {Promise<Float32Array[]>} */
  async #encode(inputs, options) {
    if (!inputs.length) return [];
    if (this.#isBatch(inputs)) return allOf(this.encodeEach(inputs, { signal: options.signal }), 'embedding');
    const { pictures, transfer } = await this.#pictures(inputs);
    return this.#request('encodeImages', [pictures], { ...options, transfer });
  }

  /** @param {any[]} inputs */
  async #pictures(inputs) {
    const prepared = await Promise.all(
      inputs.map((input, i) => this.#picture(input, inputs.length > 1 ? `Picture ${i + 1}` : 'The picture')),
    );
    return { pictures: prepared.map(one => one.picture), transfer: prepared.flatMap(one => one.transfer ?? []) };
  }

  /** @param {any} input @param {string} label @returns {Promise<{ picture: any, transfer?: Transferable[] }>} */
  async #picture(input, label) {
    const { picture, transfer } = await /** @type {typeof Clip} */ (this.constructor).picture(input, label);
    return { picture, transfer: transfer && [transfer] };
  }

  /** @param {import('../session/session.js').Call} call @param {any[]} args @param {import('../session/client.js').CallOptions} [options] */
  #request(call, args, options = {}) {
    return this.client.request(call, args, { onProgress: this.onProgress, ...options });
  }
}

/** What a session is asked, and how its answer for a picture looks to the caller. @param {any} given labels @param {any} how options
 *  @returns {Promise<{ question: Question, shape: (answer: any) => any }>} */
async function questionOf(given, { template, top, scores, threshold }) {
  const { labels, groups, names } = labelsOf(given);
  const templates = templatesOf(isSet(template) ? await setOf(template) : template, DEFAULT_TEMPLATE);
  const shape = (/** @type {any} */ answer) => (names ? Object.fromEntries(names.map((name, i) => [name, answer[i]])) : answer);
  return { question: { labels, groups, templates, top, scores, threshold }, shape };
}

/** @param {Float32Array} vector @returns {Float32Array} of length 1; zeros stay */
function unit(vector) {
  const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  return norm > 0 ? vector.map(x => x / norm) : vector;
}

/** What all results of a batch are, or the first one's error. @param {AsyncIterable<any>} results @param {'ranking' | 'embedding'} what */
async function allOf(results, what) {
  const all = [];
  for await (const result of results) {
    if (result.error) throw result.error;
    all.push(result[what]);
  }
  return all;
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
