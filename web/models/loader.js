/**
 * Brings a model's towers into the engine: from our own files, chunk by chunk; from a foreign file directly, where it lies on
 * this machine; or through the converter, so that what is kept for the next visit is the small form of it.
 *
 * What comes from elsewhere is believed, and kept, only once all that belongs together was checked together. Both towers are of one
 * version of the model: our own form says so by its sums, for other forms the versions of all files that were read are noted
 * (Source.versions), kept beside the model, and compared whenever one of them is read again. A file that is of another version is
 * the error `model-changed`; whoever gets it begins anew with reopen().
 */
import { Chunks, Lost, feed, sha256 } from './download.js';
import { View, feedView, pushWanted } from './forms/view.js';
import { ClipError, throwIfAborted } from '../error.js';
import { Sha256, wrong } from './sums.js';
import { changed } from './sources/source.js';
import { readModel } from './forms/repository.js';
import { CHUNK, DTYPES, checkSizes, configOf } from './model.js';
import { exclusively } from './lock.js';
import { Rows, isApart, prefixOf, readForeign, rowsOfBlock } from './rows.js';
import { rawPrefix } from './store.js';
import { TokenTable } from '../engine/token-table.js';
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

/** Bytes of a description at most, tokenizer's files included. */
const SMALL = 64 << 20;
/** Errors that say nothing about what the files hold. @type {import('../error.js').ClipErrorCode[]} */
const HARMLESS = ['network', 'not-fetched', 'out-of-memory', 'crashed', 'disposed'];

export class Loader {
  /**
   * @param {import('./sources/source.js').Source} source @param {Store | null} store
   * @param {(error: unknown) => void} onUnstored told when something could not be kept
   * @param {(error: ClipError) => void} [onStale] told when what is kept serves, since asking whether it changed failed
   */
  constructor(source, store, onUnstored, onStale = () => {}) {
    this.source = source;
    /** Local files need no second place. */
    this.store = source.remote ? store : null;
    this.onUnstored = onUnstored;
    this.onStale = onStale;
    /** @type {Manifest} */
    this.manifest = /** @type {any} */ (null);
    /** Where the weights of a foreign model are. @type {import('./forms/weights.js').Weights | null | undefined} */
    this.weights = undefined;
    /** Its files' indexes, by the names of the files. @type {Map<string, Promise<View>>} */
    this.views = new Map();
    /** @type {Map<import('./sources/source.js').SourceFile, string>} */
    this.prefixes = new Map();
    /** The sums of the chunks of foreign files that were found to be what they should be. @type {Map<import('./sources/source.js').SourceFile, string[]>} */
    this.hashes = new Map();
    /** What weights are wanted for, where there are several files. @type {Dtype | undefined} */
    this.dtype = undefined;
    /** Which rows of its table of token embeddings come with a text tower, where they can travel apart: all, or none before texts need
     *  them. @type {'all' | 'needed'} */
    this.vocabulary = 'all';
    /** The folder of its tokenizer's files. */
    this.folder = '';
    /** What its texts go through first. @type {string | undefined} */
    this.clean = undefined;
    /** @type {ModelRecord | null} */
    this.record = null;
  }

  /** Reads what the model says about itself, or what was kept of that. @param {{ refresh?: boolean, dtype?: Dtype, signal?: AbortSignal }} options */
  async open({ refresh = false, dtype, signal }) {
    this.dtype = dtype;
    const found = (await this.store?.getModel(this.source.id).catch(() => null)) ?? null;
    // a description by which nothing was loaded yet is not believed
    const record = found && Object.keys(found.files).length ? found : null;
    if (record && !refresh && !this.source.revalidate && !(await this.#hasMore(record, signal))) return this.#use(record);
    try {
      this.source.brief = record !== null;
      await this.#read(record, signal);
    } catch (error) {
      // offline, a login page, too many requests: what is kept still works
      if (!record || !(error instanceof ClipError) || error.code === 'aborted') throw error;
      this.#use(record);
      this.onStale(error);
    } finally {
      this.source.brief = false;
    }
  }

  /** Reads the description anew: what was loaded by the one before is of no use any more. @param {AbortSignal} [signal] */
  async reopen(signal) {
    await this.#read(null, signal);
    await this.#save(undefined, false); // what was kept cannot be completed any more
  }

  /** @param {ModelRecord | null} known what of it is unchanged stays @param {AbortSignal} [signal] */
  async #read(known, signal) {
    const { source } = this;
    source.versions.clear();
    this.views.clear();
    const model = await readModel(source, { signal, dtype: this.dtype });
    if (known && model.form !== 'clip-wasm' && (await this.#isUnchanged(known, signal))) return this.#use(known, model);
    this.manifest = model.manifest;
    this.weights = model.weights;
    this.folder = model.folder;
    this.clean = model.clean;
    /** @type {Record<string, string[]>} */
    const files = Object.create(null);
    for (const own of this.#ownFiles()) {
      const keys = known?.files[own.file];
      if (keys?.join() === own.sha256.join()) files[own.file] = keys;
    }
    this.record = { id: source.id, manifest: this.manifest, files, versions: {}, saved: Date.now() };
    // what was kept before stays until the first tower of this version is whole
    if (Object.keys(files).length) await this.#save();
    else await this.store?.putPending({ ...this.record, versions: this.#versions() }).catch(error => this.onUnstored(error));
  }

  /** Whether all files that a foreign model was made of are still what they were. @param {ModelRecord} known @param {AbortSignal} [signal] */
  async #isUnchanged(known, signal) {
    const { versions } = this.source;
    for (const [name, version] of Object.entries(known.versions)) {
      try {
        if (!versions.has(name)) await this.#look(name, version, signal);
      } catch (error) {
        if (!(error instanceof ClipError) || error.code !== 'model-changed') throw error;
        return false;
      }
      if (versions.get(name) !== version) return false;
    }
    return true;
  }

  /** Notes a file's version again, as it was noted before: by its content, or by what the server says. @param {string} name
   *  @param {string | null} version @param {AbortSignal} [signal] */
  async #look(name, version, signal) {
    if (version?.includes(' ')) await this.source.open(name, { signal });
    else await this.source.bytes(name, { signal, limit: SMALL });
  }

  /** Whether a file that a foreign model may have, and did not have when it was kept, is there now: a server's "no such file" is
   *  asked for again. @param {ModelRecord} record @param {AbortSignal} [signal] */
  async #hasMore({ versions }, signal) {
    const absent = Object.keys(versions).filter(name => versions[name] === null && /preprocessor_config\.json$/.test(name));
    if (!absent.length) return false;
    this.source.brief = true;
    try {
      for (const name of absent) if ((await this.source.text(name, { signal, limit: SMALL })) !== null) return true;
    } catch {
      throwIfAborted(signal);
    } finally {
      this.source.brief = false;
      this.source.versions.clear();
    }
    return false;
  }

  /** The versions of all that was read, as far as sums do not say it. @returns {Record<string, string | null>} */
  #versions() {
    return Object.fromEntries(this.source.versions);
  }

  /** @param {ModelRecord} record @param {import('./forms/repository.js').Model} [model] where it was read again */
  #use(record, model) {
    this.record = record;
    this.manifest = record.manifest;
    this.weights = model?.weights;
    this.folder = model?.folder ?? '';
    this.clean = model?.clean;
    this.source.versions = new Map(Object.entries(record.versions));
  }

  #ownFiles() {
    return Object.values(this.manifest.towers).flatMap(tower => Object.values(tower));
  }

  /** @param {string} [name] of the file that was pending @param {boolean} [adopts] whether what was kept until now may still hold */
  async #save(name, adopts = true) {
    const { record } = this;
    if (!record) return;
    record.versions = this.#versions();
    await this.store
      ?.putModel(record, adopts ? latest => this.#adopt(record, latest) : undefined, name)
      .catch(error => this.onUnstored(error));
  }

  /** Notes that all of a file is kept, beside what another page may have noted meanwhile. @param {TowerFile} file */
  async #keep(file) {
    if (!this.record) return;
    this.record.files[file.file] = file.sha256;
    await this.#save(file.file);
  }

  /** Takes over what another page has kept meanwhile of the same version of the model. @param {ModelRecord} record @param {ModelRecord} latest */
  #adopt(record, latest) {
    const { towers } = this.manifest;
    if (configOf(latest.manifest) !== this.config || !this.#agrees(latest.versions)) return;
    for (const kind of /** @type {TowerKind[]} */ (Object.keys(latest.manifest.towers))) {
      towers[kind] = { ...latest.manifest.towers[kind], ...towers[kind] };
    }
    const known = new Map(this.#ownFiles().map(own => [own.file, own.sha256.join()]));
    for (const [name, keys] of Object.entries(latest.files)) {
      if (known.get(name) === keys.join()) record.files[name] ??= keys;
    }
    // known since a tower was converted
    if (this.#isForeign && Object.keys(latest.files).length) {
      this.manifest.logit_scale = latest.manifest.logit_scale;
      this.manifest.logit_bias = latest.manifest.logit_bias;
    }
    record.versions = this.#versions();
  }

  /** Whether files that both know are of one version; what only the other knows is known then. @param {Record<string, string | null>} others */
  #agrees(others) {
    const { versions } = this.source;
    const all = Object.entries(others);
    if (all.some(([name, version]) => versions.has(name) && versions.get(name) !== version)) return false;
    for (const [name, version] of all) versions.set(name, version);
    return true;
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
   * @returns {Promise<{ tower: Tower, tokenizer: Tokenizer | null, rows: Rows | null }>} a tokenizer for text towers, if the model has
   *   one; rows, where texts may need some that are not there
   */
  async load(engine, kind, dtype, watch) {
    const lock = this.store && `clip-wasm ${this.source.id} ${kind} ${dtype}`;
    return exclusively(lock, watch.signal, () => this.#believing(watch.signal, () => this.#load(engine, kind, dtype, watch)));
  }

  /** Sees to it that a tower has the rows of some texts. @param {Rows} rows @param {Iterable<number>} ids @param {Watch} watch */
  async need(rows, ids, watch) {
    await this.#believing(watch.signal, () => rows.need(ids, watch));
  }

  /** Whatever fails because the model has changed fails with that. @template T @param {AbortSignal | undefined} signal
   *  @param {() => Promise<T>} work @returns {Promise<T>} */
  async #believing(signal, work) {
    const before = new Map(this.source.versions);
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ClipError) || error.code === 'model-changed') throw error;
      if (error.code === 'aborted') throw error;
      this.source.versions = before; // of this attempt nothing is believed
      if (HARMLESS.includes(error.code) || !(await this.#hasChanged(signal))) throw error;
      throw changed(this.source.id);
    }
  }

  /** Whether the description is no longer what the source says. @param {AbortSignal} [signal] */
  async #hasChanged(signal) {
    if (!this.source.remote) return false;
    const { config, manifest, source } = this;
    const known = source.versions;
    source.versions = new Map();
    try {
      const model = await readModel(source, { signal, dtype: this.dtype });
      const same = model.form !== 'clip-wasm' || JSON.stringify(model.manifest.towers) === JSON.stringify(manifest.towers);
      const agree = [...source.versions].every(([name, version]) => !known.has(name) || known.get(name) === version);
      return !(same && agree && model.config === config);
    } catch {
      throwIfAborted(signal);
      return false; // the first error says more
    } finally {
      source.versions = known;
    }
  }

  /** @param {Engine} engine @param {TowerKind} kind @param {Dtype} dtype @param {Watch} watch
   *  @returns {Promise<{ tower: Tower, tokenizer: Tokenizer | null, rows: Rows | null }>} */
  async #load(engine, kind, dtype, watch) {
    const latest = this.record && (await this.store?.getModel(this.source.id).catch(() => null));
    if (latest && this.record) this.#adopt(this.record, latest);
    let tower = engine.openTower(kind, this.config, dtype);
    try {
      let own = this.ownFile(kind, dtype);
      let merges = null;
      let rows = null;
      try {
        if (own) await this.#loadOwn(engine, tower, own, watch);
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
        // made here, and lost or changed on the disk: it is made again
        this.#forget(own);
        own = undefined;
        tower.free();
        tower = engine.openTower(kind, this.config, dtype);
      }
      if (own?.rows) rows = this.#rows(engine, tower, own, dtype);
      else if (!own) ({ merges, rows } = await this.#loadForeign(engine, tower, dtype, watch));
      if (this.vocabulary === 'all') await rows?.all(watch);
      checkSizes(tower.info, this.manifest.preprocess);
      if (kind === 'text') merges ??= tower.takeMerges();
      const tokenizer = merges && (await engine.tokenizer(merges));
      if (tokenizer) checkVocabulary(tokenizer, tower.info.vocabulary, this.manifest.config);
      return { tower, tokenizer, rows };
    } catch (error) {
      tower.free();
      throw error;
    }
  }

  /** The rows of a table that is apart. @param {Engine} engine @param {Tower} tower whose table is deferred @param {TowerFile} file
   *  @param {Dtype} dtype */
  #rows(engine, tower, file, dtype) {
    const { source, store } = this;
    const entry = /** @type {import('./rows.js').RowsEntry} */ (file.rows);
    const foreign = async (/** @type {AbortSignal | undefined} */ signal) => {
      const view = await this.#view(engine, 'text', dtype, { signal });
      const sketch = engine.sketchTower('text', this.config);
      try {
        sketch.open(view.bytes, view.label);
        view.pushHeader(sketch);
        const place = new TokenTable(sketch).place;
        if (!place) throw changed(source.id);
        return readForeign(view, place);
      } finally {
        sketch.free();
      }
    };
    const stay = Object.values(this.manifest.towers.text ?? {}).map(own => prefixOf(source.id, own));
    store?.deleteRows(source.id, [...stay, prefixOf(source.id, file)]).catch(() => {});
    return new Rows(new TokenTable(tower), {
      entry,
      name: 'file' in entry ? entry.file : file.file,
      source,
      prefix: prefixOf(source.id, file),
      keeper: this.#keeper(engine),
      foreign: 'file' in entry ? undefined : foreign,
      onUnstored: this.onUnstored,
    });
  }

  /** @param {Engine} engine @returns {import('./download.js').Keeper | null} */
  #keeper(engine) {
    return this.store && { store: this.store, checksum: (/** @type {Uint8Array} */ bytes) => engine.checksum(bytes) };
  }

  /** Whether all files of our form were converted here: the source has none. */
  get #isForeign() {
    return this.source.versions.get('clip.json') === null;
  }

  /** @param {TowerFile | undefined} file that was converted here */
  #forget(file) {
    for (const tower of Object.values(this.manifest.towers)) {
      for (const dtype of DTYPES) if (tower[dtype] === file) delete tower[dtype];
    }
    if (file && this.record) delete this.record.files[file.file];
  }

  /** @param {Engine} engine @param {Tower} tower @param {TowerFile} file @param {Watch} watch */
  async #loadOwn(engine, tower, file, watch) {
    const open = async () => {
      if (this.#isForeign) throw new Lost(file.file);
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
    if (file.rows) new TokenTable(tower).defer();
    tower.open(bytes, file.file);
    await feed(tower, chunks);
    tower.finish();
    if (chunks.keeper && !this.record?.files[file.file] && chunks.complete) await this.#keep(file);
  }

  /** Where a foreign model's weights are, read again where only the record was. @param {Dtype} dtype @param {AbortSignal} [signal] */
  async #weights(dtype, signal) {
    if (this.weights === undefined) {
      const { weights, folder, clean } = await readModel(this.source, { signal, dtype });
      this.weights = weights;
      this.folder = folder;
      this.clean = clean;
    }
    return this.weights;
  }

  /** The weights of a tower, as one safetensors file. @param {Engine} engine @param {TowerKind} kind @param {Dtype} dtype
   *  @param {Watch} watch @returns {Promise<View>} */
  async #view(engine, kind, dtype, watch) {
    const { signal } = watch;
    const weights = await this.#weights(dtype, signal);
    const files = weights?.[kind];
    if (!files) {
      const only = this.manifest.kinds;
      if (only && !only.includes(kind))
        throw new ClipError('no-weights', `${this.source.id} has only the ${only[0]} half of a model, not the ${kind} half.`);
      const has = DTYPES.filter(d => this.manifest.towers[kind]?.[d]).join(', ');
      if (has) throw new ClipError('no-weights', `${this.source.id} has no weights for the ${kind} tower in ${dtype}, only ${has}.`);
      throw new ClipError('no-weights', noWeights(this.source.id, weights));
    }
    const key = files.files.join();
    let view = this.views.get(key);
    if (!view) {
      view = View.open(engine, this.source, files, signal, (name, file) => this.#verified(engine, name, file, watch));
      this.views.set(key, view);
      view.catch(() => this.views.delete(key));
    }
    return view;
  }

  /** Asks, before weights travel, whether a foreign model's files have all that its towers need and nothing that they do not know.
   *  @param {Engine} engine @param {Dtype} dtype @param {AbortSignal} [signal] */
  async check(engine, dtype, signal) {
    if (!this.weights) {
      if (this.weights === null && !this.#ownFiles().length) throw new ClipError('no-weights', noWeights(this.source.id, null));
      return;
    }
    if (this.source.sums) return; // all of a file is needed to check it: when it is needed anyway
    for (const kind of this.manifest.kinds ?? /** @type {TowerKind[]} */ (['vision', 'text'])) {
      if (this.ownFile(kind, dtype)) continue;
      const view = await this.#view(engine, kind, dtype, { signal });
      const sketch = engine.sketchTower(kind, this.config);
      try {
        sketch.open(view.bytes, view.label);
        view.pushHeader(sketch);
        checkSizes(sketch.info, this.manifest.preprocess);
      } finally {
        sketch.free();
      }
    }
  }

  /** Reads foreign files into a reader. @param {Engine} engine @param {import('./forms/view.js').HeaderReader} reader @param {View} view
   *  @param {Watch} watch @param {boolean} keep whether what comes is kept until all of it is there @param {() => Promise<void>} [pushed] */
  async #feed(engine, reader, view, watch, keep, pushed) {
    const keeper = keep ? this.#keeper(engine) : null;
    /** @param {{ name: string, file: import('./sources/source.js').SourceFile }} of */
    const chunksOf = ({ name, file }) => {
      const prefix = this.#rawPrefix(name, file);
      const key = (/** @type {number} */ i) => prefix + i;
      const raw = { name, bytes: file.bytes, chunk: CHUNK, sha256: this.hashes.get(file) ?? null, key, open: async () => file };
      return new Chunks(raw, keeper, { ...watch, onUnstored: this.onUnstored });
    };
    await feedView(reader, view, chunksOf, pushed);
  }

  /**
   * A foreign file of which a sum is known: all of it is read once, and its pieces are kept where they can be; what is read of it later is
   * compared, piece by piece, with what was read then.
   * @param {Engine} engine @param {string} name @param {import('./sources/source.js').SourceFile} file @param {Watch} watch
   * @returns {Promise<import('./sources/source.js').SourceFile>}
   */
  async #verified(engine, name, file, watch) {
    const sum = await this.source.sums?.of(name, watch.signal);
    if (!sum) return file;
    if (!globalThis.crypto?.subtle) throw new ClipError('wrong-sum', `A page that is not served securely cannot check ${name}.`);
    const prefix = this.#rawPrefix(name, file);
    const keeper = this.#keeper(engine);
    const of = { name, bytes: file.bytes, chunk: CHUNK, key: (/** @type {number} */ i) => prefix + i, open: async () => file };
    const all = new Sha256();
    /** @type {string[]} */
    const hashes = [];
    const chunks = new Chunks({ ...of, sha256: null }, keeper, { ...watch, onUnstored: this.onUnstored });
    try {
      for (let i = 0; i < chunks.count; i++) {
        const bytes = await chunks.get(i);
        all.update(bytes);
        hashes.push(/** @type {string} */ (await sha256(bytes)));
      }
    } finally {
      await chunks.close();
    }
    const found = all.hex();
    if (found !== sum.sha256) {
      await this.store?.deleteRaw(this.source.id).catch(() => {});
      throw wrong(name, found);
    }
    const checked = { ...of, sha256: hashes };
    /** @type {import('./sources/source.js').SourceFile} */
    const same = {
      bytes: file.bytes,
      version: file.version,
      fleeting: file.fleeting,
      async *stream(offset, end, signal) {
        const again = new Chunks(checked, keeper, { signal });
        try {
          for (let i = Math.floor(offset / CHUNK); i * CHUNK < end; i++) {
            yield (await again.get(i, i)).subarray(Math.max(0, offset - i * CHUNK), end - i * CHUNK);
          }
        } finally {
          await again.close();
        }
      },
      close: () => file.close?.(),
    };
    this.hashes.set(same, hashes);
    this.prefixes.set(same, prefix);
    return same;
  }

  /** Of the keys of a foreign file's pieces. @param {string} name @param {import('./sources/source.js').SourceFile} file */
  #rawPrefix(name, file) {
    const known = this.prefixes.get(file);
    if (known) return known;
    const prefix = `${rawPrefix(this.source.id)}${name} ${file.version}${file.fleeting ? ` ${Math.random()}` : ''} `;
    this.prefixes.set(file, prefix);
    return prefix;
  }

  /** @param {Engine} engine @param {Tower} tower @param {Dtype} dtype @param {Watch} watch
   *  @returns {Promise<{ merges: Uint8Array | null, rows: Rows | null }>} */
  async #loadForeign(engine, tower, dtype, watch) {
    const view = await this.#view(engine, tower.kind, dtype, watch);
    const merges = tower.kind === 'text' ? await this.#merges(engine, tower, watch) : null;
    tower.open(view.bytes, view.label);
    view.pushHeader(tower); // so that what does not fit is known before weights travel
    const apart = this.#defer(tower, view);
    // a text tower without a tokenizer may get one: the next visit asks again
    const keeps = this.store && globalThis.crypto?.subtle && (tower.kind === 'vision' || merges);
    if (!keeps) {
      if (apart) tower.open(view.bytes, view.label);
      await this.#feed(engine, tower, view, watch, false);
      tower.finish();
      await this.#confirm(watch.signal);
      if (tower.info.logitScale > 0) this.manifest.logit_scale = tower.info.logitScale;
      if (tower.info.logitBias) this.manifest.logit_bias = tower.info.logitBias;
      const file = { file: view.label, bytes: 0, chunk: CHUNK, sha256: [], rows: apart };
      return { merges, rows: apart ? this.#rows(engine, tower, file, dtype) : null };
    }
    // pieces of other versions
    const [first, ...more] = view.files;
    if (!more.length) await this.store?.deleteRaw(this.source.id, this.#rawPrefix(first.name, first.file)).catch(() => {});
    const file = await this.#convert(engine, tower, dtype, view, merges, watch, apart);
    return { merges: null, rows: apart ? this.#rows(engine, tower, file, dtype) : null };
  }

  /** Leaves the table of token embeddings to later, if it is a text tower's that can travel apart. @param {Tower} tower that has read the
   *  header @param {View} view @returns {import('./rows.js').RowsEntry | undefined} */
  #defer(tower, view) {
    if (tower.kind !== 'text' || this.vocabulary === 'all') return undefined;
    const table = new TokenTable(tower);
    const { place, rows } = table;
    if (!place || !isApart(this.source, view, place, rows)) return undefined;
    table.defer();
    return { block: rowsOfBlock(place.rowBytes), version: view.files.map(({ file }) => file.version).join() };
  }

  /**
   * Fetches foreign files, keeping their pieces meanwhile, so that a download that dies goes on where it stopped; what the
   * converter makes of them goes to the tower and to the store, and the pieces are forgotten.
   * @param {Engine} engine @param {Tower} tower @param {Dtype} dtype @param {View} view
   * @param {Uint8Array | null} merges @param {Watch} watch @param {import('./rows.js').RowsEntry} [apart] of a table that is left out
   * @returns {Promise<TowerFile>}
   */
  async #convert(engine, tower, dtype, view, merges, watch, apart) {
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
      if (!opened) tower.open(converter.bytes, view.label);
      opened = true;
      pushWanted(tower, bytes, hashes.length * CHUNK);
      const hash = /** @type {string} */ (await sha256(bytes));
      hashes.push(hash);
      if (unstored) return;
      await this.#reserve(name, hashes);
      await store.putChunk(hash, bytes, engine.checksum(bytes)).catch(error => {
        unstored = true;
        this.onUnstored(error);
      });
    };
    try {
      if (apart) converter.leaveTable();
      converter.open(view.bytes, view.label);
      await this.#feed(engine, converter, view, watch, true, async () => {
        for (const bytes of sink.take()) await keep(bytes);
      });
      for (const bytes of sink.take(true)) await keep(bytes);
      if (converter.logitScale > 0) this.manifest.logit_scale = converter.logitScale;
      if (converter.logitBias) this.manifest.logit_bias = converter.logitBias;
    } finally {
      converter.free();
    }
    tower.finish();
    checkSizes(tower.info, this.manifest.preprocess);
    await this.#confirm(watch.signal);
    const file = { file: name, bytes: sink.total, chunk: CHUNK, sha256: hashes, ...(apart && { rows: apart }) };
    if (unstored || !this.record) return file;
    this.manifest.towers[tower.kind] = { ...this.manifest.towers[tower.kind], [dtype]: file };
    await this.#keep(file);
    await store.deleteRaw(this.source.id).catch(() => {});
    return file;
  }

  /** The list of merges, whole, or null where there is none. @param {Engine} engine @param {Tower} tower @param {Watch} watch */
  async #merges(engine, tower, watch) {
    const before = new Map(this.source.versions);
    const { folder, clean, manifest } = this;
    const merges = await findTokenizer(engine, this.source, { folder, clean, config: manifest.config, signal: watch.signal });
    if (!merges) {
      this.source.versions = before; // asked for again by the next call
      return null;
    }
    const tokenizer = await engine.tokenizer(merges);
    try {
      checkVocabulary(tokenizer, tower.info.vocabulary, manifest.config);
    } finally {
      tokenizer.free();
    }
    return merges;
  }

  /**
   * Asks once more for the small files that a tower was made by, now that the large one is there: a model that was replaced in between
   * would be half of each. A hub's files are of one commit anyway.
   * @param {AbortSignal} [signal]
   */
  async #confirm(signal) {
    const { source } = this;
    if (!source.remote || source.isPinned) return;
    for (const name of [...source.versions.keys()]) {
      if (!/\.(safetensors|bin|pt|onnx|onnx_data)$/.test(name)) await this.#look(name, source.versions.get(name) ?? null, signal);
    }
  }

  /** Says that chunks are for this model, before they are there: whoever deletes another that has the same ones leaves them.
   *  @param {string} name @param {string[]} hashes so far */
  async #reserve(name, hashes) {
    const { record, store } = this;
    if (!record || !store) return;
    const towers = {};
    const pending = { ...record, manifest: { ...record.manifest, towers }, files: { [name]: hashes }, versions: this.#versions() };
    await store.putPending(pending, name).catch(() => {});
  }
}

/** A list of merges that was cut has fewer entries than the text tower. So has a tower that is wider than its words, for the sake of
 * round numbers; then the configuration says which is the last. Tokenizers of other kinds (they know their padding) are JSON, which is
 * whole or none, and may have tokens to spare, which no text of theirs becomes by chance.
 * @param {Tokenizer} tokenizer @param {number} expected entries of the text tower @param {Record<string, any>} config */
function checkVocabulary({ vocabulary, padding }, expected, config) {
  if (padding || vocabulary === expected) return;
  if (vocabulary < expected && config.text_config?.eos_token_id === vocabulary - 1) return;
  throw new ClipError('bad-merges', `The tokenizer has ${vocabulary} entries, but the text tower ${expected}.`);
}

/** What to do where no weights were found. @param {string} id @param {import('./forms/weights.js').Weights | null} weights */
function noWeights(id, weights) {
  const looked = 'model.safetensors, pytorch_model.bin, open_clip_model.safetensors, open_clip_pytorch_model.bin, onnx/…';
  const found = weights?.others?.length ? ` It has ${weights.others.join(', ')}.` : '';
  if (weights?.others?.includes('visual/model.onnx'))
    return `${id} has the files that Immich runs, which are not read here.${found} Load the model that they were made of by its own name: for ViT-B-32__openai that is openai/clip-vit-base-patch32.`;
  return `${id} has a configuration, but no weights in a form that is read here (${looked}).${found} Is there a conversion of it under another name?`;
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
