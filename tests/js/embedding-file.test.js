/** Files of embeddings, as NumPy and safetensors write them (tests/embeddings/make.py). */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { Clip, ClipError } from '../../web/node.js';
import { random } from './helpers/model.js';

const fileOf = (/** @type {string} */ name) => readFile(new URL(`../embeddings/${name}`, import.meta.url));
const expected = JSON.parse(String(await fileOf('expected.json')));
const f32 = Float32Array.from(expected.f32);
const rows = Array.from({ length: 7 }, (_, i) => f32.slice(5 * i, 5 * i + 5));
const failing = pattern => error => error instanceof ClipError && error.code === 'bad-file' && pattern.test(error.message);

describe('embeddings from files', () => {
  for (const [name, want] of Object.entries({
    'f32.npy': 'f32',
    'version2.npy': 'f32',
    'f64.npy': 'f32',
    'f16.npy': 'f16',
    'int8.npy': 'int8',
    'f32.safetensors': 'f32',
    'plain.safetensors': 'f32',
    'bf16.safetensors': 'bf16',
  }))
    test(`${name}: the numbers that its library reads`, async () => {
      const read = await Clip.importEmbeddings(await fileOf(name));
      assert.deepEqual([read.length, read.width, read.data instanceof Int8Array], [7, 5, want === 'int8']);
      assert.deepEqual(read.data, want === 'int8' ? Int8Array.from(expected.int8) : Float32Array.from(expected[want]));
      assert.deepEqual(read.names, name === 'f32.safetensors' ? expected.names : null);
      assert.deepEqual(read.embeddings[6], read.data.slice(30));
    });

  test('one embedding; a Blob; a tensor by its name', async () => {
    const one = await Clip.importEmbeddings(new Blob([await fileOf('one.npy')]));
    assert.deepEqual([one.length, one.width, one.data], [1, 5, rows[0]]);
    const two = await fileOf('two.safetensors');
    assert.deepEqual((await Clip.importEmbeddings(two, { tensor: 'b' })).data, Int8Array.from(expected.int8));
    await assert.rejects(Clip.importEmbeddings(two), failing(/tensors are a, b/));
  });

  test('what it cannot read is said', async () => {
    await assert.rejects(Clip.importEmbeddings(await fileOf('columns.npy')), failing(/column/));
    await assert.rejects(Clip.importEmbeddings(await fileOf('big-endian.npy')), failing(/">f4"/));
    await assert.rejects(Clip.importEmbeddings(await fileOf('cube.npy')), failing(/\[7,5,1\]/));
  });

  test('damaged files are refused, whatever is damaged', async () => {
    const next = random(9);
    const any = (/** @type {number} */ most) => Math.floor(((next() + 1) / 2) * most);
    for (const name of ['f32.npy', 'version2.npy', 'f32.safetensors', 'bf16.safetensors']) {
      const good = await fileOf(name);
      for (let i = 0; i < 500; i++) {
        const bad = Uint8Array.from(good.subarray(0, i % 2 ? any(good.length) : undefined));
        for (let j = 0; j < 3; j++) bad[any(Math.min(bad.length, 130))] = any(256);
        await Clip.importEmbeddings(bad).then(
          read => assert.ok(read.data.length === read.length * read.width && read.data.byteLength <= 4 * good.length),
          error => assert.ok(error instanceof ClipError && error.code === 'bad-file', String(error?.stack)),
        );
      }
    }
  });
});

describe('embeddings into files', () => {
  test('the bytes that NumPy and safetensors write', async () => {
    assert.deepEqual(Buffer.from(await Clip.exportEmbeddings(rows, 'npy')), await fileOf('f32.npy'));
    assert.deepEqual(
      Buffer.from(await Clip.exportEmbeddings(f32, 'safetensors', { width: 5, names: expected.names })),
      await fileOf('f32.safetensors'),
    );
  });

  test('an index goes there and back', async () => {
    const next = random(3);
    const many = Array.from({ length: 1100 }, () => Float32Array.from({ length: 20 }, next));
    for (const dtype of /** @type {const} */ (['f32', 'q8'])) {
      const index = await Clip.index(many, { dtype });
      const { data, width, length, model } = await Clip.importEmbeddings(await Clip.exportEmbeddings(index, 'safetensors', { model: 'm' }));
      assert.deepEqual([width, length, model], [20, 1100, 'm']);
      const again = await Clip.index(data, { width, dtype });
      const [found, other] = [await index.topK(many[7], 5), await again.topK(many[7], 5)];
      assert.deepEqual(
        found.map(({ index }) => index),
        other.map(({ index }) => index),
      );
      index.dispose();
      again.dispose();
    }
  });

  test('what is wrong is said', async () => {
    const failing = pattern => error => error instanceof ClipError && error.code === 'bad-argument' && pattern.test(error.message);
    await assert.rejects(Clip.exportEmbeddings(rows, /** @type {any} */ ('csv')), failing(/safetensors/));
    await assert.rejects(Clip.exportEmbeddings(rows, 'safetensors', { names: ['a'] }), failing(/1 names for 7/));
    await assert.rejects(Clip.exportEmbeddings(rows, 'npy', { names: expected.names }), failing(/names/));
    await assert.rejects(Clip.exportEmbeddings([...rows, new Float32Array(4)], 'npy'), failing(/Embedding 8/));
    await assert.rejects(Clip.importEmbeddings(/** @type {any} */ ('x')), failing(/bytes/));
  });
});
