/** Every kind of tower that tests/models has: in Chromium and in Node the same module gives the same numbers, in f32 and q8. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Engine } from '../../web/engine/engine.js';
import { readHuggingFace } from '../../web/models/forms/hugging-face.js';
import { Loader } from '../../web/models/loader.js';
import { FolderSource } from '../../web/models/sources/folder.js';
import { readModule } from '../../web/node.js';
import { makeFolder } from '../js/helpers/model.js';
import { startChromium, startSite } from './helpers/chromium.js';

const read = file => readFileSync(new URL(`../models/${file}`, import.meta.url));

/** The files of a fixture in our own form: its weights are read as they are. @param {string} name @param {string} weights @param {any} config */
function ownForm(name, weights, config) {
  const bytes = read(`${name}/${weights}`);
  const chunk = 1 << 20;
  const sums = [];
  for (let at = 0; at < bytes.length; at += chunk)
    sums.push(
      createHash('sha256')
        .update(bytes.subarray(at, at + chunk))
        .digest('hex'),
    );
  const f32 = { file: 'weights.safetensors', bytes: bytes.length, chunk, sha256: sums };
  const manifest = { format: 'clip-wasm', version: 1, name, config, logit_scale: 10, towers: { vision: { f32 }, text: { f32 } } };
  return makeFolder({ 'weights.safetensors': bytes, 'clip.json': JSON.stringify(manifest) });
}

const openClip = name => JSON.parse(read(`${name}/open_clip_config.json`).toString()).model_cfg;
const huggingFace = name => readHuggingFace(JSON.parse(read(`${name}/config.json`).toString()), name).config;
/** @type {[string, string, any][]} */
const MODELS = [
  ['siglip2', 'model.safetensors', huggingFace('siglip2')],
  ['chinese-clip', 'model.safetensors', huggingFace('chinese-clip')],
  ['mobileclip', 'open_clip_model.safetensors', openClip('mobileclip')],
  ['mobileclip-b', 'open_clip_model.safetensors', openClip('mobileclip-b')],
];

/** @type {Record<string, string>} */
const folders = {};
let browser, site, page;
before(async () => {
  for (const model of MODELS) folders[model[0]] = await ownForm(...model);
  browser = await startChromium();
  site = await startSite({ mounts: Object.fromEntries(Object.entries(folders).map(([name, folder]) => [`/${name}/`, folder])) });
  page = await browser.page(site);
});
after(async () => {
  await browser?.close();
  await site?.close();
});

/** What Node's copy of the module answers. @param {string} folder @param {'f32' | 'q8'} dtype @param {number} seed */
async function inNode(folder, dtype, seed) {
  const engine = await Engine.create({ wasm: await readModule('simd') });
  const loader = new Loader(new FolderSource(folder), null, assert.fail);
  await loader.open({});
  const { tower: vision } = await loader.load(engine, 'vision', dtype, {});
  const { tower: text } = await loader.load(engine, 'text', dtype, {});
  const pixels = Float32Array.from({ length: 3 * vision.info.imageSize ** 2 }, (_, i) => Math.sin(i * seed));
  const { context, vocabulary } = text.info;
  const ids = Array.from({ length: 3 }, (_, t) => Array.from({ length: context }, (_, i) => ((t * context + i) * 37) % vocabulary));
  const answers = { pixels, ids, images: vision.encodePixels(pixels), texts: text.encodeTexts(ids) };
  engine.dispose();
  return answers;
}

for (const [name] of MODELS)
  for (const dtype of /** @type {const} */ (['f32', 'q8']))
    test(`${name}, ${dtype}`, async () => {
      const { pixels, ids, images, texts } = await inNode(folders[name], dtype, 0.7);
      const found = await page.evaluate(
        async ({ pixels, ...request }) => {
          const worker = new Worker('/tests/browser/helpers/verify-worker.js', { type: 'module' });
          worker.postMessage({ ...request, module: 'simd', threads: 1, pixels: Float32Array.from(pixels) });
          const { data } = await new Promise(resolve => (worker.onmessage = resolve));
          worker.terminate();
          const plain = rows => rows?.map(row => Array.from(row));
          return { error: data.error, images: plain(data.images), texts: plain(data.texts) };
        },
        { folder: `/${name}/`, dtype, pixels: Array.from(pixels), ids },
      );
      assert.equal(found.error, undefined);
      const same = (a, b) =>
        assert.deepEqual(
          a.map(row => Array.from(row)),
          b.map(row => Array.from(row)),
        );
      same(found.images, images);
      same(found.texts, texts);
    });
