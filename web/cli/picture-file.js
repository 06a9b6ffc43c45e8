/** Writes RGB8 pictures: PPM, and PNG without compressing cleverly. */
import { deflateSync } from 'node:zlib';
import { crc32 } from './crc32.js';

/** @param {string} type @param {Uint8Array} data */
function pngChunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** @param {Uint8Array} rgb (size, size, 3) @param {number} size @param {string} name whose ending says the format */
export function writePicture(rgb, size, name) {
  if (/\.ppm$/i.test(name)) return Buffer.concat([Buffer.from(`P6\n${size} ${size}\n255\n`), rgb]);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.set([8, 2], 8); // 8 bits, RGB
  const rows = Buffer.alloc(size * (1 + size * 3));
  for (let y = 0; y < size; y++) rows.set(rgb.subarray(y * size * 3, (y + 1) * size * 3), y * (1 + size * 3) + 1);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, pngChunk('IHDR', header), pngChunk('IDAT', deflateSync(rows)), pngChunk('IEND', Buffer.alloc(0))]);
}
