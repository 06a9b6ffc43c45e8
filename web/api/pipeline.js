/** For those who come from transformers.js: the same arguments, the same shapes. */
import { ClipError } from '../error.js';
import { guarded } from './arguments.js';

/** @typedef {import('./options.js').ImageInput} ImageInput */
/** @typedef {import('./options.js').LoadOptions} LoadOptions */
/** @typedef {import('./options.js').Progress} Progress */
/** @typedef {{ score: number, label: string }} ZeroShotScore */
/** @typedef {{ dtype?: string | Record<string, string>, progress_callback?: (progress: Progress) => void, revision?: string, device?: string }} PipelineOptions */
/** @typedef {{ hypothesis_template?: string }} ZeroShotOptions */
/**
 * @typedef {{
 *   (images: readonly ImageInput[], candidate_labels: readonly string[], options?: ZeroShotOptions): Promise<ZeroShotScore[][]>,
 *   (image: ImageInput, candidate_labels: readonly string[], options?: ZeroShotOptions): Promise<ZeroShotScore[]>,
 *   (images: ImageInput | readonly ImageInput[], candidate_labels: readonly string[], options?: ZeroShotOptions): Promise<ZeroShotScore[] | ZeroShotScore[][]>,
 *   dispose: () => Promise<void>,
 * }} ZeroShotPipeline
 */
/** @typedef {(task: 'zero-shot-image-classification', model?: string | null, options?: PipelineOptions & Omit<LoadOptions, 'dtype'>) =>
 *   Promise<ZeroShotPipeline>} Pipeline */

/** @param {{ load: (model?: string, options?: LoadOptions) => Promise<any> }} Class @param {string} task
 *  @param {string | null} [model] @param {any} [given] @returns {Promise<ZeroShotPipeline>} */
export const pipelineOf = (Class, task, model, given) => guarded(() => open(Class, task, model, given))();

/** transformers.js's names of precisions, by ours: 16-bit floats are f32's weights here. */
const DTYPES = /** @type {Record<string, import('./options.js').Dtype | undefined>} */ ({
  auto: undefined,
  fp32: 'f32',
  f32: 'f32',
  fp16: 'f32',
  q8: 'q8',
  int8: 'q8',
  uint8: 'q8',
  q4: 'q4',
  q4f16: 'q4',
  bnb4: 'q4',
});

/** One precision for the whole model. @param {any} dtype a name, or an object that has one for each part */
function dtypeOf(dtype) {
  if (dtype === undefined || dtype === null) return undefined;
  const names = [...new Set(typeof dtype === 'object' ? Object.values(dtype) : [dtype])];
  for (const name of names) {
    if (typeof name === 'string' && Object.hasOwn(DTYPES, name)) continue;
    throw new ClipError(
      'bad-argument',
      `dtype is one of ${Object.keys(DTYPES).join(', ')}, not ${typeof name === 'string' ? name : typeof name}.`,
    );
  }
  const own = [...new Set(names.map(name => DTYPES[name]))];
  if (own.length > 1) throw new ClipError('bad-argument', `Both halves of a model have one dtype here, not ${names.join(' and ')}.`);
  return own[0];
}

/** @type {typeof pipelineOf} */
async function open(Class, task, model, given) {
  const { dtype, progress_callback, device: _, ...options } = given ?? {};
  if (task !== 'zero-shot-image-classification') {
    throw new ClipError(
      'bad-argument',
      `This package knows the task zero-shot-image-classification, not ${typeof task === 'string' ? JSON.stringify(task) : typeof task}.`,
    );
  }
  const clip = await Class.load(model ?? undefined, {
    onProgress: progress_callback,
    ...options,
    dtype: dtypeOf(dtype),
  });
  /** @param {any} images @param {string[]} labels @param {{ hypothesis_template?: string }} [given] */
  const run = async (images, labels, given) => {
    const { hypothesis_template: template = 'This is a photo of {}', ...others } = given ?? {};
    const [unknown] = Object.keys(others);
    if (unknown) throw new ClipError('bad-argument', `The pipeline has no option ${JSON.stringify(unknown)}; it has hypothesis_template.`);
    const all = await clip.classify(Array.isArray(images) ? images : [images], labels, { template });
    const shaped = all.map((/** @type {ZeroShotScore[]} */ scores) => scores.map(({ score, label }) => ({ score, label })));
    return Array.isArray(images) ? shaped : shaped[0];
  };
  return Object.assign(/** @type {any} */ (run), { dispose: async () => clip.dispose() });
}
