/** How photos and model folders get in: choosing, folders, the camera, dropping anywhere, pasting. */
import { MOST_PHOTOS } from './library.js';

/** @typedef {{ file: File, folder: string, parent?: FileSystemDirectoryHandle }} Found folder: with a slash at its end, '' for none */
/** @typedef {{ photos: Found[], model: File[] | null, stranger: string, cut: boolean }} Taken stranger: a file that describes no CLIP */

const MODEL_FILE = /^(clip|config|open_clip_config)\.json$/;
const PICTURE_NAME = /\.(jpe?g|png|webp|avif|gif|bmp|psd|ppm|pgm|pnm|heic)$/i;
const byPath = new Intl.Collator(undefined, { numeric: true }).compare;

const isPicture = file => file.type.startsWith('image/') || PICTURE_NAME.test(file.name);

/** Whether a file describes a CLIP model: others have a config.json too. @param {File} file */
async function describesModel(file) {
  if (file.name !== 'config.json') return true;
  if (file.size > 1 << 20) return false;
  try {
    const config = JSON.parse(await file.text());
    return /clip/i.test(config.model_type ?? '') || 'vision_config' in config || 'text_config' in config || 'vision_cfg' in config;
  } catch {
    return false;
  }
}

/** Of files that lie in folders, those of the uppermost one with a description of a model, and what lies below it.
 * @param {Found[]} found @returns {Promise<{ model: File[] | null, stranger: string }>} */
export async function modelAmong(found) {
  const described = found.filter(({ file }) => MODEL_FILE.test(file.name)).sort((a, b) => a.folder.length - b.folder.length);
  for (const { file, folder } of described) {
    if (await describesModel(file)) {
      return { model: found.filter(one => one.folder === folder).map(one => one.file), stranger: '' };
    }
  }
  return { model: null, stranger: described[0]?.file.name ?? '' };
}

/** @param {Found[]} found @returns {Promise<Taken>} */
async function sorted(found) {
  const cut = found.length > MOST_PHOTOS;
  const photos = found.slice(0, MOST_PHOTOS).filter(({ file }) => isPicture(file));
  photos.sort((a, b) => byPath(a.folder, b.folder) || byPath(a.file.name, b.file.name));
  return { photos, ...(await modelAmong(found)), cut };
}

/** All files below a folder. @param {FileSystemDirectoryHandle} handle @param {string} path @param {Found[]} found */
async function walkHandle(handle, path, found) {
  for await (const entry of handle.values()) {
    if (found.length > MOST_PHOTOS) return;
    if (entry.name.startsWith('.')) continue;
    if (entry.kind === 'directory') await walkHandle(entry, `${path}${entry.name}/`, found);
    else {
      const file = await entry.getFile().catch(() => null); // deleted meanwhile, or no right to
      if (file) found.push({ file, folder: path, parent: handle });
    }
  }
}

/** The same where a drop gives entries only. @param {FileSystemEntry} entry @param {string} path @param {Found[]} found */
async function walkEntry(entry, path, found) {
  if (found.length > MOST_PHOTOS || (path && entry.name.startsWith('.'))) return;
  if (entry.isFile) {
    const file = await new Promise(resolve => /** @type {FileSystemFileEntry} */ (entry).file(resolve, () => resolve(null)));
    if (file) found.push({ file, folder: path });
    return;
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  for (;;) {
    // it answers at most 100 at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const one of some) await walkEntry(one, `${path}${entry.name}/`, found);
  }
}

/** Must be called while the event is handled: its items are gone after that. @param {DataTransfer} transfer @returns {Promise<Taken>} */
async function dropped(transfer) {
  const items = [...transfer.items].filter(item => item.kind === 'file');
  const entries = items.map(item => item.webkitGetAsEntry?.()).filter(entry => entry !== null && entry !== undefined);
  const files = [...transfer.files];
  const handles = entries.some(entry => entry.isDirectory) ? items.map(item => item.getAsFileSystemHandle?.()) : [];
  /** @type {Found[]} */
  const found = [];
  if (!entries.some(entry => entry.isDirectory)) {
    const one = files.length === 1 && !isPicture(files[0]) && !MODEL_FILE.test(files[0].name); // its error says what it is
    const all = files.map(file => ({ file, folder: '' }));
    return one ? { photos: all, model: null, stranger: '', cut: false } : sorted(all);
  }
  const opened = (await Promise.all(handles.map(handle => handle?.catch(() => null)))).filter(Boolean);
  if (opened.length === items.length) {
    for (const handle of opened) {
      if (handle.kind === 'directory') await walkHandle(handle, `${handle.name}/`, found);
      else found.push({ file: await handle.getFile(), folder: '' });
    }
  } else for (const entry of entries) await walkEntry(entry, '', found);
  return sorted(found);
}

/** A folder and those in it, by the browser's chooser; null if nobody chose. @returns {Promise<Taken | null>} */
async function chosenFolder() {
  const handle = await window.showDirectoryPicker({ id: 'photos' }).catch(error => {
    if (error.name === 'AbortError') return null;
    throw error;
  });
  if (!handle) return null;
  /** @type {Found[]} */
  const found = [];
  await walkHandle(handle, `${handle.name}/`, found);
  return sorted(found);
}

/** Photos by the browser's chooser, each file when it is looked at: an input would stop the page for as long as all of them take.
 * @returns {Promise<Taken | null>} null if nobody chose */
async function chosenPhotos() {
  const types = [
    { accept: { 'image/*': ['.jpg', '.jpeg', '.png', '.webp', '.avif', '.gif', '.bmp', '.psd', '.ppm', '.pgm', '.pnm', '.heic'] } },
  ];
  const handles = await window.showOpenFilePicker({ id: 'photos', multiple: true, types }).catch(error => {
    if (error.name === 'AbortError') return null;
    throw error;
  });
  if (!handles) return null;
  const cut = handles.length > MOST_PHOTOS;
  const files = await Promise.all(handles.slice(0, MOST_PHOTOS).map(handle => handle.getFile().catch(() => null)));
  return { photos: files.filter(Boolean).map(file => ({ file, folder: '' })), model: null, stranger: '', cut };
}

/** Files of an <input webkitdirectory>. @param {File[]} files @returns {Found[]} */
export const inFolders = files => files.map(file => ({ file, folder: file.webkitRelativePath.slice(0, -file.name.length) }));

/**
 * @param {{ choose: HTMLInputElement[], folder: HTMLInputElement, folderButton: HTMLElement, veil: HTMLElement,
 *  onTaken: (taken: Taken) => void, onTrouble: (error: unknown) => void }} parts
 */
export function listen({ choose, folder, folderButton, veil, onTaken, onTrouble }) {
  for (const input of [...choose, folder]) {
    input.addEventListener('change', () => {
      const files = [...input.files];
      input.value = ''; // so that the same file can be chosen again
      if (!files.length) return;
      if (input === folder) sorted(inFolders(files)).then(onTaken, onTrouble);
      else onTaken({ photos: files.map(file => ({ file, folder: '' })), model: null, stranger: '', cut: false });
    });
  }
  const [chooser] = choose;
  chooser.addEventListener('click', event => {
    if (!('showOpenFilePicker' in window)) return;
    event.preventDefault();
    chosenPhotos().then(taken => taken && onTaken(taken), onTrouble);
  });
  folderButton.addEventListener('click', () => {
    if ('showDirectoryPicker' in window) chosenFolder().then(taken => taken && onTaken(taken), onTrouble);
    else folder.click();
  });

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
    dropped(event.dataTransfer).then(onTaken, onTrouble);
  });
  addEventListener('paste', event => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    onTaken({ photos: files.map(file => ({ file, folder: '' })), model: null, stranger: '', cut: false });
  });
}
