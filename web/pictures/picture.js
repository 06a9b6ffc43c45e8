/**
 * From what a picture is given as to the crop that a model sees, on the worker's side.
 *
 * The room pictures/: what callers hand in as a picture, as far as pixels. It may use engine/.
 *
 * The core decodes JPEG, PNG, BMP, GIF, PSD and PNM itself, everywhere alike. Other formats are decoded by the browser, or by sharp
 * in Node (decoders.js, sharp.js), but resized by the core: canvases do not resize as CLIP was trained.
 */
import { ClipError, throwIfAborted } from '../error.js';
import { bitmapPixels, decodeElsewhere } from './decoders.js';

/** @typedef {import('../engine/engine.js').Engine} Engine */
/**
 * A picture as it travels to the worker, under the name that messages give it.
 * @typedef {{ label: string } & ({ bytes: Uint8Array } | { blob: Blob } | { url: string } | { bitmap: ImageBitmap }
 *   | { pixels: { data: Uint8Array | Uint8ClampedArray, width: number, height: number } })} Picture
 */

const MAX_BYTES = 512 << 20;
/** What somebody else may know how to read. */
const ELSEWHERE = ['unknown-image-format', 'bad-image'];

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

/**
 * @param {Engine} engine @param {Picture} picture @param {import('../engine/engine.js').Crop} crop @param {AbortSignal} [signal]
 * @param {import('./decoders.js').Decode} [decode] what the core does not read @returns {Promise<Uint8Array>} (size, size, 3)
 */
export async function cropOf(engine, picture, crop, signal, decode = decodeElsewhere) {
  const { label } = picture;
  if ('pixels' in picture) return engine.cropPixels(picture.pixels, crop, label);
  if ('bitmap' in picture) {
    const pixels = await bitmapPixels(picture.bitmap, label);
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
    if (!(error instanceof ClipError) || !ELSEWHERE.includes(error.code)) throw error;
    return engine.cropPixels(await decode(bytes, label, error), crop, label);
  }
}
