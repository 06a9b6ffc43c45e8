/** CRC-32, as in PNG and zip. Node's own came with versions 20.15 and 22.2. */
import * as zlib from 'node:zlib';

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** @type {(bytes: Uint8Array) => number} */
export const crc32 =
  /** @type {any} */ (zlib).crc32 ?? (bytes => ~bytes.reduce((crc, byte) => TABLE[(crc ^ byte) & 255] ^ (crc >>> 8), -1) >>> 0);
