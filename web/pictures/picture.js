/**
 * From what a picture is given as to the crop that a model sees, on the worker's side.
 *
 * The room pictures/: what callers hand in as a picture, as far as pixels. It may use engine/.
 *
 * The core decodes JPEG, PNG, BMP, GIF, PSD and PNM itself, everywhere alike. Other formats are decoded by the browser, or by sharp
 * in Node (decoders.js, sharp.js), but resized by the core: canvases do not resize as CLIP was trained.
 */
import { ClipError, throwIfAborted } from '../error.js';
import { roomFor, tooLarge } from '../engine/pictures.js';
import { bitmapPixels, decodeElsewhere } from './decoders.js';

/** @typedef {import('../engine/engine.js').Engine} Engine */
/**
 * A picture as it travels to the worker, under the name that messages give it.
 * @typedef {{ label: string } & ({ bytes: Uint8Array } | { blob: Blob } | { url: string } | { bitmap: ImageBitmap }
 *   | { pixels: { data: Uint8Array | Uint8ClampedArray, width: number, height: number } })} Picture
 */

/** @typedef {import('../engine/pictures.js').Bounds} Bounds */

const MAX_BYTES = 512 << 20;
/** Bytes a pixel where somebody else decodes: its own, and the copies on the way to the core's. */
const ELSEWHERE_BYTES = 12;
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
  const tooLong = (/** @type {number} */ length) => {
    if (length > MAX_BYTES) throw new ClipError('bad-image-size', `${label} has more than ${MAX_BYTES} bytes.`);
  };
  tooLong(Number(response.headers.get('content-length')));
  const reader = response.body?.getReader();
  /** @type {Uint8Array[]} */
  const pieces = [];
  let length = 0;
  try {
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      tooLong((length += part.value.length));
      pieces.push(part.value);
    }
  } catch (error) {
    throwIfAborted(signal);
    if (error instanceof ClipError) throw error;
    throw new ClipError('network', `${label} broke off: ${/** @type {Error} */ (error).message}`, error);
  } finally {
    reader?.cancel().catch(() => {});
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Pixels that somebody else decoded. @param {Engine} engine @param {import('../engine/pictures.js').Pixels} pixels
 *  @param {import('../engine/pictures.js').Crop} crop @param {string} label */
const cropPixels = async (engine, pixels, crop, label) => engine.picturesFor(pixels.data.length).cropPixels(pixels, crop, label);

/** @param {Engine} engine @param {Uint8Array} bytes @param {import('../engine/pictures.js').Crop} crop @param {string} label @param {Bounds} bounds */
async function cropBytes(engine, bytes, crop, label, bounds) {
  const { memory } = await engine.picturesFor(bytes.length).probe(bytes, label, bounds);
  return engine.picturesFor(bytes.length + memory).crop(bytes, crop, label, bounds);
}

/** What a broken file's header says; nothing where that is broken, too: then it is up to others' headers. @param {Engine} engine
 *  @param {Uint8Array} bytes */
async function probed(engine, bytes) {
  try {
    return await engine.picturesFor(bytes.length).probe(bytes);
  } catch {
    return { width: 0, height: 0 };
  }
}

/**
 * @param {Engine} engine @param {Picture} picture @param {import('../engine/pictures.js').Crop} crop @param {AbortSignal} [signal]
 * @param {import('./decoders.js').Decode} [decode] what the core does not read @param {Bounds} [bounds]
 * @returns {Promise<Uint8Array>} (size, size, 3)
 */
export async function cropOf(engine, picture, crop, signal, decode = decodeElsewhere, bounds = {}) {
  const { label } = picture;
  const { pixels: most = 1 << 28, memory: room = Number.POSITIVE_INFINITY } = bounds;
  /** @param {number} width @param {number} height @param {number} each bytes a pixel */
  const bound = (width, height, each) => {
    if (width * height > most) throw tooLarge(label, { width, height, memory: 0 }, 0, bounds);
    const memory = width * height * each;
    if (memory > room)
      throw new ClipError('bad-image-size', `${label} has ${width}x${height} pixels, ${memory} bytes; at most ${room} are taken.`);
  };
  if ('pixels' in picture) {
    const { width, height, data } = picture.pixels;
    bound(width, height, data.length / (width * height));
    return cropPixels(engine, picture.pixels, crop, label);
  }
  if ('bitmap' in picture) {
    const { bitmap } = picture;
    try {
      bound(bitmap.width, bitmap.height, ELSEWHERE_BYTES);
      return await cropPixels(engine, await bitmapPixels(bitmap, label), crop, label);
    } finally {
      bitmap.close();
    }
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
    return await cropBytes(engine, bytes, crop, label, bounds);
  } catch (error) {
    if (!(error instanceof ClipError) || !ELSEWHERE.includes(error.code)) throw error;
    /** @type {import('./decoders.js').Check} */
    const check = (width, height) => {
      const memory = width * height * ELSEWHERE_BYTES;
      if (width * height <= most && memory + bytes.length <= roomFor(bytes.length, bounds)) return;
      throw tooLarge(label, { width, height, memory }, bytes.length, bounds);
    };
    if (error.code === 'bad-image') {
      // the core knows the format, so that its header tells
      const { width, height } = await probed(engine, bytes);
      check(width, height);
    }
    return cropPixels(engine, await decode(bytes, label, error, check), crop, label);
  }
}
