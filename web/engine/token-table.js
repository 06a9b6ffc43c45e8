/** A text tower's table of token embeddings, row by row: src/towers/token_table.h. */
import { STAGING } from './tower.js';

/** clip_dtype in src/weights/safetensors.h. */
const FLOATS = [1, 2, 3];
export const F32 = 1;
const I8 = 4;

/** Where a file has the table: its first byte, clip_dtype, and bytes of a row. @typedef {{ offset: number, dtype: number, rowBytes: number }} TablePlace */

export class TokenTable {
  /** @param {import('./tower.js').Tower} tower a text tower, or a sketch of one */
  constructor(tower) {
    this.tower = tower;
    this.label = 'table of token embeddings';
    const [rows, width, rowBytes] = this.#describe();
    this.rows = rows;
    this.width = width;
    /** Of a row as `get` gives it. */
    this.rowBytes = rowBytes;
    /** Its clip_dtype. */
    this.dtype = rowBytes === width * 4 ? F32 : I8;
  }

  #describe() {
    const { instance } = this.tower.engine;
    return instance.scope(alloc => {
      const out = alloc(6 * 8);
      instance.run(() => this.label, 'table_describe', this.tower.handle, out);
      return [...instance.f64(out, 6)];
    });
  }

  /** Where the file whose header the tower has just read has it, as floats; null where it has not. @returns {TablePlace | null} */
  get place() {
    const [, , , offset, dtype, rowBytes] = this.#describe();
    return offset && FLOATS.includes(dtype) ? { offset, dtype, rowBytes } : null;
  }

  /** Before a file is opened: rows come one by one. */
  defer() {
    this.tower.engine.instance.run(() => this.label, 'tower_defer_table', this.tower.handle);
  }

  /** Those of some ids whose rows are not there, each once, ascending. @param {Iterable<number>} ids @returns {number[]} */
  missing(ids) {
    const unique = [...new Set(ids)].sort((a, b) => a - b);
    const { instance } = this.tower.engine;
    return instance.scope(alloc => {
      const [all, found] = [alloc(unique.length * 4), alloc(unique.length * 4)];
      instance.u32(all, unique.length).set(unique);
      const count = instance.call('table_missing', this.tower.handle, all, unique.length, found);
      return [...instance.u32(found, count)];
    });
  }

  /** @param {number} dtype of what comes @param {number} first row @param {number} count @param {Uint8Array} bytes */
  set(dtype, first, count, bytes) {
    const { instance, staging } = this.tower.engine;
    const size = bytes.length / count;
    const step = Math.max(1, Math.floor(STAGING / size));
    for (let at = 0; at < count; at += step) {
      const some = Math.min(step, count - at);
      instance.u8(staging, some * size).set(bytes.subarray(at * size, (at + some) * size));
      instance.run(() => this.label, 'table_set', this.tower.handle, dtype, first + at, some, staging);
    }
  }

  /** @param {number} first @param {number} count of rows, all there @returns {Uint8Array} */
  get(first, count) {
    const { instance } = this.tower.engine;
    return instance.scope(alloc => {
      const out = alloc(count * this.rowBytes);
      instance.run(() => this.label, 'table_get', this.tower.handle, first, count, out);
      return instance.u8(out, count * this.rowBytes).slice();
    });
  }
}
