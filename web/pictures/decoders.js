/**
 * Pictures that the core does not read, by the browser. In Node sharp.js takes this file's place.
 *
 * Colours come out as they are stored, also where they are transparent: CLIP was trained on pictures whose alpha was dropped. 2D
 * canvases keep colours multiplied by alpha, so what is transparent is black there; they are used for opaque pictures alone.
 */
import { ClipError } from '../error.js';

/** @typedef {{ data: Uint8Array | Uint8ClampedArray, width: number, height: number, orientation?: number }} Pixels */

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

/** Pixels that a file of another format says it has, before anything is decoded: WebP's and AVIF's; 0x0 of what is not known here. @param {Uint8Array} bytes
 *  @returns {{ width: number, height: number }} */
export function declaredSize(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = (/** @type {number} */ at) => String.fromCharCode(...bytes.subarray(at, at + 4));
  let width = 0;
  let height = 0;
  const larger = (/** @type {number} */ w, /** @type {number} */ h) => {
    if (w * h > width * height) [width, height] = [w, h];
  };
  if (tag(0) === 'RIFF' && tag(8) === 'WEBP') {
    const u24 = (/** @type {number} */ at) => view.getUint16(at, true) | (bytes[at + 2] << 16);
    for (let at = 12; at + 18 <= bytes.length; ) {
      if (tag(at) === 'VP8X') larger(1 + u24(at + 12), 1 + u24(at + 15));
      if (tag(at) === 'VP8 ') larger(view.getUint16(at + 14, true) & 0x3fff, view.getUint16(at + 16, true) & 0x3fff);
      if (tag(at) === 'VP8L') larger(1 + (view.getUint32(at + 9, true) & 0x3fff), 1 + ((view.getUint32(at + 9, true) >> 14) & 0x3fff));
      const length = view.getUint32(at + 4, true);
      at += 8 + length + (length & 1);
    }
  } else if (tag(4) === 'ftyp') {
    // boxes of boxes, in all but the data: where it says "spatial extents", and the first entry of a track
    for (let box = 0, length = 0; box + 8 <= bytes.length; box += length) {
      length = view.getUint32(box) || bytes.length;
      if (length === 1 && box + 16 <= bytes.length) length = Number(view.getBigUint64(box + 8));
      const end = Math.min(box + Math.max(8, length), bytes.length);
      length = end - box;
      for (let at = box + 8; tag(box + 4) !== 'mdat' && at + 16 <= end; at++) {
        if (bytes[at] === 0x69 && tag(at) === 'ispe') larger(view.getUint32(at + 8), view.getUint32(at + 12));
        if (bytes[at] === 0x61 && at + 32 <= end && tag(at) === 'av01' && tag(at - 16) === 'stsd')
          larger(view.getUint16(at + 28), view.getUint16(at + 30));
      }
    }
  }
  return { width, height };
}

/** @param {Uint8Array | Uint8ClampedArray} rgba */
function isOpaque(rgba) {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] !== 255) return false;
  return true;
}

/** Whether colours are brighter than their alpha: then they were not multiplied by it. @param {Uint8Array} rgba */
function isUnmultiplied(rgba) {
  for (let i = 0; i < rgba.length; i += 4) {
    if (rgba[i] > rgba[i + 3] || rgba[i + 1] > rgba[i + 3] || rgba[i + 2] > rgba[i + 3]) return true;
  }
  return false;
}

/** @type {WebGLRenderingContext | null | undefined} */
let drawing;

/** Rows that are looked at at a time: so many bytes. */
const STRIP = 4 << 20;
const stripOf = (/** @type {number} */ width, /** @type {number} */ height) =>
  Math.min(height, Math.max(1, Math.floor(STRIP / (4 * width))));

/** Without the fourth byte. @param {Uint8Array | Uint8ClampedArray} rgba @param {Uint8Array} rgb @param {number} at in rgb */
function pack(rgba, rgb, at) {
  for (let i = 0; i < rgba.length; i += 4) {
    rgb[at++] = rgba[i];
    rgb[at++] = rgba[i + 1];
    rgb[at++] = rgba[i + 2];
  }
}

/** A bitmap's own values, by a texture, strip after strip; null where there is no WebGL, or none so large.
 *  @param {ImageBitmap} bitmap @returns {{ read: (y: number, rows: number, rgba: Uint8Array) => void, free: () => boolean } | null} free: whether all went well */
function throughTexture(bitmap) {
  if (drawing === undefined || drawing?.isContextLost()) drawing = new OffscreenCanvas(1, 1).getContext('webgl');
  const { width, height } = bitmap;
  if (!drawing || width > drawing.getParameter(drawing.MAX_TEXTURE_SIZE) || height > drawing.getParameter(drawing.MAX_TEXTURE_SIZE))
    return null;
  const gl = drawing;
  const texture = gl.createTexture();
  const frame = gl.createFramebuffer();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  return {
    read: (y, rows, rgba) => gl.readPixels(0, y, width, rows, gl.RGBA, gl.UNSIGNED_BYTE, rgba),
    free() {
      const failed = gl.getError() !== gl.NO_ERROR;
      gl.deleteFramebuffer(frame);
      gl.deleteTexture(texture);
      return !failed;
    },
  };
}

/** All of it as RGB; null where it cannot be had, or was multiplied by alpha. @param {ImageBitmap} bitmap @param {boolean} unmultiplied whether
 *  that is known not to be so */
function ownValues(bitmap, unmultiplied) {
  const { width, height } = bitmap;
  const texture = throughTexture(bitmap);
  if (!texture) return null;
  const rows = stripOf(width, height);
  const rgba = new Uint8Array(width * rows * 4);
  const rgb = new Uint8Array(width * height * 3);
  let sound = unmultiplied;
  for (let y = 0; y < height; y += rows) {
    const part = rgba.subarray(0, Math.min(rows, height - y) * width * 4);
    texture.read(y, part.length / (4 * width), part);
    sound ||= isUnmultiplied(part);
    pack(part, rgb, y * width * 3);
  }
  return { rgb: texture.free() ? rgb : null, sound };
}

/** The same as a video's frame, which is what its bytes are. @param {ImageBitmap} bitmap */
async function throughFrame(bitmap) {
  if (typeof VideoFrame !== 'function') return null;
  const frame = new VideoFrame(bitmap, { timestamp: 0 });
  try {
    const { format } = frame;
    if (!/^(RGBA|BGRA)$/.test(format ?? '')) return null;
    const pixels = new Uint8Array(frame.allocationSize());
    const [{ offset, stride }] = await frame.copyTo(pixels);
    if (offset !== 0 || stride !== bitmap.width * 4) return null;
    if (format === 'BGRA') for (let i = 0; i < pixels.length; i += 4) [pixels[i], pixels[i + 2]] = [pixels[i + 2], pixels[i]];
    return pixels;
  } finally {
    frame.close();
  }
}

/**
 * @param {ImageBitmap} bitmap @param {string} label @param {boolean} [unmultiplied] whether it was made so; else it is found out
 * @returns {Promise<Pixels>}
 */
export async function bitmapPixels(bitmap, label, unmultiplied = false) {
  const { width, height } = bitmap;
  if (!width || !height) throw new ClipError('bad-image-size', `${label} has no pixels (${width}x${height}).`);
  const rows = stripOf(width, height);
  const context = new OffscreenCanvas(width, rows).getContext('2d', { willReadFrequently: true, colorSpace: 'srgb' });
  if (!context) throw new ClipError('out-of-memory', `${label}: there is no room for a canvas of ${width}x${rows}.`);
  context.globalCompositeOperation = 'copy';
  const rgb = room(width * height * 3, label);
  let opaque = true;
  for (let y = 0; y < height; y += rows) {
    context.drawImage(bitmap, 0, y, width, rows, 0, 0, width, rows);
    let data;
    try {
      data = context.getImageData(0, 0, width, Math.min(rows, height - y)).data;
    } catch (error) {
      if (/** @type {DOMException} */ (error).name !== 'SecurityError') {
        throw new ClipError('out-of-memory', `${label}: there is no room for its ${width}x${height} pixels.`, error);
      }
      throw new ClipError('tainted-image', `${label} comes from another origin, which does not allow its pixels to be read.`, error);
    }
    opaque &&= isOpaque(data);
    pack(data, rgb, y * width * 3);
  }
  if (opaque) return { data: rgb, width, height };
  const texture = ownValues(bitmap, unmultiplied);
  if (texture?.rgb) return { data: texture.sound ? texture.rgb : rgb, width, height };
  const own = await throughFrame(bitmap);
  return { data: own && (unmultiplied || isUnmultiplied(own)) ? own : rgb, width, height };
}

/** @param {number} bytes @param {string} label */
function room(bytes, label) {
  try {
    return new Uint8Array(bytes);
  } catch (error) {
    throw new ClipError('out-of-memory', `${label}: there is no room for its pixels.`, error);
  }
}

/** @param {Uint8Array} bytes @param {string} label @param {ClipError} refusal the core's @param {Check} check @returns {Promise<Pixels>} */
async function decodeInBrowser(bytes, label, refusal, check) {
  const { width, height } = declaredSize(bytes);
  check(width, height);
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
    if (refusal.code === 'bad-image') throw refusal;
    throw new ClipError('unknown-image-format', `${label} is not a picture that this browser can read.`, error);
  }
  try {
    check(bitmap.width, bitmap.height);
    return { ...(await bitmapPixels(bitmap, label, true)), orientation };
  } finally {
    bitmap.close();
  }
}

/** Throws where a picture has too many pixels. @typedef {(width: number, height: number) => void} Check */
/** @typedef {(bytes: Uint8Array, label: string, refusal: ClipError, check: Check) => Promise<Pixels>} Decode */

/** @type {Decode} refusal: the core's, of a format that it does not know, or broken */
export async function decodeElsewhere(bytes, label, refusal, check) {
  if (typeof createImageBitmap === 'function' && typeof OffscreenCanvas === 'function')
    return decodeInBrowser(bytes, label, refusal, check);
  throw refusal.code === 'bad-image'
    ? refusal
    : new ClipError('unknown-image-format', `${label} is of a format that is only known in browsers, or not at all.`);
}
