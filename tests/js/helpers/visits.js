/** What happens on one visit of a schedule of faults (schedules.js), in Node and in pages alike. */
import { random } from './random.js';

/** What can befall the store: each changes a prototype's method for a while. @type {Record<string, (next: () => number) => () => void>} */
export const STORE = {
  'put fails': next => wrap('put', real => (next() < 0.4 ? failed('QuotaExceededError') : real())),
  'get fails': next => wrap('get', real => (next() < 0.3 ? failed('UnknownError') : real())),
  'keys fail': next => wrap('getKey', real => (next() < 0.3 ? failed('UnknownError') : real())),
};
function failed(name) {
  throw new DOMException('by the schedule', name);
}
function wrap(method, body) {
  const real = IDBObjectStore.prototype[method];
  IDBObjectStore.prototype[method] = function (...args) {
    return body(() => real.apply(this, args));
  };
  return () => (IDBObjectStore.prototype[method] = real);
}

/** Loses and changes some of what is kept. @param {any} Store @param {number} seed */
export async function damage(Store, seed) {
  const next = random(seed);
  const store = await Store.open();
  const chunks = store.db.transaction('chunks', 'readwrite').objectStore('chunks');
  await new Promise((resolve, reject) => {
    const request = chunks.openCursor();
    request.onerror = reject;
    request.onsuccess = () => {
      const cursor = request.result;
      if (!cursor) return resolve(undefined);
      const kind = next();
      if (kind < 0.1) cursor.delete();
      else if (kind < 0.2) cursor.update({ bytes: new ArrayBuffer(9), sum: 1 });
      else if (kind < 0.3) cursor.update({ ...cursor.value, sum: cursor.value.sum ^ 1 });
      else if (kind < 0.33) cursor.update('nonsense');
      cursor.continue();
    };
  });
  if (next() < 0.2) {
    const models = store.db.transaction('models', 'readwrite').objectStore('models');
    for (const value of await new Promise(resolve => (models.getAll().onsuccess = e => resolve(e.target.result)))) {
      if (value?.id) models.put(next() < 0.5 ? { ...value, files: null } : { ...value, manifest: 5 }, value.id);
    }
  }
  store.close();
}

/** What a model answers. @param {any} clip @param {Uint8Array} photo @param {string[]} labels */
export async function answersOf(clip, photo, labels) {
  const scores = await clip.classify(photo, labels);
  return { scores, image: [...(await clip.encode(photo))], text: [...(await clip.encode(labels[0]))] };
}

/** @param {number[]} a @param {number[]} b */
function cosine(a, b) {
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** Whether answers are all of one of some versions. @param {Awaited<ReturnType<typeof answersOf>>} answers @param {(typeof answers)[]} versions
 *  @param {number} tolerance of scores */
const isOneOf = ({ scores, image, text }, versions, tolerance) =>
  versions.some(
    version =>
      version.scores.every(e => Math.abs(e.score - scores.find(s => s.label === e.label).score) < tolerance) &&
      cosine(image, version.image) > 1 - tolerance / 10 &&
      cosine(text, version.text) > 1 - tolerance / 10,
  );

/**
 * Loads a model and asks it. @param {any} Clip @param {{ url: string, options: any, photo: Uint8Array, labels: string[], versions: any[], healthy: boolean,
 *  tolerance: number, fault: string | null, seed: number }} visit
 * @returns {Promise<string>} `right`, `wrong`, the code of a typed error, or `untyped: …`
 */
export async function visit(Clip, { url, options, photo, labels, versions, healthy, tolerance, fault, seed }) {
  const restore = fault ? STORE[fault](random(seed)) : () => {};
  let clip;
  try {
    clip = await Clip.load(url, { ...options, worker: false });
    // who has embeddings of what the model was hears once that it changed; the next calls are right
    const again = error => (healthy && error.code === 'model-changed' ? answersOf(clip, photo, labels) : Promise.reject(error));
    return isOneOf(await answersOf(clip, photo, labels).catch(again), versions, tolerance) ? 'right' : 'wrong';
  } catch (error) {
    return error?.constructor?.name === 'ClipError' ? error.code : `untyped: ${error?.stack ?? error}`;
  } finally {
    restore();
    clip?.dispose();
  }
}
