/** How photos and model folders get in: choosing, the camera, dropping anywhere, pasting. */

const MODEL_FILE = /^(clip|config|open_clip_config)\.json$/;
const PICTURE_NAME = /\.(jpe?g|png|webp|avif|gif|bmp|tga|psd|ppm|pgm|pnm|hdr|pic|heic)$/i;
const MOST_FILES = 5000;

export const isPicture = file => file.type.startsWith('image/') || PICTURE_NAME.test(file.name);

/** Of files that lie in folders, those beside the uppermost description of a model; null where there is none.
 * @param {{ file: File, folder: string }[]} found @returns {File[] | null} */
export function modelAmong(found) {
  const folders = found.filter(({ file }) => MODEL_FILE.test(file.name)).map(({ folder }) => folder);
  if (!folders.length) return null;
  const top = folders.reduce((x, y) => (y.length < x.length ? y : x));
  return found.filter(({ folder }) => folder === top).map(({ file }) => file);
}

/** All files below an entry of a drop. @param {FileSystemEntry} entry @param {{ file: File, folder: string }[]} found */
async function walk(entry, found) {
  if (found.length >= MOST_FILES) return;
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push({ file, folder: entry.fullPath.slice(0, -entry.name.length) });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // it answers at most 100 at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const one of some) await walk(one, found);
  }
}

/** Must be called while the event is handled: its items are gone after that. @param {DataTransfer} transfer */
async function dropped(transfer) {
  const entries = [...transfer.items].map(item => item.webkitGetAsEntry?.()).filter(Boolean);
  const folder = entries.some(entry => entry.isDirectory);
  if (!folder) return { files: [...transfer.files], model: modelAmong([...transfer.files].map(file => ({ file, folder: '' }))) };
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return { files: found.map(({ file }) => file).filter(isPicture), model: modelAmong(found) };
}

/**
 * @param {{ choose: HTMLInputElement[], veil: HTMLElement, onPhotos: (files: File[]) => void, onModel: (files: File[]) => void,
 *  onTrouble: (text: string) => void }} parts
 */
export function listen({ choose, veil, onPhotos, onModel, onTrouble }) {
  const take = ({ files, model }) => {
    if (model) onModel(model);
    else if (files.length) onPhotos(files);
    else onTrouble('There are no pictures in there.');
  };

  for (const input of choose) {
    input.addEventListener('change', () => {
      const files = [...input.files];
      input.value = ''; // so that the same file can be chosen again
      if (files.length) onPhotos(files);
    });
  }

  const carries = event => event.dataTransfer?.types.includes('Files');
  let depth = 0; // dragenter and dragleave come for each element below the pointer
  const veiled = on => veil.classList.toggle('on', on);
  addEventListener('dragenter', event => {
    if (carries(event)) veiled(++depth > 0);
  });
  addEventListener('dragleave', event => {
    if (carries(event)) veiled((depth = Math.max(0, depth - 1)) > 0);
  });
  addEventListener('dragover', event => {
    if (!carries(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'copy';
  });
  addEventListener('drop', event => {
    depth = 0;
    veiled(false);
    if (!carries(event)) return;
    event.preventDefault();
    dropped(event.dataTransfer).then(take, () => onTrouble('That could not be opened.'));
  });
  addEventListener('paste', event => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    onPhotos(files);
  });
}
