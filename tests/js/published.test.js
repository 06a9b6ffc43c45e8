// Models saved by the libraries that people use, against those libraries' own answers: see tests/models/.
import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compare } from '../../web/cli/verify.js';
import { Engine } from '../../web/engine/engine.js';
import { chooseModule } from '../../web/engine/wasm.js';
import { cropFor } from '../../web/models/forms/preprocess.js';
import { Loader } from '../../web/models/loader.js';
import { FolderSource } from '../../web/models/sources/folder.js';
import { readModule } from '../../web/node.js';
import { temporaryFolder } from './helpers/model.js';

export const FIXTURES = fileURLToPath(new URL('../models/fixtures/', import.meta.url));
const inputs = JSON.parse(readFileSync(join(FIXTURES, 'inputs.json'), 'utf8'));
const pixels = new Float32Array(Uint8Array.from(Buffer.from(inputs.pixels, 'base64')).buffer);
const picture = new Uint8Array(readFileSync(join(FIXTURES, 'picture.png')));

/** @type {Engine} */
let engine;
before(async () => (engine = await Engine.create({ wasm: await readModule(chooseModule(1).name), readers: () => readModule('readers') })));
after(() => engine.dispose());

/** Both towers of a folder. @param {string} folder @param {'f32' | 'q8' | 'q4'} dtype */
async function answers(folder, dtype, { kinds = ['vision', 'text'], prepare = () => {} } = {}) {
  const loader = new Loader(new FolderSource(folder), null, assert.fail);
  await loader.open({ dtype });
  prepare(loader);
  await loader.check(engine, dtype);
  const result = { loader };
  for (const kind of kinds) {
    const { tower, tokenizer } = await loader.load(engine, kind, dtype, {});
    if (kind === 'vision') {
      result.crop = engine.crop(picture, cropFor(loader.manifest.preprocess, tower.info.imageSize));
      result.images = tower.encodePixels(pixels);
      result.picture = tower.encodeImages([result.crop]);
    } else {
      result.ids = inputs.texts.map(text => Array.from(tokenizer.encode(text, tower.info.context)));
      result.texts = tower.encodeTexts(result.ids);
    }
    tower.free();
  }
  return result;
}

const folders = existsSync(FIXTURES) ? readdirSync(FIXTURES).filter(name => existsSync(join(FIXTURES, name, 'expected.json'))) : [];
for (const name of folders)
  describe(name, () => {
    const folder = join(FIXTURES, name);
    const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
    const kinds = expected.kinds ?? ['vision', 'text'];
    const flat = rows => Float32Array.from(rows.flat());
    for (const [dtype, floor] of /** @type {const} */ ([
      ['f32', 0.99999],
      ['q8', 0.998],
    ]))
      test(`${dtype}: cosine to the library's own f32 at least ${floor}`, async () => {
        const found = await answers(folder, dtype, { kinds });
        if (kinds.includes('vision')) {
          const { cosine } = compare(found.images, flat(expected.image_embeds));
          assert.ok(cosine >= floor, `images ${cosine}`);
          assert.deepEqual(Buffer.from(found.crop).toString('base64'), expected.crop, 'the crop');
          assert.ok(compare(found.picture, flat(expected.picture_embeds)).cosine >= floor, 'the picture');
        }
        if (kinds.includes('text')) {
          assert.deepEqual(found.ids, expected.input_ids);
          const { cosine } = compare(found.texts, flat(expected.text_embeds));
          assert.ok(cosine >= floor, `texts ${cosine}`);
        }
        if (expected.logit_scale)
          assert.ok(Math.abs(found.loader.manifest.logit_scale - expected.logit_scale) < 1e-3 * expected.logit_scale);
      });
  });

// transformers.js' files: each against the model with that file's weights in f32
describe('every file of onnx/', () => {
  const folder = join(FIXTURES, 'xenova');
  const rounded = JSON.parse(readFileSync(join(folder, 'rounded.json'), 'utf8'));
  const { image_embeds: images } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
  for (const [name, expected] of Object.entries({ ...rounded, vision_model: images, vision_model_external: images }))
    test(name, async () => {
      const kind = name.startsWith('vision') ? 'vision' : 'text';
      const prepare = loader => {
        loader.weights = { [kind]: { form: 'onnx', files: [`onnx/${name}.onnx`] } };
        loader.manifest.kinds = [kind];
      };
      const { images, texts } = await answers(folder, 'f32', { kinds: [kind], prepare });
      const { cosine } = compare(images ?? texts, Float32Array.from(expected.flat()));
      assert.ok(cosine >= 0.9999, `${cosine}`);
    });
});

test('sentence-transformers/clip-ViT-B-32 as it lies on the hub: all in 0_CLIPModel/, weights as .bin', async () => {
  const folder = await temporaryFolder();
  cpSync(join(FIXTURES, 'transformers-bin'), join(folder, '0_CLIPModel'), { recursive: true });
  const modules = [{ idx: 0, name: '0', path: '0_CLIPModel', type: 'sentence_transformers.models.CLIPModel' }];
  await writeFile(join(folder, 'modules.json'), JSON.stringify(modules));
  const { image_embeds: images, input_ids: ids } = JSON.parse(readFileSync(join(FIXTURES, 'transformers-bin/expected.json'), 'utf8'));
  const found = await answers(folder, 'f32');
  assert.ok(compare(found.images, Float32Array.from(images.flat())).cosine > 0.99999);
  assert.deepEqual(found.ids, ids);
  // what comes behind CLIP would change its answers
  await writeFile(
    join(folder, 'modules.json'),
    JSON.stringify([...modules, { idx: 1, path: '1_Dense', type: 'sentence_transformers.models.Dense' }]),
  );
  await assert.rejects(answers(folder, 'f32'), { code: 'unsupported', message: /Dense/ });
});
