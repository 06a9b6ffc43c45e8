/** Pictures whose files are small, less than 1 MB, and whose pixels are as many as a file of that size may have, or more: { name: bytes }. */
import { crc32, deflateSync } from 'node:zlib';

const big = (value, bytes) => Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** (bytes - 1 - i)) & 255);
const little = (value, bytes) => big(value, bytes).reverse();

// ---- PNG ----

/** CRC-32 of PNG's annex. (node:zlib has one since 20.15.) */
const table = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});
const crc = crc32 ?? (bytes => ~bytes.reduce((c, byte) => table[(c ^ byte) & 255] ^ (c >>> 8), -1) >>> 0);

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  return Buffer.concat([Buffer.from(big(data.length, 4)), body, Buffer.from(big(crc(body), 4))]);
}

/** Each row has the filter; bytes are zero, so that it compresses as well as deflate can. */
export function png(width, height, { bits = 8, colour = 6, filter = 4, interlaced = 0, extra = 0, before = [] } = {}) {
  const channels = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }[colour];
  const rows = [];
  const pass = (w, h) => w && h && rows.push([Math.ceil((w * channels * bits) / 8) + 1, h]);
  if (!interlaced) pass(width, height);
  else {
    const [left, top, across, down] = ['0402010', '0040201', '8844221', '8884422'].map(digits => [...digits].map(Number));
    for (let i = 0; i < 7; i++) pass(Math.ceil((width - left[i]) / across[i]), Math.ceil((height - top[i]) / down[i]));
  }
  const raw = Buffer.alloc(rows.reduce((sum, [stride, count]) => sum + stride * count, extra));
  let at = 0;
  for (const [stride, count] of rows) for (let y = 0; y < count; y++, at += stride) raw[at] = filter;
  const header = Buffer.from([...big(width, 4), ...big(height, 4), bits, colour, 0, 0, interlaced]);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    ...before,
    ...(colour === 3 ? [chunk('PLTE', Buffer.alloc(6, 99))] : []),
    chunk('IDAT', deflateSync(raw, { level: 9, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

// ---- JPEG ----

const segment = (marker, data) => Buffer.from([0xff, marker, ...big(data.length + 2, 2), ...data]);
/** A Huffman code whose symbols have one, two, three bits and so on. */
const code = (which, symbols) => segment(0xc4, [which, ...Array.from({ length: 16 }, (_, i) => Number(i < symbols.length)), ...symbols]);

/** A plain grey picture: each block of the only or first scan is `0` bits. Progressive ones have `scans` more, which change nothing. */
export function jpeg(width, height, { components = 1, factors = 0x11, progressive = false, scans = 0, refine = true, between = [] } = {}) {
  const across = factors >> 4;
  const down = factors & 15;
  const units = Math.ceil(width / (8 * across)) * Math.ceil(height / (8 * down));
  const blocks = units * (components === 1 ? 1 : across * down + components - 1);
  const alone = Math.ceil(width / 8) * Math.ceil(height / 8);
  const parts = [Buffer.from([0xff, 0xd8]), segment(0xdb, [0, ...Array(64).fill(1)]), code(0, [0]), code(0x10, [0, 0xe0]), ...between];
  const frame = Array.from({ length: components }, (_, k) => [k + 1, k === 0 && components > 1 ? factors : 0x11, 0]);
  parts.push(segment(progressive ? 0xc2 : 0xc0, [8, ...big(height, 2), ...big(width, 2), components, ...frame.flat()]));
  const all = frame.flatMap(([id]) => [id, 0]);
  parts.push(segment(0xda, [components, ...all, 0, progressive ? 0 : 63, 0]));
  parts.push(Buffer.alloc(Math.ceil((blocks * (progressive ? 1 : 2)) / 8) + 2));
  for (let i = 0; i < scans; i++) {
    parts.push(segment(0xda, [1, 1, 0, 1, 63, refine && i ? 0x10 : 0x01]));
    // "no more in the next 2^14 + n blocks": 10, and 14 bits, all ones but the last
    const runs = Math.ceil(alone / 32766);
    const bits = '1011111111111110'.repeat(runs);
    const bytes = (bits.match(/.{8}/g) ?? []).flatMap(byte => (byte === '11111111' ? [255, 0] : [parseInt(byte, 2)]));
    parts.push(Buffer.from([...bytes, 0, 0]));
  }
  parts.push(Buffer.from([0xff, 0xd9]));
  return Buffer.concat(parts);
}

// ---- GIF, BMP, PSD ----

/** One colour: each code of LZW is the string before and one pixel more, and the longest is used on. */
export function gif(width, height) {
  const bytes = [];
  let held = 0;
  let count = 0;
  const put = (value, size) => {
    held |= value << count;
    for (count += size; count >= 8; count -= 8, held >>>= 8) bytes.push(held & 255);
  };
  let size = 3;
  put(4, size);
  let left = width * height;
  let next = 6;
  put(0, size);
  left--;
  for (let length = 2; left > 0; ) {
    put(next < 4096 ? next : 4095, size);
    left -= length;
    if (next < 4096) {
      if (next + 1 === 1 << size && size < 12) size++;
      next++;
      if (next < 4096) length++;
    }
  }
  put(5, size);
  put(0, 8);
  const blocks = [];
  for (let at = 0; at < bytes.length; at += 255) blocks.push(Math.min(255, bytes.length - at), ...bytes.slice(at, at + 255));
  const head = Buffer.from('GIF89a', 'latin1');
  const screen = [...little(width, 2), ...little(height, 2), 0x81, 0, 0, ...Array(12).fill(77)];
  return Buffer.concat([
    head,
    Buffer.from([...screen, 0x2c, 0, 0, 0, 0, ...little(width, 2), ...little(height, 2), 0, 2]),
    Buffer.from([...blocks, 0, 0x3b]),
  ]);
}

/** Run lengths of 255 pixels. */
export function bmp(width, height) {
  const perRow = Math.ceil(width / 255);
  const row = Buffer.alloc(2 * perRow + 2);
  for (let i = 0; i < perRow; i++) row[2 * i] = Math.min(255, width - 255 * i);
  const data = Buffer.concat([...Array(height).fill(row), Buffer.from([0, 1])]);
  const header = [
    ...little(54 + 8, 4),
    ...little(40, 4),
    ...little(width, 4),
    ...little(height, 4),
    1,
    0,
    8,
    0,
    1,
    0,
    0,
    0,
    ...Array(12).fill(0),
  ];
  return Buffer.concat([
    Buffer.from('BM'),
    Buffer.alloc(8),
    Buffer.from([...header, 2, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0]),
    data,
  ]);
}

/** Runs of 128 samples. */
export function psd(width, height) {
  const packed = 2 * Math.ceil(width / 128);
  const counts = Buffer.alloc(2 * 3 * height);
  for (let i = 0; i < 3 * height; i++) counts.writeUInt16BE(packed, 2 * i);
  const row = Buffer.alloc(packed);
  for (let i = 0; i < packed; i += 2) row[i] = 129;
  const header = [0, 1, 0, 0, 0, 0, 0, 0, 0, 3, ...big(height, 4), ...big(width, 4), 0, 8, 0, 3, ...Array(12).fill(0), 0, 1];
  return Buffer.concat([Buffer.from('8BPS'), Buffer.from(header), counts, ...Array(3 * height).fill(row)]);
}

/** Filled up to a million bytes: what follows a picture is not looked at, but what it may take is measured by the file. @param {Buffer} bytes */
export const filled = bytes => Buffer.concat([bytes, Buffer.alloc(Math.max(0, 1_000_000 - bytes.length))]);

/** What is read, by name, once it is filled: as much as may be. @type {Record<string, () => Buffer>} */
export const MOST = {
  'JPEG, grey': () => jpeg(16000, 15600),
  'JPEG, 4:2:0': () => jpeg(13000, 12600, { components: 3, factors: 0x22 }),
  'JPEG, 4:4:4': () => jpeg(9200, 9000, { components: 3 }),
  'JPEG, three scans': () => jpeg(9300, 9300, { progressive: true, scans: 8, refine: false }),
  'JPEG, progressive 4:2:0': () => jpeg(7600, 7600, { components: 3, factors: 0x22, progressive: true, scans: 7 }),
  'JPEG, 66 scans': () => jpeg(3600, 3600, { progressive: true, scans: 66 }),
  'JPEG, tables': () => jpeg(64, 64, { between: Array(38_000).fill(code(0x11, [0, 1, 2, 3, 4])) }),
  'PNG, RGBA, Paeth': () => png(8192, 7900),
  'PNG, RGBA, average': () => png(8192, 7900, { filter: 3 }),
  'PNG, RGB': () => png(8900, 8900, { colour: 2 }),
  'PNG, grey': () => png(15500, 15500, { colour: 0 }),
  'PNG, grey and wide': () => png(65535, 3700, { colour: 0 }),
  'PNG, grey and tall': () => png(3700, 65535, { colour: 0 }),
  'PNG, two colours': () => png(16384, 16384, { bits: 1, colour: 3, filter: 0 }),
  'PNG, RGBA of 16 bits': () => png(5500, 5500, { bits: 16 }),
  'PNG, interlaced': () => png(7600, 7600, { interlaced: 1 }),
  'PNG, 900 MB too much': () => png(1, 1, { extra: 900_000_000 }),
  'PNG, chunks': () => png(8, 8, { before: Array(80_000).fill(chunk('tEXt', Buffer.alloc(0))) }),
  GIF: () => gif(16384, 15950),
  'BMP, run lengths': () => bmp(11000, 11000),
  PSD: () => psd(4500, 4500),
};

/** What is refused, since it would take more. @type {Record<string, () => Buffer>} */
export const TOO_MUCH = {
  'JPEG, grey, 268 megapixels': () => jpeg(16384, 16320),
  'JPEG, 4:4:4, progressive': () => jpeg(8000, 8000, { components: 3, progressive: true, scans: 1 }),
  'JPEG, 99 scans': () => jpeg(9000, 9000, { progressive: true, scans: 99 }),
  'PNG, RGBA, 268 megapixels': () => png(16384, 16384, { filter: 0 }),
  'GIF, 268 megapixels': () => gif(16384, 16380),
};
