/** Tokenizers of other kinds than CLIP's: their tokenizer.json as it streams, against the reference's ids (tests/tokenizers/make.py). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Readers } from '../../web/engine/readers.js';

const FOLDER = new URL('../tokenizers/', import.meta.url);
const read = file => readFileSync(new URL(file, FOLDER));
const wasm = readFileSync(new URL('../../web/wasm/clip-readers.wasm', import.meta.url));
const texts = read('texts.jsonl')
  .toString()
  .trim()
  .split('\n')
  .map(line => JSON.parse(line));

function hash(ids) {
  let value = 0x811c9dc5;
  for (const byte of new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return `${ids.length} ${value.toString(16).padStart(8, '0')}`;
}

/** The kept form, from a file that comes in pieces. */
function keep(readers, json, clean) {
  const reader = readers.openTokenizerReader({ clean });
  try {
    for (let at = 0; at < json.length; at += 1999) reader.push(json.subarray(at, at + 1999));
    return reader.finish();
  } finally {
    reader.free();
  }
}

for (const name of ['siglip', 't5', 'xlmr', 'siglip2', 'bert-en', 'bert-zh', 'bert-ko']) {
  test(`${name}: 2,000 texts of twenty scripts have the reference's ids`, async () => {
    const readers = await Readers.create(wasm);
    const tokenizer = readers.openTokenizer(keep(readers, read(`${name}.json`), name === 't5' ? 15 : 0));
    const expected = read(`${name}.ids`).toString().trim().split('\n');
    assert.equal(expected.length, 2000);
    const wrong = texts.filter((text, i) => hash(tokenizer.encode(text, 4096)) !== expected[i]);
    assert.deepEqual(wrong, []);
  });
}

test('what a file asks that is not known is named, and the next file reads', async () => {
  const readers = await Readers.create(wasm);
  const file = JSON.parse(read('bert-en.json').toString());
  file.normalizer = { type: 'Sequence', normalizers: [file.normalizer, { type: 'NFKC' }] };
  assert.throws(() => keep(readers, Buffer.from(JSON.stringify(file))), { code: 'bad-tokenizer', message: /normalizer NFKC/ });
  assert.throws(() => keep(readers, Buffer.from('{"model"')), { code: 'bad-tokenizer', message: /ends early/ });
  const kept = keep(readers, read('bert-en.json'));
  assert.deepEqual(readers.openTokenizer(kept).padding, { id: 0, left: false });
  kept[5] ^= 1;
  assert.throws(() => readers.openTokenizer(kept), { code: 'bad-tokenizer' });
});
