/**
 * Many embeddings, kept where they are quick to compare: in the memory of a small module (engine/search.js), into which they are copied once.
 *
 *     const index = await Clip.index(embeddings);                 // arrays of numbers, as encode answers them
 *     await index.topK(await clip.encode('a dog'), 10);           // [{ index: 4711, score: 0.29 }, …], cosines, best first
 *     await index.similarity(await clip.encode(labels));          // for each label the cosines of all embeddings
 *     index.dispose();
 *
 * It works in the thread that calls, and lets other things have their turn every few milliseconds.
 */
import { ClipError, throwIfAborted } from '../error.js';
import { MOST_WIDTH, QUERIES, Search } from '../engine/search.js';
import { bad, embeddingList, embeddingOf, guarded, optionsOf, whole } from './arguments.js';
import { clock, pause } from './turns.js';

export { exportEmbeddings, importEmbeddings } from './embedding-file.js';

/** @typedef {import('./clip.js').Embedding} Embedding */
/** @typedef {import('./clip.js').Embeddings} Embeddings */
/** Numbers of many embeddings, one after the other. @typedef {Float32Array | Int8Array} Flat */
/** @typedef {{ width?: number, dtype?: 'f32' | 'q8', signal?: AbortSignal }} IndexOptions width: numbers of an embedding, where all are given in one
 *  array. dtype: q8 keeps a quarter of the bytes, with cosines that are off by some thousandths; f32 is the default, but for Int8Array */
/** @typedef {{ index: number, score: number }} Match index: the embedding's place, from 0 on. score: its cosine with the query */

/** @param {any} value @returns {value is Flat} */
const isFlat = value => value instanceof Float32Array || value instanceof Int8Array;

/** What was handed in as rows. @param {any} value @param {number} [width] @returns {{ width: number, count: number, rows: (from: number,
 *  to: number) => Flat[], rounded: boolean }} */
function rowsOf(value, width) {
  if (isFlat(value) && width) {
    if (value.length % width) throw bad(`${value.length} numbers are no embeddings of ${width} numbers each.`);
    const rows = (/** @type {number} */ from, /** @type {number} */ to) => [value.subarray(from * width, to * width)];
    return { width, count: value.length / width, rows, rounded: value instanceof Int8Array };
  }
  const all = embeddingList(value);
  const one = (/** @type {number} */ i) => (all[i] instanceof Int8Array ? all[i] : embeddingOf(all[i], i));
  const its = width ?? (all.length ? one(0).length : 0);
  const rows = (/** @type {number} */ from, /** @type {number} */ to) =>
    Array.from({ length: to - from }, (_, i) => {
      const row = one(from + i);
      if (row.length !== its) throw bad(`Embedding ${from + i + 1} has ${row.length} numbers, others ${its}.`);
      return row;
    });
  return { width: its, count: all.length, rows, rounded: all.length > 0 && all[0] instanceof Int8Array };
}

/** The methods work however they are reached, as those of a Clip. */
const METHODS = /** @type {const} */ (['add', 'topK', 'similarity', 'get', 'dispose']);

export class EmbeddingIndex {
  /** @type {Search | null} */
  #search;
  /** The end of the last addition. @type {Promise<unknown>} */
  #added = Promise.resolve();

  /**
   * @param {Embeddings | Flat} embeddings @param {IndexOptions} [options] @returns {Promise<EmbeddingIndex>}
   */
  static async of(embeddings, options) {
    const { width: asked, dtype, signal } = optionsOf('index', options);
    const { width, rounded } = rowsOf(embeddings, asked);
    if (!(width >= 1 && width <= MOST_WIDTH))
      throw bad(`Embeddings have 1 to ${MOST_WIDTH} numbers, not ${width}; an index that begins without any is told so by width.`);
    const index = new this(await Search.create(width, dtype ? dtype === 'q8' : rounded));
    await index.add(embeddings, { signal });
    return index;
  }

  /** Use Clip.index. @param {Search} search */
  constructor(search) {
    this.#search = search;
    /** Numbers of an embedding. */
    this.width = search.width;
    /** How many embeddings there are; only add changes it. */
    this.length = 0;
    /** Bytes of memory that they take. */
    this.bytes = search.bytes;
    /** How they are kept. @type {'f32' | 'q8'} */
    this.dtype = search.rounded ? 'q8' : 'f32';
    for (const name of METHODS) Object.defineProperty(this, name, { value: guarded(/** @type {any} */ (this[name]).bind(this)) });
  }

  get #open() {
    if (!this.#search) throw new ClipError('disposed', 'This index was disposed of.');
    return this.#search;
  }

  /** Adds embeddings behind those that are here: all of them, or none if one is wrong. @param {Embeddings | Flat} embeddings
   *  @param {{ signal?: AbortSignal }} [options] @returns {Promise<void>} */
  async add(embeddings, options) {
    const { signal } = optionsOf('add', options);
    const given = rowsOf(embeddings, this.width);
    const turn = this.#added.then(() => this.#add(given, signal));
    this.#added = turn.catch(() => {});
    return turn;
  }

  /** @param {ReturnType<typeof rowsOf>} given @param {AbortSignal} [signal] */
  async #add({ count, rows }, signal) {
    throwIfAborted(signal);
    const first = this.length;
    this.#open.reserve(first + count);
    const isTime = clock();
    for (let done = 0; done < count; ) {
      const search = this.#open;
      const some = Math.min(count - done, search.roomAt(first + done));
      const good = search.put(first + done, rows(done, done + some), some);
      if (good < some) throw bad(`Embedding ${done + good + 1} has numbers that are not finite, or too large.`);
      done += some;
      if (done < count && isTime()) await this.#pause(signal);
    }
    this.length = first + count;
    this.bytes = this.#open.bytes;
  }

  /** @param {AbortSignal} [signal] */
  async #pause(signal) {
    await pause();
    throwIfAborted(signal);
  }

  /** @param {Embeddings} queries @returns {Float32Array[]} */
  #queries(queries) {
    const all = embeddingList(queries).map(embeddingOf);
    all.forEach((one, i) => {
      if (one.length !== this.width)
        throw bad(`Embeddings of ${one.length} and ${this.width} numbers do not compare${i ? ` (query ${i + 1})` : ''}.`);
      if (!one.every(Number.isFinite)) throw bad(`Query ${i + 1} has numbers that are not finite.`);
    });
    return all;
  }

  /**
   * The embeddings with the largest cosines to a query.
   * @param {Embedding} query @param {number} [k] how many, 10 by default @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<Match[]>} best first; of equals the earlier one
   */
  async topK(query, k = 10, options) {
    const { signal } = optionsOf('topK', options);
    const asked = this.#queries(/** @type {any} */ (query));
    if (asked.length !== 1) throw bad(`topK takes one query, not ${asked.length}.`);
    const most = Math.min(whole(Number.MAX_SAFE_INTEGER)(k ?? 10, 'k'), this.length);
    const to = this.length;
    this.#open;
    throwIfAborted(signal);
    const best = { value: new Float32Array(most), index: new Uint32Array(most), kept: 0 };
    const isTime = clock();
    for (let row = 0; row < to; ) {
      if (row && isTime()) await this.#pause(signal);
      const search = this.#open;
      search.ask(asked);
      row = search.largest(row, to, best, isTime);
    }
    return Array.from(best.value, (score, i) => ({ index: best.index[i], score })).sort((a, b) => b.score - a.score || a.index - b.index);
  }

  /**
   * The cosines of queries with all embeddings, or with those from one place up to another.
   * @param {Embeddings} queries @param {{ from?: number, to?: number, signal?: AbortSignal }} [options]
   * @returns {Promise<Float32Array[]>} an array for each query, with a number for each embedding
   */
  async similarity(queries, options) {
    const { from = 0, to = this.length, signal } = optionsOf('similarity', options);
    const asked = this.#queries(queries);
    if (to > this.length || from > to) throw bad(`There are ${this.length} embeddings, not those from ${from} to ${to}.`);
    this.#open;
    throwIfAborted(signal);
    const all = asked.map(() => new Float32Array(to - from));
    const isTime = clock();
    for (let first = 0; first < asked.length; first += QUERIES) {
      const some = asked.slice(first, first + QUERIES);
      let isAsked = false;
      for (let row = from; row < to; ) {
        if (isTime()) {
          await this.#pause(signal);
          isAsked = false; // others may have asked meanwhile
        }
        const search = this.#open;
        if (!isAsked) search.ask(some);
        isAsked = true;
        const count = Math.min(to - row, search.reach(row, some.length));
        search.compare(row, count, some.length);
        some.forEach((_, j) => all[first + j].set(search.cosines(j, count), row - from));
        row += count;
      }
    }
    return all;
  }

  /** An embedding, of length 1; in q8 as it was rounded. @param {number} index @returns {Float32Array} */
  get(index) {
    if (!Number.isSafeInteger(index) || index < 0 || index >= this.length)
      throw bad(`There are ${this.length} embeddings, from 0 on, and not one at ${typeof index === 'number' ? index : typeof index}.`);
    return this.#open.get(index);
  }

  /** Gives the memory back. Calls that still run reject. */
  dispose() {
    this.#search = null;
    this.length = this.bytes = 0;
  }

  /** So that `using index = await Clip.index(…)` gives it back, where the language has that. @ignore */
  static {
    if (Symbol.dispose)
      Object.defineProperty(this.prototype, Symbol.dispose, {
        value: /** @this {EmbeddingIndex} */ function () {
          this.dispose();
        },
      });
  }
}

/**
 * @param {Embedding} query @param {EmbeddingIndex | Embeddings | Flat} embeddings @param {number} [k] @param {{ signal?: AbortSignal }} [options]
 * @returns {Promise<Match[]>}
 */
export async function topK(query, embeddings, k, options) {
  if (embeddings instanceof EmbeddingIndex) return embeddings.topK(query, k, options);
  const { signal } = optionsOf('topK', options);
  const { length: width } = embeddingOf(query, 0);
  const flat = isFlat(embeddings);
  if (Array.isArray(embeddings) && !embeddings.length) return [];
  const index = await EmbeddingIndex.of(embeddings, { signal, width: flat ? width : undefined });
  try {
    return await index.topK(query, k, options);
  } finally {
    index.dispose();
  }
}
