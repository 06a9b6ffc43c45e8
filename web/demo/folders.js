/** Photos into one folder a label, where the browser can write to a folder (File System Access): as copies, or as moves. */

/** A label as a folder's name, on every system. @param {string} label */
export function folderName(label) {
  const name = label
    .replace(/[\\/:*?"<>|\p{Cc}]/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/^\.+|\.+$/g, '')
    .slice(0, 80)
    .trim();
  return /^(con|prn|aux|nul|com\d|lpt\d)?$/i.test(name) ? `_${name}` : name;
}

/** A name that is not taken in a folder: "a.jpg", "a (2).jpg". @param {FileSystemDirectoryHandle} folder @param {string} name */
async function freeName(folder, name) {
  const [, stem, end] = /^(.*?)(\.[^.]*)?$/s.exec(name);
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${stem} (${n})${end ?? ''}`;
    const taken = await folder.getFileHandle(candidate).then(
      () => true,
      error => error.name === 'TypeMismatchError',
    );
    if (!taken) return candidate;
  }
}

/** @param {FileSystemDirectoryHandle} folder @param {string} name @param {Blob} data @returns {Promise<void>} once all of it is there */
async function write(folder, name, data) {
  const handle = await folder.getFileHandle(name, { create: true });
  try {
    const stream = await handle.createWritable();
    await data.stream().pipeTo(stream);
    const { size } = await handle.getFile();
    if (size !== data.size) throw new Error(`${name} has ${size} bytes instead of ${data.size}`);
  } catch (error) {
    await folder.removeEntry(name).catch(() => {});
    throw error;
  }
}

/**
 * @param {FileSystemDirectoryHandle} target @param {import('./table.js').Row[]} rows
 * @param {{ move: boolean, unsure: string, signal: AbortSignal, onProgress: (done: number) => void }} options unsure: name of the folder
 *   for photos without a sure label
 * @returns {Promise<{ written: number, failed: number, kept: number, moved: Set<any> }>} kept: originals that could not be deleted
 */
export async function sortInto(target, rows, { move, unsure, signal, onProgress }) {
  const result = { written: 0, failed: 0, kept: 0, moved: new Set() };
  for (const [i, { photo, file, kind, tags }] of rows.entries()) {
    if (signal.aborted) break;
    if (kind === 'waiting' || kind === 'failed') continue;
    try {
      for (const label of tags.length ? tags : [unsure]) {
        const folder = await target.getDirectoryHandle(folderName(label), { create: true });
        await write(folder, await freeName(folder, file), photo.file);
      }
      result.written++;
      if (!move) continue;
      // only now that every copy is complete
      const gone =
        photo.parent &&
        (await photo.parent.removeEntry(file).then(
          () => true,
          () => false,
        ));
      if (gone) result.moved.add(photo);
      else result.kept++;
    } catch {
      result.failed++;
    } finally {
      onProgress(i + 1);
    }
  }
  return result;
}
