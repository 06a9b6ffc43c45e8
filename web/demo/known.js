/** Models that are known by name, with their sizes and what they can do (weights/models.json). The site that is built has them in here. */

/**
 * @typedef {object} KnownModel
 * @property {string} name @property {string} source as Clip.load takes it; '' or 'clip-mini' for the embedded one
 * @property {Record<string, number>} bytes to fetch, by precision
 * @property {{ imagenet?: number, source?: string }} [accuracy] share of ImageNet's photos that it names right, and who measured that
 * @property {string} [licence] @property {string[]} [languages] as BCP 47 has them @property {string} [note]
 */

/** @returns {Promise<KnownModel[]>} none where the list cannot be had */
export const listOf = () =>
  fetch(new URL('../weights/models.json', document.baseURI))
    .then(answer => (answer.ok ? answer.json() : { models: [] }))
    .then(({ models }) => models)
    .catch(() => []);
