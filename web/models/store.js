/**
 * What is kept between visits, in IndexedDB, database `clip-wasm`:
 *
 * - `chunks`: pieces of weight files under their sha256 (or, while a foreign model is being converted, under the address of the
 *   file they are pieces of), as { bytes: Blob, sum }: Chromium 156 reads Blobs at 870 MB/s, ArrayBuffers at 280. Models that share
 *   chunks keep them once;
 * - `models`: one record a model. It names a file only after all of the file's chunks are there: a half-written file is never seen.
 *   While a model is being fetched or converted, another record says which chunks are for it, so that nobody deletes those;
 * - `labels`: embeddings of labels, { values, sum }, under a key that begins with the model's id and the fingerprint of its text tower.
 *
 * Everything read back is checked: the disk may have lost or changed it, and other scripts of the origin may write there too. Chunks
 * are checked by a sum, which takes a tenth of sha256's time: against errors, since who can write here can write all else too.
 *
 * A database that does not answer is as good as none: after 5 s every request is an error, and so are all later ones, at once.
 */
import { checkManifest } from './model.js';
import { rowsPrefix } from './rows.js';
import { sumOf } from './sum.js';

/** @typedef {import('./model.js').Manifest} Manifest */
/** Files says which files of the manifest are kept, and under which keys their chunks; versions, of what content of the source's files
 * all of it is (Source.versions).
 * @typedef {{ id: string, manifest: Manifest, files: Record<string, string[]>, versions: Record<string, string | null>, saved: number }} ModelRecord */
/** @typedef {{ id: string, name: string, bytes: number, files: string[], unfinished: number, saved: Date }} CachedModel files: those that
 *  are all there; bytes: of these; unfinished: bytes of pieces of others. A model that has neither is not in the list */

const NAME = 'clip-wasm';
/** 2: records have versions, labels sums. */
const VERSION = 2;
const STORES = ['chunks', 'models', 'labels'];
/** At 2 KB each: beyond that all are dropped, and come again with use. */
const MAX_LABELS = 50_000;
/** ms; what takes longer will not come. */
export const PATIENCE = 5000;

const silence = () => new DOMException(`IndexedDB did not answer within ${PATIENCE / 1000} s`, 'TimeoutError');

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
const result = request =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** @param {IDBTransaction} transaction @returns {Promise<void>} */
const done = transaction =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new DOMException('The transaction was aborted.', 'AbortError'));
  });

/** A promise, or an error when it is late. A thread that was busy itself hears first what came meanwhile. @template T
 *  @param {Promise<T>} promise @param {() => void} [late] @returns {Promise<T>} */
function soon(promise, late) {
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  const end = new Promise((_, reject) => {
    const giveUp = () => {
      late?.();
      reject(silence());
    };
    timer = setTimeout(() => (timer = setTimeout(giveUp, 20)), PATIENCE);
  });
  return /** @type {Promise<T>} */ (Promise.race([promise, end])).finally(() => clearTimeout(timer));
}

/** Keys of the pieces of foreign files begin so. @param {string} id of the model */
export const rawPrefix = id => `raw ${id} `;
/** The key of the record that says what is being fetched for a model, or converted to a file of this name. @param {string} id
 *  @param {string} [name] */
const pendingKey = (id, name = '') => `pending ${id} ${name}`;
/** Keys of a model's labels begin so. @param {string} id */
export const labelPrefix = id => `${id} `;

/** @param {string} prefix */
const startingWith = prefix => IDBKeyRange.bound(prefix, prefix + '\uffff');

/** All keys that a record may have chunks under, there or not. @param {ModelRecord} record */
const chunkKeys = ({ manifest, files }) => [
  ...Object.values(files).flat(),
  ...Object.values(manifest.towers).flatMap(tower => Object.values(tower).flatMap(file => file.sha256)),
];

/** The files of which all chunks are there. What is being converted is in no manifest yet. @param {ModelRecord} record
 *  @param {Set<IDBValidKey>} there */
const wholeFiles = ({ manifest, files }, there) =>
  Object.values(manifest.towers)
    .flatMap(tower => Object.values(tower))
    .filter(({ file }) => files[file]?.length && files[file].every(key => there.has(key)));

/** @param {unknown} value @returns {ModelRecord | null} */
export function checkRecord(value) {
  try {
    const { id, manifest, files, versions, saved } = /** @type {any} */ (value);
    if (typeof id !== 'string' || typeof saved !== 'number' || Array.isArray(files) || Array.isArray(versions)) return null;
    if (!Object.values(files).every(keys => Array.isArray(keys) && keys.every(key => typeof key === 'string'))) return null;
    if (!Object.values(versions).every(version => version === null || typeof version === 'string')) return null;
    return { id, manifest: checkManifest(manifest), files: byName(files), versions: byName(versions), saved };
  } catch {
    return null;
  }
}

/** A copy that has no keys but its own, whatever files are called. @template T @param {Record<string, T>} object @returns {Record<string, T>} */
const byName = object => Object.assign(Object.create(null), object);

/**
 * What version 1 kept of models that were converted says nothing of the files that they come from, and its labels have no sums: they go,
 * and come again. What it kept of models of our own form stays.
 * @param {IDBTransaction} transaction of the upgrade
 */
function upgrade(transaction) {
  transaction.objectStore('labels').clear();
  const models = transaction.objectStore('models');
  const chunks = transaction.objectStore('chunks');
  models.getAll().onsuccess = ({ target }) => {
    const used = new Set();
    for (const value of /** @type {IDBRequest<any[]>} */ (target).result) {
      const record = checkRecord({ versions: {}, ...value });
      if (record && record.manifest.origin !== record.id) {
        models.put(record, record.id);
        for (const key of chunkKeys(record)) used.add(key);
      } else models.delete(value?.id ?? '');
    }
    chunks.getAllKeys().onsuccess = event => {
      const keys = /** @type {IDBRequest<IDBValidKey[]>} */ (event.target).result;
      for (const key of keys) if (!used.has(key)) chunks.delete(key);
    };
  };
}

export class Store {
  /** @returns {Promise<Store>} rejects where there is no IndexedDB, as in some private windows, or it does not answer */
  static async open() {
    if (typeof indexedDB === 'undefined') throw new Error('this engine has no IndexedDB');
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = ({ oldVersion }) => {
      if (!oldVersion) STORES.forEach(name => request.result.createObjectStore(name));
      else upgrade(/** @type {IDBTransaction} */ (request.transaction));
    };
    const opened = result(request);
    return new Store(await soon(opened, () => opened.then(db => db.close()).catch(() => {})));
  }

  /** @param {IDBDatabase} db */
  constructor(db) {
    this.db = db;
    db.onversionchange = () => db.close(); // another page deletes or upgrades it
    /** Why nothing is asked of it any more. @type {unknown} */
    this.dead = null;
  }

  /** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  async #ask(work) {
    if (this.dead) throw this.dead;
    return soon(work(), () => (this.dead = silence()));
  }

  /** @param {string} name @param {IDBTransactionMode} [mode] */
  #in(name, mode = 'readonly') {
    return this.db.transaction(name, mode).objectStore(name);
  }

  /** @param {string} name @param {string} key @param {any} value */
  #put(name, key, value) {
    return this.#ask(async () => {
      const objects = this.#in(name, 'readwrite');
      objects.put(value, key);
      await done(objects.transaction);
    });
  }

  close() {
    this.db.close();
  }

  /** Which of some chunks are there. @param {string[]} keys @returns {Promise<boolean[]>} */
  async hasChunks(keys) {
    return this.#ask(async () => {
      const chunks = this.#in('chunks');
      return Promise.all(keys.map(async key => (await result(chunks.getKey(key))) !== undefined));
    });
  }

  /** @returns {Promise<string[]>} */
  async chunkKeys() {
    return this.#ask(async () => /** @type {string[]} */ (await result(this.#in('chunks').getAllKeys())));
  }

  /** @param {string} key @returns {Promise<{ bytes: Uint8Array, sum: unknown } | null>} rejects when the disk has lost it */
  async getChunk(key) {
    return this.#ask(async () => {
      const { bytes, sum } = (await result(this.#in('chunks').get(key))) ?? {};
      if (bytes instanceof Blob) return { bytes: new Uint8Array(await bytes.arrayBuffer()), sum };
      return bytes instanceof ArrayBuffer ? { bytes: new Uint8Array(bytes), sum } : null;
    });
  }

  /** @param {string} key @param {Uint8Array} bytes @param {number} sum Engine.checksum of them */
  async putChunk(key, bytes, sum) {
    const blob = new Blob([/** @type {BlobPart} */ (bytes)]);
    await this.#put('chunks', key, { bytes: blob, sum }).catch(error => {
      if (error?.name === 'QuotaExceededError' || this.dead) throw error;
      return this.#put('chunks', key, { bytes: bytes.slice().buffer, sum }); // WebKit's private windows keep no Blobs
    });
  }

  /** @param {string} id @returns {Promise<ModelRecord | null>} */
  async getModel(id) {
    return this.#ask(async () => checkRecord(await result(this.#in('models').get(id))));
  }

  /** Replaces the model's record; chunks that no record has any more go. @param {ModelRecord} record
   *  @param {(latest: ModelRecord) => void} [adopt] is given what was there until now, to take from it what still holds
   *  @param {string} [name] of the file that was pending, and is in the record now */
  async putModel(record, adopt, name) {
    await this.#change(async models => {
      const latest = adopt && checkRecord(await result(models.get(record.id)));
      if (latest) adopt(latest);
      models.put(record, record.id);
      models.delete(pendingKey(record.id));
      if (name) models.delete(pendingKey(record.id, name));
    });
  }

  /** Says which chunks are for a model that is not there yet, so that they stay. @param {ModelRecord} record @param {string} [name] of the
   *  file that they become, where it is converted here */
  async putPending(record, name) {
    await this.#put('models', pendingKey(record.id, name), record);
  }

  /** Changes records, and deletes the chunks that only what was there before had. @param {(models: IDBObjectStore) => unknown} change */
  async #change(change) {
    return this.#ask(async () => {
      const transaction = this.db.transaction(['models', 'chunks'], 'readwrite');
      const models = transaction.objectStore('models');
      const keysOf = async () => (await result(models.getAll())).flatMap(value => chunkKeys(checkRecord(value) ?? NOTHING));
      const before = await keysOf();
      await change(models);
      const after = new Set(await keysOf());
      for (const key of before) if (!after.has(key)) transaction.objectStore('chunks').delete(key);
      await done(transaction);
    });
  }

  /** What takes room. A record of which no piece is there is of a model that failed, or that another page begins to load just now; it
   *  stays for the sake of that page. @returns {Promise<CachedModel[]>} */
  async list() {
    return this.#ask(async () => {
      const transaction = this.db.transaction(['models', 'chunks']);
      const [values, keys] = await Promise.all([
        result(transaction.objectStore('models').getAll()),
        result(transaction.objectStore('chunks').getAllKeys()),
      ]);
      const there = new Set(keys);
      /** @type {Map<string, ModelRecord>} */
      const models = new Map();
      for (const record of values.map(checkRecord)) {
        if (!record) continue;
        const known = models.get(record.id);
        if (!known || wholeFiles(record, there).length > wholeFiles(known, there).length) models.set(record.id, record);
      }
      const rows = await this.#rowBytes(transaction.objectStore('chunks'), [...models.keys()]);
      const sizes = await this.#unfinished(transaction.objectStore('chunks'), [...models.keys()], values, there);
      return [...models.values()]
        .map(record => {
          const { id, manifest, saved } = record;
          const kept = wholeFiles(record, there);
          return {
            id,
            name: manifest.name,
            bytes: kept.reduce((sum, file) => sum + file.bytes, 0) + (rows.get(id) ?? 0),
            files: kept.map(file => file.file),
            unfinished: sizes.get(id) ?? 0,
            saved: new Date(saved),
          };
        })
        .filter(({ bytes, unfinished }) => bytes + unfinished > 0);
    });
  }

  /** Bytes of each model's rows of token embeddings. @param {IDBObjectStore} chunks @param {string[]} ids */
  async #rowBytes(chunks, ids) {
    /** @param {string} id @returns {Promise<[string, number]>} */
    const bytesOf = async id => {
      const kept = await result(chunks.getAll(startingWith(rowsPrefix(id))));
      return [id, kept.reduce((sum, value) => sum + (value?.bytes?.size ?? value?.bytes?.byteLength ?? 0), 0)];
    };
    return new Map(await Promise.all(ids.map(bytesOf)));
  }

  /** Bytes of each model's chunks that belong to no file that is kept. @param {IDBObjectStore} chunks @param {string[]} ids
   *  @param {unknown[]} values of models @param {Set<IDBValidKey>} there */
  async #unfinished(chunks, ids, values, there) {
    const records = values.map(checkRecord).filter(record => record !== null);
    const finished = new Set(records.flatMap(record => wholeFiles(record, there).flatMap(({ file }) => record.files[file])));
    /** @type {Map<string, number>} */
    const sizes = new Map();
    for (const id of ids) {
      const own = records.filter(record => record.id === id).flatMap(chunkKeys);
      const raw = [...there].filter(key => typeof key === 'string' && key.startsWith(rawPrefix(id)));
      const keys = [...new Set([...own, ...raw])].filter(key => there.has(key) && !finished.has(/** @type {string} */ (key)));
      const found = await Promise.all(keys.map(key => result(chunks.get(key))));
      sizes.set(
        id,
        found.reduce((sum, value) => sum + (value?.bytes?.size ?? value?.bytes?.byteLength ?? 0), 0),
      );
    }
    return sizes;
  }

  /**
   * Forgets a model, finished or not, its labels, and the chunks that no other model has.
   * @param {string} id @returns {Promise<boolean>} whether there was such a model
   */
  async delete(id) {
    const known = await this.#ask(async () => {
      const models = this.#in('models');
      const keys = await Promise.all([result(models.getKey(id)), result(models.getKey(startingWith(pendingKey(id))))]);
      return keys.some(key => key !== undefined);
    });
    await this.#change(models => {
      models.delete(id);
      models.delete(startingWith(pendingKey(id)));
    });
    await this.deleteRaw(id);
    await this.deleteRows(id);
    await this.#delete('labels', startingWith(labelPrefix(id)));
    return known;
  }

  /** Forgets the pieces of a foreign file. @param {string} id of its model @param {string} [but] keys that begin so stay */
  async deleteRaw(id, but) {
    if (!but) return this.#delete('chunks', startingWith(rawPrefix(id)));
    await this.#ask(async () => {
      const chunks = this.#in('chunks', 'readwrite');
      const keys = /** @type {string[]} */ (await result(chunks.getAllKeys(startingWith(rawPrefix(id)))));
      for (const key of keys) if (!key.startsWith(but)) chunks.delete(key);
      await done(chunks.transaction);
    });
  }

  /** Forgets a model's rows of token embeddings. @param {string} id @param {string[]} [but] keys that begin so stay */
  async deleteRows(id, but = []) {
    await this.#ask(async () => {
      const chunks = this.#in('chunks', 'readwrite');
      const keys = /** @type {string[]} */ (await result(chunks.getAllKeys(startingWith(rowsPrefix(id)))));
      for (const key of keys) if (!but.some(prefix => key.startsWith(prefix))) chunks.delete(key);
      await done(chunks.transaction);
    });
  }

  /** @param {string} name @param {string | IDBKeyRange} key */
  #delete(name, key) {
    return this.#ask(async () => {
      const objects = this.#in(name, 'readwrite');
      objects.delete(key);
      await done(objects.transaction);
    });
  }

  /** Forgets everything. */
  async clear() {
    return this.#ask(async () => {
      const transaction = this.db.transaction(STORES, 'readwrite');
      for (const name of STORES) transaction.objectStore(name).clear();
      await done(transaction);
    });
  }

  /** @param {string[]} keys @returns {Promise<(Float32Array | null)[]>} */
  async getLabels(keys) {
    return this.#ask(async () => {
      const labels = this.#in('labels');
      return Promise.all(keys.map(async key => labelOf(await result(labels.get(key)))));
    });
  }

  /** @param {[string, Float32Array][]} entries */
  async putLabels(entries) {
    return this.#ask(async () => {
      const labels = this.#in('labels', 'readwrite');
      const some = entries.slice(-MAX_LABELS);
      if ((await result(labels.count())) + some.length > MAX_LABELS) labels.clear();
      for (const [key, values] of some) labels.put({ values, sum: sumOfLabel(values) }, key);
      await done(labels.transaction);
    });
  }
}

const NOTHING = /** @type {ModelRecord} */ (/** @type {unknown} */ ({ files: {}, manifest: { towers: {} } }));

/** @param {Float32Array} values */
const sumOfLabel = values => sumOf(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));

/** @param {any} value what the store has of a label @returns {Float32Array | null} */
export function labelOf(value) {
  const values = value?.values;
  return values instanceof Float32Array && value.sum === sumOfLabel(values) && values.every(Number.isFinite) ? values : null;
}
