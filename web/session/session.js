/**
 * A model at work: pictures and labels in, scores and embeddings out. Runs in the worker, or in Node directly.
 *
 * The room session/: a model at work, and the way between the caller's thread and its own. It may use engine/, models/ and pictures/.
 *
 * Towers load when they are needed first, apart from each other; the labels' embeddings are kept, in memory and in the store, so
 * that labels seen before need no text tower.
 */
import { throttled } from '../models/download.js';
import { Engine } from '../engine/engine.js';
import { ClipError, isWellFormed, throwIfAborted, toPlain } from '../error.js';
import { Loader } from '../models/loader.js';
import { cropFor } from '../models/forms/preprocess.js';
import { configOf, fingerprint } from '../models/model.js';
import { cropOf } from '../pictures/picture.js';
import { Store, labelPrefix } from '../models/store.js';

/** @typedef {import('../engine/engine.js').Dtype} Dtype */
/** @typedef {import('../engine/tower.js').Tower} Tower */
/** @typedef {import('../engine/tower.js').Tokenizer} Tokenizer */
/** @typedef {import('../models/download.js').Progress} Progress */
/** @typedef {import('../pictures/picture.js').Picture | { label: string, path: string }} Picture `path`: where the host reads files */
/** `cosine`: of the picture's embedding and the label's, which scores are made of. @typedef {{ label: string, score: number, cosine: number }} Score */
/** `groups`: of the labels, each with a softmax of its own, instead of one of all.
 * @typedef {{ labels: string[], groups?: string[][], templates: string[], top?: number, scores?: 'softmax' | 'sigmoid' | 'cosine', threshold?: number }} Question */
/** @typedef {{ signal?: AbortSignal, onProgress?: (progress: Progress) => void, onWarning?: (warning: import('../error.js').PlainError) => void }} SessionWatch */

/**
 * @typedef {object} SessionOptions
 * @property {import('../models/sources/source.js').Source} source
 * @property {Parameters<typeof import('../engine/wasm.js').compile>[0]} wasm
 * @property {import('../engine/readers.js').ReadersSource} [readers] clip-readers.wasm, for models of other forms
 * @property {Dtype} [dtype]
 * @property {number} [threads]
 * @property {import('../engine/instance.js').SpawnThread} [spawn]
 * @property {boolean | 'refresh'} [cache]
 * @property {'needed' | 'idle' | 'all'} [vocabulary] when rows of a text tower's table of token embeddings come that can travel apart
 * @property {Snapshot | null} [snapshot] of a session with the same source, dtype and module: this one begins as its copy
 * @property {import('../engine/aside.js').StartAside} [aside] where there are workers: large pictures are read in one
 * @property {import('../engine/pictures.js').Bounds} [bounds] of a picture
 * @property {(path: string) => Promise<Uint8Array>} [readFile] where pictures may be files by their path
 * @property {import('../pictures/decoders.js').Decode} [decode] of pictures that the core does not read, where no browser does
 */

/** A session at rest: its module's whole memory, and what in there is what. @typedef {{ memory: ArrayBuffer, engine: { handle: number, cell: number, staging: number },
 *  manifest: import('../models/model.js').Manifest, vision: number }} Snapshot */

/** What a loaded model says about itself.
 * @typedef {{ id: string, name: string, license?: string, origin?: string, dtype: Dtype, threads: number, kernels: string,
 *  concepts?: string[], knowledge?: { min_norm: number }, preprocess?: import('../models/model.js').Preprocess, logitScale: number, logitBias: number | null,
 *  fingerprint: string }} SessionInfo scores are softmax(logitScale * cosines), or one by one sigmoid(logitScale * cosine + logitBias) where
 *  the model has such a bias; the fingerprint is the image tower's, '' where nothing tells one from another. What a foreign file says is
 *  known once it is loaded, see Clip.prepare */

/** @typedef {(typeof CALLS)[number]} Call */
const CALLS = /** @type {const} */ ([
  'classify',
  'encodeImages',
  'encodeTexts',
  'encodeLabels',
  'adoptLabels',
  'tokenize',
  'prepare',
  'snapshot',
  'alone',
]);
const TEXT_BATCH = 64;
/** At 2 KB each. */
const LABELS_IN_MEMORY = 20_000;

/** Lets messages (an abort) come in between two steps of long work. @param {number} [ms] @returns {Promise<void>} */
const breathe = (ms = 0) => new Promise(resolve => setTimeout(resolve, ms));

/** @param {Float32Array} vector changed in place */
export function normalize(vector) {
  const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  if (norm > 0) for (let i = 0; i < vector.length; i++) vector[i] /= norm;
  return vector;
}

/** @param {string[]} labels @param {string[]} templates */
function checkLabels(labels, templates) {
  if (!Array.isArray(labels) || !labels.length) throw new ClipError('no-labels', 'There are no labels to choose from.');
  labels.forEach((label, i) => {
    if (typeof label !== 'string') throw new ClipError('bad-label', `Label ${i + 1} is no string.`);
    if (!label.trim()) throw new ClipError('bad-label', `Label ${i + 1} is empty.`);
    if (!isWellFormed(label)) {
      throw new ClipError('bad-label', `Label ${i + 1} (${JSON.stringify(label.slice(0, 50))}) is not well-formed UTF-16.`);
    }
  });
  if (!Array.isArray(templates) || !templates.length) throw new ClipError('bad-template', 'There is no template.');
  for (const template of templates) {
    if (typeof template !== 'string' || !template.includes('{}') || !isWellFormed(template)) {
      throw new ClipError('bad-template', `Template ${JSON.stringify(String(template).slice(0, 50))} has no {} for the label.`);
    }
  }
}

export class Session {
  /** @param {SessionOptions} options @param {SessionWatch} [watch] */
  static async open(options, watch = {}) {
    const session = new Session(options);
    await session.#open(options, watch);
    return session;
  }

  /** Use open. @param {SessionOptions} options */
  constructor({ source, dtype = 'q8', bounds, readFile, decode }) {
    this.source = source;
    this.dtype = dtype;
    this.bounds = bounds;
    this.readFile = readFile;
    this.decode = decode;
    /** @type {Store | null} */
    this.store = null;
    /** @type {SessionWatch['onWarning']} */
    this.onWarning = undefined;
    this.warned = new Set();
    /** @type {Map<string, Float32Array>} */
    this.labels = new Map();
    /** @type {{ vision?: Promise<{ tower: Tower }>, text?: Promise<{ tower: Tower, tokenizer: Tokenizer | null, rows: import('../models/rows.js').Rows | null }> }} */
    this.towers = {};
    /** Calls at work. */
    this.busy = 0;
    /** Whether callers have embeddings of the model as it is now. */
    this.gave = false;
  }

  /** @param {SessionOptions} options @param {SessionWatch} watch */
  async #open({ wasm, readers, threads = 1, spawn, aside, cache = true, snapshot, vocabulary = 'needed' }, watch) {
    this.onWarning = watch.onWarning;
    this.vocabulary = vocabulary;
    if (snapshot) {
      this.engine = await Engine.copy(wasm, snapshot);
      this.engine.readersSource = readers;
      this.engine.startAside = aside;
      this.loader = new Loader(this.source, null, () => {});
      this.loader.manifest = snapshot.manifest;
      this.towers.vision = Promise.resolve({ tower: this.engine.towerAt(snapshot.vision, 'vision') });
      return;
    }
    const engine = Engine.create({ wasm, readers, threads, spawn });
    engine.catch(() => {}); // it is awaited below, after the store
    if (cache) {
      this.store = await Store.open().catch(error => {
        if (this.source.remote) this.#unstored(error);
        return null;
      });
    }
    this.loader = new Loader(
      this.source,
      this.store,
      error => this.#unstored(error),
      ({ message }) => this.#warn(new ClipError('not-refreshed', `The model as it was kept is used: ${message}`)),
    );
    this.loader.vocabulary = vocabulary === 'all' ? 'all' : 'needed';
    const [made, opened] = await Promise.allSettled([
      engine,
      this.loader.open({ refresh: cache === 'refresh', dtype: this.dtype, signal: watch.signal }),
    ]);
    if (made.status === 'rejected') throw made.reason;
    this.engine = made.value;
    this.engine.startAside = aside;
    if (opened.status === 'rejected') {
      this.dispose();
      throw opened.reason;
    }
    try {
      await this.loader.check(this.engine, this.dtype, watch.signal);
    } catch (error) {
      this.dispose();
      throw error;
    }
    if (this.source.remote && !globalThis.crypto?.subtle) {
      this.#warn(new ClipError('not-verified', 'This page is not served securely, so downloads cannot be checked.'));
    }
  }

  /** @param {ClipError} error */
  #warn(error) {
    if (this.warned.has(error.code)) return;
    this.warned.add(error.code);
    this.onWarning?.(toPlain(error));
  }

  /** @param {unknown} error */
  #unstored(error) {
    // where there never was an IndexedDB, as in Node, nobody expects that something is kept
    if (typeof indexedDB === 'undefined' && typeof document === 'undefined' && !('WorkerGlobalScope' in globalThis)) return;
    const { name, message } = /** @type {Error} */ (error);
    const why = name === 'QuotaExceededError' ? 'there is not enough room' : message || name;
    this.#warn(new ClipError('not-cached', `The model works, but is not kept for the next visit: ${why}.`, error));
  }

  /** @returns {SessionInfo} */
  get info() {
    const { manifest } = this.#loader;
    return {
      id: this.source.id,
      name: manifest.name,
      license: manifest.license,
      origin: manifest.origin,
      dtype: this.dtype,
      threads: this.#engine.threads,
      kernels: this.#engine.kernels,
      concepts: manifest.concepts,
      knowledge: manifest.knowledge,
      preprocess: manifest.preprocess,
      logitScale: manifest.logit_scale,
      logitBias: manifest.logit_bias ?? null,
      fingerprint: this.#fingerprint('vision'),
    };
  }

  get #engine() {
    if (!this.engine) throw new ClipError('disposed', 'This model was disposed of.');
    return this.engine;
  }

  get #loader() {
    return /** @type {Loader} */ (this.loader);
  }

  /** @template {'vision' | 'text'} K @param {K} kind @param {SessionWatch} watch @returns {Promise<NonNullable<Session['towers'][K]>>} */
  async #tower(kind, watch) {
    if (!this.towers[kind]) {
      const loading = this.#loader.load(this.#engine, kind, this.dtype, watch);
      this.towers[kind] = /** @type {any} */ (loading);
      if (kind === 'text' && this.vocabulary === 'idle') loading.then(({ rows }) => rows && this.#fetchIdle(rows)).catch(() => {});
    }
    try {
      return /** @type {any} */ (await this.towers[kind]);
    } catch (error) {
      this.towers[kind] = undefined; // the next call tries again
      throw error;
    }
  }

  /** Fetches the rows of tokens that no text has needed yet, while nothing else is to be done. @param {import('../models/rows.js').Rows} rows */
  async #fetchIdle(rows) {
    for (let there = 0; there < rows.table.rows; ) {
      do await breathe(this.busy ? 50 : 0);
      while (this.busy);
      if ((await this.towers.text)?.rows !== rows || !this.engine) return; // the model was disposed of, or begun anew
      there = await rows.some();
    }
  }

  /** Loads towers ahead of their first use. @param {('vision' | 'text')[]} kinds @param {SessionWatch} [watch]
   *  @returns {Promise<SessionInfo>} which knows more then */
  async prepare(kinds, watch = {}) {
    for (const kind of kinds) await this.#tower(kind, watch);
    return this.info;
  }

  /** What another session becomes a copy of this one by: its memory with the image tower. @param {SessionWatch} [watch]
   *  @returns {Promise<Snapshot>} */
  async snapshot(watch = {}) {
    const { tower } = await this.#tower('vision', watch);
    return { ...this.#engine.snapshot(), manifest: this.#loader.manifest, vision: tower.handle };
  }

  /** Whether the engine's threads rest, while other sessions make use of the machine. @param {boolean} is */
  alone(is) {
    this.#engine.alone(is);
  }

  /** Embeddings, not normalised. @param {Picture[]} pictures @param {SessionWatch} [watch] @returns {Promise<Float32Array[]>} */
  async encodeImages(pictures, watch = {}) {
    const { tower } = await this.#tower('vision', watch);
    const embeddings = [];
    for (const given of pictures) {
      throwIfAborted(watch.signal);
      const picture = 'path' in given ? await this.#read(given) : given;
      const how = cropFor(this.#loader.manifest.preprocess, tower.info.imageSize);
      const crop = await cropOf(this.#engine, picture, how, watch.signal, this.decode, this.bounds);
      embeddings.push(...tower.encodeImages([crop]));
      if (pictures.length > 1) await breathe();
    }
    return embeddings;
  }

  /** @param {{ label: string, path: string }} picture @returns {Promise<{ label: string, bytes: Uint8Array }>} */
  async #read({ label, path }) {
    try {
      const bytes = await this.readFile?.(path);
      if (bytes) return { label, bytes };
    } catch (error) {
      const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
      const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : (code ?? message.slice(0, 100));
      throw new ClipError('not-found', `${label} cannot be read: ${why}.`, error);
    }
    throw new ClipError('bad-input', `${label}: files cannot be read by their path here.`);
  }

  /** Token ids, start and end included. @param {string[]} texts @param {SessionWatch} [watch] @returns {Promise<number[][]>} */
  async tokenize(texts, watch = {}) {
    const { tower, tokenizer } = await this.#tower('text', watch);
    if (!tokenizer) {
      tower.free();
      this.towers.text = undefined; // the next call asks again
      throw new ClipError('no-tokenizer', `${this.source.id} has no tokenizer files (merges.txt or tokenizer.json).`);
    }
    const { context, filled } = tower.info;
    const { id = 0, left = false } = tokenizer.padding ?? {};
    return texts.map(text => {
      const ids = Array.from(tokenizer.encode(text, context));
      const rest = Array(filled ? context - ids.length : 0).fill(id);
      return left ? [...rest, ...ids] : [...ids, ...rest];
    });
  }

  /** Embeddings, not normalised. @param {string[]} texts @param {SessionWatch} [watch] @returns {Promise<Float32Array[]>} */
  async encodeTexts(texts, watch = {}) {
    const { tower, rows } = await this.#tower('text', watch);
    const report = throttled(watch.onProgress);
    const embeddings = [];
    for (let at = 0; at < texts.length; at += TEXT_BATCH) {
      throwIfAborted(watch.signal);
      const ids = await this.tokenize(texts.slice(at, at + TEXT_BATCH), watch);
      if (rows) await this.#loader.need(rows, ids.flat(), watch);
      embeddings.push(...tower.encodeTexts(ids));
      if (texts.length <= TEXT_BATCH) break;
      report({ phase: 'labels', file: 'labels', loaded: embeddings.length, total: texts.length });
      await breathe();
    }
    return embeddings;
  }

  /**
   * Embeddings of labels, of length 1: of each template's prompt, averaged, as in CLIP's paper.
   * @param {string[]} labels @param {string[]} templates @param {SessionWatch} [watch] @returns {Promise<Float32Array[]>}
   */
  async encodeLabels(labels, templates, watch = {}) {
    checkLabels(labels, templates);
    const keyOf = this.#keyOf(templates);
    const unique = [...new Set(labels)];
    const missing = unique.filter(label => !this.labels.has(keyOf(label)));
    const unknown = await this.#recall(missing, keyOf, watch);
    if (unknown.length) {
      const prompts = unknown.flatMap(label => templates.map(template => template.split('{}').join(label)));
      const embeddings = (await this.encodeTexts(prompts, watch)).map(normalize);
      /** @type {[string, Float32Array][]} */
      const entries = unknown.map((label, i) => {
        const [first, ...rest] = embeddings.slice(i * templates.length, (i + 1) * templates.length);
        for (const other of rest) other.forEach((x, j) => (first[j] += x));
        return [keyOf(label), rest.length ? normalize(first) : first];
      });
      for (const [key, embedding] of entries) this.labels.set(key, embedding);
      const prefix = this.#labelPrefix(); // known now at the latest, when a foreign tower was just converted
      const kept = entries.map(([key, embedding]) => /** @type {[string, Float32Array]} */ ([prefix + key, embedding]));
      if (prefix) await this.store?.putLabels(kept).catch(error => this.#unstored(error));
    }
    const found = labels.map(label => /** @type {Float32Array} */ (this.labels.get(keyOf(label))));
    this.#trimLabels(unique.length);
    return found;
  }

  /** @param {string[]} templates @returns {(label: string) => string} a label's key, in memory and in the store */
  #keyOf(templates) {
    return label => JSON.stringify([this.dtype, templates, label]);
  }

  /** Takes what encodeLabels of another session with this model answered. @param {string[]} labels @param {string[]} templates
   *  @param {Float32Array[]} embeddings */
  adoptLabels(labels, templates, embeddings) {
    const keyOf = this.#keyOf(templates);
    for (const [i, label] of labels.entries()) this.labels.set(keyOf(label), embeddings[i]);
    this.#trimLabels(labels.length);
  }

  /** Before the keys of labels in the store; empty where nothing tells one text tower from another. */
  #labelPrefix() {
    const fingerprint = this.source.remote && this.#fingerprint('text');
    return fingerprint ? `${labelPrefix(this.source.id)}${fingerprint} ` : '';
  }

  /** @param {'vision' | 'text'} kind */
  #fingerprint(kind) {
    const file = this.#loader.ownFile(kind, this.dtype);
    return file ? fingerprint(file, configOf(this.#loader.manifest)) : '';
  }

  /** Takes labels from the store; answers those that are not there. @param {string[]} labels @param {(label: string) => string} keyOf
   *  @param {SessionWatch} watch @returns {Promise<string[]>} */
  async #recall(labels, keyOf, watch) {
    const prefix = this.#labelPrefix();
    if (!labels.length || !this.store || !prefix) return labels;
    const keys = labels.map(keyOf);
    const found = await this.store.getLabels(keys.map(key => prefix + key)).catch(() => []);
    const { tower } = await this.#tower('vision', watch); // classifying needs it anyway; its width is the labels' too
    return labels.filter((_, i) => {
      if (found[i]?.length !== tower.info.embedding) return true;
      this.labels.set(keys[i], found[i]);
      return false;
    });
  }

  /** The oldest go first, but not those of the last call. @param {number} last */
  #trimLabels(last) {
    for (const key of this.labels.keys()) {
      if (this.labels.size <= Math.max(LABELS_IN_MEMORY, last)) break;
      this.labels.delete(key);
    }
  }

  /**
   * @param {Question & { pictures: Picture[] }} request @param {SessionWatch} [watch]
   * @returns {Promise<Score[][] | Score[][][]>} of each picture, or of each group of it, best first; of labels that are there twice only once
   */
  async classify({ pictures, labels, groups, templates, top, scores: kind, threshold = -Infinity }, watch = {}) {
    checkLabels(labels, templates);
    const unique = [...new Set(labels)];
    const images = await this.encodeImages(pictures, watch);
    throwIfAborted(watch.signal);
    const texts = await this.encodeLabels(unique, templates, watch);
    throwIfAborted(watch.signal);
    const cosines = this.#engine.similarity(images, texts);
    const { logit_scale: scale, logit_bias: bias } = this.#loader.manifest;
    // a model with a bias was trained to answer each label by itself
    const how = kind ?? (bias === undefined ? 'softmax' : 'sigmoid');
    if (how === 'sigmoid' && bias === undefined) {
      throw new ClipError('bad-argument', `${this.source.id} was not trained with a sigmoid: its scores are 'softmax' or 'cosine'.`);
    }
    const sigmoid = (/** @type {number} */ x) => 1 / (1 + Math.exp(-(x * scale + /** @type {number} */ (bias))));
    const rank = (/** @type {string[]} */ group, /** @type {Float32Array} */ row) => {
      const scores = how === 'softmax' ? this.#engine.softmax(row, scale) : how === 'sigmoid' ? row.map(sigmoid) : row;
      const ranked = group.map((label, j) => ({ label, score: scores[j], cosine: row[j] })).sort((x, y) => y.score - x.score);
      return ranked.filter(({ score }) => score >= threshold).slice(0, top);
    };
    const at = new Map(unique.map((label, j) => [label, j]));
    const rows = images.map((_, i) => cosines.slice(i * unique.length, (i + 1) * unique.length));
    if (!groups) return rows.map(row => rank(unique, row));
    const once = groups.map(group => [...new Set(group)]);
    return rows.map(row =>
      once.map(group =>
        rank(
          group,
          Float32Array.from(group, label => row[/** @type {number} */ (at.get(label))]),
        ),
      ),
    );
  }

  /** Calls one of the methods that clients may call. @param {Call} name @param {any[]} args @param {SessionWatch} watch @returns {Promise<any>} */
  async call(name, args, watch) {
    if (!CALLS.includes(name)) throw new ClipError('bad-argument', `${name} is not a method of a session.`);
    const method = /** @type {(...all: any[]) => any} */ (this[name]);
    this.busy++;
    try {
      return await this.#attempt(name, method, args, watch);
    } finally {
      this.busy--;
    }
  }

  /** @param {Call} name @param {(...all: any[]) => any} method @param {any[]} args @param {SessionWatch} watch */
  async #attempt(name, method, args, watch) {
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await method.call(this, ...args, watch);
        if (name.startsWith('encode')) this.gave = true;
        return answer;
      } catch (error) {
        if (!(error instanceof ClipError) || error.code !== 'model-changed') throw error;
        const gave = await this.#renew(watch);
        // who has embeddings of the model as it was must hear of it; others need not
        if (gave || attempt > 1) throw error;
      }
    }
  }

  /** Begins anew with the model as it is now: both towers are of one version. @param {SessionWatch} watch */
  async #renew(watch) {
    const { gave, towers } = this;
    this.towers = {};
    this.gave = false;
    this.labels.clear();
    for (const loaded of [towers.vision, towers.text]) (await loaded?.catch(() => null))?.tower.free();
    await this.#loader.reopen(watch.signal);
    return gave;
  }

  dispose() {
    this.engine?.dispose();
    this.engine = undefined;
    this.towers = {};
    this.store?.close();
    this.store = null;
  }
}
