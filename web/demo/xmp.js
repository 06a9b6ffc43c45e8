/** The sidecars of a snapshot. */
import { packetOf } from '../api/xmp.js';

/**
 * Of photos that have keywords. Lightroom looks for name.xmp, digiKam for name.jpg.xmp.
 * @param {import('./table.js').Row[]} rows @returns {{ path: string, text: string }[]}
 */
export function sidecarsOf(rows) {
  const files = new Map();
  for (const { folder, file, tags } of rows) {
    if (!tags.length) continue;
    const text = packetOf(tags);
    files.set(`${folder}${file}.xmp`, text);
    const stem = `${folder}${file.replace(/\.[^.]*$/, '')}.xmp`;
    if (!files.has(stem)) files.set(stem, text); // a.jpg and a.png share it: the first has it
  }
  return [...files].map(([path, text]) => ({ path, text }));
}
