/** For those who come from transformers.js: the same arguments, the same shapes. */
import { ClipError } from '../error.js';
import { guarded } from './arguments.js';

/** @typedef {import('./options.js').ImageInput} ImageInput */
/** @typedef {import('./options.js').LoadOptions} LoadOptions */
/** @typedef {import('./options.js').Progress} Progress */
/** @typedef {{ score: number, label: string }} ZeroShotScore */
/** @typedef {{ dtype?: import('./options.js').Dtype | 'fp32', progress_callback?: (progress: Progress) => void, revision?: string, device?: string }} PipelineOptions */
/** @typedef {((images: ImageInput | ImageInput[], candidate_labels: string[], options?: { hypothesis_template?: string }) =>
 *   Promise<ZeroShotScore[] | ZeroShotScore[][]>) & { dispose: () => Promise<void> }} ZeroShotPipeline */
/** @typedef {(task: 'zero-shot-image-classification', model?: string | null, options?: PipelineOptions & Omit<LoadOptions, 'dtype'>) =>
 *   Promise<ZeroShotPipeline>} Pipeline */

/** @param {{ load: (model?: string, options?: LoadOptions) => Promise<any> }} Class @param {string} task
 *  @param {string | null} [model] @param {any} [given] @returns {Promise<ZeroShotPipeline>} */
export const pipelineOf = (Class, task, model, given) => guarded(() => open(Class, task, model, given))();

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
    dtype: dtype === 'fp32' ? 'f32' : dtype,
  });
  /** @param {any} images @param {string[]} labels @param {{ hypothesis_template?: string }} [run] */
  const run = async (images, labels, { hypothesis_template: template = 'This is a photo of {}' } = {}) => {
    const all = await clip.classify(Array.isArray(images) ? images : [images], labels, { template });
    const shaped = all.map((/** @type {ZeroShotScore[]} */ scores) => scores.map(({ score, label }) => ({ score, label })));
    return Array.isArray(images) ? shaped : shaped[0];
  };
  return Object.assign(run, { dispose: async () => clip.dispose() });
}
