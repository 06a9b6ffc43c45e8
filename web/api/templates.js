/** Sets of templates by their names: labels' embeddings are averaged over a set. */

/** As good as the paper's 80, by its authors' search. Source: as imagenet.js. */
const IMAGENET_7 = [
  'itap of a {}.',
  'a bad photo of the {}.',
  'a origami {}.',
  'a photo of the large {}.',
  'a {} in a video game.',
  'art of the {}.',
  'a photo of the small {}.',
];

/** Whether it names a set. @param {unknown} template */
export const isSet = template => template === 'imagenet' || template === 'imagenet-7';

/** The set of a name. @param {unknown} template @returns {Promise<string[]>} */
export async function setOf(template) {
  return template === 'imagenet' ? (await import('./imagenet.js')).IMAGENET : IMAGENET_7; // the long one when it is asked for
}
