/**
 * Labels as keywords in a sidecar, PHOTO.xmp with the photo's whole name before it (photo.jpg.xmp), as darktable, digiKam and Shotwell
 * read them. The photo itself is never written to. What a sidecar has already stays.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { packetOf, withKeywords } from '../api/xmp.js';

/** @param {string} photo @param {string[]} labels */
export function writeSidecar(photo, labels) {
  const path = `${photo}.xmp`;
  const packet = existsSync(path) ? withKeywords(readFileSync(path, 'utf8'), labels) : packetOf(labels);
  if (packet === null) throw new Error(`${path} is a sidecar that is not understood; it stays as it is`);
  writeFileSync(`${path}.new`, packet);
  renameSync(`${path}.new`, path);
}
