/** All four modules in Chromium compute what the reference does. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { MODULES, compare } from '../../web/cli/verify.js';
import { f32Of, readSafetensors } from '../../web/models/safetensors.js';
import { SHARED, needsShared } from '../js/helpers/cli.js';
import { SIZES, makeModel, random } from '../js/helpers/model.js';
import { ROOT, startChromium, startSite } from './helpers/chromium.js';

/** @type {Awaited<ReturnType<typeof startChromium>>} */
let browser;
/** @type {Awaited<ReturnType<typeof startSite>>} */
let site;
/** @type {Awaited<ReturnType<typeof browser.page>>} */
let page;
before(async () => {
  browser = await startChromium();
  site = await startSite({
    mounts: {
      '/little/': await makeModel({}),
      ...(needsShared.skip ? {} : { '/models/': join(SHARED, 'data/models') }),
    },
  });
  page = await browser.page(site);
});
after(async () => {
  await browser?.close();
  await site?.close();
});

/** @param {{ module: string, folder: string, dtype: string, pixels: number[] | Float32Array, ids: number[][] }} request */
async function compute(request) {
  const answer = await page.evaluate(
    async ({ threads, pixels, ...rest }) => {
      const worker = new Worker('/tests/browser/helpers/verify-worker.js', { type: 'module' });
      const bytes = Uint8Array.from(atob(pixels), c => c.charCodeAt(0));
      worker.postMessage({ ...rest, threads, pixels: new Float32Array(bytes.buffer) });
      const { data } = await new Promise(resolve => (worker.onmessage = resolve));
      worker.terminate();
      const plain = rows => rows?.map(row => Array.from(row));
      return { ...data, images: plain(data.images), texts: plain(data.texts) };
    },
    {
      ...request,
      threads: request.module.endsWith('threads') ? 3 : 1,
      pixels: Buffer.from(Float32Array.from(request.pixels).buffer).toString('base64'),
    },
  );
  assert.equal(answer.error, undefined);
  const floats = rows => rows.map(row => Float32Array.from(row));
  return { ...answer, images: floats(answer.images), texts: floats(answer.texts) };
}

describe('the reference’s answers', needsShared, () => {
  for (const model of ['tiny-vit', 'tiny-vit-gelu-fp16', 'tiny-rn']) {
    for (const module of MODULES) {
      test(`${model}, ${module}`, async () => {
        const folder = join(SHARED, 'data/models', model);
        const expected = readSafetensors(await readFile(join(folder, 'expected.safetensors')), model);
        const { input_ids: ids } = JSON.parse(await readFile(join(folder, 'expected-ids.json'), 'utf8'));
        const pixels = f32Of(expected.pixel_values, 'pixel_values');
        for (const dtype of ['f32', 'q8']) {
          const { images, texts, threads } = await compute({ module, folder: `/models/${model}/`, dtype, pixels, ids });
          assert.equal(threads, module.endsWith('threads') ? 3 : 1);
          for (const [rows, name] of /** @type {[Float32Array[], string][]} */ ([
            [images, 'image_embeds'],
            [texts, 'text_embeds'],
          ])) {
            const { error, cosine } = compare(rows, f32Of(expected[name], name));
            if (dtype === 'f32') assert.ok(error <= 5e-5, `${name}: ${error}`);
            else assert.ok(cosine >= 0.998, `${name}: ${cosine}`);
          }
        }
      });
    }
  }
});

describe('the embedded model answers in int8 as in f32 in PyTorch, cosines at least 0.998', () => {
  for (const module of MODULES)
    test(module, async () => {
      const expected = JSON.parse(await readFile(join(ROOT, 'weights/clip-mini/expected.json'), 'utf8'));
      const texts = Object.keys(expected.texts).filter(text => text.trim() && expected.norms[text] >= 1);
      const pictures = Object.keys(expected.images);
      assert.ok(pictures.length >= 8 && texts.length >= 6);
      const { threads, rows } = await page.evaluate(
        async ({ module, pictures, texts }) => {
          const { Clip } = /** @type {any} */ (window);
          const threads = module.endsWith('threads') ? 3 : 1;
          const clip = await Clip.load(undefined, { cache: false, wasm: `/web/wasm/clip-${module}.wasm`, threads });
          const rows = await clip.encode([...pictures.map(name => new URL(`/weights/samples/${name}`, location.href)), ...texts]);
          const answer = { threads: clip.info.threads, rows: rows.map(row => Array.from(row)) };
          clip.dispose();
          return answer;
        },
        { module, pictures, texts },
      );
      assert.equal(threads, module.endsWith('threads') ? 3 : 1);
      const all = [...pictures.map(name => expected.images[name]), ...texts.map(text => expected.texts[text])];
      all.forEach((row, i) => {
        const { cosine } = compare([Float32Array.from(rows[i])], Float32Array.from(row));
        assert.ok(cosine >= 0.998, `${[...pictures, ...texts][i]}: ${cosine}`);
      });
    });
});

test('the four modules agree on a model made here', async () => {
  const next = random(3);
  const pixels = Float32Array.from({ length: 2 * 3 * SIZES.image ** 2 }, () => next() * 4 - 2);
  const ids = [
    [518, 320, 519],
    [518, 320, 514, 515, 519],
  ];
  for (const [dtype, tolerance] of /** @type {const} */ ([
    ['f32', 1e-4],
    ['q8', 0.08],
  ])) {
    const answers = [];
    for (const module of MODULES) answers.push(await compute({ module, folder: '/little/', dtype, pixels, ids }));
    const [reference, ...others] = answers;
    for (const { images, texts } of others) {
      for (const [a, b] of [
        [images, reference.images],
        [texts, reference.texts],
      ]) {
        const { error } = compare(a, Float32Array.from(b.flatMap(row => Array.from(row))));
        assert.ok(error <= tolerance, `${dtype}: ${error}`);
      }
    }
  }
});
