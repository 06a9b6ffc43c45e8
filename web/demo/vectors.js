/**
 * The embeddings of photos under one model, and their cosines to queries (labels, sentences, other photos), a column for each query.
 * A photo is encoded once; a new query is one pass over what is here, a new photo one row of each column. Few are compared here; many
 * go to the package's index, which has a module of its own.
 */
import { Clip } from '../index.js';

/** So many are compared here: the module needs not be fetched for them. */
const FEW = 512;
/** Milliseconds of work before other things get their turn. */
const SLICE = 8;

const yieldNow = globalThis.scheduler?.yield ? () => globalThis.scheduler.yield() : () => new Promise(resolve => setTimeout(resolve));

/** @param {Float32Array} vector @returns {Float32Array} of length 1; zeros stay */
export function unit(vector) {
  let squares = 0;
  for (const x of vector) squares += x * x;
  const norm = Math.sqrt(squares);
  return norm > 0 ? vector.map(x => x / norm) : vector;
}

/** @param {Float32Array[]} vectors @returns {Float32Array} of length 1, towards their middle */
export function meanOf(vectors) {
  const sum = new Float32Array(vectors[0].length);
  for (const vector of vectors) for (let i = 0; i < sum.length; i++) sum[i] += vector[i];
  return unit(sum);
}

/** @param {Float32Array} one @param {Float32Array} other as long */
function dot(one, other) {
  let [a, b, c, d] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < one.length; i += 4) {
    a += one[i] * other[i];
    b += one[i + 1] * other[i + 1];
    c += one[i + 2] * other[i + 2];
    d += one[i + 3] * other[i + 3];
  }
  for (; i < one.length; i++) a += one[i] * other[i];
  return a + b + c + d;
}

/** Cosines of one query with the rows from the first on. */
class Column {
  values = new Float32Array(0);
  count = 0;

  /** @param {number} rows so many will come @param {ArrayLike<number>} more of the rows behind those that are here */
  add(rows, more) {
    if (this.values.length < rows) {
      const grown = new Float32Array(Math.max(rows, 2 * this.values.length));
      grown.set(this.values.subarray(0, this.count));
      this.values = grown;
    }
    this.values.set(more, this.count);
    this.count += more.length;
  }
}

export class Vectors {
  rows = 0;
  /** The first so many rows are in the index. */
  #moved = 0;
  /** @type {import('../api/embeddings.js').EmbeddingIndex | null} */
  #index = null;
  /** The rows behind them. @type {Float32Array[]} */
  #few = [];
  /** @type {Promise<void> | null} */
  #moving = null;
  /** @type {Map<any, number>} */
  #rowOf = new Map();
  /** @type {Map<Float32Array, Column>} */
  #columns = new Map();

  has(photo) {
    return this.#rowOf.has(photo);
  }

  rowOf(photo) {
    return this.#rowOf.get(photo);
  }

  /** @param {any} photo @param {Float32Array} vector not yet of length 1 */
  add(photo, vector) {
    if (this.#rowOf.has(photo)) return;
    this.#few.push(unit(vector));
    this.#rowOf.set(photo, this.rows++);
  }

  /** @returns {Float32Array | null} of length 1 */
  of(photo) {
    const row = this.#rowOf.get(photo);
    if (row === undefined) return null;
    return row < this.#moved ? (this.#index?.get(row) ?? null) : this.#few[row - this.#moved];
  }

  /** Keeps only the columns of these queries. @param {Set<Float32Array>} queries */
  keep(queries) {
    for (const query of this.#columns.keys()) if (!queries.has(query)) this.#columns.delete(query);
  }

  /** Brings the columns of queries up to the last row, some milliseconds at a time. @param {Float32Array[]} queries */
  async compare(queries) {
    let since = performance.now();
    for (;;) {
      const behind = queries.filter(query => this.#columnOf(query).count < this.rows);
      if (!behind.length) return;
      if (this.#few.length >= FEW) await (this.#moving ??= this.#move());
      const [first] = behind;
      const column = this.#columnOf(first);
      const { count } = column;
      if (count < this.#moved && this.#index) {
        const alike = behind
          .filter(query => this.#columnOf(query).count === count)
          .map(query => ({ query, column: this.#columnOf(query) }));
        const found = await this.#index.similarity(
          alike.map(({ query }) => query),
          { from: count, to: this.#moved },
        );
        // another call may have brought the same
        for (const [i, { column }] of alike.entries()) if (column.count === count) column.add(this.rows, found[i]);
      } else {
        column.add(
          this.rows,
          this.#few.slice(count - this.#moved).map(row => dot(row, first)),
        );
        if (performance.now() - since < SLICE) continue;
        await yieldNow();
        since = performance.now();
      }
    }
  }

  /** @param {Float32Array} query */
  #columnOf(query) {
    let column = this.#columns.get(query);
    if (!column) this.#columns.set(query, (column = new Column()));
    return column;
  }

  /** Takes the rows that are here to the index. */
  async #move() {
    try {
      const rows = this.#few.slice();
      this.#index ??= await Clip.index([], { width: rows[0].length });
      await this.#index.add(rows);
      this.#few.splice(0, rows.length);
      this.#moved += rows.length;
    } finally {
      this.#moving = null;
    }
  }

  /** Cosines of a query with every row; as many as `compare` has brought. @param {Float32Array} query @returns {Float32Array} */
  column(query) {
    const column = this.#columns.get(query);
    return column ? column.values.subarray(0, column.count) : new Float32Array(0);
  }

  dispose() {
    this.#index?.dispose();
    this.#index = null;
  }
}
