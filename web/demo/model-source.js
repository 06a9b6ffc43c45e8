/** What people name a model by: a name on the hub, a link to its page there, an address; and where that leads. */

/** Hosts that the hub sends on to for large files. */
const HUB = ['https://huggingface.co', 'https://*.huggingface.co', 'https://*.hf.co'];

/** @param {string} source whether it is a name on the hub */
const isName = source => /^[\w-][\w.-]*\/[\w.-]+?(@[\w./-]+)?$/.test(source);

/** Where a model's first file would be asked for. @param {string} source as Clip.load takes it */
export const addressOf = source => (isName(source) ? `${HUB[0]}/` : new URL(source, document.baseURI).href);

/** @param {unknown} source as Clip.load takes it @returns {string[]} */
export function placesOf(source) {
  if (typeof source !== 'string') return [];
  if (isName(source)) return HUB;
  const { origin, protocol } = new URL(source, document.baseURI);
  return /^https?:$/.test(protocol) && origin !== location.origin ? [origin] : [];
}

/** A link to a model's page on the hub means the model. @param {string} text */
export function sourceOf(text) {
  const page =
    /^(?:https?:\/\/)?(?:www\.)?(?:huggingface\.co|hf\.co)\/([\w-][\w.-]*\/[\w.-]+?)(?:\/(?:tree|blob|resolve)\/([\w.-]+)(?:\/.*)?)?\/?(?:[?#].*)?$/.exec(
      text,
    );
  if (!page) return text;
  return page[2] && page[2] !== 'main' ? `${page[1]}@${page[2]}` : page[1];
}
