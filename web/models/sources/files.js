/** A model folder that the user chose or dropped in a browser: a list of File objects, or a directory handle. */
import { Source, pieces } from './source.js';

/** @param {Blob} file @returns {import('./source.js').SourceFile} */
const fromBlob = file => ({
  bytes: file.size,
  version: `${file.size}`,
  stream: (offset, end, signal) => pieces(file.slice(offset, end).stream(), signal),
});

export class FilesSource extends Source {
  /** @param {File[]} files of one folder; where the list goes deeper, only the uppermost level counts @param {string} [name] */
  constructor(files, name) {
    const depth = (/** @type {File} */ f) => (f.webkitRelativePath || f.name).split('/').length;
    const top = Math.min(...files.map(depth));
    const folder = files[0]?.webkitRelativePath?.split('/')[0];
    super(name || folder || 'files', name || folder || 'files');
    /** @type {Map<string, File>} */
    this.files = new Map(files.filter(file => depth(file) === top).map(file => [file.name, file]));
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
      return fromBlob(await (await this.handle.getFileHandle(name)).getFile());
    } catch (error) {
      if (/** @type {DOMException} */ (error).name === 'NotFoundError') return null;
      throw error;
    }
  }
}
