/** The command line against what the reference implementations answered: data in ../shared. */
import assert from 'node:assert/strict';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Engine } from '../../web/engine/engine.js';
import { readModule } from '../../web/node.js';
import { SHARED, needsShared, run } from './helpers/cli.js';
import { temporaryFolder } from './helpers/model.js';

const data = join(SHARED, 'data');
const NODE = Number.parseInt(process.versions.node, 10);

describe('verify', needsShared, () => {
  for (const model of ['tiny-vit', 'tiny-vit-gelu-fp16', 'tiny-rn', 'clip-nano']) {
    for (const dtype of ['f32', 'q8']) {
      // Node 20 computes the relaxed int8 dot wrongly, behind a flag; those modules run in tests/browser
      for (const module of ['simd', 'simd-threads', ...(NODE >= 22 ? ['relaxed', 'relaxed-threads'] : [])]) {
        test(`${model} ${dtype} ${module}`, async () => {
          const { status, out, err } = await run(['verify', join(data, 'models', model), '--dtype', dtype, '--module', module]);
          assert.equal(status, 0, out + err);
          assert.match(out, /image_embeds: good.*\ntext_embeds: good/);
        });
      }
    }
  }
});

describe('a converted model', needsShared, () => {
  for (const model of ['tiny-vit', 'tiny-vit-gelu-fp16', 'tiny-rn', 'clip-nano']) {
    test(model, async () => {
      for (const dtype of ['f32', 'q8']) {
        const folder = await temporaryFolder();
        const converted = await run(['convert', join(data, 'models', model), '--dtype', dtype, '-o', folder]);
        assert.equal(converted.status, 0, converted.err);
        for (const name of ['expected.safetensors', 'expected-ids.json'])
          await copyFile(join(data, 'models', model, name), join(folder, name));
        const { status, out, err } = await run(['verify', folder, '--dtype', dtype]);
        assert.equal(status, 0, out + err);
      }
    });
  }
});

test('tokenize: all 2,585 texts', needsShared, async () => {
  const lines = (await readFile(join(data, 'tokenizer-golden.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
  assert.equal(lines.length, 2585);
  const { status, out } = await run(['tokenize', '--model', join(data, 'clip-bpe')], {
    input: lines.map(({ text }) => JSON.stringify(text) + '\n').join(''),
  });
  assert.equal(status, 0);
  const answers = out.trim().split('\n');
  const wrong = lines.filter(({ ids }, i) => answers[i] !== JSON.stringify(ids));
  // at most 3 may be due to the age of Unicode tables
  assert.ok(wrong.length <= 3, `${wrong.length} differ, such as ${JSON.stringify(wrong[0])}`);
});

test('tokenize: the same from tokenizer.json and from OpenAI’s own list', needsShared, async () => {
  const input = '"a photo of a cat"\n"naïve café, 3 dogs!"\n';
  const expected = await run(['tokenize', '--model', join(data, 'clip-bpe')], { input });
  for (const name of ['tokenizer.json', 'bpe_simple_vocab_16e6.txt.gz']) {
    const folder = await temporaryFolder();
    await copyFile(join(data, 'clip-bpe', name), join(folder, name));
    const { status, out } = await run(['tokenize', '--model', folder], { input });
    assert.equal(status, 0);
    assert.equal(out, expected.out, name);
  }
});

describe('pictures', needsShared, () => {
  /** @type {Engine} */
  let engine;
  before(async () => (engine = await Engine.create({ wasm: await readModule('simd') })));
  after(() => engine.dispose());
  // WebP, AVIF and TIFF are not the core's: see tests/browser
  const IN_BROWSERS = ['WEBP', 'AVIF', 'TIFF'];

  test('crops are Pillow’s', async () => {
    const { images } = JSON.parse(await readFile(join(data, 'images.json'), 'utf8'));
    const wrong = [];
    for (const { file, format, mode, crop224 } of images) {
      if (!crop224 || IN_BROWSERS.includes(format)) continue;
      if (mode.startsWith('I')) continue; // 16-bit grey: Pillow clips it, we scale it
      const ours = engine.crop(await readFile(join(data, 'images', file)), 224, file);
      const theirs = engine.crop(await readFile(join(data, 'images', crop224)), 224, crop224);
      let sum = 0,
        largest = 0;
      ours.forEach((value, i) => {
        const difference = Math.abs(value - theirs[i]);
        sum += difference;
        largest = Math.max(largest, difference);
      });
      const lossy = format === 'JPEG' || format === 'MPO';
      if (lossy ? sum / ours.length > 0.15 || largest > 4 : largest > 1)
        wrong.push(`${file}: mean ${sum / ours.length}, largest ${largest}`);
    }
    assert.deepEqual(wrong, []);
  });

  test('pictures after public reports: as Pillow reads them, or refused where Pillow refuses', async () => {
    const folder = join(data, 'field/pictures');
    const { pictures } = JSON.parse(await readFile(join(data, 'field/pictures.json'), 'utf8'));
    const wrong = [];
    for (const { file, pillow } of pictures) {
      const bytes = await readFile(join(folder, file));
      if (pillow) {
        assert.throws(() => engine.crop(bytes, 224, file), { name: 'ClipError', code: /^(bad-image|unknown-image-format)$/ }, file);
        continue;
      }
      const ours = engine.crop(bytes, 224, file);
      if (file === 'png-colours--grey16.png') continue; // Pillow clips it, we scale it
      const theirs = engine.crop(await readFile(join(folder, `${file}.crop224.png`)), 224);
      const largest = ours.reduce((most, value, i) => Math.max(most, Math.abs(value - theirs[i])), 0);
      if (largest > (/\.(jpg|mpo)$/.test(file) ? 4 : 1)) wrong.push(`${file}: ${largest}`);
    }
    assert.equal(pictures.length, 107);
    assert.deepEqual(wrong, []);
  });

  test('broken pictures are typed errors', async () => {
    const { images } = JSON.parse(await readFile(join(data, 'images.json'), 'utf8'));
    for (const { file, error } of images) {
      if (!error) continue;
      const bytes = await readFile(join(data, 'images', file));
      try {
        engine.crop(bytes, 224, file); // some decoders are more patient than Pillow
      } catch (problem) {
        assert.match(problem.code, /^(bad-image|unknown-image-format|bad-image-size)$/, file);
        assert.ok(problem.message.startsWith(file));
      }
    }
  });

  test('preprocess writes what the engine computes', async () => {
    const folder = await temporaryFolder();
    const photo = join(data, 'images/hopper.png');
    const { status } = await run(['preprocess', photo, '--size', '224', '-o', join(folder, 'x.ppm')]);
    assert.equal(status, 0);
    assert.deepEqual(new Uint8Array((await readFile(join(folder, 'x.ppm'))).subarray(15)), engine.crop(await readFile(photo), 224));
  });
});
