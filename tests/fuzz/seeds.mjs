// Makes the fuzzers' seeds that are not pictures: node tests/fuzz/seeds.mjs. What it makes is committed, in tests/fuzz/seeds/.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { random } from '../js/helpers/model.js';

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), 'seeds');

function put(fuzzer, name, ...parts) {
  mkdirSync(join(FOLDER, fuzzer), { recursive: true });
  writeFileSync(join(FOLDER, fuzzer, name), Buffer.concat(parts.map(part => Buffer.from(part))));
}

// ---- tensors, in f16 so that they are small ----

/** 1.0 and numbers about it, as f16 bits: sign, exponent 9 to 15, any fraction. */
function halves(count, next, base = 0) {
  const bytes = Buffer.alloc(count * 2);
  for (let i = 0; i < count; i++) bytes.writeUInt16LE(base || (next() < 0.5 ? 0x8000 : 0) | (0x2400 + next() * 0x1000), i * 2);
  return bytes;
}

const SIZE = { F32: 4, F16: 2, BF16: 2, I8: 1, U8: 1 };

/** A safetensors file. @param {[string, string, number[], Buffer?][]} tensors name, dtype, shape */
function safetensors(tensors, seed = 1) {
  const next = random(seed);
  const header = {};
  const data = [];
  let at = 0;
  for (const [name, dtype, shape, given] of tensors) {
    const count = shape.reduce((a, b) => a * b, 1);
    let bytes = given;
    if (!bytes && dtype === 'F16') bytes = halves(count, next, name.endsWith('running_var') ? 0x3c00 : 0);
    if (!bytes && dtype === 'F32')
      bytes = Buffer.from(new Float32Array(count).map(() => (name.endsWith('scale') ? 0.01 : next() - 0.5)).buffer);
    if (!bytes && dtype === 'BF16') bytes = Buffer.from(new Uint16Array(count).map(() => 0x3c00 + next() * 0x100).buffer);
    if (!bytes) bytes = Buffer.from(Uint8Array.from({ length: count }, () => next() * 250));
    if (bytes.length !== count * SIZE[dtype]) throw new Error(name);
    header[name] = { dtype, shape, data_offsets: [at, (at += bytes.length)] };
    data.push(bytes);
  }
  let json = JSON.stringify(header);
  json += ' '.repeat((8 - (json.length % 8)) % 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, Buffer.from(json), ...data]);
}

/** Layers of a Hugging Face tower; see FUZZ_VIT in model.h. */
function layer(prefix, width, mlp, matrix = 'F16') {
  const l = `${prefix}.encoder.layers.0`;
  const linear = (name, out, inner) => {
    if (matrix === 'I8' || matrix === 'U8')
      return [
        [`${l}.${name}.weight`, matrix, [out, matrix === 'U8' ? (inner / 64) * 37 : inner]],
        [`${l}.${name}.weight.scale`, 'F32', [out]],
        [`${l}.${name}.bias`, 'F32', [out]],
      ];
    return [
      [`${l}.${name}.weight`, matrix, [out, inner]],
      [`${l}.${name}.bias`, matrix, [out]],
    ];
  };
  const norm = name => [
    [`${l}.${name}.weight`, 'F16', [width]],
    [`${l}.${name}.bias`, 'F16', [width]],
  ];
  return [
    ...norm('layer_norm1'),
    ...['q_proj', 'k_proj', 'v_proj', 'out_proj'].flatMap(part => linear(`self_attn.${part}`, width, width)),
    ...norm('layer_norm2'),
    ...linear('mlp.fc1', mlp, width),
    ...linear('mlp.fc2', width, mlp),
  ];
}

const vision = matrix => [
  ['vision_model.embeddings.class_embedding', 'F16', [32]],
  ['vision_model.embeddings.patch_embedding.weight', 'F16', [32, 3, 4, 4]],
  ['vision_model.embeddings.position_embedding.weight', 'F16', [5, 32]],
  ['vision_model.pre_layrnorm.weight', 'F16', [32]],
  ['vision_model.pre_layrnorm.bias', 'F16', [32]],
  ...layer('vision_model', 32, 32, matrix),
  ['vision_model.post_layernorm.weight', 'F16', [32]],
  ['vision_model.post_layernorm.bias', 'F16', [32]],
  ['visual_projection.weight', 'F16', [8, 32]],
  ['logit_scale', 'F32', []],
];
const text = matrix => [
  ['text_model.embeddings.token_embedding.weight', 'F16', [20, 32]],
  ['text_model.embeddings.position_embedding.weight', 'F16', [6, 32]],
  ['text_model.embeddings.position_ids', 'U8', [6]], // read past
  ...layer('text_model', 32, 64, matrix),
  ['text_model.final_layer_norm.weight', 'F16', [32]],
  ['text_model.final_layer_norm.bias', 'F16', [32]],
  ['text_projection.weight', 'F16', [8, 32]],
];

/** OpenAI's names, which have the three projections in one and the last transposed. */
const openai = (prefix, width, mlp) =>
  [
    ['ln_1.weight', [width]],
    ['ln_1.bias', [width]],
    ['attn.in_proj_weight', [3 * width, width]],
    ['attn.in_proj_bias', [3 * width]],
    ['attn.out_proj.weight', [width, width]],
    ['attn.out_proj.bias', [width]],
    ['ln_2.weight', [width]],
    ['ln_2.bias', [width]],
    ['mlp.c_fc.weight', [mlp, width]],
    ['mlp.c_fc.bias', [mlp]],
    ['mlp.c_proj.weight', [width, mlp]],
    ['mlp.c_proj.bias', [width]],
  ].map(([name, shape]) => [`${prefix}transformer.resblocks.0.${name}`, 'F16', shape]);
const textOpenai = [
  ['token_embedding.weight', 'F16', [20, 32]],
  ['positional_embedding', 'F16', [6, 32]],
  ...openai('', 32, 64),
  ['ln_final.weight', 'F16', [32]],
  ['ln_final.bias', 'F16', [32]],
  ['text_projection', 'F16', [32, 8]],
  ['tokenizer.merges', 'U8', [8], Buffer.from('a b\nc d\n')],
];

/** A ModifiedResNet of a bottleneck a stage; see FUZZ_RESNET in model.h. */
function resnet(stem) {
  const list = [];
  const add = (name, shape) => list.push([`visual.${name}`, 'F16', shape]);
  const norm = (name, channels) => {
    for (const part of ['weight', 'bias', 'running_mean', 'running_var']) add(`${name}.${part}`, [channels]);
  };
  const conv = (name, out, inner, side) => add(`${name}.weight`, [out, inner, side, side]);
  conv('conv1', stem / 2, 3, 3), norm('bn1', stem / 2);
  conv('conv2', stem / 2, stem / 2, 3), norm('bn2', stem / 2);
  conv('conv3', stem, stem / 2, 3), norm('bn3', stem);
  let channels = stem;
  for (let stage = 0; stage < 4; stage++) {
    const planes = stem * 2 ** stage;
    const at = `layer${stage + 1}.0`;
    conv(`${at}.conv1`, planes, channels, 1), norm(`${at}.bn1`, planes);
    conv(`${at}.conv2`, planes, planes, 3), norm(`${at}.bn2`, planes);
    conv(`${at}.conv3`, planes * 4, planes, 1), norm(`${at}.bn3`, planes * 4);
    conv(`${at}.downsample.0`, planes * 4, channels, 1), norm(`${at}.downsample.1`, planes * 4);
    channels = planes * 4;
  }
  add('attnpool.positional_embedding', [2, channels]);
  for (const part of ['q_proj', 'k_proj', 'v_proj'])
    add(`attnpool.${part}.weight`, [channels, channels]), add(`attnpool.${part}.bias`, [channels]);
  add('attnpool.c_proj.weight', [8, channels]), add('attnpool.c_proj.bias', [8]);
  return list;
}

// control byte 0: bit 0 text, bit 1 the second configuration, then the precision (0 f32, 1 q8, 2 q4)
for (const [precision, name] of ['f32', 'q8', 'q4'].entries()) {
  const matrix = ['F16', 'I8', 'F16'][precision];
  put('tower', `vision-${name}`, [precision * 4, 7 + precision, 1, 0], safetensors(vision(matrix)));
  put('tower', `text-${name}`, [1 + precision * 4, 3, 2, 0], safetensors(text(precision ? matrix : 'BF16')));
  if (precision < 2) put('tower', `resnet-${name}`, [2 + precision * 4, 5, 1, 0], safetensors(resnet(2)));
}
/** Those of SigLIP, of BERT's text tower and of EfficientNet-Lite's image tower: control byte 3. */
const linear = (name, out, inner) => [
  [`${name}.weight`, 'F16', [out, inner]],
  [`${name}.bias`, 'F16', [out]],
];
const norm = (name, width = 32) => linear(name, width, 1).map(([part, dtype]) => [part, dtype, [width]]);
const siglipVision = [
  ...linear('vision_model.embeddings.patch_embedding', 32, 3 * 4 * 4).map(([name, dtype, shape]) => [
    name,
    dtype,
    shape[1] ? [32, 3, 4, 4] : shape,
  ]),
  ['vision_model.embeddings.position_embedding.weight', 'F16', [4, 32]],
  ...layer('vision_model', 32, 64),
  ...norm('vision_model.post_layernorm'),
  ['vision_model.head.probe', 'F16', [1, 1, 32]],
  ['vision_model.head.attention.in_proj_weight', 'F16', [96, 32]],
  ['vision_model.head.attention.in_proj_bias', 'F16', [96]],
  ...linear('vision_model.head.attention.out_proj', 32, 32),
  ...norm('vision_model.head.layernorm'),
  ...linear('vision_model.head.mlp.fc1', 64, 32),
  ...linear('vision_model.head.mlp.fc2', 32, 64),
  ['logit_scale', 'F32', [1]],
  ['logit_bias', 'F32', [1]],
];
const siglipText = [
  ['text_model.embeddings.token_embedding.weight', 'F16', [20, 32]],
  ['text_model.embeddings.position_embedding.weight', 'F16', [6, 32]],
  ...layer('text_model', 32, 64),
  ...norm('text_model.final_layer_norm'),
  ...linear('text_model.head', 32, 32),
];
const bertText = [
  ['text_model.embeddings.word_embeddings.weight', 'F16', [20, 32]],
  ['text_model.embeddings.position_embeddings.weight', 'F16', [40, 32]],
  ['text_model.embeddings.token_type_embeddings.weight', 'F16', [2, 32]],
  ...norm('text_model.embeddings.LayerNorm'),
  ...['query', 'key', 'value'].flatMap(part => linear(`text_model.encoder.layer.0.attention.self.${part}`, 32, 32)),
  ...linear('text_model.encoder.layer.0.attention.output.dense', 32, 32),
  ...norm('text_model.encoder.layer.0.attention.output.LayerNorm'),
  ...linear('text_model.encoder.layer.0.intermediate.dense', 64, 32),
  ...linear('text_model.encoder.layer.0.output.dense', 32, 64),
  ...norm('text_model.encoder.layer.0.output.LayerNorm'),
  ['text_projection.weight', 'F16', [8, 32]],
];
put('tower', 'siglip-vision', [4, 7, 1, 1], safetensors(siglipVision));
put('tower', 'siglip-text', [1 + 4, 7, 1, 1], safetensors(siglipText));
put('tower', 'bert-text', [1 + 4, 7, 1, 2], safetensors(bertText));
// its weights are megabytes: only what the file says of them, which is then found to end early
const lite = JSON.parse(readFileSync(join(FOLDER, '../../models/efficientnet.json'), 'utf8')).models[0].tensors;
const names = Object.entries(lite).map(([name, shape]) => [name, 'F16', name.includes('head.proj') ? [8, ...shape.slice(1)] : shape]);
const promised = safetensors(names);
put('tower', 'efficientnet', [4, 7, 1, 3], promised.subarray(0, 8 + Number(promised.readBigUInt64LE(0)) + 4096));

// the same of a FastViT, with its length, so that weights are made up for it
const fast = readFileSync(join(FOLDER, '../../models/mobileclip/open_clip_model.safetensors'));
const { __metadata__: _, ...tensors } = JSON.parse(fast.subarray(8, 8 + Number(fast.readBigUInt64LE(0))));
const fastNames = Object.entries(tensors)
  .filter(([name]) => name.startsWith('visual'))
  .map(([name, { shape }]) => [name, 'F16', name.includes('head.fc') ? [8, ...shape.slice(1)] : shape]);
const fastFile = safetensors(fastNames);
const fastLength = Buffer.alloc(4);
fastLength.writeUInt32LE(fastFile.length);
put('tower', 'fastvit', [4, 7, 1, 4 + 8], fastLength, fastFile.subarray(0, 8 + Number(fastFile.readBigUInt64LE(0))));

put('tower', 'text-openai', [1 + 4, 9, 9, 0], safetensors(textOpenai));
put('tower', 'text-f32', [1, 9, 9, 0], safetensors(text('F32')));
const wide = [
  ...text('F16').filter(([name]) => !name.includes('mlp')),
  ...layer('text_model', 32, 64, 'U8').filter(([name]) => name.includes('fc2')),
  ...layer('text_model', 32, 64, 'F16').filter(([name]) => name.includes('fc1')),
];
put('tower', 'text-int4', [1 + 8, 4, 4, 0], safetensors(wide));
put('tower', 'text-lacks', [1, 4, 4, 0], safetensors(text('F16').slice(0, -1)));
put('tower', 'text-shape', [1, 4, 4, 0], safetensors([...text('F16').slice(0, -1), ['text_projection.weight', 'F16', [32, 32]]]));
put('tower', 'empty', [0, 0, 0, 0], safetensors([]));
for (const [precision, name] of ['f32', 'q8', 'q4'].entries()) {
  put('converter', `vision-${name}`, [precision * 4, 1, 0, 0], safetensors(vision(precision ? 'F16' : 'BF16')));
  put('converter', `text-${name}`, [1 + 2 + precision * 4, 9, 0, 0], safetensors(precision ? text('F16') : textOpenai));
}
put(
  'converter',
  'wide-q4',
  [8, 5, 0, 0],
  safetensors([
    ['visual.transformer.resblocks.0.mlp.c_fc.weight', 'F32', [4, 128]],
    ['visual.proj', 'F32', [64, 8]],
  ]),
);
put('converter', 'already', [4, 1, 0, 0], safetensors(vision('I8')));

const entry = (dtype, shape, offsets, more = '') => `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}${more}}`;
const headers = {
  one: `{"a":${entry('F32', '[2,3]', '[0,24]')}}`,
  two: `{"__metadata__":{"format":"pt"},"b":${entry('I64', '[1]', '[4,12]')},"a":${entry('F16', '[2]', '[0,4]')}}   `,
  scalar: `{"logit_scale":${entry('BF16', '[]', '[0,2]')}}`,
  overlap: `{"a":${entry('I8', '[4]', '[0,4]')},"b":${entry('U8', '[4]', '[2,6]')}}`,
  twice: `{"a":${entry('I8', '[2]', '[0,2]')},"a":${entry('I8', '[2]', '[2,4]')}}`,
  deep: `{"a":${'['.repeat(80)}${']'.repeat(80)}}`,
  odd: `{"a\\"b":${entry('F64', '[1,1,1,1,1,1,1,1]', '[0,8]', ',"x":null')}}`,
};
const ends = { one: 24, two: 12, scalar: 2, overlap: 6, twice: 4, deep: 0, odd: 8 };
for (const [name, json] of Object.entries(headers)) put('safetensors', name, [ends[name], 0, 0, 0], json);

const config = {
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 128,
  hidden_act: 'quick_gelu',
  layer_norm_eps: 1e-5,
};
put(
  'config',
  'hugging-face',
  JSON.stringify({
    projection_dim: 16,
    vision_config: { ...config, image_size: 32, patch_size: 8, num_channels: 3 },
    text_config: { ...config, max_position_embeddings: 16, vocab_size: 520, eos_token_id: 2 },
  }),
);
put(
  'config',
  'open-clip',
  JSON.stringify({
    model_cfg: {
      embed_dim: 16,
      quick_gelu: true,
      vision_cfg: { image_size: 32, layers: 2, width: 64, patch_size: 8, head_width: 32, mlp_ratio: 2 },
      text_cfg: { context_length: 16, vocab_size: 520, width: 64, heads: 2, layers: 2 },
    },
    preprocess_cfg: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  }),
);
put(
  'config',
  'resnet',
  JSON.stringify({
    embed_dim: 16,
    vision_cfg: { image_size: 64, layers: [1, 2, 1, 1], width: 8, patch_size: null },
    text_cfg: { context_length: 16, vocab_size: 520, width: 64, heads: 2, layers: 2 },
  }),
);
put(
  'config',
  'ours',
  JSON.stringify({
    config: { projection_dim: 16, vision_config: config, text_config: { ...config, hidden_act: 'gelu' } },
    preprocess: { size: 32, mean: [0, 0, 0], std: [1, 1, 1] },
  }),
);
const sizes = { hidden_size: 32, intermediate_size: 64, num_hidden_layers: 2, num_attention_heads: 4 };
const siglip = { vision_config: { ...sizes, image_size: 32, patch_size: 8 }, text_config: { ...sizes, hidden_act: 'gelu_pytorch_tanh' } };
put('config', 'siglip', JSON.stringify({ model_type: 'siglip', ...siglip }));
const bert = { model_type: 'bert', ...sizes, first_position: 2, context_length: 77, pool: 'mean', projection_hidden: 640 };
put('config', 'bert', JSON.stringify({ vision_config: {}, text_config: bert }));
put('config', 'open-bert', JSON.stringify({ embed_dim: 512, vision_cfg: {}, text_cfg: { ...bert, pool: 'pooler' } }));
put('config', 'cut', '{"vision_cfg":{"layers":[1,2');
put('config', 'deep', `{"a":${'[{"a":'.repeat(40)}1${'}]'.repeat(40)}}`);

put(
  'merges',
  'plain',
  [0],
  '#version: 0.2\na b\nab c</w>\nabc d</w>\n\u00c3 \u00a9</w>\n\u0120 t\n\u0142 \u0143\n'.replace('abc d</w>\n', ''),
);
put('merges', 'limit', [1 + 2 * 2], 'a b\nc d\ne f\ng h\n');
put('merges', 'windows', [0], '"bpe_simple_vocab_16e6.txt#version: 0.2\r\ni n\r\nin g</w>\r\n');
put('merges', 'twice', [0], 'a b\na b\n');
put('merges', 'unknown', [0], 'ab c\n');
put('merges', 'spaces', [0], 'a  b\n');
put('merges', 'half', [0], Buffer.from([0x61, 0x20, 0xc3]));

const texts = {
  plain: 'a photo of a cat',
  capitals: "THE Dog's 2 cats aren't here, we'll SEE I'd've",
  special: 'a <|startoftext|> b <|endoftext|> c <|ENDOFTEXT|>',
  composed: 'e\u0301 \u1100\u1161\u11a8 A\u030a \u212b \u0344 \u{1d160} \u0130 \u023a',
  scripts: '\uae40\uce58 \u6ce1\u83dc \u043c\u0438\u0440 \u0e44\u0e17\u0e22 \u0627\u0644 \u{1f600}\u200d\u{1f600} \u00bd \u2167 \u0661',
  spaces: ' \t\n\u00a0\u2003a\u3000b ',
  marks: 'a\u0300\u0301\u0302\u0323\u0300 \u0f71\u0f72 \u093c\u0915',
  ab: 'abababababababab in ini !!!!!!',
};
for (const [name, value] of Object.entries(texts)) put('tokenizer', name, value);
put('tokenizer', 'broken', Buffer.from([0x61, 0xc0, 0xaf, 0xed, 0xa0, 0x80, 0xf5, 0x80]));
put('tokenizer', 'long', 'x'.repeat(300) + '\u00e9'.repeat(50));

const next = random(4);
put('int4', 'row', [0], Buffer.from(Uint8Array.from({ length: 37 * 2 }, () => next() * 256)));
put('int4', 'f32', [0], Buffer.from(new Float32Array(128).map(() => (next() - 0.5) ** 3).buffer));
put('int4', 'f16', [1], halves(128, next));
put('int4', 'bf16', [2], Buffer.from(new Uint16Array(64).map(() => 0x3c00 + next() * 0x100).buffer));
put('int4', 'i8', [3], Buffer.alloc(256, 1));
put('int4', 'outlier', [0], Buffer.from(Float32Array.from({ length: 64 }, (_, i) => (i === 9 ? 30 : 0.01 * (i % 5))).buffer));
put('int4', 'zeros', [0], Buffer.alloc(256));

for (let orientation = 1; orientation <= 8; orientation++)
  put('pixels', `turned-${orientation}`, [9 + orientation, 0, 7, 3 | (orientation << 3), 5], Buffer.from([1, 200, 30, 60, 99]));
put('pixels', 'alpha', [30, 0, 20, 4 | (1 << 3), 11], Buffer.from([255, 0, 9, 128, 7, 7]));
put('pixels', 'grow', [2, 0, 3, 3 | (1 << 3), 60], Buffer.from([255, 0, 9]));
put('pixels', 'one-colour', [200, 0, 90, 3 | (1 << 3), 12], Buffer.from([77]));
put('pixels', 'none', [0, 0, 4, 3 | (1 << 3), 12], Buffer.from([77]));
put('pixels', 'wide', [255, 15, 2, 3 | (1 << 3), 4], Buffer.from([5, 6, 7]));

/** A TIFF directory with an orientation. */
function tiff(little, type, value, before = 0) {
  const bytes = Buffer.alloc(8 + 2 + 12 * (before + 1) + 4);
  const u16 = (v, at) => (little ? bytes.writeUInt16LE(v, at) : bytes.writeUInt16BE(v, at));
  const u32 = (v, at) => (little ? bytes.writeUInt32LE(v, at) : bytes.writeUInt32BE(v, at));
  bytes.write(little ? 'II' : 'MM', 0, 'latin1');
  u16(42, 2), u32(8, 4), u16(before + 1, 8);
  const at = 10 + 12 * before;
  for (let i = 0; i < before; i++) u16(0x0100 + i, 10 + 12 * i);
  u16(0x0112, at), u16(type, at + 2), u32(1, at + 4);
  if (type === 4) u32(value, at + 8);
  else if (type === 3) u16(value, at + 8);
  else bytes[at + 8] = value;
  return bytes;
}
put('exif', 'little', tiff(true, 3, 6));
put('exif', 'big', tiff(false, 3, 8, 2));
put('exif', 'long', tiff(true, 4, 3));
put('exif', 'byte', tiff(false, 1, 2));
put('exif', 'range', tiff(true, 3, 99));
const hex = Buffer.concat([Buffer.from('Exif\0\0'), tiff(true, 3, 5)]).toString('hex');
put('exif', 'hex', `\nexif\n      32\n${hex.slice(0, 30)}\n${hex.slice(30)}\n`);
put('exif', 'hex-bare', `\nexif\n      26\n${tiff(true, 3, 5).toString('hex').toUpperCase()}xx`);
put('exif', 'xmp', '<rdf:Description tiff:Orientation="7" t="tiff:Orientation"/>');
put('exif', 'xmp-element', '<tiff:Orientation>3</tiff:Orientation>');
put('exif', 'xmp-range', '<a tiff:Orientation="9"/>');

// ---- tokenizer.json: those of tests/tokenizers with a dozen pieces each, and the steps that none of them has ----

const small = (entries, isList) => (isList ? entries : Object.fromEntries(entries));
const files = readdirSync(join(FOLDER, '../../tokenizers')).filter(name => name.endsWith('.json'));
const tokenizers = files.map(name => JSON.parse(readFileSync(join(FOLDER, '../../tokenizers', name), 'utf8')));
for (const [i, file] of tokenizers.entries()) {
  const isList = Array.isArray(file.model.vocab);
  const entries = isList ? file.model.vocab : Object.entries(file.model.vocab);
  const merges = file.model.merges?.slice(0, 3) ?? [];
  const needed = new Set(merges.flatMap(([a, b]) => [a, b, a + b]));
  file.model.vocab = small([...entries.slice(0, 8), ...entries.filter(([piece], at) => at >= 8 && needed.has(piece))], isList);
  if (file.model.merges) file.model.merges = merges;
  if (file.normalizer.normalizers) file.normalizer.normalizers = file.normalizer.normalizers.filter(({ type }) => type !== 'Precompiled');
  file.added_tokens = file.added_tokens.slice(0, 3);
  put('tokenizer_json', files[i], [0], JSON.stringify(file));
}
// "a" becomes "b" (a double array of three units that lead somewhere, then "b")
const units = new Uint32Array(256);
units[0] = 1 << 10;
units[1 ^ 97] = 97 | (1 << 8) | (2 << 10);
units[1 ^ 97 ^ 2] = 1 << 31;
const charsmap = Buffer.concat([Buffer.from(Uint32Array.of(units.byteLength).buffer), Buffer.from(units.buffer), Buffer.from('b\0')]);
const steps = {
  added_tokens: [
    { id: 3, content: 'A b', normalized: true, lstrip: true, rstrip: true },
    { id: 4, content: 'dog', single_word: true, normalized: false },
  ],
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'NFD' },
      { type: 'StripAccents' },
      { type: 'NFC' },
      { type: 'Precompiled', precompiled_charsmap: charsmap.toString('base64') },
      { type: 'Replace', pattern: { Regex: '[a-c\\s]{2,}' }, content: 'x' },
      { type: 'Prepend', prepend: '_' },
    ],
  },
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Whitespace' },
      { type: 'Punctuation', behavior: 'Contiguous' },
      { type: 'Digits', individual_digits: true },
      { type: 'Split', pattern: { String: 'o' }, behavior: 'MergedWithNext', invert: true },
      { type: 'Metaspace', replacement: '_', prepend_scheme: 'first', split: true },
    ],
  },
  post_processor: { type: 'RobertaProcessing', sep: ['</s>', 2], cls: ['<s>', 1] },
  model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2, o: 3, _: 4 }, merges: ['a b'], unk_token: 'o', fuse_unk: true, byte_fallback: true },
};
put('tokenizer_json', 'steps.json', [2], JSON.stringify(steps));
const bertTokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'a', '##b', 'ab', '中', 'e', '##e', '.', 'photo', '##to', 'do', '##g'];
const bertJson = {
  normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: true, lowercase: true },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 20,
    vocab: Object.fromEntries(bertTokens.map((token, i) => [token, i])),
  },
};
put('tokenizer_json', 'bert-small.json', [2], JSON.stringify(bertJson));
