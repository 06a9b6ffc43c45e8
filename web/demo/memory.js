/**
 * What this page keeps if somebody says so, in IndexedDB, database `clip-wasm-page`: embeddings of photos under the model's and the
 * file's fingerprints, and the labels. Never photos or their names.
 */
import { Clip } from '../index.js';

const NAME = 'clip-wasm-page';
const STORES = ['embeddings', 'settings'];

const result = request =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** @returns {Promise<IDBDatabase | null>} null where nothing can be kept */
async function open() {
  try {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => STORES.forEach(name => request.result.createObjectStore(name));
    return await result(request);
  } catch {
    return null;
  }
}

/** @param {Blob} file @returns {Promise<string>} */
async function fingerprint(file) {
  const hash = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
  return Array.from(new Uint8Array(hash), byte => byte.toString(16).padStart(2, '0')).join('');
}

export class Memory {
  /** Whether embeddings are kept. */
  on = false;
  /** @type {IDBDatabase | null} */
  #db = null;

  /** @returns {Promise<{ labels: string[] | null }>} what was there; nothing where it cannot be read: the page goes on without */
  async start() {
    try {
      if (!(await indexedDB.databases?.())?.some(({ name }) => name === NAME)) return { labels: null };
      const db = await open();
      const settings = db?.transaction('settings').objectStore('settings');
      const [on, labels] = settings ? await Promise.all([result(settings.get('on')), result(settings.get('labels'))]) : [];
      this.#db = db;
      this.on = on === true;
      return { labels: this.on && Array.isArray(labels) ? labels.filter(label => typeof label === 'string') : null };
    } catch {
      return { labels: null };
    }
  }

  /** @param {boolean} on @returns {Promise<boolean>} whether it can be so */
  async turn(on) {
    if (on) this.#db ??= await open();
    this.on = on && this.#db !== null;
    await this.#put('settings', 'on', this.on);
    return this.on === on;
  }

  async #put(store, key, value) {
    const objects = this.#db?.transaction(store, 'readwrite').objectStore(store);
    if (objects) await result(objects.put(value, key)).catch(() => {}); // no room: it is only not kept
  }

  /** @param {string[]} labels */
  async keepLabels(labels) {
    if (this.on) await this.#put('settings', 'labels', labels);
  }

  /** The embedding of a file, null if it is not kept. @param {string} model its fingerprint @param {Blob} file
   *  @returns {Promise<Float32Array | null>} */
  async find(model, file) {
    const key = await this.#keyOf(model, file);
    if (!key) return null;
    const found = await result(this.#db.transaction('embeddings').objectStore('embeddings').get(key)).catch(() => null);
    return found instanceof Float32Array && found.length > 0 && found.every(Number.isFinite) ? found : null;
  }

  /** @param {string} model @param {Blob} file @param {Float32Array} embedding */
  async keep(model, file, embedding) {
    const key = await this.#keyOf(model, file);
    if (key) await this.#put('embeddings', key, embedding.slice());
  }

  /** The latest is remembered: it is asked for before a photo is read and again after. */
  #hashes = new WeakMap();

  /** @returns {Promise<string | null>} */
  async #keyOf(model, file) {
    if (!this.on || !this.#db || !globalThis.crypto?.subtle) return null;
    let hash = this.#hashes.get(file);
    if (!hash) this.#hashes.set(file, (hash = fingerprint(file).catch(() => null)));
    const found = await hash;
    return found && `${model} ${found}`;
  }

  /** What is kept, by this page and by the package. */
  async inventory() {
    const models = await Clip.cache.list().catch(() => []);
    let [embeddings, labels] = [0, 0];
    if (this.#db) {
      const transaction = this.#db.transaction(STORES);
      embeddings = await result(transaction.objectStore('embeddings').count());
      labels = ((await result(transaction.objectStore('settings').get('labels'))) ?? []).length;
    }
    labels += await countLabels();
    return { embeddings, labels, models: models.length, bytes: models.reduce((sum, { bytes }) => sum + bytes, 0) };
  }

  /** Erases all of it; the answer is what there was. */
  async forget() {
    const had = await this.inventory();
    this.on = false;
    this.#db?.close();
    this.#db = null;
    await result(indexedDB.deleteDatabase(NAME)).catch(() => {});
    await Clip.cache.clear();
    return had;
  }
}

/** Labels that the package has kept the embeddings of, by clip.classify. @returns {Promise<number>} */
async function countLabels() {
  if (!(await indexedDB.databases?.().catch(() => []))?.some(({ name }) => name === 'clip-wasm')) return 0;
  try {
    const db = await result(indexedDB.open('clip-wasm'));
    const count = await result(db.transaction('labels').objectStore('labels').count());
    db.close();
    return count;
  } catch {
    return 0;
  }
}
