import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { checkManifest } from '../../web/models/model.js';
import { Clip, ClipError } from '../../web/node.js';
import { CONFIG, MERGES, f32Tensor, makeFolder, makeModel, makeOwnModel } from './helpers/model.js';

/** @param {string} code @param {RegExp} [pattern] */
const failing =
  (code, pattern = /./) =>
  error => {
    assert.ok(error instanceof ClipError, String(error?.stack));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    return true;
  };
/** Loads both towers. @param {string} folder @param {any} [options] */
const use = async (folder, options) => {
  const clip = await Clip.load(folder, options);
  try {
    await clip.prepare();
  } finally {
    clip.dispose();
  }
};
/** @param {(json: string, data: Buffer) => [string, Buffer]} change of the header's text and the data after it */
async function withHeader(change) {
  const folder = await makeModel({});
  const path = join(folder, 'model.safetensors');
  const bytes = await readFile(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const [json, data] = change(bytes.toString('utf8', 8, 8 + length), bytes.subarray(8 + length));
  const header = Buffer.alloc(8);
  header.writeBigUInt64LE(BigInt(Buffer.byteLength(json)));
  await writeFile(path, Buffer.concat([header, Buffer.from(json), data]));
  return folder;
}
/** @param {(header: any) => void} change */
const withEntries = change =>
  withHeader((json, data) => {
    const header = JSON.parse(json);
    change(header);
    return [JSON.stringify(header), data];
  });

describe('weights that lie', () => {
  test('a file cut anywhere', async () => {
    for (const part of [0, 4, 8, 100, 5000, -1]) {
      const folder = await makeModel({});
      const path = join(folder, 'model.safetensors');
      const bytes = await readFile(path);
      await writeFile(path, bytes.subarray(0, part < 0 ? bytes.length + part : part));
      await assert.rejects(use(folder), failing('bad-file', /model\.safetensors/), `cut at ${part}`);
    }
  });
  test('a header longer than the file, and one beyond all limits', async () => {
    const folder = await makeModel({});
    const path = join(folder, 'model.safetensors');
    for (const length of [1n << 20n, 1n << 40n, (1n << 64n) - 1n]) {
      const bytes = await readFile(path);
      bytes.writeBigUInt64LE(length);
      await writeFile(path, bytes);
      await assert.rejects(use(folder), failing('bad-file'));
    }
  });
  test('a header that is not JSON', async () => {
    await assert.rejects(use(await withHeader((json, data) => [json.replace('{', '['), data])), failing('bad-file'));
  });
  test('tensors that overlap', async () => {
    const folder = await withEntries(header => {
      const [a, b] = Object.values(header);
      b.data_offsets = [a.data_offsets[0], a.data_offsets[0] + b.data_offsets[1] - b.data_offsets[0]];
    });
    await assert.rejects(use(folder), failing('bad-file'));
  });
  test('offsets outside of the file, and ones that do not fit the shape', async () => {
    await assert.rejects(use(await withEntries(h => (h.logit_scale.data_offsets = [1e9, 1e9 + 4]))), failing('bad-file'));
    await assert.rejects(use(await withEntries(h => (Object.values(h)[3].data_offsets[1] -= 4))), failing('bad-file'));
    await assert.rejects(use(await withEntries(h => (Object.values(h)[3].shape = [2 ** 31, 2 ** 31, 2 ** 31]))), failing('bad-file'));
  });
  test('bytes after the last tensor', async () => {
    await assert.rejects(use(await withHeader((json, data) => [json, Buffer.concat([data, Buffer.alloc(16)])])), failing('bad-file'));
  });
  test('a wrong shape, named with its tensor', async () => {
    const folder = await makeModel({
      change: t => (t['visual_projection.weight'] = f32Tensor([16, 63], new Float32Array(16 * 63))),
    });
    await assert.rejects(use(folder), failing('bad-shape', /visual.*proj/));
  });
  test('a missing tensor, named', async () => {
    const folder = await makeModel({ change: t => delete t['text_model.encoder.layers.1.mlp.fc2.weight'] });
    await assert.rejects(Clip.load(folder), failing('missing-tensor', /1.*(fc2|c_proj)/));
  });
  test('weights that are not numbers', async () => {
    for (const bad of [NaN, Infinity]) {
      const folder = await makeModel({
        change: t => new DataView(t['vision_model.encoder.layers.0.mlp.fc1.weight'].data.buffer).setFloat32(400, bad, true),
      });
      for (const dtype of /** @type {const} */ (['f32', 'q8']))
        await assert.rejects(use(folder, { dtype }), failing('bad-value', /fc1|c_fc/));
    }
  });
  test('an element type that is no weight', async () => {
    const folder = await withEntries(h => (h['visual_projection.weight'].dtype = 'I32'));
    await assert.rejects(use(folder), failing('bad-dtype'));
  });
});

describe('configurations', () => {
  /** @param {(config: any) => void} change */
  const config = change => {
    const copy = structuredClone(CONFIG);
    change(copy);
    return makeModel({ config: copy });
  };
  test('absurd sizes', async () => {
    for (const change of [
      c => (c.vision_config.hidden_size = 1e9),
      c => (c.vision_config.hidden_size = -64),
      c => (c.vision_config.hidden_size = 0.5),
      c => (c.text_config.vocab_size = 2 ** 40),
      c => (c.text_config.num_hidden_layers = 1e7),
      c => (c.vision_config.patch_size = 0),
      c => (c.vision_config.num_attention_heads = 7),
      c => (c.projection_dim = 0),
      c => (c.text_config.max_position_embeddings = 1e12),
    ]) {
      await assert.rejects(
        use(await config(change)),
        error => {
          assert.ok(error instanceof ClipError, String(error?.stack));
          assert.ok(['bad-config', 'bad-manifest', 'out-of-memory'].includes(error.code), `${error.code}: ${error.message}`);
          return true;
        },
        String(change),
      );
    }
  });
  test('a picture size that the model does not have', async () => {
    const folder = await makeModel({});
    await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify({ crop_size: 64 }));
    await assert.rejects(use(folder), error => ['bad-config', 'bad-shape'].includes(error.code));
  });
  test('files that are not JSON, or not an object', async () => {
    await assert.rejects(Clip.load(await makeFolder({ 'clip.json': '{"format":' })), failing('bad-manifest', /clip\.json/));
    await assert.rejects(Clip.load(await makeFolder({ 'config.json': '[]' })), failing('bad-manifest', /config\.json/));
    await assert.rejects(Clip.load(await makeFolder({ 'clip.json': ' '.repeat(2 << 20) })), failing('wrong-size', /clip\.json/));
  });
  test('a folder that is no model', async () => {
    await assert.rejects(Clip.load(await makeFolder({ 'README.md': 'hello' })), failing('not-a-model'));
    await assert.rejects(Clip.load(await makeFolder({ 'config.json': '{"model_type":"bert"}' })), failing('unsupported', /bert/));
  });
  test('a folder without weights', async () => {
    await assert.rejects(use(await makeFolder({ 'config.json': JSON.stringify(CONFIG) })), failing('no-weights'));
  });
});

describe('merges', () => {
  test('a malformed list', async () => {
    await assert.rejects(use(await makeModel({ merges: '#version: 0.2\nonly-one-symbol\n' })), failing('bad-merges'));
  });
  test('a list longer than the vocabulary', async () => {
    await assert.rejects(use(await makeModel({ merges: `${MERGES}c a\n` })), failing('bad-merges', /521.*520/));
  });
});

test('clip.json is checked field by field', async () => {
  const good = JSON.parse(await readFile(join(await makeOwnModel(), 'clip.json'), 'utf8'));
  assert.equal(checkManifest(good).name, 'little');
  /** @type {[string, (m: any) => void][]} */
  const bad = [
    ['format', m => (m.format = 'other')],
    ['version', m => (m.version = 2)],
    ['name', m => (m.name = 5)],
    ['config', m => (m.config = null)],
    ['logit_scale', m => (m.logit_scale = '100')],
    ['logit_scale', m => (m.logit_scale = -1)],
    ['preprocess', m => (m.preprocess.size = 1e9)],
    ['preprocess', m => (m.preprocess.std = [1, 0, 1])],
    ['towers', m => (m.towers = [])],
    ['towers.vision', m => (m.towers.vision = 'x')],
    ['file', m => (m.towers.vision.q8.file = '../../etc/passwd')],
    ['file', m => (m.towers.vision.q8.file = 'a/b')],
    ['file', m => (m.towers.vision.q8.file = '..')],
    ['file', m => (m.towers.vision.q8.file = 'a\\b')],
    ['bytes', m => (m.towers.vision.q8.bytes = -1)],
    ['bytes', m => (m.towers.vision.q8.bytes = 2 ** 60)],
    ['bytes', m => (m.towers.vision.q8.bytes = 1.5)],
    ['chunk', m => (m.towers.vision.q8.chunk = 1)],
    ['sha256', m => m.towers.vision.q8.sha256.pop()],
    ['sha256', m => m.towers.vision.q8.sha256.push('0'.repeat(64))],
    ['sha256', m => (m.towers.vision.q8.sha256[0] = 'zz')],
    ['sha256', m => (m.towers.vision.q8.sha256 = {})],
    ['concepts', m => (m.concepts = [1])],
    ['license', m => (m.license = {})],
  ];
  for (const [field, change] of bad) {
    const copy = structuredClone(good);
    change(copy);
    assert.throws(() => checkManifest(copy), failing('bad-manifest', new RegExp(field)), `${change}`);
  }
  for (const value of [null, 5, [], 'x']) assert.throws(() => checkManifest(value), failing('bad-manifest'));
});

test('weights that are not as clip.json says', async () => {
  const folder = await makeOwnModel();
  const path = join(folder, 'vision.q8.safetensors');
  const bytes = await readFile(path);
  const flipped = Buffer.from(bytes);
  flipped[70_000] ^= 1;
  await writeFile(path, flipped);
  await assert.rejects(use(folder), failing('wrong-chunk', /vision\.q8\.safetensors.*65536/));
  await writeFile(path, bytes.subarray(0, -1));
  await assert.rejects(use(folder), failing('wrong-size', /vision\.q8/));
});
