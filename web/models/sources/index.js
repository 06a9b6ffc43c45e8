/** What a model is named by in messages (spec.js), to the source that reads it. */
import { ClipError } from '../../error.js';
import { DirectorySource, FilesSource } from './files.js';
import { HttpSource } from './http.js';
import { HubSource } from './hub.js';

/** @typedef {import('./spec.js').SourceSpec} SourceSpec */

/** @param {SourceSpec} spec */
export const sourceOf = spec => bare(spec).require(spec.sums);

/** @param {SourceSpec} spec */
function bare(spec) {
  switch (spec.type) {
    case 'http': {
      const source = new HttpSource(spec.url, spec);
      source.revalidate = spec.revalidate ?? false;
      return source;
    }
    case 'hub':
      return new HubSource(spec.repo, spec);
    case 'files':
      return new FilesSource(spec.files, spec.name);
    case 'directory':
      return new DirectorySource(spec.handle);
    default:
      throw new ClipError('bad-input', `Models of the type ${/** @type {any} */ (spec).type} cannot be read here.`);
  }
}
