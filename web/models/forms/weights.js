/** Finds a model's weights among the names that published ones have. */

/** @typedef {import('../sources/source.js').Source} Source */
/** @typedef {import('../../engine/tower.js').TowerKind} TowerKind */
/** Files that together are one model, or one tower. @typedef {{ form: 'safetensors', files: string[] }} WeightFiles */
/** The same for both towers, mostly. @typedef {Record<TowerKind, WeightFiles | null>} Weights */

const HUGGING_FACE = ['model.safetensors', 'pytorch_model.safetensors'];
const OPEN_CLIP = ['open_clip_model.safetensors', 'open_clip_pytorch_model.safetensors'];

/**
 * @param {Source} source
 * @param {{ folder: string, form: 'hugging-face' | 'open-clip', dtype: import('../../engine/engine.js').Dtype,
 *   names: Map<string, unknown> | null, signal?: AbortSignal }} options names: what the source holds, where it can tell
 * @returns {Promise<Weights | null>}
 */
export async function findWeights(source, { folder, form, names, signal }) {
  const candidates = (form === 'open-clip' ? [...OPEN_CLIP, ...HUGGING_FACE] : [...HUGGING_FACE, ...OPEN_CLIP]).map(name => folder + name);
  const found = names ? (candidates.find(name => names.has(name)) ?? null) : await source.first(candidates, signal);
  if (!found) return null;
  /** @type {WeightFiles} */
  const files = { form: 'safetensors', files: [found] };
  return { vision: files, text: files };
}
