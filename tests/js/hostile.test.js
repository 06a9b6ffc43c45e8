/** Small hostile inputs, each to the reader that it is for. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { serve } from '../../build/serve.mjs';
import { readSafetensors } from '../../web/models/safetensors.js';
import { checkRecord, labelOf } from '../../web/models/store.js';
import { ClipError } from '../../web/node.js';
import { makeFolder, random } from './helpers/model.js';

const typed = (/** @type {string} */ code) => (/** @type {any} */ error) => error instanceof ClipError && error.code === code;

test('readSafetensors on nonsense', () => {
  const file = (/** @type {any} */ header) => {
    const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    return new Uint8Array(Buffer.concat([length, json, Buffer.alloc(8)]));
  };
  const good = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };
  assert.equal(readSafetensors(file({ a: good }), 'x').a.data.length, 8);
  for (const bad of [
    { a: null },
    { a: 5 },
    { a: {} },
    { a: { ...good, data_offsets: [0, 9] } },
    { a: { ...good, data_offsets: [-1, 8] } },
    { a: { ...good, data_offsets: [8, 0] } },
    { a: { ...good, data_offsets: ['0', '8'] } },
    { a: { ...good, data_offsets: null } },
    { a: { ...good, shape: null } },
    { a: { ...good, dtype: 7 } },
    'null',
    '[',
  ])
    assert.throws(() => readSafetensors(file(bad), 'x'), typed('bad-file'), JSON.stringify(bad));
  for (let length = 0; length < 9; length++) assert.throws(() => readSafetensors(new Uint8Array(length), 'x'), typed('bad-file'));
});

test('what a store may hold: any value is a record, a label, or none', () => {
  const next = random(5);
  const values = [
    null,
    undefined,
    0,
    NaN,
    '',
    'x',
    [],
    {},
    () => 1,
    new Date(),
    new Map(),
    new Float32Array(3),
    { length: 4 },
    new ArrayBuffer(8),
  ];
  const any = (/** @type {number} */ depth) =>
    depth && next() < 0.5
      ? Object.fromEntries(
          [
            'id',
            'manifest',
            'files',
            'versions',
            'saved',
            'values',
            'sum',
            '__proto__',
            'constructor',
            'towers',
            'vision',
            'q8',
            'sha256',
            'config',
          ]
            .filter(() => next() < 0.5)
            .map(key => [key, any(depth - 1)]),
        )
      : values[Math.floor(next() * values.length)];
  for (let i = 0; i < 20_000; i++) {
    const value = any(5);
    assert.equal(checkRecord(value), null);
    assert.equal(labelOf(value), null);
  }
});

test('the server answers to its own names only', async () => {
  const site = await serve({ root: await makeFolder({ 'index.html': 'hello' }) });
  const status = (/** @type {string} */ host) =>
    new Promise((resolve, reject) =>
      request(
        { port: site.port, host: 'localhost', headers: { Host: host } },
        response => (response.resume(), resolve(response.statusCode)),
      )
        .on('error', reject)
        .end(),
    );
  for (const own of ['localhost', `localhost:${site.port}`, '127.0.0.1:80', '[::1]:9', 'app.localhost'])
    assert.equal(await status(own), 200, own);
  for (const foreign of ['evil.example', 'localhost.evil.example', 'evil.example:8080', '127.0.0.1.evil.example'])
    assert.equal(await status(foreign), 421, foreign);
  await site.close();
});
