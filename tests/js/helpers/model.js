/** Small models with random weights, made on the spot, so that tests need no data from elsewhere. */
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convert } from '../../../web/cli/convert.js';
import { random } from './random.js';
import { f32Tensor, readSafetensors, writeSafetensors } from '../../../web/models/safetensors.js';

export const SIZES = { embedding: 16, image: 32, patch: 8, width: 64, layers: 2, context: 16, vocabulary: 520 };
/** Six merges; with 512 byte symbols and two specials, 520 entries. */
export const MERGES = '#version: 0.2\na t</w>\nd o\ndo g</w>\nc at</w>\np h\nph o\n';

/** A folder that is gone when the tests end. @param {string} [prefix] */
export async function temporaryFolder(prefix = 'clip-test-') {
  const folder = await mkdtemp(join(tmpdir(), prefix));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
process.setMaxListeners(0);

export { random };

export const CONFIG = {
  model_type: 'clip',
  projection_dim: SIZES.embedding,
  text_config: {
    hidden_act: 'quick_gelu',
    hidden_size: SIZES.width,
    intermediate_size: SIZES.width * 4,
    num_attention_heads: 2,
    num_hidden_layers: SIZES.layers,
    max_position_embeddings: SIZES.context,
    vocab_size: SIZES.vocabulary,
    eos_token_id: SIZES.vocabulary - 1,
    layer_norm_eps: 1e-5,
    projection_dim: SIZES.embedding,
  },
  vision_config: {
    hidden_act: 'quick_gelu',
    hidden_size: SIZES.width,
    intermediate_size: SIZES.width * 4,
    num_attention_heads: 2,
    num_hidden_layers: SIZES.layers,
    image_size: SIZES.image,
    patch_size: SIZES.patch,
    num_channels: 3,
    layer_norm_eps: 1e-5,
    projection_dim: SIZES.embedding,
  },
};

/** Hugging Face's tensors of CONFIG. @param {number} [seed] @param {typeof SIZES} [sizes] @returns {Record<string, import('../../../web/models/safetensors.js').Tensor>} */
export function makeTensors(seed = 1, sizes = SIZES) {
  const next = random(seed);
  const { width, embedding, patch, image, context, vocabulary, layers } = sizes;
  /** @type {Record<string, import('../../../web/models/safetensors.js').Tensor>} */
  const tensors = {};
  const add = (name, shape, scale = 0.1, base = 0) => {
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => base + (next() - 0.5) * 2 * scale);
    tensors[name] = f32Tensor(shape, values);
  };
  const norm = name => (add(`${name}.weight`, [width], 0.1, 1), add(`${name}.bias`, [width]));
  const linear = (name, out, inner) => (add(`${name}.weight`, [out, inner]), add(`${name}.bias`, [out]));
  for (const tower of ['vision_model', 'text_model']) {
    for (let i = 0; i < layers; i++) {
      const layer = `${tower}.encoder.layers.${i}`;
      norm(`${layer}.layer_norm1`);
      for (const part of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) linear(`${layer}.self_attn.${part}`, width, width);
      norm(`${layer}.layer_norm2`);
      linear(`${layer}.mlp.fc1`, width * 4, width);
      linear(`${layer}.mlp.fc2`, width, width * 4);
    }
  }
  add('vision_model.embeddings.class_embedding', [width], 0.5);
  add('vision_model.embeddings.patch_embedding.weight', [width, 3, patch, patch]);
  add('vision_model.embeddings.position_embedding.weight', [(image / patch) ** 2 + 1, width]);
  norm('vision_model.pre_layrnorm');
  norm('vision_model.post_layernorm');
  add('visual_projection.weight', [embedding, width], 0.5);
  add('text_model.embeddings.token_embedding.weight', [vocabulary, width], 0.5);
  add('text_model.embeddings.position_embedding.weight', [context, width]);
  norm('text_model.final_layer_norm');
  add('text_projection.weight', [embedding, width], 0.5);
  tensors.logit_scale = f32Tensor([], Float32Array.of(Math.log(20)));
  return tensors;
}

/**
 * A folder in Hugging Face form.
 * @param {{ seed?: number, config?: any, tensors?: any, change?: (tensors: any) => void, merges?: string | null }} [options]
 */
export async function makeModel({ seed, config = CONFIG, tensors = makeTensors(seed), change, merges = MERGES } = {}) {
  const folder = await temporaryFolder('clip-model-');
  change?.(tensors);
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  await writeFile(join(folder, 'model.safetensors'), writeSafetensors(tensors));
  if (merges !== null) await writeFile(join(folder, 'merges.txt'), merges);
  return folder;
}

/** One of 10 MB: more than is fetched at once. Tensors are as published files have them: one half after the other. @param {{ seed?: number }} [options] */
export function makeLargeModel({ seed = 1 } = {}) {
  const config = structuredClone(CONFIG);
  for (const tower of [config.text_config, config.vision_config])
    Object.assign(tower, { num_hidden_layers: 6, hidden_size: 128, intermediate_size: 512 });
  const tensors = Object.entries(makeTensors(seed, { ...SIZES, width: 128, layers: 6 })).sort(([a], [b]) => (a < b ? -1 : 1));
  return makeModel({ config, tensors: Object.fromEntries(tensors) });
}

/** The same in our own form, in chunks of 64 KiB, so that there are several. @param {{ seed?: number, dtype?: string, name?: string }} [options] */
export async function makeOwnModel({ seed, dtype = 'q8', name = 'little' } = {}) {
  const folder = await temporaryFolder('clip-own-');
  await convert({ dtype, output: folder, name }, [await makeModel({ seed })]);
  const path = join(folder, 'clip.json');
  const manifest = JSON.parse(await readFile(path, 'utf8'));
  for (const tower of Object.values(manifest.towers)) {
    for (const file of Object.values(tower)) {
      const bytes = await readFile(join(folder, file.file));
      file.chunk = 65536;
      file.sha256 = [];
      for (let at = 0; at < bytes.length; at += file.chunk) {
        file.sha256.push(
          createHash('sha256')
            .update(bytes.subarray(at, at + file.chunk))
            .digest('hex'),
        );
      }
    }
  }
  await writeFile(path, JSON.stringify(manifest));
  return folder;
}

/** A folder with the given files. @param {Record<string, string | Uint8Array>} files */
export async function makeFolder(files) {
  const folder = await temporaryFolder('clip-folder-');
  await mkdir(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

/** A picture of few colours as the bytes of a PPM. @param {number} width @param {number} height @param {number} [seed] */
export function makePicture(width = 40, height = 30, seed = 7) {
  const next = random(seed);
  const pixels = Uint8Array.from({ length: width * height * 3 }, () => next() * 256);
  return new Uint8Array(Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), pixels]));
}

export { readSafetensors, writeSafetensors, f32Tensor };
