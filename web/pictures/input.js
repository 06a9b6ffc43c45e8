/** Pictures as people have them, to what travels to the worker (picture.js). Nothing is decoded here: the page stays free. */
import { ClipError } from '../error.js';

/** @typedef {import('./picture.js').Picture} Picture */
/**
 * @typedef {string | URL | Blob | Response | ArrayBuffer | ArrayBufferView | ImageData | ImageBitmap | HTMLImageElement
 *   | HTMLCanvasElement | OffscreenCanvas | HTMLVideoElement | VideoFrame} ImageInput a string is an address (in Node: or a path)
 */
/** @typedef {{ picture: Picture, transfer?: Transferable }} Prepared */

/** @param {any} input @param {string} type name of a class of the browser */
const isA = (input, type) =>
  typeof (/** @type {any} */ (globalThis)[type]) === 'function' && input instanceof /** @type {any} */ (globalThis)[type];

/** @type {ImageBitmapOptions} */
const AS_STORED = { premultiplyAlpha: 'none', colorSpaceConversion: 'none', imageOrientation: 'from-image' };

/** An address for messages: shortened, and without what follows a question mark, which may be a signature. @param {string} address */
function short(address) {
  const shown = address.replace(/[?#].*$/s, '');
  return shown.length > 100 ? `${shown.slice(0, 97)}…` : shown;
}

/** What is between % and two hexadecimal digits is a byte; a % before anything else is itself. @param {string} text @returns {Uint8Array} */
function percentDecoded(text) {
  const bytes = new TextEncoder().encode(text);
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const hex = bytes[at] === 0x25 ? String.fromCharCode(...bytes.subarray(at + 1, at + 3)) : '';
    const coded = /^[\da-f]{2}$/i.test(hex);
    bytes[length++] = coded ? parseInt(hex, 16) : bytes[at];
    if (coded) at += 2;
  }
  return bytes.subarray(0, length);
}

/**
 * The bytes of a data: address as fetch would give them (Fetch, "data: URL processor"). Not fetched, since a Content-Security-Policy
 * may forbid that.
 * @param {string} href @param {string} label
 */
export function bytesOfDataAddress(href, label) {
  const [, type, data] = /^data:([^,]*),(.*)$/is.exec(href.replace(/#.*$/s, '')) ?? [];
  if (data === undefined) throw new ClipError('bad-input', `${label} is a data: address without a comma.`);
  const bytes = percentDecoded(data);
  if (!/; *base64 *$/i.test(type)) return bytes;
  try {
    const text = Array.from({ length: Math.ceil(bytes.length / 8192) }, (_, i) =>
      String.fromCharCode(...bytes.subarray(i * 8192, (i + 1) * 8192)),
    );
    return Uint8Array.from(atob(text.join('')), c => c.charCodeAt(0));
  } catch (error) {
    throw new ClipError('bad-input', `${label} is a data: address whose base64 is malformed.`, error);
  }
}

/** @param {string} address @param {string} label @returns {Prepared} */
function fromAddress(address, label) {
  let url;
  try {
    url = new URL(address, globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch (error) {
    throw new ClipError('bad-input', `${label}: ${JSON.stringify(short(address))} is no address.`, error);
  }
  if (url.protocol !== 'data:') return { picture: { label: short(url.href), url: url.href } };
  return { picture: { label, bytes: bytesOfDataAddress(url.href, label) } };
}

/** @param {string} label @param {number} width @param {number} height */
function needPixels(label, width, height) {
  if (!(width > 0 && height > 0)) throw new ClipError('bad-image-size', `${label} has no pixels (${width}x${height}).`);
}

/** @param {ImageBitmapSource} source @param {string} label @returns {Promise<Prepared>} */
async function fromBitmapSource(source, label) {
  try {
    const bitmap = await createImageBitmap(source, AS_STORED);
    return { picture: { label, bitmap }, transfer: bitmap };
  } catch (error) {
    const { name, message } = /** @type {DOMException} */ (error);
    throw name === 'SecurityError'
      ? new ClipError('tainted-image', `${label} comes from another origin, which does not allow its pixels to be read.`, error)
      : new ClipError('bad-input', `${label} cannot be read: ${message}`, error);
  }
}

/** ImageData may hold floats, of which 1 is full brightness. @param {ArrayLike<number>} data @returns {Uint8ClampedArray} */
const eightBits = data => (data instanceof Uint8ClampedArray ? data : Uint8ClampedArray.from(data, value => value * 255));

/** @param {HTMLImageElement} image @param {string} label @returns {Promise<Prepared>} */
async function fromImage(image, label) {
  // the file's own bytes are better than what the browser would draw: they say how the camera was held, and keep what is transparent
  let address = image.currentSrc || image.src;
  if (!address && !image.srcset && !image.closest('picture')) throw new ClipError('bad-input', `${label} is an <img> without a source.`);
  if (!address) {
    await image.decode().catch(() => {}); // among several, the browser chooses once it loads it
    address = image.currentSrc;
  }
  if (!address || /^data:image\/svg/i.test(address) || /\.svg([?#]|$)/i.test(address)) return drawn(image, label);
  if (address.startsWith('data:')) return fromAddress(address, label);
  const { origin, protocol } = new URL(address, document.baseURI);
  if (protocol === 'blob:') {
    // it may be forbidden, or not be there any more though it is still shown
    const blob = await fetch(address).then(
      response => response.blob(),
      () => null,
    );
    return blob && blob.type !== 'image/svg+xml' ? { picture: { label, blob } } : drawn(image, label);
  }
  // the worker finds them in the browser's cache
  return origin === location.origin ? fromAddress(address, label) : drawn(image, label);
}

/** @param {HTMLImageElement} image @param {string} label */
async function drawn(image, label) {
  await image.decode().catch(error => {
    throw new ClipError('bad-input', `${label} could not be loaded by the page.`, error);
  });
  needPixels(label, image.naturalWidth, image.naturalHeight);
  return fromBitmapSource(image, label);
}

/**
 * @param {ImageInput} input @param {string} label for messages, where the input has no name of its own
 * @returns {Prepared | Promise<Prepared>}
 */
export function prepare(input, label) {
  if (typeof input === 'string') return fromAddress(input, label);
  if (input instanceof URL) return fromAddress(input.href, label);
  if (input instanceof ArrayBuffer) return { picture: { label, bytes: new Uint8Array(input) } };
  if (ArrayBuffer.isView(input)) return { picture: { label, bytes: new Uint8Array(input.buffer, input.byteOffset, input.byteLength) } };
  if (isA(input, 'Blob')) return { picture: { label: /** @type {File} */ (input).name || label, blob: /** @type {Blob} */ (input) } };
  if (isA(input, 'Response')) return fromResponse(/** @type {Response} */ (input), label);
  if (isA(input, 'ImageData')) {
    const { data, width, height } = /** @type {ImageData} */ (input);
    return { picture: { label, pixels: { data: eightBits(data), width, height } } };
  }
  if (isA(input, 'ImageBitmap')) {
    const bitmap = /** @type {ImageBitmap} */ (input);
    needPixels(label, bitmap.width, bitmap.height);
    return { picture: { label, bitmap } }; // not transferred: it stays the caller's
  }
  if (isA(input, 'HTMLImageElement')) return fromImage(/** @type {HTMLImageElement} */ (input), label);
  if (isA(input, 'HTMLCanvasElement') || isA(input, 'OffscreenCanvas')) {
    const canvas = /** @type {HTMLCanvasElement} */ (input);
    needPixels(label, canvas.width, canvas.height);
    return fromBitmapSource(canvas, label);
  }
  if (isA(input, 'HTMLVideoElement')) {
    const video = /** @type {HTMLVideoElement} */ (input);
    needPixels(`${label} (a <video> that shows nothing yet)`, video.videoWidth, video.videoHeight);
    return fromBitmapSource(video, label);
  }
  if (isA(input, 'VideoFrame')) return fromBitmapSource(/** @type {VideoFrame} */ (input), label);
  throw new ClipError('bad-input', `${label} is nothing that a picture can be read from.`);
}

/** @param {Response} response @param {string} label @returns {Promise<Prepared>} */
async function fromResponse(response, label) {
  const name = response.url ? short(response.url) : label;
  if (!response.ok) throw new ClipError('not-found', `${name} answered ${response.status}.`);
  return { picture: { label: name, blob: await response.blob() } };
}
