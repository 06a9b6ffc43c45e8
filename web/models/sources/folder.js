/** A model folder on disk (Node). */
import { open, readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { ClipError, throwIfAborted } from '../../error.js';
import { Source } from './source.js';

const PIECE = 1 << 20;

export class FolderSource extends Source {
  /** @param {string} path */
  constructor(path) {
    super(path, basename(resolve(path)));
    this.path = path;
  }

  /** Files in the folder and in those inside it. @override */
  async list() {
    const names = new Map();
    /** @param {string} folder @param {number} depth */
    const walk = async (folder, depth) => {
      const entries = await readdir(join(this.path, folder), { withFileTypes: true }).catch(() => []);
      for (const entry of entries) {
        const name = folder + entry.name;
        if (entry.isDirectory() && depth && !entry.name.startsWith('.')) await walk(`${name}/`, depth - 1);
        else if (!entry.isDirectory()) names.set(name, {});
      }
    };
    await walk('', 2);
    return names;
  }

  /** @override @param {string} name @returns {Promise<import('./source.js').SourceFile | null>} */
  async open(name) {
    const path = join(this.path, name);
    let file;
    try {
      file = await open(path);
    } catch (error) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (error);
      if (code === 'ENOENT' || code === 'ENOTDIR') return null;
      throw new ClipError('not-found', `${path} cannot be read: ${/** @type {Error} */ (error).message}`, error);
    }
    const { size } = await file.stat().finally(() => file.close());
    return { bytes: size, version: `${size}`, stream: (offset, end, signal) => read(path, offset, end, signal) };
  }
}

/** @param {string} path @param {number} offset @param {number} end @param {AbortSignal} [signal] */
async function* read(path, offset, end, signal) {
  const file = await open(path);
  try {
    const buffer = new Uint8Array(Math.min(PIECE, Math.max(0, end - offset)));
    while (offset < end) {
      throwIfAborted(signal);
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - offset), offset);
      if (!bytesRead) throw new ClipError('wrong-size', `${path} ends at byte ${offset}; ${end} were expected.`);
      offset += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
