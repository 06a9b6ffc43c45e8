/**
 * The rows of a text tower's table of token embeddings that travel apart from the rest of it: SigLIP 2's table has more weights than all its
 * blocks, and a label needs a few rows. They travel in blocks of some rows, go to the tower, and are kept, quantized, with sums.
 *
 * In our own form the table is a file of its own: a sum of 8 bytes for each block (the beginning of its sha256), then the rows as the tower
 * keeps them. clip.json has the sha256 of the sums. Of other forms the rows are read where they lie in the weights' file.
 */
import { ClipError, throwIfAborted } from '../error.js';
import { Chunks, sha256 } from './download.js';
import { sumOfText } from './sum.js';

/** @typedef {import('../engine/token-table.js').TokenTable} TokenTable */
/** @typedef {import('../engine/token-table.js').TablePlace} TablePlace */
/** @typedef {import('./download.js').Keeper} Keeper */
/** @typedef {import('./download.js').Watch} Watch */
/** @typedef {import('./forms/view.js').View} View */
/** @typedef {import('./sources/source.js').Source} Source */
/** @typedef {import('./sources/source.js').SourceFile} SourceFile */

/** How many rows are a block, and where they are: in a file of our form, or in another form's, of which only the version is known.
 *  @typedef {{ block: number, file: string, bytes: number, sha256: string } | { block: number, version: string }} RowsEntry */
/** What rows are read from; ranged: whether it can be read from anywhere.
 *  @typedef {{ dtype: number, ranged: boolean, read: (first: number, count: number, signal?: AbortSignal) => Promise<Uint8Array> }} RowReader */

/** Tables of fewer bytes come with the rest. */
export const LARGE_TABLE = 4 << 20;
/** Bytes of a block, about. */
const BLOCK = 1 << 13;
/** Bytes of a block's sum. */
export const SUM = 8;
/** Of another form's file, bytes that are fetched at once at least. */
const PIECE = 1 << 12;
/** Requests at a time. */
const PARALLEL = 6;
/** Blocks of a run, when all come. */
const RUN = 64;

/** @param {number} rowBytes */
export const rowsOfBlock = rowBytes => Math.max(1, Math.floor(BLOCK / rowBytes));

/** Keys of a model's rows in the store begin so. @param {string} id */
export const rowsPrefix = id => `rows ${id} `;
/** Those of one form of it. @param {string} id @param {import('./model.js').TowerFile} file */
export const prefixOf = (id, file) => `${rowsPrefix(id)}${sumOfText(JSON.stringify([file.file, file.rows]))} `;

/** @param {SourceFile} file @param {number} from @param {number} to @param {AbortSignal} [signal] */
async function bytesOf(file, from, to, signal) {
  const all = new Uint8Array(to - from);
  let at = 0;
  for await (const piece of file.stream(from, to, signal)) {
    throwIfAborted(signal);
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** The sums that stand before the rows. @param {Uint8Array} rows @param {number} size bytes of a block @returns {Promise<Uint8Array | null>} */
export async function sumsOf(rows, size) {
  const sums = new Uint8Array(Math.ceil(rows.length / size) * SUM);
  for (let at = 0, i = 0; at < rows.length; at += size, i++) {
    const hex = await sha256(rows.subarray(at, at + size));
    if (hex === null) return null;
    for (let k = 0; k < SUM; k++) sums[i * SUM + k] = Number.parseInt(hex.slice(2 * k, 2 * k + 2), 16);
  }
  return sums;
}

/** Rows of our own form. @param {Source} source @param {Extract<RowsEntry, { file: string }>} entry
 *  @param {{ rows: number, rowBytes: number, dtype: number }} table
 *  @param {AbortSignal} [signal] @returns {Promise<RowReader>} */
export async function readOwn(source, entry, table, signal) {
  const size = entry.block * table.rowBytes;
  const head = Math.ceil(table.rows / entry.block) * SUM;
  if (entry.bytes !== head + table.rows * table.rowBytes)
    throw new ClipError(
      'wrong-size',
      `${entry.file} has ${entry.bytes} bytes, but ${table.rows} rows of ${table.rowBytes} and their sums ${head + table.rows * table.rowBytes}.`,
    );
  const file = await source.open(entry.file, { signal, bytes: entry.bytes });
  if (!file) throw new ClipError('not-found', `${source.id} has no ${entry.file}.`);
  if (file.bytes !== entry.bytes)
    throw new ClipError('wrong-size', `${entry.file} has ${file.bytes} bytes; clip.json says ${entry.bytes}.`);
  const wrong = () => new ClipError('wrong-chunk', `${entry.file} came twice with a wrong sha256.`);
  let sums = await bytesOf(file, 0, head, signal);
  const isRight = async () => ((await sha256(sums)) ?? entry.sha256) === entry.sha256;
  if (!(await isRight())) {
    file.close?.();
    sums = await bytesOf(file, 0, head, signal);
    if (!(await isRight())) throw wrong();
  }
  const ranged = file.ranged !== false;
  return {
    dtype: table.dtype,
    ranged,
    async read(first, count, signal) {
      // whole blocks, since those have sums
      const block = Math.floor(first / entry.block);
      const from = block * size;
      const to = Math.min(Math.ceil((first + count) / entry.block) * size, table.rows * table.rowBytes);
      for (let attempt = 0; attempt < 2; attempt++) {
        const rows = await bytesOf(file, head + from, head + to, signal);
        const found = await sumsOf(rows, size);
        if (!found || found.every((byte, i) => byte === sums[block * SUM + i]))
          return rows.subarray(first * table.rowBytes - from, (first + count) * table.rowBytes - from);
        file.close?.();
      }
      throw wrong();
    },
  };
}

/** Rows in a file of another form. @param {View} view @param {TablePlace} place @returns {RowReader} */
export function readForeign(view, { offset, dtype, rowBytes }) {
  return {
    dtype,
    ranged: true,
    async read(first, count, signal) {
      const all = new Uint8Array(count * rowBytes);
      /** @type {Chunks[]} */
      const open = [];
      /** @param {{ name: string, file: SourceFile }} of */
      const chunksOf = ({ name, file }) => {
        open.push(
          new Chunks({ name, bytes: file.bytes, chunk: PIECE, sha256: null, key: String, open: async () => file }, null, { signal }),
        );
        return open[open.length - 1];
      };
      try {
        const from = offset + first * rowBytes;
        let at = 0;
        for await (const piece of view.pieces(from, from + all.length, chunksOf)) {
          all.set(piece, at);
          at += piece.length;
        }
        if (at !== all.length) throw new ClipError('bad-file', `${view.label} is shorter than it says.`);
      } finally {
        for (const chunks of open) await chunks.close();
      }
      return all;
    },
  };
}

/** Whether the rows of a table that a file of another form has can travel apart. @param {Source} source @param {View} view
 *  @param {TablePlace | null} place @param {number} rows */
export const isApart = (source, view, place, rows) =>
  source.remote &&
  place !== null &&
  place.rowBytes * rows >= LARGE_TABLE &&
  [...view.files, ...view.external].every(({ file }) => file.ranged === true && !file.fleeting);

export class Rows {
  /**
   * @param {TokenTable} table deferred
   * @param {{ entry: RowsEntry, name: string, source: Source, prefix: string, keeper: Keeper | null,
   *   foreign?: (signal?: AbortSignal) => Promise<RowReader>, onUnstored?: (error: unknown) => void }} from prefix: of the keys in the store;
   *   foreign: what rows of other forms are read from
   */
  constructor(table, { entry, name, source, prefix, keeper, foreign, onUnstored }) {
    this.table = table;
    this.block = entry.block;
    this.blocks = Math.ceil(table.rows / entry.block);
    this.name = name;
    this.prefix = prefix;
    this.keeper = keeper;
    this.onUnstored = onUnstored;
    this.openReader =
      foreign ?? ((/** @type {AbortSignal | undefined} */ signal) => readOwn(source, /** @type {any} */ (entry), table, signal));
    /** @type {Promise<RowReader> | undefined} */
    this.reader = undefined;
    /** Blocks before this one are all there. */
    this.next = 0;
  }

  /** @param {AbortSignal} [signal] */
  async #reader(signal) {
    this.reader ??= this.openReader(signal);
    try {
      return await this.reader;
    } catch (error) {
      this.reader = undefined;
      throw error;
    }
  }

  /** @param {number} block */
  #span(block) {
    const first = block * this.block;
    return { first, count: Math.min(this.block, this.table.rows - first) };
  }

  /** Those of some blocks that are not there. @param {number[]} blocks */
  #absent(blocks) {
    const starts = blocks.map(block => block * this.block);
    return this.table.missing(starts).map(row => row / this.block);
  }

  /** Takes blocks from the store; answers those that it has not. @param {number[]} blocks */
  async #recall(blocks) {
    const { keeper, table } = this;
    if (!keeper) return blocks;
    const found = await Promise.all(blocks.map(block => keeper.store.getChunk(this.prefix + block).catch(() => null)));
    return blocks.filter((block, i) => {
      const { first, count } = this.#span(block);
      const kept = found[i];
      if (kept?.bytes.length !== count * table.rowBytes || kept.sum !== keeper.checksum(kept.bytes)) return true;
      table.set(table.dtype, first, count, kept.bytes);
      return false;
    });
  }

  /** Blocks [from, to), one after the other, from the source. @param {RowReader} reader @param {number} from @param {number} to
   *  @param {AbortSignal} [signal] */
  async #fetch(reader, from, to, signal) {
    const { table } = this;
    const first = from * this.block;
    const count = Math.min(to * this.block, table.rows) - first;
    table.set(reader.dtype, first, count, await reader.read(first, count, signal));
    for (let block = from; block < to && this.keeper; block++) {
      const span = this.#span(block);
      const bytes = table.get(span.first, span.count);
      await this.keeper.store.putChunk(this.prefix + block, bytes, this.keeper.checksum(bytes)).catch(error => {
        this.keeper = null; // full, or gone: go on without
        this.onUnstored?.(error);
      });
    }
  }

  /** Fetches blocks from the source, neighbours at one go. @param {number[]} blocks ascending @param {AbortSignal} [signal] */
  async #get(blocks, signal) {
    if (!blocks.length) return;
    const reader = await this.#reader(signal);
    /** @type {[number, number][]} */
    const runs = [];
    for (const block of blocks) {
      const last = runs.at(-1);
      if (last && block === last[1]) last[1] = block + 1;
      else runs.push([block, block + 1]);
    }
    const queue = runs.values();
    const work = async () => {
      for (const [from, to] of queue) await this.#fetch(reader, from, to, signal);
    };
    // whoever sends all of it sends it in one go
    await Promise.all(Array.from({ length: reader.ranged ? Math.min(PARALLEL, runs.length) : 1 }, work));
  }

  /** Sees to it that the tower has the rows of some texts. @param {Iterable<number>} ids @param {Watch} [watch] */
  async need(ids, watch = {}) {
    const missing = this.table.missing(ids).filter(id => id < this.table.rows);
    if (!missing.length) return;
    const blocks = [...new Set(missing.map(id => Math.floor(id / this.block)))];
    try {
      const rest = await this.#recall(blocks);
      if (rest.length && !(await this.#reader(watch.signal)).ranged) return await this.all(watch);
      await this.#get(rest, watch.signal);
    } catch (error) {
      if (!(error instanceof ClipError) || error.code !== 'network') throw error;
      const some = missing.length === 1 ? 'a token' : `${missing.length} tokens`;
      throw new ClipError(
        'not-fetched',
        `These texts have ${some} whose rows of ${this.name} were never fetched, and now cannot be: ${error.message}`,
        error,
      );
    }
  }

  /** Fetches some of what is not there. @param {AbortSignal} [signal] @returns {Promise<number>} rows that are there from the first on; all
   *  of them at the end */
  async some(signal) {
    throwIfAborted(signal);
    while (this.next < this.blocks) {
      const blocks = this.#absent(Array.from({ length: Math.min(RUN, this.blocks - this.next) }, (_, i) => this.next + i));
      await this.#get(await this.#recall(blocks), signal);
      this.next = Math.min(this.next + RUN, this.blocks);
      if (blocks.length) break;
    }
    return Math.min(this.next * this.block, this.table.rows);
  }

  /** Fetches all that is not there. @param {Watch} [watch] */
  async all({ signal, onProgress } = {}) {
    const { rows, rowBytes } = this.table;
    for (let there = 0; there < rows; ) {
      there = await this.some(signal);
      onProgress?.({ phase: 'download', file: this.name, loaded: there * rowBytes, total: rows * rowBytes });
    }
  }
}
