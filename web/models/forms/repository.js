/**
 * Finds out what a source holds, by the names that the files of published models have:
 *
 * - ours: clip.json, and a safetensors file for each tower and dtype;
 * - Hugging Face: config.json, preprocessor_config.json (transformers 5: processor_config.json), weights, the tokenizer's files; the same
 *   in the folder 0_CLIPModel/ of a sentence-transformers model;
 * - OpenCLIP: open_clip_config.json, weights, the tokenizer's files. (Immich's have a config.json of that form; its ONNX files are refused.)
 *
 * Whatever changes a model's answers and is not known here is refused by name before weights travel: see keys.js.
 */
import { ClipError } from '../../error.js';
import { checkManifest, configOf, parseJson } from '../model.js';
import { sentenceConfig } from './bert.js';
import { INERT, isHuggingFace, readHuggingFace } from './hugging-face.js';
import { unsupported } from './keys.js';
import { isOpenClip, readOpenClip } from './open-clip.js';
import { ofImageProcessor, ofOpenClip } from './preprocess.js';
import { findWeights } from './weights.js';

/** @typedef {import('../sources/source.js').Source} Source */
/** @typedef {import('../../engine/tower.js').TowerKind} TowerKind */

/**
 * @typedef {object} Model
 * @property {'clip-wasm' | 'hugging-face' | 'open-clip'} form
 * @property {import('../model.js').Manifest} manifest its towers are empty unless the form is ours
 * @property {string} config what clip_tower_create reads
 * @property {string} folder where its other files are in the source: '' or "0_CLIPModel/"
 * @property {import('./weights.js').Weights | null} weights of the other forms
 * @property {string} [clean] what is done to texts before the tokenizer sees them, in OpenCLIP's words
 */

/** Config files are small; a larger one is something else. */
const JSON_LIMIT = 1 << 20;

/**
 * @param {Source} source @param {{ signal?: AbortSignal, dtype?: import('../../engine/engine.js').Dtype }} [options] dtype: what the
 *   weights are wanted for, where there are several files
 * @returns {Promise<Model>}
 */
export async function readModel(source, { signal, dtype = 'q8' } = {}) {
  const names = await source.list(signal);
  /** @param {string} file @param {boolean} [list] whether it is a list */
  const read = async (file, list) => {
    if (names && !names.has(file)) {
      source.note(file, null);
      return null;
    }
    const text = await source.text(file, { signal, limit: JSON_LIMIT });
    return text === null ? null : list ? JSON.parse(text) : parseJson(file, text);
  };
  const own = await read('clip.json');
  if (own) {
    const manifest = checkManifest(own);
    return { form: 'clip-wasm', manifest, config: configOf(manifest), folder: '', weights: null };
  }
  if (source.sums?.integrity) throw new ClipError('wrong-sum', `${source.id} has no clip.json, of which a sum is known.`);
  const sentence = await sentenceModel(source, read, { dtype, names, signal });
  if (sentence) return sentence;
  const modules = await otherModules(read);
  for (const folder of ['', '0_CLIPModel/']) {
    if (folder && modules === null) break;
    const found = await readFolder(read, folder);
    if (!found) continue;
    const { form, config, preprocess, kinds, clean, knowledge } = found;
    const manifest = checkManifest({
      format: 'clip-wasm',
      version: 1,
      name: source.name,
      origin: source.id,
      config,
      preprocess,
      logit_scale: 100,
      towers: {},
      kinds: kinds.length === 1 ? kinds : undefined,
      knowledge,
    });
    const weights = await findWeights(source, { folder, form, dtype, names, signal });
    return { form, manifest, config: configOf(manifest), folder, weights, clean };
  }
  throw new ClipError(
    'not-a-model',
    source.sawHtml
      ? `${source.id} answers with HTML pages, not with a model's files.`
      : `${source.id} has no clip.json, config.json or open_clip_config.json of a CLIP model${names ? ` (it has ${listed(names.keys())})` : ''}.`,
  );
}

/** @param {Iterable<string>} names */
export function listed(names) {
  const all = [...names].filter(name => !/^\.|README|LICENSE/.test(name));
  return all.length ? all.slice(0, 12).join(', ') + (all.length > 12 ? ', …' : '') : 'no files';
}

/** A text half of sentence-transformers': an encoder, the mean of its rows, a dense layer; modules.json has their folders.
 * @param {Source} source @param {(file: string, list?: boolean) => Promise<any>} read
 * @param {{ signal?: AbortSignal, dtype: import('../../engine/engine.js').Dtype, names: Awaited<ReturnType<Source['list']>> }} options
 * @returns {Promise<Model | null>} null where it is none */
async function sentenceModel(source, read, { dtype, names, signal }) {
  const modules = await read('modules.json', true).catch(() => null);
  if (!Array.isArray(modules)) return null;
  const folderOf = (/** @type {string} */ name) => {
    const found = modules.find(({ type }) => typeof type === 'string' && type.endsWith(`.${name}`));
    if (!found) return null;
    if (!/^[\w-]*$/.test(found.path ?? '')) throw unsupported(`modules.json: ${JSON.stringify(found.path)} is no folder of the model.`);
    return found.path ? `${found.path}/` : '';
  };
  const [folder, pool, dense] = [folderOf('Transformer'), folderOf('Pooling'), folderOf('Dense')];
  if (folder === null || pool === null || dense === null) return null;
  const other = modules.find(({ type }) => !/\.(Transformer|Pooling|Dense|Normalize)$/.test(String(type)));
  if (other) throw unsupported(`modules.json: the module ${JSON.stringify(other.type)} is not supported after an encoder.`);
  const encoder = await read(`${folder}config.json`);
  const length = (await read(`${folder}sentence_bert_config.json`))?.max_seq_length;
  const parts = { encoder, pooling: await read(`${pool}config.json`), dense: await read(`${dense}config.json`), length };
  const manifest = checkManifest({
    format: 'clip-wasm',
    version: 1,
    name: source.name,
    origin: source.id,
    config: sentenceConfig(parts, INERT),
    logit_scale: 100,
    towers: {},
    kinds: ['text'],
  });
  const found = await findWeights(source, { folder, form: 'hugging-face', dtype, names, signal });
  const form = found?.text?.form;
  const more = form && (await findWeights(source, { folder: dense, form: 'hugging-face', dtype, names, signal }))?.text;
  if (found?.text && more && more.form !== form)
    throw unsupported(`${dense}: the dense layer is in another form (${more.form}) than the encoder (${form}).`);
  const text = found?.text && more ? joined(found.text, more) : null;
  return { form: 'hugging-face', manifest, config: configOf(manifest), folder, weights: { vision: null, text } };
}

/** Files of two, as one. @param {import('./weights.js').WeightFiles} a @param {import('./weights.js').WeightFiles} b */
const joined = (a, b) => ({
  ...a,
  files: [...a.files, ...b.files],
  sizes: { ...a.sizes, ...b.sizes },
  opened: new Map([...(a.opened ?? []), ...(b.opened ?? [])]),
});

/** What a sentence-transformers model does around its CLIP: nothing else may change its answers. @param {(file: string, list: boolean) => Promise<any>} read
 *  @returns {Promise<true | null>} null where there is no such model */
async function otherModules(read) {
  const modules = await read('modules.json', true).catch(() => null);
  if (!Array.isArray(modules)) return null;
  for (const { type = '', path = '' } of modules) {
    if (/\.(CLIPModel|Normalize)$/.test(type)) continue;
    throw unsupported(`modules.json: the module ${JSON.stringify(type || path)} is not supported, only CLIPModel.`);
  }
  return true;
}

/** @param {(file: string) => Promise<Record<string, any> | null>} read @param {string} folder
 *  @returns {Promise<{ form: 'hugging-face' | 'open-clip', config: any, preprocess: import('./preprocess.js').Preprocess | undefined, kinds: TowerKind[], clean?: string, knowledge?: { min_norm: number } } | null>} */
async function readFolder(read, folder) {
  const config = await read(`${folder}config.json`);
  const openClip = folder ? null : await read('open_clip_config.json');
  // OpenCLIP repositories carry both; there config.json may be a stub without the model's sizes
  if (config && isHuggingFace(config) && !(openClip && !config.vision_config && !config.text_config)) {
    const found = readHuggingFace(config, `${folder}config.json`);
    const processor = await read(`${folder}processor_config.json`);
    const nested = processor?.image_processor;
    if (!found.kinds.includes('vision')) return { form: 'hugging-face', ...found, preprocess: undefined };
    const preprocess = nested
      ? ofImageProcessor(nested, found.imageSize, `${folder}processor_config.json`)
      : ofImageProcessor(await read(`${folder}preprocessor_config.json`), found.imageSize, `${folder}preprocessor_config.json`);
    // where both are there, the model comes from OpenCLIP, and what its makers say about pictures holds
    const own = openClip?.preprocess_cfg ? ofOpenClip(openClip.preprocess_cfg, found.imageSize, 'open_clip_config.json') : undefined;
    return { form: 'hugging-face', config: found.config, preprocess: own ?? preprocess, kinds: found.kinds };
  }
  const [json, file] = openClip ? [openClip, 'open_clip_config.json'] : [config, `${folder}config.json`];
  if (!json || !isOpenClip(json)) return null;
  const { preprocess, ...found } = readOpenClip(json, file);
  const immich = json.preprocess_cfg ? null : await read('visual/preprocess_cfg.json');
  return {
    form: 'open-clip',
    config: found.config,
    preprocess: immich ? ofOpenClip(immich, found.imageSize, 'visual/preprocess_cfg.json') : preprocess,
    kinds: ['vision', 'text'],
    clean: found.clean,
    knowledge: found.knowledge,
  };
}
