/** Words for people: sizes, shares, and what to say when something cannot be done. */

export function bytes(count) {
  if (count < 1e6) return `${Math.max(1, Math.round(count / 1e3))} KB`;
  return `${(count / 1e6).toFixed(count < 1e7 ? 1 : 0)} MB`;
}

export function percent(score) {
  const value = 100 * score;
  if (value >= 99.95 || value === 0) return `${Math.round(value)} %`;
  if (value >= 10) return `${value.toFixed(value >= 99 ? 1 : 0)} %`;
  return value >= 0.1 ? `${value.toFixed(1)} %` : '< 0.1 %';
}

const grouped = new Intl.NumberFormat('en');
export const number = count => grouped.format(count);
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** Cuts a long name in the middle, where file names differ least. */
export function shorten(text, length = 40) {
  const letters = [...text];
  if (letters.length <= length) return text;
  const half = Math.floor(length / 2) - 1;
  return `${letters.slice(0, half).join('')}…${letters.slice(-half).join('')}`;
}

const PICTURE = {
  'bad-image': name => `${name} is damaged or cut short, so it cannot be read. Try another copy of it, or another photo.`,
  'unknown-image-format': name => `${name} is not a kind of picture that can be read here. JPEG, PNG, WebP, AVIF, GIF and BMP can.`,
  'bad-image-size': name => `${name} has no pixels, or far too many.`,
  'tainted-image': name => `${name} belongs to another site, which does not allow it to be read. Save it first, then drop the file.`,
  'bad-input': name => `${name} cannot be read. Was it moved or deleted since you chose it?`,
  'not-found': name => `${name} cannot be found any more.`,
};

const TEXT = {
  'no-labels': 'Type a label or two first.',
  'bad-label': 'One of the labels is empty or holds characters that are not text.',
  'bad-text': 'One of the labels holds characters that are not text.',
  'bad-template': 'The sentence needs {} where the label goes.',
};

const INCOMPLETE = 'This model’s files are damaged or incomplete. Fetch or choose them again.';
const FOREIGN = 'This model is of a kind that cannot be run here. OpenAI’s, OpenCLIP’s and Hugging Face’s CLIP models can.';
const MODEL = {
  'not-a-model': 'That is not a CLIP model. A model’s folder holds clip.json, or config.json and model.safetensors.',
  'not-found': 'There is no model at that place. Check the spelling.',
  network: 'The model could not be fetched. Check the connection; what has arrived is kept, and the next try goes on from there.',
  'no-tokenizer': 'This model’s folder lacks merges.txt or tokenizer.json, without which labels cannot be read.',
  'no-weights': 'This model does not come in the precision you asked for. Try another one.',
  'wrong-chunk': 'What was fetched is not what the model’s maker published, so it was not used. Try again.',
  'wrong-size': 'What was fetched is not what the model’s maker published, so it was not used. Try again.',
  'bad-file': INCOMPLETE,
  'bad-manifest': INCOMPLETE,
  'missing-tensor': INCOMPLETE,
  'bad-value': INCOMPLETE,
  'bad-merges': INCOMPLETE,
  'bad-config': FOREIGN,
  'bad-shape': FOREIGN,
  'bad-dtype': FOREIGN,
};

const RUNNING = {
  'out-of-memory': 'There is not enough memory. Close other tabs, or use a smaller model.',
  'no-simd': 'This browser is too old: it cannot run WebAssembly with SIMD. A current Firefox, Chrome, Edge or Safari can.',
  'no-wasm': 'The program itself could not be fetched. Reload the page.',
  crashed: 'The computation broke off. The next try starts afresh.',
  worker: 'The computation could not be started. Reload the page.',
  disposed: 'The model was closed. Reload the page.',
};

/** Says what is wrong and what to do. @param {any} error @param {string} [picture] name of the photo it may be about */
export function explain(error, picture) {
  const code = error?.code;
  if (picture !== undefined && PICTURE[code]) return PICTURE[code](`“${shorten(picture)}”`);
  return TEXT[code] ?? MODEL[code] ?? RUNNING[code] ?? `Something went wrong: ${error?.message ?? error}`;
}

/** Whose fault it is: that decides where the message stands. @returns {'photo' | 'labels' | 'model'} */
export function blame(error) {
  if (TEXT[error?.code]) return 'labels';
  return PICTURE[error?.code] ? 'photo' : 'model';
}

/** A stage of loading. @param {{ phase: string, file: string, loaded: number, total: number }} progress */
export function stage({ phase, file, loaded, total }) {
  const part = /^vision/.test(file) ? 'the half that sees' : /^text/.test(file) ? 'the half that reads' : file;
  if (phase === 'labels') return `Reading labels: ${number(loaded)} of ${number(total)}`;
  const verb = { download: 'Fetching', convert: 'Converting', load: 'Unpacking' }[phase] ?? 'Loading';
  return `${verb} ${part}: ${bytes(loaded)} of ${bytes(total)}`;
}
