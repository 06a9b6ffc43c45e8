/**
 * What the engine itself answers to evaluate.py's photos and texts, in Chromium or in Node, so that evaluate.py can judge it too.
 *
 *   node weights/train/engine.mjs ASK PHOTOS OUT [--model FOLDER] [--dtype q8] [--engine chromium|node]
 *
 * ASK is what `evaluate.py --ask` wrote: { pictures: files below PHOTOS, texts }. Writes OUT/pictures.f32 and OUT/texts.f32, rows of numbers in
 * that order, not normalised. FOLDER is the embedded model by default. One thread.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { ROOT, startChromium, startSite } from '../../tests/browser/helpers/chromium.js';
import { EMBEDDED } from '../../web/embedded.js';
import { Clip } from '../../web/node.js';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: join(ROOT, 'weights', EMBEDDED) },
    dtype: { type: 'string', default: 'q8' },
    engine: { type: 'string', default: 'chromium' },
  },
});
const [asked, photos, out] = positionals.map(path => resolve(path));
const { pictures, texts } = JSON.parse(await readFile(asked, 'utf8'));
const SOME = 100;

/** @typedef {(kind: 'pictures' | 'texts', some: string[]) => Promise<Buffer>} Encode of rows end to end */

/** @returns {Promise<{ encode: Encode, close: () => Promise<void> }>} */
async function inNode() {
  const clip = await Clip.load(pathToFileURL(`${resolve(options.model)}/`), { dtype: /** @type {any} */ (options.dtype), threads: 1 });
  return {
    async encode(kind, some) {
      const inputs = kind === 'texts' ? some : some.map(file => pathToFileURL(join(photos, file)));
      return Buffer.concat((await clip.encode(/** @type {any} */ (inputs))).map(row => Buffer.from(row.slice().buffer)));
    },
    close: async () => clip.dispose(),
  };
}

/** @returns {Promise<{ encode: Encode, close: () => Promise<void> }>} */
async function inChromium() {
  const site = await startSite({ mounts: { '/asked-model/': resolve(options.model), '/asked-photos/': photos } });
  const browser = await startChromium();
  const page = await browser.page(site);
  await page.evaluate(async dtype => {
    const { Clip } = /** @type {any} */ (window);
    Object.assign(window, { clip: await Clip.load('/asked-model/', { dtype, threads: 1, cache: false }) });
  }, options.dtype);
  return {
    async encode(kind, some) {
      const text = await page.evaluate(
        async ({ kind, some }) => {
          const { clip } = /** @type {any} */ (window);
          const inputs = kind === 'texts' ? some : some.map(file => new URL(`/asked-photos/${file}`, location.href));
          const rows = await clip.encode(inputs);
          let text = '';
          for (const row of rows) text += String.fromCharCode(...new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
          return btoa(text);
        },
        { kind, some },
      );
      return Buffer.from(text, 'base64');
    },
    async close() {
      await browser.close();
      await site.close();
    },
  };
}

const { encode, close } = await (options.engine === 'node' ? inNode() : inChromium());
await mkdir(out, { recursive: true });
for (const [kind, all] of /** @type {['pictures' | 'texts', string[]][]} */ (Object.entries({ texts, pictures }))) {
  const parts = [];
  for (let at = 0; at < all.length; at += SOME) {
    parts.push(await encode(kind, all.slice(at, at + SOME)));
    process.stderr.write(`\r${kind}: ${Math.min(at + SOME, all.length)} of ${all.length}  `);
  }
  await writeFile(join(out, `${kind}.f32`), Buffer.concat(parts));
  process.stderr.write('\n');
}
await close();
