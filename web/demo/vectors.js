/**
 * The embeddings of photos under one model, and their cosines to queries (labels, sentences, other photos), a column for each query.
 * A photo is encoded once; a new query is one pass over what is here, a new photo one row of each column.
 */

const BLOCK = 1024;
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

/** Cosines of rows [from, to) of a block with a query, all of length 1. */
function dots(block, from, to, query, out, at) {
  const width = query.length;
  for (let row = from; row < to; row++) {
    const base = row * width;
    let [a, b, c, d] = [0, 0, 0, 0];
    let i = 0;
    for (; i + 3 < width; i += 4) {
      a += block[base + i] * query[i];
      b += block[base + i + 1] * query[i + 1];
      c += block[base + i + 2] * query[i + 2];
      d += block[base + i + 3] * query[i + 3];
    }
    for (; i < width; i++) a += block[base + i] * query[i];
    out[at++] = a + b + c + d;
  }
}

export class Vectors {
  rows = 0;
  width = 0;
  /** @type {Float32Array[]} */
  #blocks = [];
  /** @type {Map<any, number>} */
  #rowOf = new Map();
  /** @type {Map<Float32Array, { values: Float32Array, count: number }>} */
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
    this.width = vector.length;
    if (this.rows % BLOCK === 0) this.#blocks.push(new Float32Array(BLOCK * this.width));
    this.#blocks.at(-1).set(unit(vector), (this.rows % BLOCK) * this.width);
    this.#rowOf.set(photo, this.rows++);
  }

  /** @returns {Float32Array | null} of length 1 */
  of(photo) {
    const row = this.#rowOf.get(photo);
    if (row === undefined) return null;
    const at = (row % BLOCK) * this.width;
    return this.#blocks[Math.floor(row / BLOCK)].subarray(at, at + this.width);
  }

  /** Keeps only the columns of these queries. @param {Set<Float32Array>} queries */
  keep(queries) {
    for (const query of this.#columns.keys()) if (!queries.has(query)) this.#columns.delete(query);
  }

  /** Brings the columns of queries up to the last row, some milliseconds at a time. @param {Float32Array[]} queries */
  async compare(queries) {
    let since = performance.now();
    for (const query of queries) {
      let column = this.#columns.get(query);
      if (!column) this.#columns.set(query, (column = { values: new Float32Array(this.rows), count: 0 }));
      while (column.count < this.rows) {
        if (column.values.length < this.rows) {
          const grown = new Float32Array(Math.max(this.rows, 2 * column.values.length));
          grown.set(column.values.subarray(0, column.count));
          column.values = grown;
        }
        const from = column.count % BLOCK;
        const to = Math.min(BLOCK, from + this.rows - column.count);
        dots(this.#blocks[Math.floor(column.count / BLOCK)], from, to, query, column.values, column.count);
        column.count += to - from;
        if (performance.now() - since < SLICE) continue;
        await yieldNow();
        since = performance.now();
      }
    }
  }

  /** Cosines of a query with every row; as many as `compare` has brought. @param {Float32Array} query @returns {Float32Array} */
  column(query) {
    const column = this.#columns.get(query);
    return column ? column.values.subarray(0, column.count) : new Float32Array(0);
  }
}
