/**
 * The readers' module, clip-readers.wasm: files of other forms, and tokenizers of other kinds than CLIP's own. It is fetched when a model
 * first needs it, and has a memory of its own; see src/readers.c.
 */
import { ClipError } from '../error.js';
import { Catalog } from './catalog.js';
import { Instance } from './instance.js';
import { STAGING, Tokenizer } from './tower.js';
import { compile } from './wasm.js';

/** @typedef {Parameters<typeof compile>[0]} Wasm */
/** The module, or what fetches it. @typedef {Wasm | (() => Wasm)} ReadersSource */

const UTF8 = new TextEncoder();

/** The kept form of a tokenizer (src/tokenizer/subwords.h) begins so; otherwise it is a text of merges. */
const KEPT = UTF8.encode('TKW1');

/** @param {Uint8Array} bytes */
export const isKept = bytes => KEPT.every((byte, i) => bytes[i] === byte);

/** Bytes of a kept form at most. */
const MOST = 256 << 20;

/** @param {Uint8Array} bytes */
export const isPacked = bytes => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** A tokenizer that travelled as gzip. @param {Uint8Array} bytes @returns {Promise<Uint8Array>} */
export async function unpacked(bytes) {
  const stream = new Blob([/** @type {BlobPart} */ (bytes)]).stream().pipeThrough(new DecompressionStream('gzip'));
  const reader = stream.getReader();
  /** @type {Uint8Array[]} */
  const pieces = [];
  let length = 0;
  try {
    for (let read; !(read = await reader.read()).done; pieces.push(read.value)) {
      length += read.value.length;
      if (length > MOST) throw new RangeError('it is too large');
    }
  } catch (error) {
    throw new ClipError('bad-tokenizer', `The tokenizer cannot be unpacked: ${/** @type {Error} */ (error).message}`, error);
  }
  const all = new Uint8Array(length);
  pieces.reduce((at, piece) => (all.set(piece, at), at + piece.length), 0);
  return all;
}

export class Readers {
  /** @param {ReadersSource | undefined} wasm */
  static async create(wasm) {
    if (!wasm)
      throw new ClipError(
        'bad-argument',
        'This model needs clip-readers.wasm of the package, which this entry does not bring along: say where it is, in the option readers.',
      );
    return new Readers(await Instance.create(await compile(typeof wasm === 'function' ? wasm() : wasm)));
  }

  /** Use create. @param {Instance} instance */
  constructor(instance) {
    this.instance = instance;
    this.cell = instance.malloc(16);
    this.staging = instance.malloc(STAGING);
  }

  /** Reads the indexes of files of other forms, see src/weights/catalog.h. */
  openCatalog() {
    const { instance, cell } = this;
    instance.run(() => 'catalog', 'catalog_create', cell);
    return new Catalog(this, instance.u32(cell, 1)[0]);
  }

  /** What turns a tokenizer.json into the form that openTokenizer takes. @param {{ clean?: number, pad?: string, left?: boolean }} [options]
   *  clean: what texts go through first, see src/tokenizer/tokenizer.h; pad: the token that fills texts up, where another file says
   *  that; left: in front @returns {TokenizerReader} */
  openTokenizerReader({ clean = 0, pad = '', left = false } = {}) {
    const { instance, cell } = this;
    instance.run(() => 'tokenizer', 'tokenizer_reader_create', cell, clean);
    const reader = new TokenizerReader(this, instance.u32(cell, 1)[0]);
    const bytes = UTF8.encode(pad).subarray(0, 65);
    instance.u8(this.staging, bytes.length).set(bytes);
    instance.run(() => 'pad_token', 'tokenizer_reader_set_padding', reader.handle, this.staging, bytes.length, Number(left));
    return reader;
  }

  /** @param {Uint8Array} kept what a TokenizerReader made @returns {Tokenizer} */
  openTokenizer(kept) {
    const { instance, cell } = this;
    return instance.scope(alloc => {
      const bytes = alloc(kept.length + 1);
      instance.u8(bytes, kept.length).set(kept);
      instance.run(() => 'tokenizer', 'tokenizer_open', cell, bytes, kept.length);
      return new Tokenizer(this, instance.u32(cell, 1)[0]);
    });
  }
}

/** Reads a tokenizer.json as it streams; see src/tokenizer/tokenizer.h. */
export class TokenizerReader {
  /** @param {Readers} engine @param {number} handle */
  constructor(engine, handle) {
    this.engine = engine;
    this.handle = handle;
  }

  /** @param {'tokenizer_reader_push' | 'tokenizer_reader_finish'} name @param {...number} args */
  #run(name, ...args) {
    const { instance } = this.engine;
    const what = () => {
      const detail = instance.string(instance.call('tokenizer_reader_detail', this.handle));
      return `tokenizer.json${detail && ` (${detail})`}`;
    };
    instance.run(what, /** @type {any} */ (name), this.handle, ...args);
  }

  /** @param {Uint8Array} bytes */
  push(bytes) {
    const { instance, staging } = this.engine;
    for (let at = 0; at < bytes.length; at += STAGING) {
      const part = bytes.subarray(at, at + STAGING);
      instance.u8(staging, part.length).set(part);
      this.#run('tokenizer_reader_push', staging, part.length);
    }
  }

  /** Ends the file; its kept form, for openTokenizer and openConverter. @returns {Uint8Array} */
  finish() {
    const { instance, cell } = this.engine;
    this.#run('tokenizer_reader_finish');
    const kept = instance.call('tokenizer_reader_kept', this.handle, cell);
    return instance.u8(kept, instance.u32(cell, 1)[0]).slice();
  }

  free() {
    if (this.handle && !this.engine.instance.crashed) this.engine.instance.call('tokenizer_reader_destroy', this.handle);
    this.handle = 0;
  }
}
