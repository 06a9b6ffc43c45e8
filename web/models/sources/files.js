/** A model folder that the user chose or dropped in a browser: a list of File objects, or a directory handle. */
import { Source, pieces } from './source.js';

/** @param {Blob} file @returns {import('./source.js').SourceFile} */
const fromBlob = file => ({
  bytes: file.size,
  version: `${file.size}`,
  stream: (offset, end, signal) => pieces(file.slice(offset, end).stream(), signal),
});

export class FilesSource extends Source {
  /** @param {File[]} files of one folder @param {string} [name] */
  constructor(files, name) {
    const path = (/** @type {File} */ f) => (f.webkitRelativePath || f.name).split('/');
    const top = Math.min(...files.map(file => path(file).length));
    const folder = files[0]?.webkitRelativePath?.split('/')[0];
    super(name || folder || 'files', name || folder || 'files');
    /** By their names from the uppermost level on. @type {Map<string, File>} */
    this.files = new Map(
      files.map(file => [
        path(file)
          .slice(top - 1)
          .join('/'),
        file,
      ]),
    );
  }

  /** @override */
  async list() {
    return new Map(Array.from(this.files.keys(), name => [name, {}]));
  }

  /** @override @param {string} name */
  async open(name) {
    const file = this.files.get(name);
    return file ? fromBlob(file) : null;
  }
}

export class DirectorySource extends Source {
  /** @param {FileSystemDirectoryHandle} handle */
  constructor(handle) {
    super(handle.name, handle.name);
    this.handle = handle;
  }

  /** @override @param {string} name */
  async open(name) {
    try {
      const folders = name.split('/');
      const last = /** @type {string} */ (folders.pop());
      let { handle } = this;
      for (const folder of folders) handle = await handle.getDirectoryHandle(folder);
      return fromBlob(await (await handle.getFileHandle(last)).getFile());
    } catch (error) {
      if (/NotFoundError|TypeMismatchError/.test(/** @type {DOMException} */ (error).name)) return null;
      throw error;
    }
  }
}
