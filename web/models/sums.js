/**
 * What a caller knows of a model's files before they come: the sha256 of its description (option `integrity`), which has all other sums, or
 * of each file of a foreign form (option `sha256`), also as a hub lists them. Then nothing else is taken: a file without a sum, or with
 * another, is the error `wrong-sum`.
 */
import { ClipError } from '../error.js';
import { sumOfText } from './sum.js';

/** `sha256`: 'hub' or the sums by the files' names. @typedef {{ integrity?: string, sha256?: 'hub' | Record<string, string> }} Known */
/** What a hub's listing says of a file: the sha256 of large ones, git's sum of others. @typedef {{ sha256?: string, git?: string }} Sum */

/** SHA-256 (FIPS 180-4) of what comes in pieces, which the platform's does not do. */
export class Sha256 {
  constructor() {
    this.state = Uint32Array.of(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19);
    this.block = new Uint8Array(64);
    this.words = new Int32Array(64);
    this.length = 0;
  }

  /** @param {Uint8Array} bytes */
  update(bytes) {
    let used = this.length % 64;
    this.length += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + 64 - used);
      this.block.set(part, used);
      at += part.length;
      used += part.length;
      if (used < 64) break;
      this.#mix();
      used = 0;
    }
    return this;
  }

  #mix() {
    const { state, words: w, block } = this;
    const view = new DataView(block.buffer);
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(4 * i);
    for (let i = 16; i < 64; i++) {
      const a = w[i - 15];
      const b = w[i - 2];
      const s0 = ((a >>> 7) | (a << 25)) ^ ((a >>> 18) | (a << 14)) ^ (a >>> 3);
      const s1 = ((b >>> 17) | (b << 15)) ^ ((b >>> 19) | (b << 13)) ^ (b >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUNDS[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => (state[i] += word));
  }

  /** 64 hexadecimal digits; no more can come. */
  hex() {
    const { length } = this;
    const rest = new Uint8Array(length % 64 < 56 ? 64 - (length % 64) : 128 - (length % 64));
    rest[0] = 0x80;
    const view = new DataView(rest.buffer);
    view.setUint32(rest.length - 8, Math.floor(length / 2 ** 29));
    view.setUint32(rest.length - 4, length << 3);
    this.update(rest);
    return Array.from(this.state, word => word.toString(16).padStart(8, '0')).join('');
  }
}

/** Fractions of the cube roots of the first 64 primes. */
const ROUNDS = Int32Array.from(
  Array.from({ length: 310 }, (_, i) => i + 2).filter(n => Array.from({ length: n - 2 }, (_, i) => i + 2).every(m => n % m)),
  prime => fraction(prime),
);

/** 32 bits of a cube root's fraction, in whole numbers: a double has not enough. @param {number} prime */
function fraction(prime) {
  const scaled = BigInt(prime) << 96n;
  let low = 0n;
  for (let high = 1n << 40n; high - low > 1n; ) {
    const middle = (low + high) >> 1n;
    if (middle ** 3n <= scaled) low = middle;
    else high = middle;
  }
  return Number(low & 0xffffffffn);
}

export class Sums {
  /** @param {Known} known as api/sums.js answers it @param {string} id of the model, for messages
   *  @param {(signal?: AbortSignal) => Promise<Map<string, Sum> | null>} list what the hub says */
  constructor({ integrity, sha256 }, id, list) {
    this.integrity = integrity;
    this.id = id;
    this.list = list;
    /** @type {Map<string, Sum> | null} */
    this.known = typeof sha256 === 'object' ? new Map(Object.entries(sha256).map(([name, sum]) => [name, { sha256: sum }])) : null;
    /** What tells models that are kept under these sums from others. */
    this.key = integrity?.slice(0, 16) ?? (this.known ? sumOfText(JSON.stringify([...this.known].sort())) : 'hub');
  }

  /** The sum that a file must have; null where others tell: chunks have theirs in the description. @param {string} name @param {AbortSignal} [signal] @returns {Promise<Sum | null>} */
  async of(name, signal) {
    if (this.integrity) return name === 'clip.json' ? { sha256: this.integrity } : null;
    this.known ??= await this.list(signal);
    if (!this.known) throw new ClipError('wrong-sum', `${this.id}: the hub does not say what sums its files have.`);
    const sum = this.known.get(name);
    if (!sum?.sha256 && !sum?.git) throw new ClipError('wrong-sum', `${this.id}: there is no sum to check ${name} with.`);
    return sum;
  }

  /** Throws where a file is another than it should be, or is not there though it should be. @param {string} name @param {Uint8Array | null} bytes
   *  @param {AbortSignal} [signal] */
  async check(name, bytes, signal) {
    if (bytes === null) {
      if (this.integrity ? name !== 'clip.json' : !(this.known ?? (await this.list(signal)))?.has(name)) return;
      throw new ClipError('wrong-sum', `${this.id} has no ${name}, of which a sum is known.`);
    }
    const sum = await this.of(name, signal);
    if (!sum) return;
    const found = sum.sha256 ? new Sha256().update(bytes).hex() : await gitSum(bytes);
    if (found !== (sum.sha256 ?? sum.git)) throw wrong(name, found);
  }
}

/** @param {string} name @param {string} found */
export const wrong = (name, found) => new ClipError('wrong-sum', `${name} is not the file that it should be: its sum is ${found}.`);

/** What git calls a file by. @param {Uint8Array} bytes */
async function gitSum(bytes) {
  if (!globalThis.crypto?.subtle) throw new ClipError('wrong-sum', 'A page that is not served securely cannot check a hub’s sums.');
  const head = new TextEncoder().encode(`blob ${bytes.length}\0`);
  const all = new Uint8Array(head.length + bytes.length);
  all.set(head);
  all.set(bytes, head.length);
  const digest = await crypto.subtle.digest('SHA-1', all);
  return Array.from(new Uint8Array(digest), byte => byte.toString(16).padStart(2, '0')).join('');
}
