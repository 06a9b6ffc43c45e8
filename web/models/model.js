/**
 * clip.json, our own form's description of a model, and what it says about one of another form (forms/) too.
 *
 * The room models/: what is fetched, checked, kept and fed to the engine. It may use engine/.
 *
 * All of it may come from anywhere, so all of it is checked.
 */
import { ClipError } from '../error.js';
import { sumOfText } from './sum.js';

/** @typedef {import('../engine/engine.js').Dtype} Dtype */
/** @typedef {import('../engine/tower.js').TowerKind} TowerKind */
/** @typedef {import('./sources/source.js').Source} Source */

/** A file of our form; rows: where a text tower's table of token embeddings is, if not in it.
 *  @typedef {{ file: string, bytes: number, chunk: number, sha256: string[], rows?: import('./rows.js').RowsEntry }} TowerFile */
/** @typedef {Partial<Record<Dtype, TowerFile>>} TowerFiles */
/** @typedef {import('./forms/preprocess.js').Preprocess} Preprocess */

/**
 * The text of clip.json.
 * @typedef {object} Manifest
 * @property {'clip-wasm'} format
 * @property {1} version
 * @property {string} name
 * @property {string} [license]
 * @property {string} [origin]
 * @property {Record<string, any>} config the source's config.json or open_clip_config.json
 * @property {Preprocess} [preprocess]
 * @property {number} logit_scale factor of the cosines before the softmax, or sigmoid
 * @property {number} [logit_bias] what is added to that; models that have it were trained with a sigmoid
 * @property {{ vision?: TowerFiles, text?: TowerFiles }} towers
 * @property {{ min_norm: number }} [knowledge] of a model whose text embeddings are shorter than that for what it was never taught
 * @property {string[]} [concepts] what a small model knows, for people
 * @property {TowerKind[]} [kinds] the towers that the model has, both where absent
 */

export const CHUNK = 4 << 20;
const MAX_BYTES = 64 * 2 ** 30;
/** @type {Dtype[]} */
export const DTYPES = ['f32', 'q8', 'q4'];
/** @param {unknown} value @returns {value is Record<string, any>} */
const isObject = value => typeof value === 'object' && value !== null && !Array.isArray(value);
/** @param {unknown} value @param {number} min @param {number} max */
const isWhole = (value, min, max) => Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;
/** @param {unknown} value */
const isTriple = value => Array.isArray(value) && value.length === 3 && value.every(x => typeof x === 'number' && Number.isFinite(x));

/** A file of a model lies in its folder. @param {unknown} name @returns {name is string} */
export const isFileName = name => typeof name === 'string' && /^[^/\\\0?#%]{1,200}$/.test(name) && !name.startsWith('..') && name !== '.';

/** Objects and arrays within each other at most; what walks through them later is recursive. */
const MAX_DEPTH = 64;

/** @param {unknown} value @param {number} depth @returns {boolean} */
const isShallow = (value, depth) =>
  typeof value !== 'object' || value === null || (depth > 0 && Object.values(value).every(inner => isShallow(inner, depth - 1)));

/** @param {string} file @param {string} text */
export function parseJson(file, text) {
  try {
    const value = JSON.parse(text);
    if (isObject(value) && isShallow(value, MAX_DEPTH)) return value;
    if (isObject(value)) throw new RangeError('it is nested too deep');
  } catch (error) {
    throw new ClipError('bad-manifest', `${file} is not JSON: ${/** @type {Error} */ (error).message}`, error);
  }
  throw new ClipError('bad-manifest', `${file} is not a JSON object.`);
}

/**
 * Throws unless the value is a manifest of our form; only its own fields are kept.
 * @param {unknown} value @param {string} [label] @returns {Manifest}
 */
export function checkManifest(value, label = 'clip.json') {
  /** @param {boolean} ok @param {string} what */
  const need = (ok, what) => {
    if (!ok) throw new ClipError('bad-manifest', `${label}: ${what}.`);
  };
  need(isObject(value), 'it is not an object');
  const m = /** @type {Record<string, any>} */ (value);
  need(m.format === 'clip-wasm', '"format" is not "clip-wasm"');
  need(m.version === 1, `"version" ${JSON.stringify(m.version)} is not 1, the only one this package knows`);
  need(typeof m.name === 'string' && m.name.length > 0 && m.name.length <= 200, '"name" is not a short string');
  need(isObject(m.config), '"config" is not an object');
  need(isObject(m.towers), '"towers" is not an object');
  need(typeof m.logit_scale === 'number' && m.logit_scale > 0 && m.logit_scale <= 1e4, '"logit_scale" is not a number above 0');
  need(m.logit_bias === undefined || (typeof m.logit_bias === 'number' && Math.abs(m.logit_bias) <= 1e4), '"logit_bias" is not a number');
  for (const key of ['license', 'origin']) need(m[key] === undefined || typeof m[key] === 'string', `"${key}" is not a string`);
  if (m.preprocess !== undefined) checkPreprocess(m.preprocess, label);
  need(
    m.knowledge === undefined || (isObject(m.knowledge) && m.knowledge.min_norm > 0 && m.knowledge.min_norm < 1e6),
    '"knowledge.min_norm" is not a number above 0',
  );
  const isText = (/** @type {unknown} */ x) => typeof x === 'string' && x.length <= 200;
  need(
    m.concepts === undefined || (Array.isArray(m.concepts) && m.concepts.length <= 10_000 && m.concepts.every(isText)),
    '"concepts" is not a list of short strings',
  );
  need(
    m.kinds === undefined || (Array.isArray(m.kinds) && m.kinds.length === 1 && ['vision', 'text'].includes(m.kinds[0])),
    '"kinds" is not a list of one tower',
  );
  /** @type {Manifest['towers']} */
  const towers = {};
  for (const kind of /** @type {TowerKind[]} */ (['vision', 'text'])) {
    const files = m.towers[kind];
    if (files === undefined) continue;
    need(isObject(files), `"towers.${kind}" is not an object`);
    /** @type {TowerFiles} */
    const kept = (towers[kind] = {});
    for (const dtype of DTYPES) {
      const f = files[dtype];
      if (f === undefined) continue;
      const at = `"towers.${kind}.${dtype}`;
      need(isObject(f), `${at}" is not an object`);
      need(isFileName(f.file), `${at}.file" is not the plain name of a file`);
      need(isWhole(f.bytes, 9, MAX_BYTES), `${at}.bytes" is not a size`);
      need(isWhole(f.chunk, 1 << 16, 64 << 20), `${at}.chunk" is not between 64 KiB and 64 MiB`);
      const count = Math.ceil(f.bytes / f.chunk);
      need(Array.isArray(f.sha256) && f.sha256.length === count, `${at}.sha256" does not have ${count} entries, one a chunk`);
      need(
        f.sha256.every((/** @type {unknown} */ x) => typeof x === 'string' && /^[0-9a-f]{64}$/.test(x)),
        `${at}.sha256" has an entry that is not 64 hexadecimal digits`,
      );
      kept[dtype] = { file: f.file, bytes: f.bytes, chunk: f.chunk, sha256: [...f.sha256] };
      if (f.rows === undefined) continue;
      const { block, file, bytes, sha256, version } = isObject(f.rows) ? f.rows : {};
      const own = isFileName(file) && isWhole(bytes, 17, MAX_BYTES) && /^[0-9a-f]{64}$/.test(sha256);
      need(
        kind === 'text' && isWhole(block, 1, 1 << 20) && (own || typeof version === 'string'),
        `${at}.rows" does not say where rows are`,
      );
      kept[dtype].rows = own ? { block, file, bytes, sha256 } : { block, version };
    }
  }
  const { name, license, origin, config, preprocess, logit_scale, logit_bias, concepts, knowledge, kinds } = m;
  return {
    format: 'clip-wasm',
    version: 1,
    name,
    license,
    origin,
    config,
    preprocess,
    logit_scale,
    logit_bias,
    towers,
    concepts,
    knowledge,
    kinds,
  };
}

/** @param {any} p @param {string} label */
function checkPreprocess(p, label) {
  const ok =
    isObject(p) && isWhole(p.size, 1, 1024) && isTriple(p.mean) && isTriple(p.std) && p.std.every((/** @type {number} */ x) => x > 0);
  if (!ok) throw new ClipError('bad-manifest', `${label}: "preprocess" is not {size: 1..1024, mean: three numbers, std: three above 0}.`);
  if (p.shorter !== undefined && p.shorter !== 0 && !isWhole(p.shorter, p.size, 1024))
    throw new ClipError('bad-manifest', `${label}: "preprocess.shorter" is neither 0 nor a size from ${p.size} to 1024.`);
  if (p.filter !== undefined && p.filter !== 'bicubic' && p.filter !== 'bilinear')
    throw new ClipError('bad-manifest', `${label}: "preprocess.filter" is neither "bicubic" nor "bilinear".`);
}

/** @param {Manifest} manifest */
export const configOf = ({ config, preprocess }) => JSON.stringify(preprocess ? { config, preprocess } : { config });

/** Throws unless sizes that the tower reports fit together. @param {import('../engine/tower.js').TowerInfo} info @param {Preprocess | undefined} preprocess */
export function checkSizes(info, preprocess) {
  if (preprocess && info.imageSize && preprocess.size !== info.imageSize) {
    throw new ClipError('bad-config', `Pictures are prepared at ${preprocess.size} pixels, but the model sees ${info.imageSize}.`);
  }
}

/** What tells one text tower from another, in the keys of the labels that it embedded: its weights, and how they are used.
 * @param {TowerFile} file @param {string} config of the model */
export const fingerprint = (file, config) =>
  `${sumOfText(config + (file.rows ? JSON.stringify(file.rows) : ''))} ${sumOfText(file.sha256.join())}${file.sha256.map(hash => hash.slice(0, 4)).join('')}`;
