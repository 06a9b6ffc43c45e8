/**
 * Embeddings of photos in a file that only grows, so that it can be killed at any moment: what is broken at its end was the last
 * write, and is written again.
 *
 *     record   length of the rest but the checksum (u32), length of the JSON (u32), JSON, embedding (f32 each), CRC-32 of all that (u32)
 *     first    { format, version, model, width }, without an embedding
 *     others   { photo, size, time } of what was embedded; { photo, size, time, error } of what cannot be, without an embedding; or { gone }
 *              for a photo that is forgotten. The last one of a photo counts
 *
 * All numbers are little-endian.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { ClipError } from '../error.js';
import { crc32 } from './crc32.js';

const FORMAT = 'clip-wasm embeddings';
const VERSION = 1;
const PIECE = 8 << 20;
/** Photos are forgotten by writing so; past this share of them the file is written anew. */
const MOST_GONE = 0.5;

/** What tells whether a photo has changed since. @typedef {{ size: number, time: number }} Stamp */
/** @typedef {Stamp & { at: number, error?: string }} Entry at: where in the file the embedding is */

/** @param {string} path @returns {Stamp | null} of a file; null where there is none */
export function stampOf(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() ? { size: stat.size, time: Math.floor(stat.mtimeMs) } : null;
}

/** @param {any} json @param {Float32Array} [embedding] */
function record(json, embedding) {
  const text = Buffer.from(JSON.stringify(json));
  const numbers = embedding ? Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength) : Buffer.alloc(0);
  const bytes = Buffer.alloc(8 + text.length + numbers.length + 4);
  bytes.writeUInt32LE(4 + text.length + numbers.length, 0);
  bytes.writeUInt32LE(text.length, 4);
  text.copy(bytes, 8);
  numbers.copy(bytes, 8 + text.length);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  return { bytes, at: 8 + text.length };
}

/** What tells a process from another one of the same number, now or after a restart. @param {number} pid */
function processOf(pid) {
  try {
    const start = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[19];
    return `${pid} ${start} ${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${hostname()}`;
  } catch {
    return `${pid}  ${hostname()}`; // not a Linux, or gone
  }
}

/** Whether the process that wrote this is alive. @param {string} text */
function lives(text) {
  const pid = parseInt(text, 10);
  if (!pid || processOf(pid) !== text) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/** Makes `path`.lock, which says who writes; false where somebody else does. @param {string} path */
function lock(path) {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(`${path}.lock`, processOf(process.pid), { flag: 'wx' });
      return true;
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
      if (lives(readFileSync(`${path}.lock`, 'utf8'))) return false;
      rmSync(`${path}.lock`, { force: true }); // it was killed
    }
  }
  return false;
}

export class Kept {
  /** @type {Map<string, Entry>} */
  entries = new Map();
  #records = 0;
  #end = 0;
  #file = -1;

  /**
   * Opens a file, or begins one; one of another model is begun anew.
   * @param {string} path @param {string} model what tells models apart @param {boolean} [anew] whether to forget what is there
   * @returns {Kept}
   */
  static open(path, model, anew = false) {
    mkdirSync(dirname(path), { recursive: true });
    const kept = new Kept(path, model);
    kept.#open(anew);
    return kept;
  }

  /** Use open. @param {string} path @param {string} model */
  constructor(path, model) {
    this.path = path;
    this.model = model;
    /** Numbers in an embedding; 0 before there is one. */
    this.width = 0;
    /** Whether this process may write. */
    this.writable = false;
  }

  /** @param {boolean} anew */
  #open(anew) {
    this.writable = lock(this.path);
    if (!this.writable && !existsSync(this.path)) {
      throw new ClipError('bad-argument', `${this.path} is just being made by another process.`);
    }
    this.#file = openSync(this.path, this.writable ? (existsSync(this.path) ? 'r+' : 'w+') : 'r');
    try {
      if (!anew) this.#scan();
      if (!this.writable) return;
      ftruncateSync(this.#file, this.#end);
      const { size } = this.entries;
      if (this.#end === 0) this.#append(record({ format: FORMAT, version: VERSION, model: this.model, width: 0 }));
      else if (this.#records > 1000 && size < this.#records * (1 - MOST_GONE)) this.#rewrite();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Reads all sound records. */
  #scan() {
    let buffer = Buffer.alloc(0);
    let start = 0; // of the buffer in the file
    let first = true;
    for (;;) {
      const more = Buffer.alloc(PIECE);
      const count = readSync(this.#file, more, 0, PIECE, start + buffer.length);
      buffer = Buffer.concat([buffer, more.subarray(0, count)]);
      let at = 0;
      while (buffer.length - at >= 12) {
        const length = buffer.readUInt32LE(at);
        if (length > PIECE / 2) return;
        if (buffer.length - at < length + 8) break;
        const whole = buffer.subarray(at, at + 4 + length);
        const text = whole.length >= 8 ? whole.readUInt32LE(4) : Infinity;
        if (text > length - 4 || crc32(whole) !== buffer.readUInt32LE(at + 4 + length)) return;
        const json = JSON.parse(whole.subarray(8, 8 + text).toString());
        if (first && (json.format !== FORMAT || json.version !== VERSION || json.model !== this.model)) return;
        if (!first) this.#take(json, start + at + 8 + text, (length - 4 - text) / 4);
        first = false;
        at += length + 8;
        this.#end = start + at;
      }
      if (count < PIECE) return;
      start += at;
      buffer = buffer.subarray(at);
    }
  }

  /** @param {any} json @param {number} at @param {number} width */
  #take(json, at, width) {
    this.#records++;
    if (json.gone !== undefined) {
      this.entries.delete(json.gone);
    } else {
      const { photo, size, time, error } = json;
      if (error === undefined) this.width = width;
      this.entries.set(photo, { size, time, at, error });
    }
  }

  /** @param {{ bytes: Buffer }} record */
  #append({ bytes }) {
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done, bytes.length - done, this.#end + done);
    this.#end += bytes.length;
  }

  /** Leaves out what no longer counts; the old file stays until the new one is whole. */
  #rewrite() {
    const made = new Kept(`${this.path}.new`, this.model);
    made.#file = openSync(made.path, 'w+');
    made.#append(record({ format: FORMAT, version: VERSION, model: this.model, width: this.width }));
    for (const [photo, entry] of this.entries) {
      if (entry.error === undefined) made.put(photo, entry, this.embedding(photo));
      else made.putError(photo, entry, entry.error);
    }
    fsyncSync(made.#file);
    closeSync(this.#file);
    renameSync(made.path, this.path);
    this.#file = made.#file;
    this.#end = made.#end;
    this.#records = made.#records;
    this.entries = made.entries;
  }

  /** Photos whose embeddings are here. */
  get photos() {
    return [...this.entries].filter(([, { error }]) => error === undefined).map(([photo]) => photo);
  }

  /** Whether what is here of a photo is of what it is now. @param {string} photo @param {Stamp} stamp */
  has(photo, { size, time }) {
    const entry = this.entries.get(photo);
    return entry?.size === size && entry.time === time;
  }

  /** @param {string} photo @param {Stamp} stamp @param {Float32Array} embedding */
  put(photo, { size, time }, embedding) {
    const made = record({ photo, size, time }, embedding);
    const start = this.#end;
    this.#append(made);
    this.#take({ photo, size, time }, start + made.at, embedding.length);
  }

  /** That a photo cannot be embedded. @param {string} photo @param {Stamp} stamp @param {string} error */
  putError(photo, { size, time }, error) {
    this.#append(record({ photo, size, time, error }));
    this.#take({ photo, size, time, error }, -1, 0);
  }

  /** @param {string} photo */
  forget(photo) {
    this.#append(record({ gone: photo }));
    this.#records++;
    this.entries.delete(photo);
  }

  /** @param {string} photo one of `photos` @returns {Float32Array} */
  embedding(photo) {
    const { at } = /** @type {Entry} */ (this.entries.get(photo));
    const values = new Float32Array(this.width);
    readSync(this.#file, new Uint8Array(values.buffer), 0, values.byteLength, at);
    return values;
  }

  close() {
    if (this.#file >= 0) closeSync(this.#file);
    this.#file = -1;
    if (this.writable) rmSync(`${this.path}.lock`, { force: true });
    this.writable = false;
  }
}
