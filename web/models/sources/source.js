/**
 * Where a model comes from. A source reads files by name; how is its own affair (http.js, files.js, folder.js).
 *
 * The base class turns the two operations that differ, `open` and what it answers, into the others.
 */
import { ClipError, throwIfAborted } from '../../error.js';
import { Sums } from '../sums.js';

/**
 * One file, readable in ranges.
 * @typedef {object} SourceFile
 * @property {number} bytes
 * @property {string} version tells one content of the file from another, as well as the source knows
 * @property {boolean} [ranged] of a server's: true once it answered with the range that it was asked for, false once it did not
 * @property {boolean} [fleeting] whether the source knows that only of what comes at one go
 * @property {(offset: number, end: number, signal?: AbortSignal) => AsyncIterable<Uint8Array>} stream bytes from offset up to end,
 *   in pieces of any size, each good until the next is asked for; ends early only by throwing
 * @property {() => void} [close] ends what is still being sent
 */

/** @typedef {{ signal?: AbortSignal, limit?: number }} ReadOptions limit: bytes at most */

/** What was read before and what is there now do not belong together. @param {string} what the file */
export const changed = what =>
  new ClipError('model-changed', `${what} has changed since the model was loaded: what is there now does not belong to it.`);

export class Source {
  /** @param {string} id where it is, for messages and as the cache's key @param {string} name short, for people */
  constructor(id, name) {
    this.id = id;
    this.name = name;
    /** Whether a file that was asked for turned out to be a web page. */
    this.sawHtml = false;
    /** Whether bytes are far away, so that keeping them is worth the room. */
    this.remote = false;
    /** Whether the manifest is asked for again even where the model is kept already. */
    this.revalidate = false;
    /** Whether one attempt must do: what is kept serves, if it fails. */
    this.brief = false;
    /** ms without a byte after which a request is given up. @type {number | undefined} */
    this.timeout = undefined;
    /** What was read of it, by name: what tells the content from another, or null where there was no such file. All that a model is
     *  made of must be of these versions. @type {Map<string, string | null>} */
    this.versions = new Map();
    /** What is known of its files before they come. @type {Sums | null} */
    this.sums = null;
  }

  /** Takes nothing but files with these sums. What is kept of the model is kept apart from what was not checked so.
   *  @param {import('../sums.js').Known} [known] */
  require(known) {
    if (!known) return this;
    this.sums = new Sums(known, this.id, signal => this.listSums(signal));
    this.id += `#${this.sums.key}`;
    return this;
  }

  /** The sums of all files, where the source can tell. @param {AbortSignal} [_signal] @returns {Promise<Map<string, import('../sums.js').Sum> | null>} */
  async listSums(_signal) {
    return null;
  }

  /** Whether all files are of one version, whatever happens to the model meanwhile: a hub's commit. */
  get isPinned() {
    return false;
  }

  /** Notes a version; throws where the file had another. @param {string} name @param {string | null} version @param {string} [what] for
   *  the message */
  note(name, version, what = name) {
    const known = this.versions.get(name);
    if (known !== undefined && known !== version) throw changed(`${this.id}: ${what}`);
    this.versions.set(name, version);
  }

  /**
   * @param {string} _name @param {{ signal?: AbortSignal, bytes?: number }} [_options] bytes: its size, where that is known
   * @returns {Promise<SourceFile | null>} null where there is no such file
   */
  async open(_name, _options) {
    return null;
  }

  /** The whole of a small file. @param {string} name @param {ReadOptions} [options] @returns {Promise<Uint8Array | null>} */
  async bytes(name, { signal, limit = 2 ** 30 } = {}) {
    const file = await this.open(name, { signal });
    if (!file) {
      await this.sums?.check(name, null, signal);
      return null;
    }
    if (file.bytes > limit) throw new ClipError('wrong-size', `${name} has ${file.bytes} bytes; at most ${limit} make sense.`);
    const all = new Uint8Array(file.bytes);
    let at = 0;
    for await (const piece of file.stream(0, file.bytes, signal)) {
      throwIfAborted(signal);
      all.set(piece, at);
      at += piece.length;
    }
    await this.sums?.check(name, all, signal);
    return all;
  }

  /** A file that is read in order, of which all is checked first where a sum of it is known. @param {string} name @param {ReadOptions} options
   *  @returns {Promise<SourceFile | null>} */
  async openChecked(name, options) {
    if (!this.sums) return this.open(name, options);
    const bytes = await this.bytes(name, options);
    if (!bytes) return null;
    const stream = async function* (/** @type {number} */ from, /** @type {number} */ to) {
      yield bytes.subarray(from, to);
    };
    return { bytes: bytes.length, version: '', stream };
  }

  /** @param {string} name @param {ReadOptions} [options] @returns {Promise<string | null>} */
  async text(name, options) {
    const bytes = await this.bytes(name, options);
    return bytes && new TextDecoder().decode(bytes);
  }

  /** The names of all files, with folders before them, where the source can tell. @param {AbortSignal} [_signal]
   *  @returns {Promise<Map<string, { bytes?: number, version?: string }> | null>} */
  async list(_signal) {
    return null;
  }

  /** The first of some files that exists. @param {string[]} names @param {AbortSignal} [signal] @returns {Promise<string | null>} */
  async first(names, signal) {
    for (const name of names) if (await this.open(name, { signal })) return name;
    return null;
  }
}

/** Pieces of a stream. Not every browser's streams are async iterable. @param {ReadableStream<Uint8Array>} stream @param {AbortSignal} [signal] */
export async function* pieces(stream, signal) {
  const reader = stream.getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  signal?.addEventListener('abort', cancel);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      throwIfAborted(signal);
      if (done) return;
      yield value;
    }
  } finally {
    signal?.removeEventListener('abort', cancel);
    cancel();
  }
}
