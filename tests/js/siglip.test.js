/** SigLIP in Hugging Face's form, from its files to scores, against transformers (tests/models/siglip.py). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readOpenClip } from '../../web/models/forms/open-clip.js';
import { Clip } from '../../web/node.js';
import { run } from './helpers/cli.js';
import { makeFolder } from './helpers/model.js';

const read = file => readFileSync(new URL(`../${file}`, import.meta.url));
const json = file => JSON.parse(read(file).toString());

/** A folder with the files of a model, changed. @param {string} name @param {Record<string, (value: any) => any>} [changes] */
function folderOf(name, changes = {}) {
  const files = {
    'config.json': read(`models/${name}/config.json`),
    'preprocessor_config.json': read(`models/${name}/preprocessor_config.json`),
    'model.safetensors': read(`models/${name}/model.safetensors`),
    'tokenizer.json': read(`tokenizers/${name}.json`),
  };
  for (const [file, change] of Object.entries(changes)) files[file] = Buffer.from(JSON.stringify(change(JSON.parse(files[file] ?? '{}'))));
  return makeFolder(files);
}

const cosine = (a, b) => {
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

for (const name of ['siglip', 'siglip2'])
  describe(`${name}, as transformers saves it`, () => {
    const expected = json(`models/${name}/expected.json`);
    const pictures = expected.pictures.map(file => new Uint8Array(read(`../weights/samples/${file}`)));

    for (const [dtype, floor, tolerance] of /** @type {const} */ ([
      ['f32', 0.99999, 1e-4],
      ['q8', 0.998, 0.05],
    ]))
      test(`${dtype}: pictures, texts and sigmoid scores are the reference's`, async () => {
        const clip = await Clip.load(await folderOf(name), { dtype });
        const images = await clip.encode(pictures);
        const texts = await clip.encode(expected.texts.slice(0, 4));
        images.forEach((image, i) =>
          assert.ok(cosine(image, expected.images[i]) >= floor, `picture ${i}: ${cosine(image, expected.images[i])}`),
        );
        texts.forEach((text, i) =>
          assert.ok(cosine(text, expected.texts_embeds[i]) >= floor, `text ${i}: ${cosine(text, expected.texts_embeds[i])}`),
        );
        const labels = expected.texts.slice(0, 4);
        for (const [i, picture] of pictures.entries())
          for (const { label, score } of await clip.classify(picture, labels, { template: '{}' })) {
            const wanted = expected.scores[i][labels.indexOf(label)];
            assert.ok(Math.abs(score - wanted) <= tolerance, `${label}: ${score} instead of ${wanted}`);
          }
        clip.dispose();
      });

    test('what the configuration asks that is not there is refused by name', async () => {
      const refused = async (changes, pattern) => assert.rejects(Clip.load(await folderOf(name, changes)), { message: pattern });
      await refused({ 'config.json': c => ({ ...c, model_type: 'siglip2' }) }, /NaFlex/);
      await refused({ 'config.json': c => ({ ...c, vision_config: { ...c.vision_config, vision_use_head: false } }) }, /vision_use_head/);
      await refused({ 'config.json': c => ({ ...c, text_config: { ...c.text_config, hidden_act: 'relu' } }) }, /hidden_act/);
      await refused({ 'config.json': c => ({ ...c, text_config: { ...c.text_config, something_new: 3 } }) }, /something_new/);
    });

    test('a tokenizer that is not known is refused by name when texts are asked for', async () => {
      const clip = await Clip.load(await folderOf(name, { 'tokenizer.json': t => ({ ...t, normalizer: { type: 'Nmt' } }) }));
      await assert.rejects(clip.encode('a dog'), { code: 'bad-tokenizer', message: /Nmt/ });
      await clip.encode(pictures[0]);
      clip.dispose();
    });
  });

test('padding is what tokenizer_config.json says, where tokenizer.json does not', async () => {
  const bare = t => ({ ...t, padding: null });
  const clip = await Clip.load(
    await folderOf('siglip', { 'tokenizer.json': bare, 'tokenizer_config.json': () => ({ pad_token: { content: '</s>' } }) }),
  );
  const expected = json('models/siglip/expected.json');
  const [text] = await clip.encode([expected.texts[0]]);
  const reference = await Clip.load(await folderOf('siglip'));
  assert.deepEqual(text, (await reference.encode([expected.texts[0]]))[0]);
  clip.dispose();
  reference.dispose();
});

test('texts are made canonical where transformers does that in code', async () => {
  const raw = t => ({ ...t, normalizer: t.normalizer.normalizers[0] });
  const settings = () => ({ tokenizer_class: 'SiglipTokenizer' });
  const clip = await Clip.load(await folderOf('siglip', { 'tokenizer.json': raw, 'tokenizer_config.json': settings }));
  const plain = await Clip.load(await folderOf('siglip', { 'tokenizer.json': raw }));
  const reference = await Clip.load(await folderOf('siglip'));
  const [text] = await reference.encode(['A school BUS, a_lemon!']);
  assert.deepEqual((await clip.encode(['A school BUS, a_lemon!']))[0], text);
  assert.notDeepEqual((await plain.encode(['A school BUS, a_lemon!']))[0], text);
  for (const model of [clip, plain, reference]) model.dispose();
});

test('converted, it is a model of our own form: the tokenizer and the bias travel with it', async () => {
  const folder = await folderOf('siglip2');
  const { status, err } = await run(['convert', folder, '--dtype', 'f32', '-o', join(folder, 'own')]);
  assert.equal(status, 0, err);
  const clip = await Clip.load(join(folder, 'own'), { dtype: 'f32' });
  const { texts, scores, pictures } = json('models/siglip2/expected.json');
  const ranking = await clip.classify(new Uint8Array(read(`../weights/samples/${pictures[0]}`)), texts.slice(0, 4), { template: '{}' });
  for (const { label, score } of ranking) assert.ok(Math.abs(score - scores[0][texts.indexOf(label)]) < 1e-4, label);
  clip.dispose();
});

test("OpenCLIP's configurations with timm's image tower say the same, and what differs is refused", () => {
  const text = {
    context_length: 64,
    vocab_size: 256000,
    hf_tokenizer_name: 'timm/ViT-B-16-SigLIP2',
    tokenizer_kwargs: { clean: 'canonicalize' },
    width: 1152,
    heads: 16,
    layers: 27,
    mlp_ratio: 3.7362,
    no_causal_mask: true,
    proj_bias: true,
    pool_type: 'last',
    norm_kwargs: { eps: 1e-6 },
    act_kwargs: { approximate: 'tanh' },
  };
  const vision = {
    image_size: 256,
    timm_model_name: 'vit_so400m_patch16_siglip_256',
    timm_model_pretrained: false,
    timm_pool: 'map',
    timm_proj: 'none',
  };
  const file = (changes = {}) => ({
    model_cfg: {
      embed_dim: 1152,
      init_logit_bias: -10,
      custom_text: true,
      vision_cfg: { ...vision, ...changes.vision },
      text_cfg: { ...text, ...changes.text },
    },
    preprocess_cfg: {
      size: [256, 256],
      mode: 'RGB',
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
      interpolation: 'bicubic',
      resize_mode: 'squash',
    },
  });
  const { config, clean, preprocess } = readOpenClip(file(), 'open_clip_config.json');
  const sizes = {
    hidden_size: 1152,
    intermediate_size: 4304,
    num_hidden_layers: 27,
    num_attention_heads: 16,
    hidden_act: 'gelu_pytorch_tanh',
    layer_norm_eps: 1e-6,
  };
  assert.deepEqual(config, {
    model_type: 'siglip',
    vision_config: { ...sizes, image_size: 256, patch_size: 16 },
    text_config: { ...sizes, max_position_embeddings: 64, vocab_size: 256000, projection_size: 1152 },
  });
  assert.equal(clean, 'canonicalize');
  assert.equal(preprocess.shorter, 0);
  for (const changes of [
    { text: { no_causal_mask: false } },
    { text: { pool_type: 'argmax' } },
    { text: { ls_init_value: 0.1 } },
    { vision: { timm_pool: 'avg' } },
    { vision: { timm_model_name: 'vit_base_patch16_siglip_gap_224' } },
  ])
    assert.throws(() => readOpenClip(file(changes), 'open_clip_config.json'), { code: 'unsupported' }, JSON.stringify(changes));
});
