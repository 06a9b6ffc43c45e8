// A baseline JPEG encoder (ITU-T T.81): three components at full resolution, the standard's example tables (Annex K).

// prettier-ignore
const ZIGZAG = [
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57,
  50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];
// prettier-ignore
const LUMA = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62, 18, 22,
  37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];
// prettier-ignore
const CHROMA = [
  17,
  18,
  24,
  47,
  99,
  99,
  99,
  99,
  18,
  21,
  26,
  66,
  99,
  99,
  99,
  99,
  24,
  26,
  56,
  99,
  99,
  99,
  99,
  99,
  47,
  66,
  99,
  99,
  99,
  99,
  99,
  99,
  ...Array(32).fill(99),
];

/** Huffman tables: how many codes have 1 to 16 bits, and the symbols in that order. */
const DC = { bits: [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], symbols: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] };
const AC = {
  bits: [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125],
  symbols: [
    ...Buffer.from(
      '01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a43' +
        '4445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2' +
        'b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa',
      'hex',
    ),
  ],
};

/** symbol -> [code, bits] */
function codesOf({ bits, symbols }) {
  const codes = [];
  let code = 0;
  let at = 0;
  bits.forEach((count, i) => {
    for (let k = 0; k < count; k++) codes[symbols[at++]] = [code++, i + 1];
    code <<= 1;
  });
  return codes;
}

const COSINES = Array.from(
  { length: 64 },
  (_, i) => Math.cos((((i & 7) * 2 + 1) * (i >> 3) * Math.PI) / 16) * (i < 8 ? Math.SQRT1_2 : 1) * 0.5,
);

/** Forward DCT of 8x8 samples: rows, then columns. */
function transform(block) {
  const half = new Float64Array(64);
  const out = new Float64Array(64);
  for (let y = 0; y < 8; y++)
    for (let u = 0; u < 8; u++) for (let x = 0; x < 8; x++) half[y * 8 + u] += block[y * 8 + x] * COSINES[u * 8 + x];
  for (let v = 0; v < 8; v++)
    for (let u = 0; u < 8; u++) for (let y = 0; y < 8; y++) out[v * 8 + u] += half[y * 8 + u] * COSINES[v * 8 + y];
  return out;
}

/** @param {Uint8Array} rgb (height, width, 3); both sizes multiples of 8 @param {number} width @param {number} height
 *  @param {number} quality 1 to 100, as libjpeg's @returns {Buffer} */
export function encodeJpeg(rgb, width, height, quality) {
  if (width % 8 || height % 8 || rgb.length !== width * height * 3) throw new RangeError('sizes are multiples of 8');
  const scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  const quantizers = [LUMA, CHROMA].map(table => table.map(q => Math.min(255, Math.max(1, Math.floor((q * scale + 50) / 100)))));
  const [dc, ac] = [codesOf(DC), codesOf(AC)];
  const out = [];
  let held = 0;
  let count = 0;
  const put = (value, bits) => {
    for (let i = bits - 1; i >= 0; i--) {
      held = (held << 1) | ((value >> i) & 1);
      if (++count === 8) {
        out.push(held);
        if (held === 0xff) out.push(0);
        held = count = 0;
      }
    }
  };
  /** A number's size in bits, and its bits as T.81 F.1.2.1 writes them. */
  const magnitude = value => {
    const bits = 32 - Math.clz32(Math.abs(value));
    return [bits, value < 0 ? value + (1 << bits) - 1 : value];
  };

  const planes = [0, 1, 2].map(() => new Float64Array(width * height));
  for (let i = 0; i < width * height; i++) {
    const [r, g, b] = rgb.subarray(3 * i, 3 * i + 3);
    planes[0][i] = 0.299 * r + 0.587 * g + 0.114 * b - 128;
    planes[1][i] = -0.168736 * r - 0.331264 * g + 0.5 * b;
    planes[2][i] = 0.5 * r - 0.418688 * g - 0.081312 * b;
  }
  const last = [0, 0, 0];
  const block = new Float64Array(64);
  for (let y = 0; y < height; y += 8) {
    for (let x = 0; x < width; x += 8) {
      planes.forEach((plane, p) => {
        for (let i = 0; i < 64; i++) block[i] = plane[(y + (i >> 3)) * width + x + (i & 7)];
        const frequencies = transform(block);
        const levels = ZIGZAG.map(i => Math.round(frequencies[i] / quantizers[p ? 1 : 0][i]));
        const [bits, value] = magnitude(levels[0] - last[p]);
        last[p] = levels[0];
        put(...dc[bits]);
        put(value, bits);
        let zeros = 0;
        const end = levels.findLastIndex(level => level !== 0);
        for (let i = 1; i <= end; i++) {
          if (levels[i] === 0) {
            zeros++;
            continue;
          }
          for (; zeros > 15; zeros -= 16) put(...ac[0xf0]);
          const [size, rest] = magnitude(levels[i]);
          put(...ac[(zeros << 4) | size]);
          put(rest, size);
          zeros = 0;
        }
        if (end < 63) put(...ac[0]);
      });
    }
  }
  put(0x7f, 7);

  const segment = (marker, bytes) => [0xff, marker, (bytes.length + 2) >> 8, (bytes.length + 2) & 255, ...bytes];
  return Buffer.from([
    0xff,
    0xd8,
    ...segment(0xe0, [...Buffer.from('JFIF\0'), 1, 1, 0, 0, 1, 0, 1, 0, 0]),
    ...quantizers.flatMap((table, i) => segment(0xdb, [i, ...ZIGZAG.map(at => table[at])])),
    ...segment(0xc0, [8, height >> 8, height & 255, width >> 8, width & 255, 3, 1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1]),
    ...segment(0xc4, [0x00, ...DC.bits, ...DC.symbols]),
    ...segment(0xc4, [0x10, ...AC.bits, ...AC.symbols]),
    ...segment(0xda, [3, 1, 0, 2, 0, 3, 0, 0, 63, 0]),
    ...out,
    0xff,
    0xd9,
  ]);
}
