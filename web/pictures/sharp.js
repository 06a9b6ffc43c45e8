/** In Node, pictures that the core does not read: by the package sharp, where it is installed. */
import { ClipError } from '../error.js';

/** @typedef {import('./decoders.js').Pixels} Pixels */

/** What begins a file of a kind that sharp may read. @type {[string, RegExp][]} */
const KINDS = [
  ['WebP', /^RIFF....WEBP/s],
  ['AVIF', /^....ftyp(avi[fs]|.{4,24}avi[fs])/s],
  ['HEIC', /^....ftyp(hei[cxms]|hev[cx]|mif1|msf1)/s],
  ['TIFF', /^(II[*+]|MM.[*+])/s],
  ['JPEG XL', /^(ÿ\n|.{4}JXL )/s],
  ['JPEG 2000', /^.{4}jP {2}/s],
  ['SVG', /^\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<svg[\s>]/s],
];

/** @param {Uint8Array} bytes @returns {string | undefined} */
function kindOf(bytes) {
  const start = Array.from(bytes.subarray(0, 256), byte => String.fromCharCode(byte)).join('');
  return KINDS.find(([, pattern]) => pattern.test(start))?.[0];
}

/** @type {Promise<any> | undefined} */
let sharp;

/** @type {import('./decoders.js').Decode} */
export async function decodeBySharp(bytes, label, refusal, check) {
  const kind = kindOf(bytes);
  if (!kind) {
    if (refusal.code === 'bad-image') throw refusal;
    throw new ClipError('unknown-image-format', `${label} is not a picture of a known format.`);
  }
  const name = 'sharp'; // not seen by bundlers: it is Node's, and optional
  sharp ??= import(/* @vite-ignore */ /* webpackIgnore: true */ name).then(
    ({ default: made }) => made,
    () => null,
  );
  const make = await sharp;
  if (!make) {
    throw new ClipError('unknown-image-format', `${label} is ${kind}, which needs the optional package sharp (npm install sharp).`);
  }
  try {
    const options = { failOn: 'truncated', ignoreIcc: true, limitInputPixels: 1 << 28 };
    const { width, height } = await make(bytes, options).metadata();
    check(width, height);
    const { data, info } = await make(bytes, options)
      .rotate()
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const pixels =
      info.channels === 3 ? data : Uint8Array.from({ length: info.width * info.height * 3 }, (_, i) => data[Math.floor(i / 3)]);
    return { data: pixels, width: info.width, height: info.height };
  } catch (error) {
    if (error instanceof ClipError) throw error;
    const { message } = /** @type {Error} */ (error);
    const why = message.split('\n')[0].slice(0, 200);
    const known = !/unsupported|not built|no .*(decoder|loader|codec)/i.test(message);
    throw new ClipError(known ? 'bad-image' : 'unknown-image-format', `${label} is ${kind} that sharp cannot read: ${why}`, error);
  }
}
