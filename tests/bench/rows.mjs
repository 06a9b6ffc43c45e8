// What a text tower fetches for some labels, over HTTP with ranges, in our own q8 form:  node tests/bench/rows.mjs siglip2 FOLDER
//     node tests/bench/rows.mjs clip-b32 FOLDER merges.txt
//
// FOLDER is where a model of that size is made, if it is not there yet, with weights out of a short random table (bytes are counted here, not
// answers) and for SigLIP 2 a tokenizer of 256,000 made-up pieces, which takes words apart more than the real one does. Prints megabytes.
import 'fake-indexeddb/auto';
import { copyFileSync, existsSync, mkdirSync, openSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { convert } from '../../web/cli/convert.js';
import { Clip } from '../../web/node.js';
import { random } from '../js/helpers/model.js';
import { serve } from '../js/helpers/server.js';

const [which, folder, merges] = process.argv.slice(2);
const LABELS = ['dog', 'cat', 'kimchi', 'mountain', 'school bus', 'beach', 'city at night', 'lemon', 'goldfish', 'old castle'];
const own = join(folder, 'own');
const siglip = which === 'siglip2';
const width = siglip ? 768 : 512;

/** Names and shapes of the tensors. */
function shapes() {
  const all = [];
  const transformer = (prefix, width) => {
    for (let i = 0; i < 12; i++) {
      const at = `${prefix}.encoder.layers.${i}.`;
      const linear = (name, out, inner) => all.push([`${at}${name}.weight`, [out, inner]], [`${at}${name}.bias`, [out]]);
      for (const part of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) linear(`self_attn.${part}`, width, width);
      linear('mlp.fc1', 4 * width, width);
      linear('mlp.fc2', width, 4 * width);
      for (const norm of ['layer_norm1', 'layer_norm2']) all.push([`${at}${norm}.weight`, [width]], [`${at}${norm}.bias`, [width]]);
    }
  };
  const both = (name, shape) => all.push([`${name}.weight`, shape], [`${name}.bias`, [shape[0]]]);
  transformer('text_model', width);
  transformer('vision_model', 768);
  all.push(['text_model.embeddings.token_embedding.weight', [siglip ? 256000 : 49408, width]], ['logit_scale', []]);
  all.push(['text_model.embeddings.position_embedding.weight', [siglip ? 64 : 77, width]]);
  both('text_model.final_layer_norm', [width]);
  both('vision_model.post_layernorm', [768]);
  if (siglip) {
    both('text_model.head', [768, 768]);
    both('vision_model.embeddings.patch_embedding', [768, 3, 16, 16]);
    all.push(['logit_bias', []], ['vision_model.head.probe', [1, 1, 768]]);
    all.push(['vision_model.embeddings.position_embedding.weight', [196, 768]]);
    all.push(['vision_model.head.attention.in_proj_weight', [2304, 768]], ['vision_model.head.attention.in_proj_bias', [2304]]);
    both('vision_model.head.attention.out_proj', [768, 768]);
    both('vision_model.head.layernorm', [768]);
    both('vision_model.head.mlp.fc1', [3072, 768]);
    both('vision_model.head.mlp.fc2', [768, 3072]);
  } else {
    both('vision_model.pre_layrnorm', [768]);
    all.push(['vision_model.embeddings.class_embedding', [768]], ['vision_model.embeddings.patch_embedding.weight', [768, 3, 32, 32]]);
    all.push(['vision_model.embeddings.position_embedding.weight', [50, 768]]);
    all.push(['visual_projection.weight', [512, 768]], ['text_projection.weight', [512, 512]]);
  }
  return all;
}

/** A safetensors file in f16 whose numbers are 0.01 to 0.03 in size. @param {string} path */
function makeWeights(path) {
  const next = random(3);
  const table = Buffer.from(Uint16Array.from({ length: 1 << 22 }, () => 0x2100 + next() * 0x700 + (next() < 0.5 ? 0x8000 : 0)).buffer);
  let at = 0;
  const header = {};
  for (const [name, shape] of shapes()) {
    const bytes = 2 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: 'F16', shape, data_offsets: [at, (at += bytes)] };
  }
  const text = Buffer.from(JSON.stringify(header));
  const file = openSync(path, 'w');
  writeSync(file, Buffer.from(new BigUint64Array([BigInt(text.length)]).buffer));
  writeSync(file, text);
  for (; at > 0; at -= table.length) writeSync(file, table, 0, Math.min(at, table.length));
}

/** Gemma's kind of tokenizer.json: byte fallback, 256,000 pieces, 580,604 merges. */
function makeTokenizer() {
  const next = random(4);
  const some = n => Math.floor(next() * n);
  const pieces = [
    '<pad>',
    '<eos>',
    '<bos>',
    '<unk>',
    ...Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`),
  ];
  const list = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ▁'];
  const hangul = Array.from({ length: 2000 }, (_, i) => String.fromCharCode(0xac00 + i));
  const known = new Map([...pieces, ...list, ...hangul].map((piece, i) => [piece, i]));
  while (known.size < 256000) {
    const piece = list[some(list.length)] + list[some(800)];
    if (piece.length > 10 || known.has(piece)) continue;
    known.set(piece, known.size);
    list.push(piece);
  }
  const merges = [];
  for (const piece of list)
    for (let k = 1; k < piece.length; k++)
      if (known.has(piece.slice(0, k)) && known.has(piece.slice(k))) merges.push(`${piece.slice(0, k)} ${piece.slice(k)}`);
  while (merges.length < 580604) merges.push(merges[some(200000)]);
  const special = (id, content) => ({ id, content, special: true, normalized: false });
  return {
    added_tokens: [special(0, '<pad>'), special(1, '<eos>')],
    normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ Sequence: { id: 'A' } }, { SpecialToken: { id: '<eos>' } }],
      special_tokens: { '<eos>': { id: '<eos>', ids: [1] } },
    },
    padding: { strategy: { Fixed: 64 }, direction: 'Right', pad_id: 0, pad_type_id: 0, pad_token: '<pad>' },
    model: { type: 'BPE', unk_token: '<unk>', fuse_unk: true, byte_fallback: true, vocab: Object.fromEntries(known), merges },
  };
}

if (!existsSync(join(own, 'clip.json'))) {
  const from = join(folder, 'published');
  mkdirSync(from, { recursive: true });
  const config = siglip
    ? {
        model_type: 'siglip',
        text_config: { model_type: 'siglip_text_model', vocab_size: 256000 },
        vision_config: { model_type: 'siglip_vision_model' },
      }
    : { model_type: 'clip', projection_dim: 512, text_config: { eos_token_id: 2 }, vision_config: { patch_size: 32 } };
  writeFileSync(join(from, 'config.json'), JSON.stringify(config));
  if (siglip) writeFileSync(join(from, 'tokenizer.json'), JSON.stringify(makeTokenizer()));
  else copyFileSync(merges, join(from, 'merges.txt'));
  makeWeights(join(from, 'model.safetensors'));
  await convert({ dtype: 'q8', output: own, name: which }, [from]);
}

const server = await serve(own);
const clip = await Clip.load(server.url, { worker: false });
const sent = () => server.log.filter(({ name }) => /^text|\.json$/.test(name)).reduce((sum, entry) => sum + entry.sent, 0);
const { size } = statSync(join(own, 'text.q8.safetensors'));
const rows = statSync(join(own, 'text.q8.rows')).size;
const first = siglip ? 5 : 10;
const template = label => `a photo of a ${label}`;
await clip.encode(LABELS.slice(0, first).map(template));
const before = sent();
console.log(`${which}: text half ${((size + rows) / 1e6).toFixed(1)} MB, of it rows ${(rows / 1e6).toFixed(1)} MB`);
console.log(`${first} labels, first use: ${(before / 1e6).toFixed(2)} MB, ${(before / (size + rows)).toFixed(3)} of it`);
await clip.encode([template(siglip ? '김치찌개' : 'sunset over an island')]);
console.log(`one label more: ${((sent() - before) / 1e3).toFixed(1)} KB`);
clip.dispose();
await server.close();
process.exit(0);
