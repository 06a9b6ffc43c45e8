// Configurations that would give wrong answers if they were taken for OpenAI's: each must be understood or refused by name, at load.
// From a survey of what repositories hold, and from what the libraries' classes can be told.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readHuggingFace } from '../../web/models/forms/hugging-face.js';
import { readOpenClip } from '../../web/models/forms/open-clip.js';
import { ofImageProcessor } from '../../web/models/forms/preprocess.js';
import { Engine } from '../../web/engine/engine.js';
import { chooseModule } from '../../web/engine/wasm.js';
import { FolderSource } from '../../web/models/sources/folder.js';
import { findMerges } from '../../web/models/tokenizer-files.js';
import { Clip, ClipError, readModule } from '../../web/node.js';
import { CONFIG, SIZES, f32Tensor, makeFolder, makeModel } from './helpers/model.js';

/** @param {RegExp} pattern @param {string[]} [codes] */
const refused =
  (
    pattern,
    codes = ['unsupported', 'bad-config', 'bad-shape', 'unknown-tensor', 'missing-tensor', 'no-weights', 'not-a-model', 'bad-dtype'],
  ) =>
  error => {
    assert.ok(error instanceof ClipError, String(error?.stack));
    assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
    assert.match(error.message, pattern);
    return true;
  };
const load = async folder => (await Clip.load(folder)).dispose();

/** @param {(config: any) => void} change @param {any} [more] */
const model = (change, more) => {
  const config = structuredClone(CONFIG);
  change(config);
  return makeModel({ config, ...more });
};
/** @param {any} preprocessor @param {(config: any) => void} [change] */
async function withPreprocessor(preprocessor, change = () => {}) {
  const folder = await model(change);
  await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify(preprocessor));
  return folder;
}
const size = SIZES.image;

describe('refused by name, at load', () => {
  /** @type {[string, () => Promise<string>, RegExp][]} */
  const cases = [
    ['another architecture', () => model(c => (c.model_type = 'siglip_of_tomorrow')), /siglip_of_tomorrow/],
    [
      'an architecture that only its towers name',
      () => model(c => (c.text_config.model_type = 'xlm-roberta')),
      /text_config.*model_type.*xlm-roberta/,
    ],
    ['code of its own', () => model(c => (c.auto_map = { AutoModel: 'modeling_jina.X' })), /auto_map/],
    ['weights quantized by another library', () => model(c => (c.quantization_config = { bits: 4 })), /quantization_config/],
    ['an activation that is not CLIP’s', () => model(c => (c.text_config.hidden_act = 'gelu_new')), /hidden_act.*gelu_new.*quick_gelu/],
    ['an unknown key that may matter', () => model(c => (c.vision_config.use_rope = true)), /vision_config.*use_rope/],
    ['an unknown key at the top', () => model(c => (c.text_pooling = 'mean')), /text_pooling/],
    ['an end that is not in the vocabulary', () => model(c => delete c.text_config.eos_token_id), /eos_token_id.*49407.*520/],
    ['several ends', () => model(c => (c.text_config.eos_token_id = [1, 2])), /eos_token_id/],
    ['pictures that are not RGB', () => model(c => (c.vision_config.num_channels = 4)), /num_channels/],
    ['pictures that are not square', () => model(c => (c.vision_config.image_size = [32, 64])), /image_size.*square/],
    ['heads that do not divide the width', () => model(c => (c.text_config.num_attention_heads = 7)), /7 heads/],
    ['nearest-neighbour resizing', () => withPreprocessor({ size, crop_size: size, resample: 0 }), /resample.*nearest/],
    ['Lanczos', () => withPreprocessor({ size, crop_size: size, resample: 1 }), /resample.*Lanczos/],
    ['another size of pictures', () => withPreprocessor({ size: 64, crop_size: 64 }), /64.*32/],
    ['a crop larger than the picture', () => withPreprocessor({ size: 16, crop_size: size }), /frame/],
    ['no resizing', () => withPreprocessor({ size, crop_size: size, do_resize: false }), /do_resize/],
    ['no crop of what is not square', () => withPreprocessor({ size: { shortest_edge: size }, do_center_crop: false }), /do_center_crop/],
    ['a size by the longest side', () => withPreprocessor({ size: { longest_edge: size }, crop_size: size }), /size/],
    ['padding', () => withPreprocessor({ size, crop_size: size, do_pad: true }), /do_pad/],
    [
      'an image processor that works otherwise',
      () => withPreprocessor({ image_processor_type: 'BlipImageProcessor' }),
      /BlipImageProcessor/,
    ],
    ['an unknown step', () => withPreprocessor({ size, crop_size: size, do_sharpen: true }), /do_sharpen/],
    [
      'MLX’s patch embedding, (out, height, width, in)',
      () =>
        model(() => {}, {
          change: t => {
            const name = 'vision_model.embeddings.patch_embedding.weight';
            t[name] = { ...t[name], shape: [SIZES.width, SIZES.patch, SIZES.patch, 3] };
          },
        }),
      /conv1|patch_embedding/,
    ],
    [
      'a matrix the other way round, of as many numbers',
      () =>
        model(() => {}, {
          change: t => {
            const name = 'text_model.encoder.layers.0.mlp.fc1.weight';
            t[name] = { ...t[name], shape: t[name].shape.toReversed() };
          },
        }),
      /fc1|c_fc/,
    ],
    [
      'layers with a scale of their own',
      () => model(() => {}, { change: t => (t['vision_model.encoder.layers.0.ls_1.gamma'] = f32Tensor([4], new Float32Array(4))) }),
      /ls_1/,
    ],
    [
      'a bias that CLIP’s projection has not',
      () => model(() => {}, { change: t => (t['text_projection.bias'] = f32Tensor([16], new Float32Array(16))) }),
      /text_projection/,
    ],
    [
      'more layers than the configuration says',
      () =>
        model(() => {}, {
          change: t => (t['text_model.encoder.layers.2.layer_norm1.weight'] = f32Tensor([SIZES.width], new Float32Array(SIZES.width))),
        }),
      /2.*(layer_norm1|ln_1)/,
    ],
    [
      'two tensors for one place',
      () => model(() => {}, { change: t => (t['visual.ln_post.weight'] = f32Tensor([SIZES.width], new Float32Array(SIZES.width))) }),
      /ln_post|post_layernorm/,
    ],
  ];
  for (const [name, make, pattern] of cases)
    test(
      name,
      async () =>
        await assert.rejects(
          load(await make()),
          refused(pattern, ['unsupported', 'bad-config', 'bad-shape', 'unknown-tensor', 'bad-file']),
        ),
    );
});

describe("OpenCLIP's settings that change the answer", () => {
  const base = () => ({
    model_cfg: {
      embed_dim: 16,
      vision_cfg: { image_size: 32, layers: 2, width: 64, patch_size: 8 },
      text_cfg: { context_length: 16, vocab_size: 520, width: 64, heads: 2, layers: 2 },
    },
    preprocess_cfg: {},
  });
  /** @type {[string, (json: any) => void][]} */
  const cases = [
    ['timm_model_name', j => (j.model_cfg.vision_cfg.timm_model_name = 'fastvit_mci3')],
    ['hf_model_name', j => (j.model_cfg.text_cfg.hf_model_name = 'someone/gpt-of-tomorrow')],
    ['multimodal_cfg', j => (j.model_cfg.multimodal_cfg = { width: 512 })],
    ['pool_type', j => (j.model_cfg.text_cfg.pool_type = 'last')],
    ['pool_type', j => (j.model_cfg.vision_cfg.pool_type = 'avg')],
    ['ls_init_value', j => (j.model_cfg.vision_cfg.ls_init_value = 1e-5)],
    ['attentional_pool', j => (j.model_cfg.vision_cfg.attentional_pool = true)],
    ['no_ln_pre', j => (j.model_cfg.vision_cfg.no_ln_pre = true)],
    ['pos_embed_type', j => (j.model_cfg.vision_cfg.pos_embed_type = 'sin_cos_2d')],
    ['proj_bias', j => (j.model_cfg.text_cfg.proj_bias = true)],
    ['proj_type', j => (j.model_cfg.text_cfg.proj_type = 'none')],
    ['embed_cls', j => (j.model_cfg.text_cfg.embed_cls = true)],
    ['approximate', j => (j.model_cfg.text_cfg.act_kwargs = { approximate: 'tanh' })],
    ['eps', j => (j.model_cfg.text_cfg.norm_kwargs = { eps: 1e-6 })],
    ['clean', j => (j.model_cfg.text_cfg.tokenizer_kwargs = { clean: 'canonicalize' })],
    ['qk_norm', j => (j.model_cfg.vision_cfg.qk_norm = true)],
    ['resize_mode', j => (j.preprocess_cfg.resize_mode = 'longest')],
    ['interpolation', j => (j.preprocess_cfg.interpolation = 'nearest')],
    ['mode', j => (j.preprocess_cfg.mode = 'L')],
    ['size', j => (j.preprocess_cfg.size = [32, 64])],
    ['brightness', j => (j.preprocess_cfg.brightness = 2)],
    ['rope', j => (j.model_cfg.vision_cfg.rope = true)],
  ];
  test('as it is, it is read', () => assert.equal(readOpenClip(base(), 'f').config.vision_cfg.head_width, 64));
  for (const [key, change] of cases)
    test(`${change}`.slice(6, 90), () => {
      const json = base();
      change(json);
      assert.throws(() => readOpenClip(json, 'open_clip_config.json'), refused(new RegExp(`open_clip_config.json.*"${key}"`)));
    });
  test('what it leaves out is what its classes have', () => {
    const json = { model_cfg: { embed_dim: 512, vision_cfg: {}, text_cfg: {} } };
    const { config, preprocess } = readOpenClip(json, 'f');
    assert.deepEqual(config.vision_cfg, { image_size: 224, layers: 12, width: 768, head_width: 64, patch_size: 16, mlp_ratio: 4 });
    assert.deepEqual(config.text_cfg, { context_length: 77, vocab_size: 49408, width: 512, heads: 8, layers: 12, mlp_ratio: 4 });
    assert.equal(config.quick_gelu, false);
    assert.equal(preprocess.size, 224);
  });
});

describe("transformers' settings, understood", () => {
  const defaults = JSON.parse(readFileSync(new URL('../models/fixtures/defaults.json', import.meta.url), 'utf8'));
  test("facebook/metaclip's config.json, which says next to nothing, means the classes' defaults", () => {
    const { config } = readHuggingFace({
      model_type: 'clip',
      text_config: { model_type: 'clip_text_model' },
      vision_config: { model_type: 'clip_vision_model' },
    });
    for (const part of /** @type {const} */ (['text_config', 'vision_config']))
      for (const [key, value] of Object.entries(config[part])) assert.equal(value, defaults[part][key], `${part}.${key}`);
    assert.equal(config.projection_dim, defaults.projection_dim);
  });
  test('*_config_dict of 2022 holds, with defaults for what it leaves out', () => {
    const { config } = readHuggingFace({
      model_type: 'clip',
      text_config: { hidden_size: 256, num_attention_heads: 4, hidden_act: 'gelu' },
      text_config_dict: { hidden_size: 128, num_attention_heads: 2 },
      vision_config: {},
    });
    assert.equal(config.text_config.hidden_size, 128);
    assert.equal(config.text_config.hidden_act, 'quick_gelu');
  });
  test('the published eos_token_id 2 is kept: it means the largest id', () => {
    assert.equal(readHuggingFace({ text_config: { eos_token_id: 2 }, vision_config: {} }).config.text_config.eos_token_id, 2);
  });
  test('sizes of pictures in all their spellings', () => {
    for (const size of [224, { shortest_edge: 224 }])
      assert.deepEqual(Object.keys(ofImageProcessor({ size, crop_size: 224 }, 224)), ['size', 'mean', 'std'], JSON.stringify(size));
    assert.equal(ofImageProcessor({ size: { height: 224, width: 224 }, crop_size: { height: 224, width: 224 } }, 224).shorter, 0);
    assert.equal(ofImageProcessor({ size: { shortest_edge: 256 }, crop_size: { height: 224, width: 224 } }, 224).shorter, 256);
    assert.deepEqual(ofImageProcessor({ image_processor_type: 'SiglipImageProcessor', size: { height: 224, width: 224 } }, 224), {
      size: 224,
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
      shorter: 0,
    });
    assert.equal(ofImageProcessor({ resample: 2 }, 224).filter, 'bilinear');
  });
  test('pictures that are not rescaled have means in bytes', () => {
    const { mean, std } = ofImageProcessor({ do_rescale: false, image_mean: [127.5, 127.5, 127.5], image_std: [255, 255, 255] }, 224);
    assert.deepEqual([mean[0], std[0]], [0.5, 1]);
  });
});

describe('weights that are not there, or not readable', () => {
  const fixture = name => new URL(`../models/fixtures/${name}/`, import.meta.url);
  test('a file from before torch 1.6 says so', async () =>
    await assert.rejects(load(fixture('torch-legacy')), refused(/since version 1\.6/, ['bad-file'])));
  test('a pickle that would run code is refused by what it names', async () =>
    await assert.rejects(load(fixture('torch-code')), refused(/argparse.*Namespace/, ['unknown-tensor'])));
  test('a zip that is cut to its end, or lies about it', async () => {
    const config = JSON.stringify(CONFIG);
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50);
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50);
    for (const bytes of [end, Buffer.concat([locator, end]), Buffer.alloc(5), Buffer.concat([end, end])]) {
      const folder = await makeFolder({ 'config.json': config, 'pytorch_model.bin': bytes });
      await assert.rejects(load(folder), refused(/pytorch_model\.bin/, ['bad-file']));
    }
  });
  test('a repository with TensorFlow and Flax only says what it has', async () => {
    const folder = await makeModel({});
    const { rename } = await import('node:fs/promises');
    await rename(join(folder, 'model.safetensors'), join(folder, 'tf_model.h5'));
    await assert.rejects(load(folder), refused(/tf_model\.h5/, ['no-weights']));
  });
  test("Immich's folders say what they are, what is there, and what to load instead", async () => {
    const { mkdir, writeFile } = await import('node:fs/promises');
    const config = {
      embed_dim: 512,
      vision_cfg: { image_size: 224, layers: 12, width: 768, patch_size: 32 },
      text_cfg: { context_length: 77, vocab_size: 49408, width: 512, heads: 8, layers: 12 },
    };
    const folder = await makeFolder({ 'config.json': JSON.stringify(config) });
    for (const half of ['visual', 'textual']) {
      await mkdir(join(folder, half));
      await writeFile(join(folder, half, 'model.onnx'), 'not read');
    }
    const message = /Immich.*visual\/model\.onnx.*openai\/clip-vit-base-patch32/;
    await assert.rejects(load(folder), refused(message, ['no-weights']));
  });
});

describe('tokenizers by their files', () => {
  const folder = new URL('../models/fixtures/retrained-tokenizer/', import.meta.url);
  const golden = JSON.parse(readFileSync(new URL('ids.json', folder), 'utf8'));
  const text = name => readFileSync(new URL(name, folder), 'utf8');
  /** @param {Record<string, string>} files */
  const idsOf = async files => {
    const engine = await Engine.create({ wasm: await readModule(chooseModule(1).name) });
    try {
      const made = await findMerges(new FolderSource(await makeFolder(files)));
      const tokenizer = engine.openTokenizer(made);
      return golden.map(({ text }) => Array.from(tokenizer.encode(text, 200)));
    } finally {
      engine.dispose();
    }
  };
  test('one trained anew, its special tokens first: by merges.txt and vocab.json', async () => {
    const ids = await idsOf({ 'merges.txt': text('merges.txt'), 'vocab.json': text('vocab.json') });
    golden.forEach((one, i) => assert.deepEqual(ids[i], one.ids, one.text));
  });
  test('and by tokenizer.json', async () => {
    const ids = await idsOf({ 'tokenizer.json': text('tokenizer.json') });
    golden.forEach((one, i) => assert.deepEqual(ids[i], one.ids, one.text));
  });
  const changed = change => {
    const json = JSON.parse(text('tokenizer.json'));
    change(json);
    return { 'tokenizer.json': JSON.stringify(json) };
  };
  /** @type {[string, Record<string, string>, RegExp][]} */
  const refusals = [
    ['merges of GPT-2’s kind', { 'merges.txt': '#version: 0.2\nĠ t\nĠ a\nh e\n' }, /GPT-2/],
    ['a vocabulary without CLIP’s special tokens', { 'merges.txt': 'a b</w>\n', 'vocab.json': '{"a":0,"b</w>":1}' }, /startoftext/],
    ['case that counts', changed(j => (j.normalizer = { type: 'NFC' })), /lower case/],
    ['another normalizer', changed(j => j.normalizer.normalizers.push({ type: 'StripAccents' })), /StripAccents/],
    ['another splitting into words', changed(j => (j.pre_tokenizer = { type: 'Metaspace' })), /Metaspace/],
    ['words that do not end', changed(j => (j.model.end_of_word_suffix = '')), /end_of_word_suffix/],
  ];
  for (const [name, files, pattern] of refusals)
    test(`refused: ${name}`, async () => await assert.rejects(idsOf(files), refused(pattern, ['bad-merges', 'unsupported'])));
});
