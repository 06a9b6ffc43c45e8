// CLIP models of the published sizes with pseudo-random weights, in Hugging Face form: for times, bytes and memory.
// Their scores mean nothing. Deterministic: the same bytes on every machine.
//
//     node tests/bench/models.mjs NAME FOLDER       NAME: clip-b32, clip-b16, clip-l14
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { LABELS } from './labels.mjs';

/** Shapes of openai/clip-vit-base-patch32, -base-patch16, -large-patch14. */
const SHAPES = {
  'clip-b32': { patch: 32, width: 768, layers: 12, heads: 12, textWidth: 512, textHeads: 8, embedding: 512 },
  'clip-b16': { patch: 16, width: 768, layers: 12, heads: 12, textWidth: 512, textHeads: 8, embedding: 512 },
  'clip-l14': { patch: 14, width: 1024, layers: 24, heads: 16, textWidth: 768, textHeads: 12, embedding: 768 },
};
/** At 240 pixels, with a projection to 256: counted from the layers' shapes. */
const EFFICIENTNET_LITE1 = 599_232_912;
const VOCABULARY = 49408,
  CONTEXT = 77,
  TEXT_LAYERS = 12,
  IMAGE = 224;

/** Multiply-adds of one image: the number that times are divided by. */
export function imageMacs(name) {
  if (name === 'clip-mini') return EFFICIENTNET_LITE1;
  const { patch, width, layers, embedding } = SHAPES[name];
  const tokens = (IMAGE / patch) ** 2 + 1;
  const block = 12 * width * width * tokens + 2 * tokens * tokens * width;
  return (tokens - 1) * 3 * patch * patch * width + layers * block + width * embedding;
}

export function config(name) {
  const s = SHAPES[name];
  const common = { hidden_act: 'quick_gelu', layer_norm_eps: 1e-5 };
  return {
    model_type: 'clip',
    projection_dim: s.embedding,
    text_config: {
      ...common,
      hidden_size: s.textWidth,
      intermediate_size: 4 * s.textWidth,
      num_attention_heads: s.textHeads,
      num_hidden_layers: TEXT_LAYERS,
      max_position_embeddings: CONTEXT,
      vocab_size: VOCABULARY,
      bos_token_id: 0,
      eos_token_id: 2,
    },
    vision_config: {
      ...common,
      hidden_size: s.width,
      intermediate_size: 4 * s.width,
      num_attention_heads: s.heads,
      num_hidden_layers: s.layers,
      image_size: IMAGE,
      patch_size: s.patch,
      num_channels: 3,
    },
  };
}

/** [name, shape, middle, deviation] of every tensor. Scales keep activations finite and alive through all layers. */
function tensors(name) {
  const s = SHAPES[name];
  const list = [['logit_scale', [], Math.log(100), 0]];
  const transformer = (prefix, width, layers) => {
    for (let i = 0; i < layers; i++) {
      const at = `${prefix}.encoder.layers.${i}.`;
      for (const norm of ['layer_norm1', 'layer_norm2'])
        list.push([`${at}${norm}.weight`, [width], 1, 0.1], [`${at}${norm}.bias`, [width], 0, 0.1]);
      for (const part of ['q_proj', 'k_proj', 'v_proj', 'out_proj'])
        list.push([`${at}self_attn.${part}.weight`, [width, width], 0, width ** -0.5], [`${at}self_attn.${part}.bias`, [width], 0, 0.02]);
      list.push([`${at}mlp.fc1.weight`, [4 * width, width], 0, width ** -0.5], [`${at}mlp.fc1.bias`, [4 * width], 0, 0.02]);
      list.push([`${at}mlp.fc2.weight`, [width, 4 * width], 0, 0.5 * width ** -0.5], [`${at}mlp.fc2.bias`, [width], 0, 0.02]);
    }
  };
  const tokens = (IMAGE / s.patch) ** 2 + 1;
  list.push(['vision_model.embeddings.class_embedding', [s.width], 0, 0.5]);
  list.push(['vision_model.embeddings.patch_embedding.weight', [s.width, 3, s.patch, s.patch], 0, 1 / Math.sqrt(3 * s.patch * s.patch)]);
  list.push(['vision_model.embeddings.position_embedding.weight', [tokens, s.width], 0, 0.2]);
  for (const norm of ['pre_layrnorm', 'post_layernorm'])
    list.push([`vision_model.${norm}.weight`, [s.width], 1, 0.1], [`vision_model.${norm}.bias`, [s.width], 0, 0.1]);
  transformer('vision_model', s.width, s.layers);
  list.push(['visual_projection.weight', [s.embedding, s.width], 0, s.width ** -0.5]);
  list.push(['text_model.embeddings.token_embedding.weight', [VOCABULARY, s.textWidth], 0, 0.5]);
  list.push(['text_model.embeddings.position_embedding.weight', [CONTEXT, s.textWidth], 0, 0.2]);
  transformer('text_model', s.textWidth, TEXT_LAYERS);
  list.push(['text_model.final_layer_norm.weight', [s.textWidth], 1, 0.1], ['text_model.final_layer_norm.bias', [s.textWidth], 0, 0.1]);
  list.push(['text_projection.weight', [s.embedding, s.textWidth], 0, s.textWidth ** -0.5]);
  return list.sort((a, b) => (a[0] < b[0] ? -1 : 1));
}

/** A merges list of CLIP's length in which every label's word is one token, as common words are in the real one. */
export function merges() {
  const lines = [],
    made = new Set();
  const add = (left, right) => {
    if (made.has(left + right)) return;
    made.add(left + right);
    lines.push(`${left} ${right}`);
  };
  for (const word of ['a', 'photo', 'of', 'the', ...LABELS.flatMap(l => l.split(' '))]) {
    let left = word[0];
    for (let i = 1; i < word.length; i++) {
      const right = word[i] + (i === word.length - 1 ? '</w>' : '');
      add(left, right);
      left += right;
    }
  }
  const letters = [...'abcdefghijklmnopqrstuvwxyz0123456789!#$%&()*+,-./:;=?@[]^_{|}~ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
  outer: for (const a of letters)
    for (const b of letters)
      for (const c of ['', ...letters]) {
        if (c) add(a + b, c);
        else add(a, b);
        if (lines.length >= VOCABULARY - 514) break outer;
      }
  return '#version: 0.2\n' + lines.slice(0, VOCABULARY - 514).join('\n') + '\n';
}

/** Writes the model as FOLDER/{config.json, preprocessor_config.json, merges.txt, model.safetensors}; keeps one that is there. */
export function makeModel(name, folder) {
  if (!SHAPES[name]) throw new Error(`no such model: ${name} (${Object.keys(SHAPES).join(', ')})`);
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'model.safetensors');
  fs.writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config(name), null, 1));
  fs.writeFileSync(
    path.join(folder, 'preprocessor_config.json'),
    JSON.stringify({ size: { shortest_edge: IMAGE }, crop_size: { height: IMAGE, width: IMAGE } }),
  );
  fs.writeFileSync(path.join(folder, 'merges.txt'), merges());
  const list = tensors(name),
    header = {};
  let offset = 0;
  for (const [tensor, shape] of list) {
    const bytes = 4 * shape.reduce((a, b) => a * b, 1);
    header[tensor] = { dtype: 'F32', shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  let json = JSON.stringify(header);
  json += ' '.repeat((64 - ((8 + json.length) % 64)) % 64);
  const total = 8 + json.length + offset;
  if (fs.existsSync(file) && fs.statSync(file).size === total) return folder;
  const out = fs.openSync(file + '.part', 'w');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  fs.writeSync(out, length);
  fs.writeSync(out, json);
  let seed = 0x9e3779b9;
  const block = new Float32Array(1 << 18);
  for (const [, shape, middle, deviation] of list) {
    for (let left = shape.reduce((a, b) => a * b, 1); left > 0; left -= block.length) {
      const count = Math.min(left, block.length);
      for (let i = 0; i < count; i++) {
        // xorshift32; the sum of its four bytes is near enough to a Gaussian
        seed ^= seed << 13;
        seed ^= seed >>> 17;
        seed ^= seed << 5;
        block[i] = middle + (deviation * ((seed & 255) + ((seed >>> 8) & 255) + ((seed >>> 16) & 255) + (seed >>> 24) - 510)) / 147.8;
      }
      fs.writeSync(out, new Uint8Array(block.buffer, 0, 4 * count));
    }
  }
  fs.closeSync(out);
  fs.renameSync(file + '.part', file);
  return folder;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, folder] = process.argv.slice(2);
  if (!folder) {
    console.error('usage: node tests/bench/models.mjs clip-b32|clip-b16|clip-l14 FOLDER');
    process.exit(2);
  }
  console.log(makeModel(name, folder));
}
