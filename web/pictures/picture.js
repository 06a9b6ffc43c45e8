/**
 * From what a picture is given as to the crop that a model sees, on the worker's side.
 *
 * The room pictures/: what callers hand in as a picture, as far as pixels. It may use engine/.
 *
 * The core decodes JPEG, PNG, BMP, GIF, PSD and PNM itself, everywhere alike. Other formats (WebP, AVIF) are the browser's, but
 * resized by the core: canvases do not resize as CLIP was trained, and would multiply transparent pixels by their alpha.
 */
import { ClipError, throwIfAborted } from '../error.js';

/** @typedef {import('../engine/engine.js').Engine} Engine */
/**
 * A picture as it travels to the worker, under the name that messages give it.
 * @typedef {{ label: string } & ({ bytes: Uint8Array } | { blob: Blob } | { url: string } | { bitmap: ImageBitmap }
 *   | { pixels: { data: Uint8Array | Uint8ClampedArray, width: number, height: number } })} Picture
 */

const MAX_BYTES = 512 << 20;

/** @param {string} url @param {string} label @param {AbortSignal} [signal] */
async function fetchBytes(url, label, signal) {
  let response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    throwIfAborted(signal);
    throw new ClipError('network', `${label} cannot be fetched: ${/** @type {Error} */ (error).message}`, error);
  }
  if (!response.ok) throw new ClipError('not-found', `${label} answered ${response.status}.`);
  if (/^\s*text\/html\b/i.test(response.headers.get('content-type') ?? '')) {
    throw new ClipError('unknown-image-format', `${label} answers with an HTML page instead of a picture.`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

/** EXIF orientation in a WebP file, which some browsers apply and some do not. @param {Uint8Array} bytes */
export function webpOrientation(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = (/** @type {number} */ at) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 16 || tag(0) !== 'RIFF' || tag(8) !== 'WEBP') return 1;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    if (tag(at) === 'EXIF') return tiffOrientation(bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length + (length & 1);
  }
  return 1;
}

/** @param {Uint8Array} exif with or without the leading "Exif\0\0" */
function tiffOrientation(exif) {
  if (exif[0] === 0x45) exif = exif.subarray(6);
  if (exif.length < 8) return 1;
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  const little = exif[0] === 0x49;
  const start = view.getUint32(4, little);
  if (start + 2 > exif.length) return 1;
  const entries = view.getUint16(start, little);
  for (let at = start + 2, i = 0; i < entries && at + 12 <= exif.length; i++, at += 12) {
    if (view.getUint16(at, little) !== 0x0112) continue;
    const value = view.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/** @param {ImageBitmap} bitmap @param {string} label */
export function bitmapPixels(bitmap, label) {
  const { width, height } = bitmap;
  if (!width || !height) throw new ClipError('bad-image-size', `${label} has no pixels (${width}x${height}).`);
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true, colorSpace: 'srgb' });
  if (!context) throw new ClipError('out-of-memory', `${label}: there is no room for a canvas of ${width}x${height}.`);
  context.drawImage(bitmap, 0, 0);
  try {
    return { data: context.getImageData(0, 0, width, height).data, width, height };
  } catch (error) {
    throw new ClipError('tainted-image', `${label} comes from another origin, which does not allow its pixels to be read.`, error);
  }
}

/** @param {Uint8Array} bytes @param {string} label */
async function decodeInBrowser(bytes, label) {
  if (typeof createImageBitmap !== 'function' || typeof OffscreenCanvas !== 'function') {
    throw new ClipError('unknown-image-format', `${label} is of a format that is only known in browsers, or not at all.`);
  }
  const orientation = webpOrientation(bytes);
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([/** @type {BlobPart} */ (bytes)]), {
      premultiplyAlpha: 'none',
      colorSpaceConversion: 'none',
      // what the file's EXIF says about a WebP is applied by us; AVIF's own rotation is part of its decoding
      imageOrientation: orientation === 1 ? 'from-image' : /** @type {ImageOrientation} */ ('none'),
    });
  } catch (error) {
    throw new ClipError('unknown-image-format', `${label} is not a picture that this browser can read.`, error);
  }
  try {
    return { ...bitmapPixels(bitmap, label), orientation };
  } finally {
    bitmap.close();
  }
}

/**
 * @param {Engine} engine @param {Picture} picture @param {import('../engine/engine.js').Crop} crop @param {AbortSignal} [signal]
 * @returns {Promise<Uint8Array>} (size, size, 3)
 */
export async function cropOf(engine, picture, crop, signal) {
  const { label } = picture;
  if ('pixels' in picture) return engine.cropPixels(picture.pixels, crop, label);
  if ('bitmap' in picture) {
    const pixels = bitmapPixels(picture.bitmap, label);
    picture.bitmap.close();
    return engine.cropPixels(pixels, crop, label);
  }
  /** @type {Uint8Array} */
  let bytes;
  if ('bytes' in picture) bytes = picture.bytes;
  else if ('url' in picture) bytes = await fetchBytes(picture.url, label, signal);
  else {
    if (picture.blob.size > MAX_BYTES) throw new ClipError('bad-image-size', `${label} has ${picture.blob.size} bytes.`);
    const read = picture.blob.arrayBuffer().catch((/** @type {Error} */ error) => {
      throw new ClipError('bad-image', `${label} can no longer be read: ${error.message}`, error); // deleted or changed meanwhile
    });
    bytes = new Uint8Array(await read);
  }
  if (!bytes.length) throw new ClipError('bad-image', `${label} is empty.`);
  throwIfAborted(signal);
  try {
    return engine.crop(bytes, crop, label);
  } catch (error) {
    if (!(error instanceof ClipError) || error.code !== 'unknown-image-format') throw error;
    return engine.cropPixels(await decodeInBrowser(bytes, label), crop, label);
  }
}
