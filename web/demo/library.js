/** The photos that are on the page: adding adds, what is already there is not added twice, and each knows its folder. */

/**
 * @typedef {object} Photo
 * @property {Blob} file
 * @property {string} name
 * @property {string} folder with a slash at its end, '' for files that were chosen one by one
 * @property {string} alt
 * @property {FileSystemDirectoryHandle} [parent] where it lies, if this page may write there
 * @property {boolean} [sample]
 * @property {any} error why it cannot be read, null while nothing is known against it
 */

/** More would not fit into the memory of most machines with what is computed of them (2 KB each) and their names. */
export const MOST_PHOTOS = 200_000;

const identity = ({ file, name, folder }) => [folder, name, file.size, /** @type {File} */ (file).lastModified ?? ''].join('\n');

export class Library {
  /** As they were added. @type {Photo[]} */
  photos = [];
  #known = new Set();

  /** @param {Omit<Photo, 'error'>[]} given @returns {Photo[]} those that are new */
  add(given) {
    const added = [];
    for (const one of given) {
      const id = identity(one);
      if (this.#known.has(id) || this.photos.length + added.length >= MOST_PHOTOS) continue;
      this.#known.add(id);
      added.push({ ...one, error: null });
    }
    this.photos.push(...added);
    return added;
  }

  /** @param {Set<Photo>} gone */
  remove(gone) {
    this.photos = this.photos.filter(photo => !gone.has(photo));
    for (const photo of gone) this.#known.delete(identity(photo));
  }

  clear() {
    this.photos = [];
    this.#known.clear();
  }
}

/** Compares names as people order them: IMG_2 before IMG_10. */
const { compare } = new Intl.Collator(undefined, { numeric: true });

/** @type {Record<string, (a: Photo, b: Photo) => number>} */
export const ORDERS = {
  name: (a, b) => compare(a.name, b.name) || compare(a.folder, b.folder),
  folder: (a, b) => compare(a.folder, b.folder) || compare(a.name, b.name),
};
