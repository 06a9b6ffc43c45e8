/** Finds a model's weights among the names that published ones have. */
import { ClipError } from '../../error.js';
import { parseJson } from '../model.js';

/** @typedef {import('../sources/source.js').Source} Source */
/** @typedef {import('../../engine/tower.js').TowerKind} TowerKind */
/** @typedef {import('../../engine/engine.js').Dtype} Dtype */
/** Files that together are one model, or one tower. `sizes`: what is known of their sizes; `opened`: those that are open already.
 *  @typedef {{ form: import('../../engine/catalog.js').FileForm, files: string[], sizes?: Record<string, number>,
 *   opened?: Map<string, import('../sources/source.js').SourceFile> }} WeightFiles */
/** The same for both towers, mostly. `others`: files that are not read here.
 *  @typedef {Record<TowerKind, WeightFiles | null> & { others?: string[] }} Weights */

/** In the order of preference, in which the forms' own names come first: safetensors, then torch's. */
const HUGGING_FACE = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.safetensors',
  'pytorch_model.safetensors.index.json',
];
const HUGGING_FACE_TORCH = ['pytorch_model.bin', 'pytorch_model.bin.index.json'];
const OPEN_CLIP = ['open_clip_model.safetensors', 'open_clip_model.safetensors.index.json', 'open_clip_pytorch_model.safetensors'];
const OPEN_CLIP_TORCH = ['open_clip_pytorch_model.bin', 'open_clip_pytorch_model.bin.index.json'];
/** transformers.js' suffixes. Eight bits hold more than what int4 would make of them, and half is as good as f32 is. */
const ONNX = {
  f32: ['', '_fp16', '_int8', '_quantized', '_uint8', '_q4', '_q4f16'],
  q8: ['_quantized', '_int8', '_uint8', '_fp16', '', '_q4', '_q4f16'],
  q4: ['_quantized', '_int8', '_uint8', '_q4', '_q4f16', '_fp16', ''],
};
const SHARDS_LIMIT = 8 << 20;

/** @param {string} name @returns {WeightFiles['form']} */
const formOf = name => (/\.safetensors/.test(name) ? 'safetensors' : /\.onnx$/.test(name) ? 'onnx' : 'torch');

/**
 * @param {Source} source
 * @param {{ folder: string, form: 'hugging-face' | 'open-clip', dtype: Dtype, names: Map<string, { bytes?: number }> | null,
 *   signal?: AbortSignal }} options names: what the source holds, where it can tell
 * @returns {Promise<Weights | null>}
 */
export async function findWeights(source, { folder, form, dtype, names, signal }) {
  /** Those that had to be opened to see whether they are there. @type {Map<string, import('../sources/source.js').SourceFile>} */
  const opened = new Map();
  const exists = async (/** @type {string} */ name) => {
    if (names) return names.has(name);
    const file = await source.open(name, { signal });
    if (file) opened.set(name, file);
    return file !== null;
  };
  const known =
    form === 'open-clip'
      ? [...OPEN_CLIP, ...HUGGING_FACE, ...OPEN_CLIP_TORCH, ...HUGGING_FACE_TORCH]
      : [...HUGGING_FACE, ...OPEN_CLIP, ...HUGGING_FACE_TORCH, ...OPEN_CLIP_TORCH];
  // a listing tells of names that nobody would guess
  const rest = names ? [...names.keys()].filter(name => /^[^/]+\.(pt|pth)$/.test(name)) : [];
  for (const name of [...known.map(name => folder + name), ...rest]) {
    if (!(await exists(name))) continue;
    const files = name.endsWith('.index.json') ? await shards(source, name, folder, signal) : [name];
    const found = sized({ form: formOf(files[0]), files, opened }, names);
    return { vision: found, text: found };
  }
  /** @param {string[]} candidates @returns {Promise<WeightFiles | null>} */
  const first = async candidates => {
    for (const name of candidates) if (await exists(name)) return sized({ form: 'onnx', files: [name], opened }, names);
    return null;
  };
  const suffixes = ONNX[dtype];
  // the whole model's file has the factor of its scores too
  const both = await first(suffixes.slice(0, 3).map(suffix => `${folder}onnx/model${suffix}.onnx`));
  if (both) return { vision: both, text: both };
  const vision = await first([...suffixes.map(suffix => `${folder}onnx/vision_model${suffix}.onnx`)]);
  const text = await first([...suffixes.map(suffix => `${folder}onnx/text_model${suffix}.onnx`)]);
  if (vision || text) return { vision, text };
  const others = names
    ? [...names.keys()].filter(name => /\.(msgpack|h5|ckpt|gguf|tflite|mlmodel|armnn|onnx|bin|safetensors|npz)$/.test(name))
    : [];
  return others.length ? { vision: null, text: null, others } : null;
}

/** @param {WeightFiles} found @param {Map<string, { bytes?: number }> | null} names @returns {WeightFiles} */
function sized(found, names) {
  /** @type {Record<string, number>} */
  const sizes = {};
  for (const [name, { bytes }] of names ?? []) if (bytes !== undefined) sizes[name] = bytes;
  return { ...found, sizes };
}

/** The files that an index names, each once. @param {Source} source @param {string} index @param {string} folder @param {AbortSignal} [signal] */
async function shards(source, index, folder, signal) {
  const text = await source.text(index, { signal, limit: SHARDS_LIMIT });
  const { weight_map: map } = parseJson(index, text ?? '');
  const files = [...new Set(Object.values(map ?? {}))];
  if (
    !files.length ||
    !files.every(file => typeof file === 'string' && /^[^/\\\0?#%]+\.(safetensors|bin)$/.test(file) && !file.startsWith('.'))
  )
    throw new ClipError('bad-file', `${index} does not name the files that the weights are in.`);
  return files.map(file => folder + file);
}
