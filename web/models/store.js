/**
 * What is kept between visits, in IndexedDB, database `clip-wasm`:
 *
 * - `chunks`: pieces of weight files under their sha256 (or, while a foreign model is being converted, under the address of the
 *   file they are pieces of), as { bytes: Blob, sum }: Chromium 156 reads Blobs at 870 MB/s, ArrayBuffers at 280. Models that share
 *   chunks keep them once;
 * - `models`: one record a model. It names a file only after all of the file's chunks are there: a half-written file is never seen;
 * - `labels`: embeddings of labels, Float32Array, under a key that begins with the fingerprint of the text tower.
 *
 * Everything read back is checked: the disk may have lost or changed it, and other scripts of the origin may write there too. Chunks
 * are checked by a sum, which takes a tenth of sha256's time: against errors, since who can write here can write all else too.
 */
import { checkManifest } from './model.js';

/** @typedef {import('./model.js').Manifest} Manifest */
/** Files says which files of the manifest are kept, and under which keys their chunks.
 * @typedef {{ id: string, manifest: Manifest, files: Record<string, string[]>, saved: number }} ModelRecord */
/** @typedef {{ id: string, name: string, bytes: number, files: string[], saved: Date }} CachedModel */

const NAME = 'clip-wasm';
const VERSION = 1;
const STORES = ['chunks', 'models', 'labels'];
/** At 2 KB each: beyond that all are dropped, and come again with use. */
const MAX_LABELS = 50_000;

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

/** Keys of the pieces of foreign files begin so. @param {string} id of the model */
export const rawPrefix = id => `raw ${id} `;

/** @param {string} prefix */
const startingWith = prefix => IDBKeyRange.bound(prefix, prefix + '\uffff');

/** All keys that a record may have chunks under, there or not. @param {ModelRecord} record */
const chunkKeys = ({ manifest, files }) => [
  ...Object.values(files).flat(),
  ...Object.values(manifest.towers).flatMap(tower => Object.values(tower).flatMap(file => file.sha256)),
];

/** @param {unknown} value @returns {ModelRecord | null} */
function checkRecord(value) {
  try {
    const { id, manifest, files, saved } = /** @type {any} */ (value);
    const lists = Object.values(files);
    if (typeof id !== 'string' || typeof saved !== 'number') return null;
    if (!lists.every(keys => Array.isArray(keys) && keys.every(key => typeof key === 'string'))) return null;
    return { id, manifest: checkManifest(manifest), files, saved };
  } catch {
    return null;
  }
}

export class Store {
  /** @returns {Promise<Store>} rejects where there is no IndexedDB, as in some private windows */
  static async open() {
    if (typeof indexedDB === 'undefined') throw new Error('this engine has no IndexedDB');
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => STORES.forEach(name => request.result.createObjectStore(name));
    const store = new Store(await result(request));
    return store;
  }

  /** @param {IDBDatabase} db */
  constructor(db) {
    this.db = db;
    db.onversionchange = () => db.close(); // another page deletes or upgrades it
  }

  /** @param {string} name @param {IDBTransactionMode} [mode] */
  #in(name, mode = 'readonly') {
    return this.db.transaction(name, mode).objectStore(name);
  }

  /** @param {string} name @param {string} key @param {any} value */
  async #put(name, key, value) {
    const objects = this.#in(name, 'readwrite');
    objects.put(value, key);
    await done(objects.transaction);
  }

  close() {
    this.db.close();
  }

  /** Which of some chunks are there. @param {string[]} keys @returns {Promise<boolean[]>} */
  async hasChunks(keys) {
    const chunks = this.#in('chunks');
    return Promise.all(keys.map(async key => (await result(chunks.getKey(key))) !== undefined));
  }

  /** @returns {Promise<string[]>} */
  async chunkKeys() {
    return /** @type {string[]} */ (await result(this.#in('chunks').getAllKeys()));
  }

  /** @param {string} key @returns {Promise<{ bytes: Uint8Array, sum: unknown } | null>} rejects when the disk has lost it */
  async getChunk(key) {
    const { bytes, sum } = (await result(this.#in('chunks').get(key))) ?? {};
    if (bytes instanceof Blob) return { bytes: new Uint8Array(await bytes.arrayBuffer()), sum };
    return bytes instanceof ArrayBuffer ? { bytes: new Uint8Array(bytes), sum } : null;
  }

  /** @param {string} key @param {Uint8Array} bytes @param {number} sum Engine.checksum of them */
  async putChunk(key, bytes, sum) {
    const blob = new Blob([/** @type {BlobPart} */ (bytes)]);
    await this.#put('chunks', key, { bytes: blob, sum }).catch(error => {
      if (error?.name === 'QuotaExceededError') throw error;
      return this.#put('chunks', key, { bytes: bytes.slice().buffer, sum }); // WebKit's private windows keep no Blobs
    });
  }

  /** @param {string[]} keys */
  async deleteChunks(keys) {
    const chunks = this.#in('chunks', 'readwrite');
    for (const key of keys) chunks.delete(key);
    await done(chunks.transaction);
  }

  /** @param {string} id @returns {Promise<ModelRecord | null>} */
  async getModel(id) {
    return checkRecord(await result(this.#in('models').get(id)));
  }

  /** Replaces the model's record; chunks that only the old one had go. @param {ModelRecord} record */
  async putModel(record) {
    const old = await this.getModel(record.id);
    await this.#put('models', record.id, record);
    if (old) await this.#release(old);
  }

  /** @returns {Promise<ModelRecord[]>} */
  async models() {
    const all = await result(this.#in('models').getAll());
    return all.map(checkRecord).filter(record => record !== null);
  }

  /** @returns {Promise<CachedModel[]>} */
  async list() {
    return (await this.models()).map(({ id, manifest, files, saved }) => {
      const sizes = Object.values(manifest.towers)
        .flatMap(tower => Object.values(tower))
        .filter(file => file.file in files);
      const bytes = sizes.reduce((sum, file) => sum + file.bytes, 0);
      return { id, name: manifest.name, bytes, files: Object.keys(files), saved: new Date(saved) };
    });
  }

  /**
   * Forgets a model, finished or not, and the chunks that no other model has.
   * @param {string} id @param {(manifest: Manifest) => string[]} [prefixesOf] of its labels' keys
   * @returns {Promise<boolean>} whether there was such a model
   */
  async delete(id, prefixesOf = () => []) {
    const record = await this.getModel(id);
    await this.#delete('models', id);
    await this.deleteRaw(id);
    if (!record) return false;
    for (const prefix of prefixesOf(record.manifest)) await this.#delete('labels', startingWith(prefix));
    await this.#release(record);
    return true;
  }

  /** Forgets the pieces of a foreign file. @param {string} id of its model */
  async deleteRaw(id) {
    await this.#delete('chunks', startingWith(rawPrefix(id)));
  }

  /** @param {string} name @param {string | IDBKeyRange} key */
  async #delete(name, key) {
    const objects = this.#in(name, 'readwrite');
    objects.delete(key);
    await done(objects.transaction);
  }

  /** Deletes those of a record's chunks that no model has. @param {ModelRecord} record */
  async #release(record) {
    const used = new Set((await this.models()).flatMap(chunkKeys));
    await this.deleteChunks(chunkKeys(record).filter(key => !used.has(key)));
  }

  /** Forgets everything. */
  async clear() {
    const transaction = this.db.transaction(STORES, 'readwrite');
    for (const name of STORES) transaction.objectStore(name).clear();
    await done(transaction);
  }

  /** @param {string[]} keys @returns {Promise<(Float32Array | null)[]>} */
  async getLabels(keys) {
    const labels = this.#in('labels');
    return Promise.all(
      keys.map(async key => {
        const value = await result(labels.get(key));
        return value instanceof Float32Array && value.every(Number.isFinite) ? value : null;
      }),
    );
  }

  /** @param {[string, Float32Array][]} entries */
  async putLabels(entries) {
    const labels = this.#in('labels', 'readwrite');
    if ((await result(labels.count())) + entries.length > MAX_LABELS) labels.clear();
    for (const [key, value] of entries) labels.put(value, key);
    await done(labels.transaction);
  }
}
