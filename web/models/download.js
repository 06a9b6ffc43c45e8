/**
 * Files in chunks: each is taken from the store where it is there, else from the network, checked against its sha256, and kept with a
 * quicker sum of its bytes, which is what is checked when it comes from the store.
 * What was kept is not fetched again, so a download that dies goes on where it stopped. A wrong chunk is fetched once more,
 * it alone, before that is an error.
 */
import { ClipError, throwIfAborted } from '../error.js';

/** @typedef {import('./sources/source.js').SourceFile} SourceFile */
/** Where chunks are kept, and the sum that tells whether they are still what they were.
 * @typedef {{ store: import('./store.js').Store, checksum: (bytes: Uint8Array) => number }} Keeper */
/** @typedef {{ phase: 'download' | 'load' | 'convert' | 'labels', file: string, loaded: number, total: number }} Progress */
/** @typedef {{ signal?: AbortSignal, onProgress?: (progress: Progress) => void }} Watch */

/**
 * What to read, and how its chunks are known.
 * @typedef {object} ChunkedFile
 * @property {string} name
 * @property {number} bytes
 * @property {number} chunk
 * @property {string[] | null} sha256 of each chunk, where known before
 * @property {(index: number) => string} key of a chunk in the store
 * @property {() => Promise<SourceFile>} open is called only when something must be fetched
 */

/** Hex sha256; null where the page's origin is not secure (http), which has no crypto.subtle. @param {Uint8Array} bytes */
export async function sha256(bytes) {
  if (!globalThis.crypto?.subtle) return null;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', /** @type {BufferSource} */ (bytes)));
  return Array.from(digest, byte => byte.toString(16).padStart(2, '0')).join('');
}

/** Calls at most ten times a second, and at each change of phase or file, and at the end. @param {Watch['onProgress']} onProgress */
export function throttled(onProgress) {
  let last = 0;
  let topic = '';
  return (/** @type {Progress} */ progress) => {
    const now = performance.now();
    const same = topic === progress.phase + progress.file;
    if (same && now - last < 100 && progress.loaded < progress.total) return;
    topic = progress.phase + progress.file;
    last = now;
    onProgress?.(progress);
  };
}

/** A chunk that was made here is not there any more, and cannot be had elsewhere. */
export class Lost extends Error {}

/** So many stored chunks are read ahead. */
const AHEAD = 2;

export class Chunks {
  /**
   * @param {ChunkedFile} file @param {Keeper | null} keeper
   * @param {Watch & { onUnstored?: (error: unknown) => void }} [watch]
   */
  constructor(file, keeper, { signal, onProgress, onUnstored } = {}) {
    this.file = file;
    this.keeper = keeper;
    this.signal = signal;
    this.report = throttled(onProgress);
    this.onUnstored = onUnstored;
    this.count = Math.ceil(file.bytes / file.chunk);
    /** Chunks that the store is being asked for ahead of time: the disk works beside the reader.
     *  @type {Map<number, Promise<Uint8Array | null>>} */
    this.ahead = new Map();
    /** The chunk that was asked for last: many small tensors lie in one. @type {{ index: number, bytes: Uint8Array } | null} */
    this.current = null;
    /** @type {boolean[] | null} */
    this.stored = null;
    /** @type {SourceFile | null} */
    this.source = null;
    /** The network's stream and the chunk it comes to next. @type {{ pieces: AsyncIterator<Uint8Array>, index: number, end: number } | null} */
    this.run = null;
    /** Of the piece that reached over a chunk's end. @type {Uint8Array} */
    this.rest = new Uint8Array(0);
  }

  /** @param {number} index */
  #size(index) {
    return Math.min(this.file.chunk, this.file.bytes - index * this.file.chunk);
  }

  /** Chunk `index`, checked. `last`: up to which chunk the next ones will be asked for, one after the other. @param {number} index
   *  @param {number} [last] @returns {Promise<Uint8Array>} */
  async get(index, last = this.count - 1) {
    throwIfAborted(this.signal);
    if (this.current?.index !== index) {
      this.current = null;
      this.current = { index, bytes: await this.#find(index, this.file.sha256 ? this.count - 1 : last) };
    }
    return this.current.bytes;
  }

  /** @param {number} index @param {number} last @returns {Promise<Uint8Array>} */
  async #find(index, last) {
    const { keeper, file } = this;
    this.stored ??= keeper ? await keeper.store.hasChunks(Array.from({ length: this.count }, (_, i) => file.key(i))).catch(() => []) : [];
    if (keeper && this.stored[index]) {
      const found = this.ahead.get(index) ?? this.#kept(keeper, index);
      this.ahead.delete(index);
      for (let next = index + 1; next <= Math.min(index + AHEAD, last); next++) {
        if (this.stored[next] && !this.ahead.has(next)) this.ahead.set(next, this.#kept(keeper, next));
      }
      const bytes = await found;
      if (bytes) {
        this.#advance('load', index, bytes.length);
        return bytes;
      }
      this.stored[index] = false; // lost or changed on the disk: fetch it again
    }
    let bytes = await this.#next(index, last);
    if (!(await this.#isRight(index, bytes))) {
      await this.#stop();
      bytes = await this.#next(index, index);
      if (!(await this.#isRight(index, bytes))) {
        const from = index * file.chunk;
        throw new ClipError('wrong-chunk', `${file.name}: bytes ${from} to ${from + bytes.length} came twice with a wrong sha256.`);
      }
    }
    if (keeper) {
      try {
        await keeper.store.putChunk(file.key(index), bytes, keeper.checksum(bytes));
        this.stored[index] = true;
      } catch (error) {
        this.keeper = null; // full, or gone: go on without
        this.onUnstored?.(error);
      }
    }
    return bytes;
  }

  /** A stored chunk, if it is still what it was. @param {Keeper} keeper @param {number} index @returns {Promise<Uint8Array | null>} */
  async #kept({ store, checksum }, index) {
    const found = await store.getChunk(this.file.key(index)).catch(() => null);
    const isRight = found?.bytes.length === this.#size(index) && found.sum === checksum(found.bytes);
    return isRight ? found.bytes : null;
  }

  /** Whether every chunk is in the store now. */
  get complete() {
    return this.stored !== null && Array.from({ length: this.count }, (_, i) => this.stored?.[i]).every(Boolean);
  }

  /** @param {number} index @param {Uint8Array} bytes */
  async #isRight(index, bytes) {
    const expected = this.file.sha256?.[index];
    if (!expected) return true;
    const found = await sha256(bytes);
    return found === null || found === expected;
  }

  /** @param {Progress['phase']} phase @param {number} index @param {number} bytes of the chunk */
  #advance(phase, index, bytes) {
    this.report({ phase, file: this.file.name, loaded: index * this.file.chunk + bytes, total: this.file.bytes });
  }

  /** Chunk `index` from the network, whose stream goes on to the next stored chunk or `last`. @param {number} index @param {number} last */
  async #next(index, last) {
    if (this.run?.index !== index || this.run.end < index) {
      await this.#stop();
      let end = index;
      while (end < last && !this.stored?.[end + 1]) end++;
      this.source ??= await this.file.open();
      const pieces = this.source.stream(index * this.file.chunk, Math.min((end + 1) * this.file.chunk, this.file.bytes), this.signal);
      this.run = { pieces: pieces[Symbol.asyncIterator](), index, end };
    }
    const bytes = new Uint8Array(this.#size(index));
    for (let at = 0; at < bytes.length; ) {
      throwIfAborted(this.signal);
      if (!this.rest.length) {
        const { done, value } = await this.run.pieces.next();
        if (done) throw new ClipError('wrong-size', `${this.file.name} ended early.`);
        this.rest = value;
      }
      const part = this.rest.subarray(0, bytes.length - at);
      bytes.set(part, at);
      this.rest = this.rest.subarray(part.length);
      at += part.length;
      this.#advance('download', index, at);
    }
    this.run.index++;
    return bytes;
  }

  async #stop() {
    this.rest = new Uint8Array(0);
    const { run } = this;
    this.run = null;
    await run?.pieces.return?.();
  }

  /** Ends what is still open. */
  async close() {
    this.ahead.clear();
    await this.#stop();
    this.source?.close?.();
  }
}

/**
 * Gives a reader (a tower or a converter) the ranges that it wants.
 * @param {{ want: () => import('../engine/tower.js').Range | null, push: (bytes: Uint8Array) => void }} reader already opened
 * @param {Chunks} chunks
 * @param {() => void} [pushed] called after each chunk
 */
export async function feed(reader, chunks, pushed) {
  const { chunk, bytes } = chunks.file;
  try {
    for (let range; (range = reader.want()); ) {
      const index = Math.floor(range.offset / chunk);
      const end = Math.min(bytes, range.offset + range.length);
      if (range.offset >= bytes || !range.length) throw new ClipError('bad-file', `${chunks.file.name} is shorter than its header says.`);
      const data = await chunks.get(index, Math.ceil(end / chunk) - 1);
      const from = index * chunk;
      reader.push(data.subarray(range.offset - from, Math.min(end - from, data.length)));
      await pushed?.();
    }
  } finally {
    await chunks.close();
  }
}
