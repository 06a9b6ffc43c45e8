/** Photos into a folder for each label: copies that keep their time, or links. What lies there already is never written over. */
import {
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  rmSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';

/** A label as a name that any system takes for a folder's. @param {string} label */
export function folderName(label) {
  const name = label
    .normalize('NFC')
    .replace(/[/\\:*?"<>|\p{Cc}]/gu, '_')
    .trim()
    .slice(0, 100)
    .replace(/[. ]+$/, '');
  return /^(\.*|con|prn|aux|nul|com\d|lpt\d)$/i.test(name) ? `_${name}` : name;
}

export class Sorter {
  /** @param {string} folder @param {boolean} link */
  constructor(folder, link) {
    this.folder = folder;
    this.link = link;
  }

  /** Whether what lies at `to` is this photo, put there before. @param {string} photo @param {string} to */
  #isThere(photo, to) {
    if (lstatSync(to).isSymbolicLink()) return readlinkSync(to) === resolve(photo);
    const [a, b] = [statSync(photo), statSync(to)];
    return !this.link && a.size === b.size && Math.abs(a.mtimeMs - b.mtimeMs) < 2000; // FAT counts in two seconds
  }

  /** @param {string} photo @param {string} label @returns {string} where it is now */
  put(photo, label) {
    const folder = join(this.folder, folderName(label));
    mkdirSync(folder, { recursive: true });
    const ending = extname(photo);
    const name = basename(photo, ending);
    for (let i = 1; ; i++) {
      const to = join(folder, i === 1 ? `${name}${ending}` : `${name} (${i})${ending}`);
      const taken = lstatSync(to, { throwIfNoEntry: false });
      if (taken && this.#isThere(photo, to)) return to;
      if (taken) continue;
      if (this.link) symlinkSync(resolve(photo), to);
      else this.#copy(photo, to);
      return to;
    }
  }

  /** Under another name until it is whole. @param {string} photo @param {string} to */
  #copy(photo, to) {
    const { atime, mtime } = statSync(photo);
    const making = `${to}.part`;
    if (existsSync(making)) rmSync(making);
    copyFileSync(photo, making, constants.COPYFILE_FICLONE);
    utimesSync(making, atime, mtime);
    renameSync(making, to);
  }
}
