/** Text towers of BERT's family, from their files to scores, against transformers and OpenCLIP (tests/models/bert.py). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Engine } from '../../web/engine/engine.js';
import { readOpenClip } from '../../web/models/forms/open-clip.js';
import { Clip } from '../../web/node.js';
import { makeFolder } from './helpers/model.js';

const read = file => readFileSync(new URL(`../${file}`, import.meta.url));
const json = file => JSON.parse(read(file).toString());
const MODELS = {
  'chinese-clip': { 'vocab.txt': 'models/chinese-clip/vocab.txt' },
  'dual-encoder': { 'tokenizer.json': 'tokenizers/bert-ko.json' },
};

/** A folder with the files of a model, its config.json changed. @param {keyof typeof MODELS} name @param {(config: any) => any} [change] */
function folderOf(name, change = config => config) {
  const files = Object.fromEntries(
    ['preprocessor_config.json', 'model.safetensors'].map(file => [file, `models/${name}/${file}`]).concat(Object.entries(MODELS[name])),
  );
  const contents = Object.fromEntries(Object.entries(files).map(([file, path]) => [file, read(path)]));
  return makeFolder({ ...contents, 'config.json': JSON.stringify(change(json(`models/${name}/config.json`))) });
}

const cosine = (a, b) => {
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

for (const name of /** @type {(keyof typeof MODELS)[]} */ (Object.keys(MODELS)))
  describe(`${name}, as transformers saves it`, () => {
    const expected = json(`models/${name}/expected.json`);
    const pictures = expected.pictures.map(file => new Uint8Array(read(`../weights/samples/${file}`)));

    for (const [dtype, floor, tolerance] of /** @type {const} */ ([
      ['f32', 0.99999, 1e-4],
      ['q8', 0.998, 0.1],
    ]))
      test(`${dtype}: pictures, texts and scores are the reference's`, async () => {
        const clip = await Clip.load(await folderOf(name), { dtype });
        const images = await clip.encode(pictures);
        const texts = await clip.encode(expected.texts);
        images.forEach((image, i) =>
          assert.ok(cosine(image, expected.images[i]) >= floor, `picture ${i}: ${cosine(image, expected.images[i])}`),
        );
        texts.forEach((text, i) =>
          assert.ok(cosine(text, expected.texts_embeds[i]) >= floor, `text ${i}: ${cosine(text, expected.texts_embeds[i])}`),
        );
        for (const [i, picture] of pictures.entries())
          for (const { label, score } of await clip.classify(picture, expected.texts, { template: '{}' })) {
            const wanted = expected.scores[i][expected.texts.indexOf(label)];
            assert.ok(Math.abs(score - wanted) <= tolerance, `${label}: ${score} instead of ${wanted}`);
          }
        clip.dispose();
      });

    if (name === 'chinese-clip')
      test("torch's file gives the same", async () => {
        const files = ['config.json', 'preprocessor_config.json', 'pytorch_model.bin', 'vocab.txt'];
        const folder = await makeFolder(Object.fromEntries(files.map(file => [file, read(`models/${name}/${file}`)])));
        const [torch, other] = [await Clip.load(folder), await Clip.load(await folderOf(name))];
        assert.deepEqual(await torch.encode([...expected.texts, pictures[0]]), await other.encode([...expected.texts, pictures[0]]));
        torch.dispose();
        other.dispose();
      });

    test('many texts at once are as each alone', async () => {
      const clip = await Clip.load(await folderOf(name), { dtype: 'f32' });
      const many = Array.from({ length: 40 }, (_, i) => expected.texts[i % 4] + ' '.repeat(i));
      const all = await clip.encode(many);
      for (const i of [0, 17, 39]) assert.ok(cosine(all[i], (await clip.encode([many[i]]))[0]) > 0.999999);
      clip.dispose();
    });

    test('what the configuration asks that is not there is refused by name', async () => {
      const refused = async (change, pattern) =>
        assert.rejects(Clip.load(await folderOf(name, c => ({ ...c, text_config: { ...c.text_config, ...change } }))), {
          message: pattern,
        });
      await refused({ hidden_act: 'relu' }, /hidden_act/);
      await refused({ position_embedding_type: 'relative_key' }, /position_embedding_type/);
      await refused({ model_type: 'electra' }, /electra/);
      await refused({ embedding_size: 16 }, /embedding_size/);
    });
  });

const XLM = {
  model_type: 'clip',
  projection_dim: 24,
  vision_config: {},
  text_config: {
    model_type: 'bert',
    hidden_size: 32,
    intermediate_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    hidden_act: 'gelu',
    layer_norm_eps: 1e-5,
    max_position_embeddings: 40,
    first_position: 2,
    vocab_size: 4000,
    type_vocab_size: 1,
    pool: 'mean',
    projection_hidden: 28,
  },
};

test("OpenCLIP's XLM-RoBERTa: the mean of the rows, through two layers", async () => {
  const engine = await Engine.create({ wasm: read('../web/wasm/clip-simd.wasm') });
  const { ids, lengths, texts_embeds: expected } = json('models/xlm-roberta/expected.json');
  const file = new Uint8Array(read('models/xlm-roberta/open_clip_model.safetensors'));
  for (const [dtype, floor] of /** @type {const} */ ([
    ['f32', 0.99999],
    ['q8', 0.998],
  ])) {
    const tower = engine.openTower('text', JSON.stringify(XLM), dtype);
    tower.open(file.length);
    for (let range = tower.want(); range; range = tower.want()) tower.push(file.subarray(range.offset, range.offset + range.length));
    tower.finish();
    const texts = lengths.map((length, i) => ids.slice(lengths.slice(0, i).reduce((a, b) => a + b, 0)).slice(0, length));
    tower
      .encodeTexts(texts)
      .forEach((text, i) => assert.ok(cosine(text, expected[i]) >= floor, `${dtype}, text ${i}: ${cosine(text, expected[i])}`));
    assert.throws(() => tower.encodeTexts([Array(39).fill(5)]), { code: 'bad-argument' });
    tower.free();
  }
  engine.dispose();
});

test("OpenCLIP's configurations with XLM-RoBERTa, and with what is not known", () => {
  const file = text => ({
    embed_dim: 512,
    vision_cfg: { image_size: 224, layers: 12, width: 768, patch_size: 32 },
    text_cfg: { hf_model_name: 'xlm-roberta-base', hf_tokenizer_name: 'xlm-roberta-base', hf_pooler_type: 'mean_pooler', ...text },
  });
  const { config, clean } = readOpenClip(file({}), 'open_clip_config.json');
  assert.equal(clean, 'whitespace');
  assert.equal(config.text_cfg.projection_hidden, 640);
  assert.equal(config.text_cfg.context_length, 77);
  for (const text of [{ hf_model_name: 'roberta-base' }, { hf_pooler_type: 'max_pooler' }, { hf_proj_type: 'other' }])
    assert.throws(() => readOpenClip(file(text), 'open_clip_config.json'), { code: 'unsupported' });
});

describe("sentence-transformers' DistilBERT with a dense layer", () => {
  const expected = json('models/distilbert/expected.json');
  const PARTS = [
    'config.json',
    'model.safetensors',
    'modules.json',
    'sentence_bert_config.json',
    '1_Pooling/config.json',
    '2_Dense/config.json',
  ];

  /** @param {Record<string, (json: any) => any>} [changes] */
  async function folderWith(changes = {}) {
    const folder = await makeFolder({ 'tokenizer.json': read('tokenizers/bert-en.json') });
    for (const part of ['1_Pooling', '2_Dense']) await mkdir(join(folder, part));
    for (const file of [...PARTS, '2_Dense/model.safetensors']) {
      const bytes = read(`models/distilbert/${file}`);
      const change = changes[file];
      await writeFile(join(folder, file), change ? JSON.stringify(change(JSON.parse(bytes.toString()))) : bytes);
    }
    return folder;
  }

  for (const [dtype, floor] of /** @type {const} */ ([
    ['f32', 0.99999],
    ['q8', 0.998],
  ]))
    test(`${dtype}: texts are the reference's, and there is no image half`, async () => {
      const clip = await Clip.load(await folderWith(), { dtype });
      const texts = await clip.encode(expected.texts);
      texts.forEach((text, i) =>
        assert.ok(cosine(text, expected.texts_embeds[i]) >= floor, `text ${i}: ${cosine(text, expected.texts_embeds[i])}`),
      );
      await assert.rejects(clip.encode(new Uint8Array(read('../weights/samples/lemons.jpg'))), {
        code: 'no-weights',
        message: /only the text half/,
      });
      clip.dispose();
    });

  test('what its modules ask that is not there is refused by name', async () => {
    const refused = async (changes, pattern) => assert.rejects(Clip.load(await folderWith(changes)), { message: pattern });
    await refused({ '1_Pooling/config.json': c => ({ ...c, pooling_mode_cls_token: true }) }, /pooling_mode_cls_token/);
    await refused({ '1_Pooling/config.json': c => ({ ...c, pooling_mode_mean_tokens: false }) }, /pooling_mode_mean_tokens/);
    await refused(
      { '2_Dense/config.json': c => ({ ...c, activation_function: 'torch.nn.modules.activation.Tanh' }) },
      /activation_function/,
    );
    await refused({ '2_Dense/config.json': c => ({ ...c, bias: true }) }, /bias/);
    await refused({ 'config.json': c => ({ ...c, activation: 'relu' }) }, /activation/);
    await refused({ 'config.json': c => ({ ...c, something_new: 1 }) }, /something_new/);
    await refused({ 'modules.json': c => [...c, { idx: 3, type: 'sentence_transformers.models.LayerNorm', path: '3' }] }, /LayerNorm/);
  });
});
