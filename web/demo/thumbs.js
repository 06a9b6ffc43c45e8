/** Small pictures of photos: made when they come into view, and let go when many others came since. */

/** Pixels a side; twice what most tiles have, for sharp screens. */
const SIDE = 256;
/** Decoding is the browser's own work, off this thread; two at a time leave room for the model. */
const AT_ONCE = 2;
/** At 256 KB each. */
const KEPT = 160;

/** Pixels of a picture that is shown at most: browsers take four bytes for each, and some seconds, however small the file. */
export const MOST_SHOWN = 64e6;

/** Whether a file is a PNG, the one format here whose small files may be that large. @param {Blob} file */
async function isTooLarge(file) {
  const bytes = await file.slice(0, 24).arrayBuffer();
  if (bytes.byteLength < 24) return false;
  const view = new DataView(bytes);
  return view.getUint32(0) === 0x89504e47 && view.getUint32(16) * view.getUint32(20) > MOST_SHOWN;
}

export class Thumbs {
  /** The latest used last. @type {Map<any, HTMLCanvasElement>} */
  #made = new Map();
  #wanted = [];
  #running = 0;

  /** The photo's picture, still empty when it is asked for the first time. @returns {HTMLCanvasElement} */
  of(photo) {
    let canvas = this.#made.get(photo);
    if (canvas) {
      this.#made.delete(photo);
      this.#made.set(photo, canvas);
      return canvas;
    }
    canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
    canvas.setAttribute('aria-hidden', 'true');
    this.#made.set(photo, canvas);
    this.#wanted.push(photo);
    queueMicrotask(() => this.#work()); // it is in the document by then
    return canvas;
  }

  /** @param {number} shown so many are in view */
  trim(shown) {
    const most = Math.max(KEPT, 2 * shown);
    for (const [photo, canvas] of this.#made) {
      if (this.#made.size <= most) break;
      if (canvas.isConnected) continue;
      canvas.width = canvas.height = 0; // its memory goes now, not when it is collected
      this.#made.delete(photo);
    }
  }

  async #work() {
    while (this.#running < AT_ONCE && this.#wanted.length) {
      const photo = this.#wanted.shift();
      const canvas = this.#made.get(photo);
      if (!canvas) continue;
      if (!canvas.isConnected) {
        this.#made.delete(photo); // it was scrolled past
        continue;
      }
      this.#running++;
      const bitmap = await isTooLarge(photo.file)
        .then(large => (large ? null : createImageBitmap(photo.file, { resizeWidth: 320, resizeQuality: 'medium' })))
        .catch(() => null);
      if (bitmap) {
        const side = Math.min(bitmap.width, bitmap.height);
        Object.assign(canvas, { width: SIDE, height: SIDE });
        canvas.getContext('2d').drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, SIDE, SIDE);
        bitmap.close();
        canvas.classList.add('made');
      }
      this.#running--;
    }
  }
}
