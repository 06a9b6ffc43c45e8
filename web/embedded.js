/** The model that ships with the package. Each file has its own literal address, so that bundlers take it along. */

export const EMBEDDED = 'clip-mini';

/** @returns {import('./models/sources/spec.js').SourceSpec & { type: 'http' }} */
export const embeddedSpec = () => ({
  type: 'http',
  url: new URL('../weights/clip-mini/', import.meta.url).href,
  id: EMBEDDED,
  name: EMBEDDED,
  revalidate: true, // the package may have been updated
  files: {
    'clip.json': new URL('../weights/clip-mini/clip.json', import.meta.url).href,
    'vision.q8.safetensors': new URL('../weights/clip-mini/vision.q8.safetensors', import.meta.url).href,
    'text.q8.safetensors': new URL('../weights/clip-mini/text.q8.safetensors', import.meta.url).href,
  },
});
