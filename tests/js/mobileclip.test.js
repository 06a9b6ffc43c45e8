/** MobileCLIP's towers against timm's FastViT and OpenCLIP's text transformer (tests/models/mobileclip.py made the answers). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { Engine } from '../../web/engine/engine.js';
import { readOpenClip } from '../../web/models/forms/open-clip.js';
import { readModule } from '../../web/node.js';

const FOLDER = new URL('../models/mobileclip/', import.meta.url);
const read = name => readFileSync(new URL(name, FOLDER));
const config = read('open_clip_config.json').toString();
const expected = JSON.parse(read('expected.json').toString());
const weights = read('open_clip_model.safetensors');

const cosine = (a, b) => {
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

/** @type {Engine} */
let engine;
before(async () => {
  engine = await Engine.create({ wasm: await readModule('simd') });
});

/** @param {'vision' | 'text'} kind @param {any} dtype @param {Uint8Array} [file] */
function load(kind, dtype, file = weights) {
  const tower = engine.openTower(kind, config, dtype);
  tower.open(file.length);
  for (let range; (range = tower.want()); ) tower.push(file.subarray(range.offset, range.offset + range.length));
  tower.finish();
  return tower;
}

/** @param {'vision' | 'text'} kind */
function converted(kind) {
  const parts = [];
  const converter = engine.openConverter(kind, 'q8', null, bytes => parts.push(bytes.slice()));
  converter.open(weights.length);
  for (let range; (range = converter.want()); ) converter.push(weights.subarray(range.offset, range.offset + range.length));
  converter.free();
  return new Uint8Array(Buffer.concat(parts));
}

const answersOf = {
  vision: tower => tower.encodePixels(Float32Array.from({ length: 2 * 3 * 64 * 64 }, (_, i) => Math.sin(i * 0.7))),
  text: tower => tower.encodeTexts(expected.ids),
};

for (const [kind, wanted] of /** @type {const} */ ([
  ['vision', expected.images],
  ['text', expected.texts],
]))
  describe(`${kind} tower`, () => {
    for (const [dtype, floor] of /** @type {const} */ ([
      ['f32', 0.99999],
      ['q8', 0.998],
    ]))
      test(`${dtype}: its answers are the reference's`, () => {
        const tower = load(kind, dtype);
        answersOf[kind](tower).forEach((x, i) => assert.ok(cosine(x, wanted[i]) >= floor, `${i}: ${cosine(x, wanted[i])}`));
        tower.free();
      });

    test('converted, it answers the same', () => {
      const tower = load(kind, 'q8', converted(kind));
      answersOf[kind](tower).forEach((x, i) => assert.ok(cosine(x, wanted[i]) >= 0.998, `${i}: ${cosine(x, wanted[i])}`));
      tower.free();
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
  const refuses = (json, pattern) => assert.throws(() => readOpenClip(json, 'open_clip_config.json'), { message: pattern });
  refuses(model({ timm_model_name: 'fastvit_mci3' }), /fastvit_mci3/);
  refuses(model({ timm_proj: 'linear' }), /timm_proj/);
  refuses(model({ timm_pool: 'max' }), /timm_pool/);
  refuses(model({ image_size: 250 }), /image_size/);
  refuses(model({}, { pad_id: 1 }), /pad_id/);
});
