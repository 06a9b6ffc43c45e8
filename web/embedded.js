/** The model that ships with the package. Each file has its own literal address, so that bundlers take it along. */
import { EMBEDDED } from './api/clip.js';
import { packageFolder } from './api/connect.js';

export { EMBEDDED };

/** Its description is a copy of clip.json under another name: some bundlers make scripts of files that end so. */
const FILES = () => ({
  'clip.json': new URL('../weights/clip-mini/clip.manifest', import.meta.url).href,
  'vision.q8.safetensors': new URL('../weights/clip-mini/vision.q8.safetensors', import.meta.url).href,
  'text.q8.safetensors': new URL('../weights/clip-mini/text.q8.safetensors', import.meta.url).href,
});

/** @param {string | URL} [assets] where the package's files were copied to
 *  @returns {import('./models/sources/spec.js').SourceSpec & { type: 'http', files: Record<string, string> }} */
export function embeddedSpec(assets) {
  const folder = packageFolder(assets, import.meta.url);
  const at = (/** @type {string} */ name) => `${folder}weights/clip-mini/${name}`;
  const files = folder
    ? {
        'clip.json': at('clip.manifest'),
        'vision.q8.safetensors': at('vision.q8.safetensors'),
        'text.q8.safetensors': at('text.q8.safetensors'),
      }
    : FILES();
  // the package may have been updated, so its description is asked for again
  return { type: 'http', url: files['clip.json'], id: EMBEDDED, name: EMBEDDED, revalidate: true, files };
}
