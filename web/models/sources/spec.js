/** What people name a model by, to what travels to the worker. */
import { ClipError } from '../../error.js';

/**
 * @typedef {{ sums?: import('../sums.js').Known } & ({ type: 'http', url: string, id?: string, name?: string, files?: Record<string, string>, revalidate?: boolean, timeout?: number }
 *   | { type: 'hub', repo: string, host?: string, revision?: string, timeout?: number }
 *   | { type: 'files', files: File[], name?: string }
 *   | { type: 'directory', handle: FileSystemDirectoryHandle }
 *   | { type: 'folder', path: string, id?: string })} SourceSpec `folder` is for Node only
 */

/**
 * @param {any} model what Clip.load was given
 * @param {{ revision?: string, hub?: string, base?: string | URL, timeout?: number }} options
 * @returns {SourceSpec}
 */
export function specOf(model, { revision, hub, base, timeout }) {
  if (typeof File === 'function' && (model?.[0] instanceof File || (typeof FileList === 'function' && model instanceof FileList))) {
    return { type: 'files', files: [...model] };
  }
  if (model?.kind === 'directory' && typeof model.getFileHandle === 'function') return { type: 'directory', handle: model };
  if (model instanceof URL) return { type: 'http', url: model.href, timeout };
  if (typeof model !== 'string' || !model) {
    throw new ClipError('bad-input', 'A model is the name of one, an address, a hub id, a list of files or a directory handle.');
  }
  const id = /^([\w-][\w.-]*\/[\w.-]+?)(?:@([\w./-]+))?$/.exec(model);
  if (id) return { type: 'hub', repo: id[1], host: hub, revision: id[2] ?? revision, timeout };
  try {
    return { type: 'http', url: new URL(model, base).href, timeout };
  } catch {
    throw new ClipError(
      'not-found',
      `${JSON.stringify(String(model).slice(0, 100))} is no model that is known, no address, and no hub id (owner/name).`,
    );
  }
}
