/**
 * Reads what a model folder says about itself, in three forms:
 *
 * The room models/: what is fetched, checked, kept and fed to the engine. It may use engine/.
 *
 * - ours: clip.json, and a safetensors file for each tower and dtype;
 * - Hugging Face: config.json, preprocessor_config.json, model.safetensors, and the tokenizer's files;
 * - OpenCLIP: open_clip_config.json, open_clip_model.safetensors or model.safetensors, and the tokenizer's files.
 *
 * All of it may come from anywhere, so all of it is checked.
 */
import { ClipError } from '../error.js';

/** @typedef {import('../engine/engine.js').Dtype} Dtype */
/** @typedef {import('../engine/tower.js').TowerKind} TowerKind */
/** @typedef {import('./sources/source.js').Source} Source */

/** A file of our form. @typedef {{ file: string, bytes: number, chunk: number, sha256: string[] }} TowerFile */
/** @typedef {Partial<Record<Dtype, TowerFile>>} TowerFiles */
/** @typedef {{ size: number, mean: number[], std: number[] }} Preprocess */

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
 * @property {number} logit_scale factor of the cosines before the softmax
 * @property {{ vision?: TowerFiles, text?: TowerFiles }} towers
 * @property {string[]} [concepts] what a small model knows, for people
 */

/**
 * @typedef {object} Model
 * @property {'clip-wasm' | 'hugging-face' | 'open-clip'} form
 * @property {Manifest} manifest its towers are empty unless the form is ours
 * @property {string} config what clip_tower_create reads
 * @property {string | null} weights the safetensors file of the other forms
 */

export const CHUNK = 4 << 20;
/** Config files are small; a larger one is something else. */
const JSON_LIMIT = 1 << 20;
const MAX_BYTES = 64 * 2 ** 30;
/** @type {Dtype[]} */
export const DTYPES = ['f32', 'q8', 'q4'];
/** OpenAI's, and almost everybody's. */
const MEAN = [0.48145466, 0.4578275, 0.40821073];
const STD = [0.26862954, 0.26130258, 0.27577711];

/** @param {unknown} value @returns {value is Record<string, any>} */
const isObject = value => typeof value === 'object' && value !== null && !Array.isArray(value);
/** @param {unknown} value @param {number} min @param {number} max */
const isWhole = (value, min, max) => Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;
/** @param {unknown} value */
const isTriple = value => Array.isArray(value) && value.length === 3 && value.every(x => typeof x === 'number' && Number.isFinite(x));

/** A file of a model lies in its folder. @param {unknown} name @returns {name is string} */
export const isFileName = name => typeof name === 'string' && /^[^/\\\0?#%]{1,200}$/.test(name) && !name.startsWith('..') && name !== '.';

/** @param {string} file @param {string} text */
export function parseJson(file, text) {
  try {
    const value = JSON.parse(text);
    if (isObject(value)) return value;
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
  for (const key of ['license', 'origin']) need(m[key] === undefined || typeof m[key] === 'string', `"${key}" is not a string`);
  if (m.preprocess !== undefined) checkPreprocess(m.preprocess, label);
  const isText = (/** @type {unknown} */ x) => typeof x === 'string' && x.length <= 200;
  need(
    m.concepts === undefined || (Array.isArray(m.concepts) && m.concepts.length <= 10_000 && m.concepts.every(isText)),
    '"concepts" is not a list of short strings',
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
    }
  }
  const { name, license, origin, config, preprocess, logit_scale, concepts } = m;
  return { format: 'clip-wasm', version: 1, name, license, origin, config, preprocess, logit_scale, towers, concepts };
}

/** @param {any} p @param {string} label */
function checkPreprocess(p, label) {
  const ok =
    isObject(p) && isWhole(p.size, 1, 1024) && isTriple(p.mean) && isTriple(p.std) && p.std.every((/** @type {number} */ x) => x > 0);
  if (!ok) throw new ClipError('bad-manifest', `${label}: "preprocess" is not {size: 1..1024, mean: three numbers, std: three above 0}.`);
}

/** @param {Manifest} manifest */
export const configOf = ({ config, preprocess }) => JSON.stringify(preprocess ? { config, preprocess } : { config });

/** @param {Record<string, any>} config @param {Record<string, any> | null} extra preprocessor_config.json @returns {Preprocess | undefined} */
function preprocessOf(config, extra) {
  const vision = config.vision_config ?? config.vision_cfg ?? config.model_cfg?.vision_cfg ?? {};
  const own = config.preprocess_cfg ?? {};
  const crop = extra?.crop_size ?? extra?.size ?? vision.image_size;
  const size = isObject(crop) ? (crop.height ?? crop.shortest_edge) : Array.isArray(crop) ? crop[0] : crop;
  if (size === undefined) return undefined;
  const preprocess = { size, mean: extra?.image_mean ?? own.mean ?? MEAN, std: extra?.image_std ?? own.std ?? STD };
  checkPreprocess(preprocess, extra ? 'preprocessor_config.json' : 'configuration');
  return preprocess;
}

/**
 * Finds out what a source holds.
 * @param {Source} source @param {AbortSignal} [signal] @returns {Promise<Model>}
 */
export async function readModel(source, signal) {
  /** @param {string} file */
  const read = async file => {
    const text = await source.text(file, { signal, limit: JSON_LIMIT });
    return text === null ? null : parseJson(file, text);
  };
  const own = await read('clip.json');
  if (own) {
    const manifest = checkManifest(own);
    return { form: 'clip-wasm', manifest, config: configOf(manifest), weights: null };
  }
  const names = { 'hugging-face': 'config.json', 'open-clip': 'open_clip_config.json' };
  for (const form of /** @type {(keyof typeof names)[]} */ (Object.keys(names))) {
    const config = await read(names[form]);
    // OpenCLIP repositories carry both; there config.json may be a stub without the model's sizes
    if (!config || (form === 'hugging-face' && !config.vision_config && !config.text_config)) continue;
    const preprocess = preprocessOf(config, await read('preprocessor_config.json'));
    const manifest = checkManifest({
      format: 'clip-wasm',
      version: 1,
      name: source.name,
      origin: source.id,
      config,
      preprocess,
      logit_scale: 100,
      towers: {},
    });
    const weights = form === 'open-clip' ? ['open_clip_model.safetensors', 'model.safetensors'] : ['model.safetensors'];
    return { form, manifest, config: configOf(manifest), weights: await source.first(weights, signal) };
  }
  throw new ClipError(
    'not-a-model',
    source.sawHtml
      ? `${source.id} answers with HTML pages, not with a model's files.`
      : `${source.id} has no clip.json, config.json or open_clip_config.json of a CLIP model.`,
  );
}

/** Throws unless sizes that the tower reports fit together. @param {import('../engine/tower.js').TowerInfo} info @param {Preprocess | undefined} preprocess */
export function checkSizes(info, preprocess) {
  if (preprocess && info.imageSize && preprocess.size !== info.imageSize) {
    throw new ClipError('bad-config', `Pictures are prepared at ${preprocess.size} pixels, but the model sees ${info.imageSize}.`);
  }
}

/** Begins the keys of the labels that a text tower embedded. @param {TowerFile} file */
export const fingerprint = file => file.sha256.map(hash => hash.slice(0, 12)).join('');

/** Keys' beginnings of all labels of a model. @param {Manifest} manifest */
export const labelPrefixes = manifest => Object.values(manifest.towers.text ?? {}).map(fingerprint);
