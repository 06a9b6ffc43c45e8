/**
 * Rows of embeddings in a memory of their own, and their cosines with queries: src/compute/search.c for JavaScript. All is synchronous, and
 * a call works on no more than a block's rows (a millisecond at most), so that callers can let other things have their turn.
 *
 *     memory   queries | cosines | rows on their way to int8 | blocks of ROWS rows, each with ROWS inverse lengths behind it where they are int8
 */
import { ClipError } from '../error.js';
import { SEARCH } from '../wasm/search.js';

/** Rows of a block. */
export const ROWS = 1024;
/** Queries that are compared in one go. */
export const QUERIES = 64;
/** Rows that are rounded in one go. */
const STAGED = 64;
/** Numbers that are written in one go, and products that are made, about. */
const WRITTEN = 2 ** 20;
const MULTIPLIED = 2 ** 25;
/** src/compute/search.h */
const UNIT = 16;
export const MOST_WIDTH = 65536;

/**
 * @typedef {object} SearchExports see src/compute/search.h
 * @property {WebAssembly.Memory} memory
 * @property {WebAssembly.Global} __heap_base
 * @property {(rows: number, count: number, width: number) => number} clip_search_unit
 * @property {(rows: number, count: number, query: number, queries: number, width: number, cosines: number, stride: number) => void} clip_search_f32
 * @property {(rows: number, count: number, width: number, out: number) => void} clip_search_round
 * @property {(rows: number, count: number, width: number, inverse: number) => void} clip_search_lengths
 * @property {(query: number, queries: number, width: number, out: number, inverse: number) => void} clip_search_round_query
 * @property {(rows: number, inverse: number, count: number, query: number, queryInverse: number, queries: number, width: number, cosines: number, stride: number) => void} clip_search_q8
 * @property {(values: number, count: number, first: number, k: number, value: number, index: number, kept: number) => number} clip_search_largest
 */

/** @type {Promise<WebAssembly.Module> | undefined} */
let compiled;
const bytes = () => Uint8Array.from(atob(SEARCH), letter => letter.charCodeAt(0));

const align = (/** @type {number} */ at) => Math.ceil(at / 64) * 64;

export class Search {
  /** @param {number} width numbers of an embedding @param {boolean} rounded whether rows are kept in int8, and not in f32 */
  static async create(width, rounded) {
    compiled ??= WebAssembly.compile(bytes());
    try {
      return new Search(await WebAssembly.instantiate(await compiled), width, rounded);
    } catch (error) {
      compiled = undefined;
      if (error instanceof ClipError) throw error;
      if (error instanceof RangeError) throw new ClipError('out-of-memory', 'There is no room for the WebAssembly memory.', error);
      throw new ClipError('no-wasm', `The WebAssembly module cannot be started: ${/** @type {any} */ (error)?.message}`, error);
    }
  }

  /** Use create. @param {WebAssembly.Instance} instance @param {number} width @param {boolean} rounded */
  constructor(instance, width, rounded) {
    this.c = /** @type {SearchExports} */ (/** @type {unknown} */ (instance.exports));
    this.width = width;
    this.rounded = rounded;
    /** Numbers of a row, the zeros at its end among them. */
    this.stride = Math.ceil(width / UNIT) * UNIT;
    let at = align(this.c.__heap_base.value);
    const take = (/** @type {number} */ size) => {
      const begin = at;
      at = align(at + size);
      return begin;
    };
    this.query = take(QUERIES * this.stride * 4);
    this.roundQuery = rounded ? take(QUERIES * this.stride * 2) : 0;
    this.queryInverse = take(QUERIES * 4);
    this.out = take(QUERIES * ROWS * 4);
    this.staged = rounded ? take(STAGED * this.stride * 4) : 0;
    this.rows = at;
    this.reserved = 0;
    this.block = ROWS * (rounded ? this.stride + 4 : this.stride * 4);
    this.#ensure(at);
  }

  /** @param {number} bytes of memory */
  #ensure(bytes) {
    const missing = bytes - this.c.memory.buffer.byteLength;
    if (missing <= 0) return;
    try {
      this.c.memory.grow(Math.ceil(missing / 65536));
    } catch (error) {
      throw new ClipError('out-of-memory', `There is no room for ${Math.ceil(bytes / 2 ** 20)} MB of embeddings.`, error);
    }
  }

  /** Bytes of memory. */
  get bytes() {
    return this.c.memory.buffer.byteLength;
  }

  /** Makes room. @param {number} count rows in all */
  reserve(count) {
    this.#ensure(this.rows + Math.ceil(count / ROWS) * this.block);
    this.reserved = Math.max(this.reserved, count);
  }

  /** @param {number} row */
  #place(row) {
    const block = this.rows + Math.floor(row / ROWS) * this.block;
    const within = row % ROWS;
    return {
      row: block + within * this.stride * (this.rounded ? 1 : 4),
      inverse: block + ROWS * this.stride + within * 4,
      left: ROWS - within,
    };
  }

  /** Rows that `put` takes in one go. @param {number} row */
  roomAt(row) {
    return Math.min(this.#place(row).left, this.rounded ? STAGED : ROWS, Math.max(1, Math.floor(WRITTEN / this.stride)));
  }

  /**
   * Writes rows, at most roomAt, for which room was made. @param {number} row the first @param {(Float32Array | Int8Array)[]} embeddings of all
   * rows, one after the other or each by itself @param {number} count
   * @returns {number} the first whose numbers are not finite, or count
   */
  put(row, embeddings, count) {
    const { c, stride, rounded, width } = this;
    const place = this.#place(row);
    const integers = rounded && embeddings.every(one => one instanceof Int8Array);
    const to = rounded && !integers ? this.staged : place.row;
    const size = count * stride;
    const view = integers ? new Int8Array(c.memory.buffer, to, size) : new Float32Array(c.memory.buffer, to, size);
    if (stride !== width) view.fill(0);
    let at = 0;
    for (const one of embeddings) {
      if (stride === width) view.set(one, at * stride);
      else for (let from = 0; from < one.length; from += width) view.set(one.subarray(from, from + width), (at + from / width) * stride);
      at += one.length / width;
    }
    if (!integers) {
      const bad = c.clip_search_unit(to, count, stride);
      if (bad < count) return bad;
      if (rounded) c.clip_search_round(to, count, stride, place.row);
    }
    if (rounded) c.clip_search_lengths(place.row, count, stride, place.inverse);
    return count;
  }

  /** Rows that `compare` takes in one go. @param {number} row @param {number} queries */
  reach(row, queries) {
    return Math.min(this.#place(row).left, Math.max(1, Math.floor(MULTIPLIED / queries / this.stride)));
  }

  /** A row, of length 1. @param {number} row @returns {Float32Array} */
  get(row) {
    const { c, width, rounded } = this;
    const place = this.#place(row);
    if (!rounded) return new Float32Array(c.memory.buffer, place.row, width).slice();
    const [inverse] = new Float32Array(c.memory.buffer, place.inverse, 1);
    return Float32Array.from(new Int8Array(c.memory.buffer, place.row, width), x => x * inverse);
  }

  /** What the next calls compare with. @param {Float32Array[]} queries at most QUERIES @returns {number} the first whose numbers are not
   *  finite, or their count */
  ask(queries) {
    const { c, stride, query } = this;
    const view = new Float32Array(c.memory.buffer, query, queries.length * stride).fill(0);
    queries.forEach((one, j) => view.set(one, j * stride));
    const bad = c.clip_search_unit(query, queries.length, stride);
    if (bad === queries.length && this.rounded)
      c.clip_search_round_query(query, queries.length, stride, this.roundQuery, this.queryInverse);
    return bad;
  }

  /** Cosines of rows, at most `reach`, with the queries; of query j they stand in cosines(j, count). @param {number} row the first
   *  @param {number} count @param {number} queries */
  compare(row, count, queries) {
    const { c, stride, out } = this;
    const place = this.#place(row);
    if (!this.rounded) c.clip_search_f32(place.row, count, this.query, queries, stride, out, ROWS);
    else c.clip_search_q8(place.row, place.inverse, count, this.roundQuery, this.queryInverse, queries, stride, out, ROWS);
  }

  /** @param {number} query @param {number} count @returns {Float32Array} good until the next call */
  cosines(query, count) {
    return new Float32Array(this.c.memory.buffer, this.out + query * ROWS * 4, count);
  }

  /** The largest cosines with the one query of rows [from, to), a block after the other, until all are seen or it is time.
   *  @param {number} from @param {number} to @param {Best} best what rows before gave @param {() => boolean} isTime
   *  @returns {number} up to where it came */
  largest(from, to, best, isTime) {
    const { c } = this;
    const end = this.rows + Math.ceil(this.reserved / ROWS) * this.block;
    const k = best.value.length;
    this.#ensure(end + 8 * k); // behind all rows, until the end of this call
    const value = new Float32Array(c.memory.buffer, end, k);
    const index = new Uint32Array(c.memory.buffer, end + 4 * k, k);
    value.set(best.value);
    index.set(best.index);
    let row = from;
    do {
      const count = Math.min(to - row, this.reach(row, 1));
      this.compare(row, count, 1);
      best.kept = c.clip_search_largest(this.out, count, row, k, end, end + 4 * k, best.kept);
      row += count;
    } while (row < to && !isTime());
    best.value.set(value);
    best.index.set(index);
    return row;
  }
}

/** The largest of what was seen, in no order: the first `kept` of both. @typedef {{ value: Float32Array, index: Uint32Array, kept: number }} Best */
