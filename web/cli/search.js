/** search: photos of a folder by words, by other photos, or both, over embeddings that are kept between searches. */
import { createHash } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, relative, resolve, sep } from 'node:path';
import { ClipError } from '../error.js';
import { Kept } from './kept.js';
import { findPhotos, isAddress } from './photos.js';
import { Usage, finishProgress, say, wholeNumber } from './terminal.js';
import { asUrl, bringUpToDate, identityOf, load } from './work.js';

/** @typedef {import('../node.js').Clip} Clip */

const TOP = 10;

/** Where a user's programs keep what they can make again. */
function cacheFolder() {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (XDG_CACHE_HOME) return XDG_CACHE_HOME;
  if (process.platform === 'win32' && LOCALAPPDATA) return LOCALAPPDATA;
  return join(homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache');
}

/** @param {string} folder @param {string} model */
function indexPath(folder, model) {
  const name = createHash('sha256').update(`${folder}\0${model}`).digest('hex').slice(0, 24);
  return join(cacheFolder(), 'clip-wasm', 'search', `${name}.embeddings`);
}

/** @param {Float32Array} vector @param {Float32Array} to @param {number} weight */
function addUnit(vector, to, weight) {
  const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0)) || 1;
  vector.forEach((x, i) => (to[i] += (weight * x) / norm));
}

/** Of words, or of a photo where there is a file of that name. @param {Clip} clip @param {string} query @param {string} template */
async function embeddingOf(clip, query, template) {
  const isPhoto = isAddress(query) || existsSync(query);
  return /** @type {Promise<Float32Array>} */ (clip.encode(isPhoto ? asUrl(query) : template.split('{}').join(query)));
}

/**
 * @param {{ minus?: string[], top?: string, json?: boolean, template?: string, index?: string, 'no-update'?: boolean, from?: string[],
 *  model?: string, dtype?: string, threads?: string, workers?: string }} values @param {string[]} positionals
 */
export async function search(values, [folder, ...queries]) {
  const { minus = [], template = '{}' } = values;
  if (!folder) throw new Usage('search needs a folder');
  if (!queries.length && !minus.length) throw new Usage('search needs words or a photo to search for');
  if (!template.includes('{}')) throw new Usage('--template has no {} for the words');
  const top = wholeNumber(values.top, '--top') ?? TOP;
  if (!existsSync(folder)) throw new ClipError('not-found', `There is no folder ${folder}.`);
  const root = realpathSync(folder);
  const model = identityOf(values);
  let status = 0;
  const kept = Kept.open(values.index ?? indexPath(root, model), model);
  /** @type {Promise<Clip> | undefined} */
  let loading;
  const loaded = () => (loading ??= load(values));
  try {
    const asking = loaded().then(clip => Promise.all([...queries, ...minus].map(query => embeddingOf(clip, query, template))));
    asking.catch(() => {}); // it is awaited below, after the photos
    const photos = findPhotos([root], [], problem => {
      say(problem);
      status = 1;
    });
    if (!values['no-update'] && kept.writable) {
      const { status: ended, encoded } = await bringUpToDate(loaded, kept, photos);
      const here = new Set(photos);
      const gone = [...kept.entries.keys()].filter(photo => !here.has(photo));
      for (const photo of gone) kept.forget(photo);
      if (encoded || gone.length) say(`${encoded} of ${photos.length} photos read, ${gone.length} forgotten`);
      if (ended > 1) return ended;
      status ||= ended;
    } else if (!values['no-update']) {
      say('another search is reading these photos; this one takes them as they were');
    }
    const embeddings = await asking;
    finishProgress();
    const query = new Float32Array(embeddings[0].length);
    embeddings.forEach((embedding, i) => addUnit(embedding, query, i < queries.length ? 1 : -1));
    const norm = Math.sqrt(query.reduce((sum, x) => sum + x * x, 0)) || 1;
    const found = kept.photos.map(photo => {
      const embedding = kept.embedding(photo);
      let dot = 0;
      let square = 0;
      for (let i = 0; i < query.length; i++) {
        dot += embedding[i] * query[i];
        square += embedding[i] * embedding[i];
      }
      return { photo, score: dot / (norm * Math.sqrt(square) || 1) };
    });
    found.sort((a, b) => b.score - a.score || (a.photo < b.photo ? -1 : 1));
    const base = resolve(folder);
    for (const { photo, score } of found.slice(0, top)) {
      const file = photo.startsWith(root + sep) ? join(folder, relative(root, photo)) : photo;
      process.stdout.write(values.json ? `${JSON.stringify({ file, score })}\n` : `${score.toFixed(4)}  ${file}\n`);
    }
    if (!found.length) say(`there are no photos in ${base}`);
    return found.length ? status : 1;
  } finally {
    kept.close();
    await loading?.then(
      clip => clip.dispose(),
      () => {},
    );
  }
}
