/** MobileCLIP's towers against timm's FastViT and OpenCLIP's text transformer (tests/models/mobileclip.py made the answers). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { Engine } from '../../web/engine/engine.js';
import { readOpenClip } from '../../web/models/forms/open-clip.js';
import { readModule } from '../../web/node.js';

const MODELS = ['mobileclip', 'mobileclip-b'].map(name => {
  const read = file => readFileSync(new URL(`../models/${name}/${file}`, import.meta.url));
  const expected = JSON.parse(read('expected.json').toString());
  return { name, expected, config: read('open_clip_config.json').toString(), weights: read('open_clip_model.safetensors') };
});

const cosine = (a, b) => {
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

/** @type {Engine} */
let engine;
before(async () => {
  engine = await Engine.create({ wasm: await readModule('simd') });
});

/** @param {'vision' | 'text'} kind @param {string} config @param {any} dtype @param {Uint8Array} file */
function load(kind, config, dtype, file) {
  const tower = engine.openTower(kind, config, dtype);
  tower.open(file.length);
  for (let range; (range = tower.want()); ) tower.push(file.subarray(range.offset, range.offset + range.length));
  tower.finish();
  return tower;
}

/** @param {'vision' | 'text'} kind @param {Uint8Array} file */
function converted(kind, file) {
  const parts = [];
  const converter = engine.openConverter(kind, 'q8', null, bytes => parts.push(bytes.slice()));
  converter.open(file.length);
  for (let range; (range = converter.want()); ) converter.push(file.subarray(range.offset, range.offset + range.length));
  converter.free();
  return new Uint8Array(Buffer.concat(parts));
}

for (const { name, config, expected, weights } of MODELS)
  for (const kind of /** @type {const} */ (['vision', 'text']))
    describe(`${name}, ${kind} tower`, () => {
      /** The least cosine of its answers with the reference's. */
      const least = tower => {
        const wanted = kind === 'vision' ? expected.images : expected.texts;
        const numbers = kind === 'vision' ? wanted.length * 3 * tower.info.imageSize ** 2 : 0;
        const pixels = Float32Array.from({ length: numbers }, (_, i) => Math.sin(i * 0.7));
        const found = kind === 'vision' ? tower.encodePixels(pixels) : tower.encodeTexts(expected.ids);
        tower.free();
        assert.equal(found.length, wanted.length);
        return Math.min(...found.map((x, i) => cosine(x, wanted[i])));
      };

      test("f32: its answers are the reference's", () => {
        const found = least(load(kind, config, 'f32', weights));
        assert.ok(found >= 0.99999, `${found}`);
      });

      test('q8: near them, converted or not', () => {
        for (const file of [weights, converted(kind, weights)]) {
          const found = least(load(kind, config, 'q8', file));
          assert.ok(found >= 0.998, `${found}`);
        }
      });
    });

test('the names of timm are read, and what a configuration asks besides is refused by name', () => {
  const model = (vision = {}, text = {}) => ({
    model_cfg: {
      embed_dim: 512,
      vision_cfg: { timm_model_name: 'fastvit_mci0', timm_pool: 'avg', timm_proj: null, image_size: 256, timm_drop: 0, ...vision },
      text_cfg: { context_length: 77, vocab_size: 49408, width: 512, heads: 8, layers: 12, no_causal_mask: true, ...text },
      custom_text: true,
    },
    preprocess_cfg: { mean: [0, 0, 0], std: [1, 1, 1], interpolation: 'bilinear', resize_mode: 'shortest' },
  });
  const { config: found, preprocess } = readOpenClip(model(), 'open_clip_config.json');
  assert.deepEqual(found.vision_cfg, { timm_model_name: 'fastvit', layers: [2, 6, 10, 2], width: 64, image_size: 256 });
  assert.equal(found.text_cfg.no_causal_mask, true);
  assert.equal(preprocess.filter, 'bilinear');
  const b = readOpenClip(model({ timm_model_name: 'vit_base_mci_224', timm_pool: 'token', image_size: 224 }), 'x').config.vision_cfg;
  assert.deepEqual(b, { timm_model_name: 'vit_mci', image_size: 224, layers: 12, width: 768, patch_size: 16 });
  const refuses = (json, pattern) => assert.throws(() => readOpenClip(json, 'open_clip_config.json'), { message: pattern });
  refuses(model({ timm_model_name: 'fastvit_mci3' }), /fastvit_mci3/);
  refuses(model({ timm_proj: 'linear' }), /timm_proj/);
  refuses(model({ timm_pool: 'max' }), /timm_pool/);
  refuses(model({ image_size: 250 }), /image_size/);
  refuses(model({}, { pad_id: 1 }), /pad_id/);
});
