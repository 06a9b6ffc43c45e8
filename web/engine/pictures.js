/** Pictures' bytes and pixels to crops: src/image/image.h for JavaScript. Any instance of the module does; none of it needs an engine. */
import { ClipError } from '../error.js';

/** @typedef {import('./instance.js').Instance} Instance */
/** How a picture becomes what a model sees (clip_crop in src/image/resize.h): `size` pixels a side, cut from a picture whose short side
 *  has `shorter`; 0: both sides become `size`. A number is that for both. @typedef {number | { size: number, shorter: number, bilinear: boolean }} Crop */
/** What one picture may have, and take while it is decoded, its file included; less than what src/image/limits.h allows.
 * @typedef {{ pixels?: number, memory?: number }} Bounds */
/** @typedef {{ data: Uint8Array | Uint8ClampedArray, width: number, height: number, orientation?: number }} Pixels RGB or RGBA */

/** @param {Crop} crop */
const cropOf = crop =>
  typeof crop === 'number'
    ? { size: crop, shorter: crop, bilinear: 0 }
    : { size: crop.size, shorter: crop.shorter, bilinear: Number(crop.bilinear) };

/** Pixels of a side, as in src/image/limits.h. */
const LONGEST = 65535;

/** Bytes that a file of so many may take while it is decoded, as in src/image/limits.h. @param {number} length @param {Bounds} bounds */
export const roomFor = (length, { memory = Number.POSITIVE_INFINITY }) => Math.min(memory, (192 << 20) + 64 * length);

const megabytes = (/** @type {number} */ bytes) => Number((bytes / 1e6).toPrecision(3));

/** @param {string} label @param {{ width: number, height: number, memory: number }} info @param {number} length of its file @param {Bounds} bounds */
export function tooLarge(label, { width, height, memory }, length, bounds) {
  const { pixels = 1 << 28 } = bounds;
  const has = `${label} has ${width}x${height} pixels`;
  if (!width || !height) return new ClipError('bad-image-size', `${label} has no pixels (${width}x${height}).`);
  if (Math.max(width, height) > LONGEST) return new ClipError('bad-image-size', `${has}; at most ${LONGEST} in a row or column are read.`);
  if (width * height > pixels) return new ClipError('bad-image-size', `${has}; at most ${pixels} are read.`);
  const most = `a file of ${megabytes(length)} MB may take ${megabytes(roomFor(length, bounds))}`;
  return new ClipError('bad-image-size', `${has}, which take ${megabytes(memory)} MB to decode; ${most}.`);
}

export class Pictures {
  /** @param {Instance} instance */
  constructor(instance) {
    this.instance = instance;
  }

  /** Size and EXIF orientation of a picture's bytes, from its headers, and what decoding it takes. @param {Uint8Array} bytes
   *  @param {string} [label] @param {Bounds} [bounds] */
  probe(bytes, label = 'The picture', bounds = {}) {
    return this.instance.scope(alloc => this.#take(alloc, bytes, label, bounds));
  }

  /** A picture's bytes -> crop (size, size, 3). @param {Uint8Array} bytes @param {Crop} crop @param {string} [label] @param {Bounds} [bounds] */
  crop(bytes, crop, label = 'The picture', bounds = {}) {
    const { instance } = this;
    const { size, shorter, bilinear } = cropOf(crop);
    return instance.scope(alloc => {
      const { input } = this.#take(alloc, bytes, label, bounds);
      const rgb = alloc(size * size * 3);
      instance.run(() => label, 'image_crop_encoded', input, bytes.length, size, shorter, bilinear, rgb);
      return instance.u8(rgb, size * size * 3).slice();
    });
  }

  /** Brings a file into memory, and checks what its header says. @param {(bytes: number) => number} alloc @param {Uint8Array} bytes
   *  @param {string} label @param {Bounds} bounds */
  #take(alloc, bytes, label, bounds) {
    const { instance } = this;
    const cell = alloc(16);
    const input = alloc(bytes.length + 1);
    instance.u8(input, bytes.length).set(bytes);
    instance.u32(cell, 4).fill(0);
    const status = instance.call('image_probe', input, bytes.length, cell);
    const [width, height, orientation, memory] = instance.u32(cell, 4);
    const { pixels = Number.POSITIVE_INFINITY } = bounds;
    if (status === -11 || (!status && (width * height > pixels || memory + bytes.length > roomFor(bytes.length, bounds)))) {
      throw tooLarge(label, { width, height, memory: memory + bytes.length }, bytes.length, bounds);
    }
    instance.check(() => label, status);
    return { input, width, height, orientation, memory };
  }

  /** Pixels that somebody else decoded -> crop (size, size, 3). @param {Pixels} image @param {Crop} crop @param {string} [label] */
  cropPixels({ data, width, height, orientation = 1 }, crop, label = 'The picture') {
    const { instance } = this;
    const { size, shorter, bilinear } = cropOf(crop);
    const channels = data.length / (width * height);
    if (channels !== 3 && channels !== 4) {
      throw new ClipError('bad-image-size', `${label}: ${data.length} bytes are not ${width}x${height} pixels of RGB or RGBA.`);
    }
    return instance.scope(alloc => {
      const rgb = alloc(size * size * 3);
      const input = alloc(data.length);
      instance.u8(input, data.length).set(data);
      instance.run(() => label, 'image_crop_pixels', input, width, height, channels, orientation, size, shorter, bilinear, rgb);
      return instance.u8(rgb, size * size * 3).slice();
    });
  }
}
