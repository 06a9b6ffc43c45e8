/** Which photos a command is about: files, folders with all that is in them, and lists of either. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ClipError } from '../error.js';
import { Usage } from './terminal.js';

/** Files of a folder that are taken for photos. One that is named itself is taken whatever its name. */
const PHOTO = /\.(jpe?g|jpe|jfif|mpo|png|apng|gif|bmp|dib|psd|p[pgn]m|webp|avif|heic|heif|tiff?|jxl)$/i;
const LIST = /\.(txt|lst|list)$/i;

/** @param {string} photo */
export const isAddress = photo => /^https?:/i.test(photo);

/** @param {string} path */
const kindOf = path => {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isDirectory() ? 'folder' : stat ? 'file' : 'nothing';
};

/**
 * Photos below a folder, in an order that does not depend on the system. What begins with a dot is left out, as are links that lead
 * back to where they come from.
 * @param {string} folder @param {string[]} found @param {(problem: string) => void} onProblem @param {Set<string>} above folders that we are in
 */
function walk(folder, found, onProblem, above = new Set()) {
  const { dev, ino } = statSync(folder);
  const id = `${dev}:${ino}`;
  if (above.has(id)) return;
  above.add(id);
  /** @type {import('node:fs').Dirent[]} */
  let entries = [];
  try {
    entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    onProblem(`${folder} cannot be read: ${/** @type {NodeJS.ErrnoException} */ (error).code}`);
  }
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    const kind = entry.isSymbolicLink() ? kindOf(path) : entry.isDirectory() ? 'folder' : 'file';
    if (kind === 'folder') walk(path, found, onProblem, above);
    else if (kind === 'file' && PHOTO.test(entry.name)) found.push(path);
  }
  above.delete(id);
}

/** A list's lines; where paths may have new lines in them (find -print0), what is between NULs. @param {string} text */
const linesOf = text => (text.includes('\0') ? text.split('\0') : text.split(/\r?\n/)).filter(line => line !== '');

/** @param {string} name of a file, - for the standard input */
function readList(name) {
  try {
    return linesOf(readFileSync(name === '-' ? 0 : name, 'utf8'));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EAGAIN') throw new Usage('there is nothing on the standard input');
    throw new ClipError('not-found', `The list ${name} cannot be read: ${/** @type {Error} */ (error).message}`, error);
  }
}

/**
 * @param {string[]} names files, folders, addresses, `-` and .txt files with lists of them
 * @param {string[]} lists files with lists @param {(problem: string) => void} onProblem hears of folders that cannot be read
 * @returns {string[]} paths and addresses; each once, but for a command that names nothing else than photos
 */
export function findPhotos(names, lists, onProblem) {
  const named = [...names, ...lists.flatMap(readList)].flatMap(name =>
    name === '-' || (LIST.test(name) && kindOf(name) === 'file') ? readList(name) : [name],
  );
  if (named.length === names.length && named.every(name => isAddress(name) || kindOf(name) !== 'folder')) return named;
  /** @type {string[]} */
  const found = [];
  for (const name of named) {
    if (!isAddress(name) && kindOf(name) === 'folder') walk(name, found, onProblem);
    else found.push(name);
  }
  return [...new Set(found)];
}
