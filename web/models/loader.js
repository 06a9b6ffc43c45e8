/**
 * Brings a model's towers into the engine: from our own files, chunk by chunk; from a foreign file directly, where it lies on
 * this machine; or through the converter, so that what is kept for the next visit is the small form of it.
 */
import { Chunks, feed, sha256 } from './download.js';
import { ClipError, throwIfAborted } from '../error.js';
import { readModel } from './forms/repository.js';
import { CHUNK, DTYPES, checkSizes, configOf } from './model.js';
import { rawPrefix } from './store.js';
import { findTokenizer } from './tokenizer-files.js';

/** @typedef {import('../engine/engine.js').Engine} Engine */
/** @typedef {import('../engine/tower.js').Tower} Tower */
/** @typedef {import('../engine/tower.js').Tokenizer} Tokenizer */
/** @typedef {import('../engine/engine.js').Dtype} Dtype */
/** @typedef {import('../engine/tower.js').TowerKind} TowerKind */
/** @typedef {import('./model.js').Manifest} Manifest */
/** @typedef {import('./model.js').TowerFile} TowerFile */
/** @typedef {import('./store.js').Store} Store */
/** @typedef {import('./store.js').ModelRecord} ModelRecord */
/** @typedef {import('./download.js').Watch} Watch */

export class Loader {
  /**
   * @param {import('./sources/source.js').Source} source @param {Store | null} store
   * @param {(error: unknown) => void} onUnstored told when something could not be kept
   */
  constructor(source, store, onUnstored) {
    this.source = source;
    /** Local files need no second place. */
    this.store = source.remote ? store : null;
    this.onUnstored = onUnstored;
    /** @type {Manifest} */
    this.manifest = /** @type {any} */ (null);
    /** Where the weights of a foreign model are. @type {import('./forms/weights.js').Weights | null | undefined} */
    this.weights = undefined;
    /** The folder of its tokenizer's files. */
    this.folder = '';
    /** What its texts go through first. @type {string | undefined} */
    this.clean = undefined;
    /** @type {ModelRecord | null} */
    this.record = null;
  }

  /** Reads what the model says about itself, or what was kept of that. @param {{ refresh?: boolean, signal?: AbortSignal }} options */
  async open({ refresh = false, signal }) {
    const record = (await this.store?.getModel(this.source.id).catch(() => null)) ?? null;
    if (record && !refresh && !this.source.revalidate) return this.#use(record);
    let model;
    try {
      model = await readModel(this.source, { signal });
    } catch (error) {
      // offline, say: what is kept still works
      if (record && error instanceof ClipError && error.code === 'network') return this.#use(record);
      throw error;
    }
    this.manifest = model.manifest;
    this.weights = model.weights;
    this.folder = model.folder;
    this.clean = model.clean;
    const files = Object.fromEntries(
      this.#ownFiles().flatMap(file => {
        const keys = record?.files[file.file];
        return keys?.join() === file.sha256.join() ? [[file.file, keys]] : [];
      }),
    );
    this.record = { id: this.source.id, manifest: this.manifest, files, saved: Date.now() };
    await this.#save();
  }

  /** @param {ModelRecord} record */
  #use(record) {
    this.record = record;
    this.manifest = record.manifest;
  }

  #ownFiles() {
    return Object.values(this.manifest.towers).flatMap(tower => Object.values(tower));
  }

  async #save() {
    if (this.record) await this.store?.putModel(this.record).catch(error => this.onUnstored(error));
  }

  /** Notes that all of a file is kept, beside what another page may have noted meanwhile. @param {TowerFile} file */
  async #keep(file) {
    if (!this.record) return;
    const { towers } = this.manifest;
    const latest = await this.store?.getModel(this.record.id).catch(() => null);
    if (latest && configOf(latest.manifest) === this.config) {
      for (const kind of /** @type {TowerKind[]} */ (Object.keys(latest.manifest.towers))) {
        towers[kind] = { ...latest.manifest.towers[kind], ...towers[kind] };
      }
      const known = new Map(this.#ownFiles().map(own => [own.file, own.sha256.join()]));
      for (const [name, keys] of Object.entries(latest.files)) {
        if (known.get(name) === keys.join()) this.record.files[name] = keys;
      }
    }
    this.record.files[file.file] = file.sha256;
    await this.#save();
  }

  get config() {
    return configOf(this.manifest);
  }

  /** Our own file for a tower, and its dtype; one that is quantized already serves no other dtype. @param {TowerKind} kind
   *  @param {Dtype} dtype @returns {TowerFile | undefined} */
  ownFile(kind, dtype) {
    const files = this.manifest.towers[kind];
    return files?.[dtype] ?? files?.f32;
  }

  /**
   * @param {Engine} engine @param {TowerKind} kind @param {Dtype} dtype @param {Watch} watch
   * @returns {Promise<{ tower: Tower, tokenizer: Tokenizer | null }>} a tokenizer for text towers, if the model has one
   */
  async load(engine, kind, dtype, watch) {
    const tower = engine.openTower(kind, this.config, dtype);
    try {
      const own = this.ownFile(kind, dtype);
      const merges = own ? null : await this.#loadForeign(engine, tower, dtype, watch);
      if (own) await this.#loadOwn(engine, tower, own, watch);
      checkSizes(tower.info, this.manifest.preprocess);
      let tokenizer = null;
      if (kind === 'text') tokenizer = merges ? engine.openTokenizer(merges) : tower.takeTokenizer();
      // others may have tokens to spare, which no text of theirs becomes by chance
      if (tokenizer && !tokenizer.padding && tokenizer.vocabulary > tower.info.vocabulary) {
        throw new ClipError(
          'bad-merges',
          `The tokenizer has ${tokenizer.vocabulary} entries, but the text tower only ${tower.info.vocabulary}.`,
        );
      }
      return { tower, tokenizer };
    } catch (error) {
      tower.free();
      throw error;
    }
  }

  /** @param {Engine} engine @returns {import('./download.js').Keeper | null} */
  #keeper(engine) {
    return this.store && { store: this.store, checksum: (/** @type {Uint8Array} */ bytes) => engine.checksum(bytes) };
  }

  /** @param {Engine} engine @param {Tower} tower @param {TowerFile} file @param {Watch} watch */
  async #loadOwn(engine, tower, file, watch) {
    const open = async () => {
      const found = await this.source.open(file.file, { signal: watch.signal, bytes: file.bytes });
      if (!found) throw new ClipError('not-found', `${this.source.id} has no ${file.file}.`);
      if (found.bytes !== file.bytes) {
        throw new ClipError('wrong-size', `${file.file} has ${found.bytes} bytes; clip.json says ${file.bytes}.`);
      }
      return found;
    };
    const { bytes, chunk, sha256: hashes } = file;
    const chunks = new Chunks({ name: file.file, bytes, chunk, sha256: hashes, key: i => hashes[i], open }, this.#keeper(engine), {
      ...watch,
      onUnstored: this.onUnstored,
    });
    tower.open(bytes, file.file);
    await feed(tower, chunks);
    tower.finish();
    if (chunks.keeper && !this.record?.files[file.file] && chunks.complete) await this.#keep(file);
  }

  /** @param {Engine} engine @param {Tower} tower @param {Dtype} dtype @param {Watch} watch */
  async #loadForeign(engine, tower, dtype, watch) {
    if (this.weights === undefined) {
      const { weights, folder, clean } = await readModel(this.source, { signal: watch.signal, dtype });
      this.weights = weights;
      this.folder = folder;
      this.clean = clean;
    }
    const name = this.weights?.[tower.kind]?.files[0];
    if (!name) {
      const has = DTYPES.filter(d => this.manifest.towers[tower.kind]?.[d]).join(', ');
      throw new ClipError(
        'no-weights',
        `${this.source.id} has no weights for the ${tower.kind} tower in ${dtype}${has && `, only ${has}`}.`,
      );
    }
    const file = await this.source.open(name, { signal: watch.signal });
    if (!file) throw new ClipError('not-found', `${this.source.id} has no ${name}.`);
    const { folder, clean, manifest } = this;
    const merges =
      tower.kind === 'text'
        ? await findTokenizer(engine, this.source, { folder, clean, config: manifest.config, signal: watch.signal })
        : null;
    const key = (/** @type {number} */ i) => `${rawPrefix(this.source.id)}${name} ${file.version} ${i}`;
    const raw = { name, bytes: file.bytes, chunk: CHUNK, sha256: null, key, open: async () => file };
    if (!this.store || !globalThis.crypto?.subtle) {
      tower.open(file.bytes, name);
      await feed(tower, new Chunks(raw, null, watch));
      tower.finish();
      if (tower.info.logitScale > 0) this.manifest.logit_scale = tower.info.logitScale;
      if (tower.info.logitBias) this.manifest.logit_bias = tower.info.logitBias;
      return merges;
    }
    await this.#convert(engine, tower, dtype, raw, merges, watch);
    return null;
  }

  /**
   * Fetches a foreign file, keeping its pieces meanwhile, so that a download that dies goes on where it stopped; what the
   * converter makes of it goes to the tower and to the store, and the pieces are forgotten.
   * @param {Engine} engine @param {Tower} tower @param {Dtype} dtype @param {import('./download.js').ChunkedFile} raw
   * @param {Uint8Array | null} merges @param {Watch} watch
   */
  async #convert(engine, tower, dtype, raw, merges, watch) {
    const store = /** @type {Store} */ (this.store);
    const name = `${tower.kind}.${dtype}.safetensors`;
    /** @type {string[]} */
    const hashes = [];
    let unstored = false;
    let opened = false;
    const sink = new ChunkSink(CHUNK);
    const converter = engine.openConverter(tower.kind, dtype, merges, bytes => sink.write(bytes));
    /** @param {Uint8Array} bytes */
    const keep = async bytes => {
      throwIfAborted(watch.signal);
      if (!opened) tower.open(converter.bytes, raw.name);
      opened = true;
      pushWanted(tower, bytes, hashes.length * CHUNK);
      const hash = /** @type {string} */ (await sha256(bytes));
      hashes.push(hash);
      if (unstored) return;
      await store.putChunk(hash, bytes, engine.checksum(bytes)).catch(error => {
        unstored = true;
        this.onUnstored(error);
      });
    };
    try {
      converter.open(raw.bytes, raw.name);
      await feed(converter, new Chunks(raw, this.#keeper(engine), { ...watch, onUnstored: this.onUnstored }), async () => {
        for (const bytes of sink.take()) await keep(bytes);
      });
      for (const bytes of sink.take(true)) await keep(bytes);
      if (converter.logitScale > 0) this.manifest.logit_scale = converter.logitScale;
      if (converter.logitBias) this.manifest.logit_bias = converter.logitBias;
    } finally {
      converter.free();
    }
    tower.finish();
    const file = { file: name, bytes: sink.total, chunk: CHUNK, sha256: hashes };
    if (unstored || !this.record) return;
    this.manifest.towers[tower.kind] = { ...this.manifest.towers[tower.kind], [dtype]: file };
    await this.#keep(file);
    await store.deleteRaw(this.source.id).catch(() => {});
  }
}

/** Cuts a stream of bytes into chunks of one size. */
export class ChunkSink {
  /** @param {number} size */
  constructor(size) {
    this.size = size;
    this.total = 0;
    /** @type {Uint8Array[]} */
    this.full = [];
    this.last = new Uint8Array(size);
    this.used = 0;
  }

  /** Copies. @param {Uint8Array} bytes */
  write(bytes) {
    this.total += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + this.size - this.used);
      this.last.set(part, this.used);
      this.used += part.length;
      at += part.length;
      if (this.used < this.size) continue;
      this.full.push(this.last);
      this.last = new Uint8Array(this.size);
      this.used = 0;
    }
  }

  /** The chunks that are full, and at the end the rest. @param {boolean} [end] */
  take(end = false) {
    const chunks = this.full.splice(0);
    if (end && this.used) chunks.push(this.last.slice(0, this.used));
    return chunks;
  }
}

/** Pushes what a tower wants of bytes that pass by. @param {Tower} tower @param {Uint8Array} bytes @param {number} from their place
 *  in the file */
function pushWanted(tower, bytes, from) {
  for (let range; (range = tower.want()) && range.offset < from + bytes.length; ) {
    const at = range.offset - from;
    tower.push(bytes.subarray(at, at + range.length));
  }
}
