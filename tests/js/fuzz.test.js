/** What JavaScript reads, changed at random: descriptions, records of the store, lists of labels, tables. Each has a seed; CLIP_SEED=n tries another. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csvLine } from '../../web/api/csv.js';
import { joinLabels, splitLabels } from '../../web/api/labels.js';
import { isHuggingFace, readHuggingFace } from '../../web/models/forms/hugging-face.js';
import { isOpenClip, readOpenClip } from '../../web/models/forms/open-clip.js';
import { checkManifest, isFileName, parseJson } from '../../web/models/model.js';
import { readSafetensors } from '../../web/models/safetensors.js';
import { checkRecord } from '../../web/models/store.js';
import { ClipError } from '../../web/node.js';
import { CONFIG } from './helpers/model.js';
import { random } from './helpers/random.js';

const SEED = Number(process.env.CLIP_SEED ?? 14);
const next = random(SEED);
const below = (/** @type {number} */ n) => Math.floor(next() * n);
const one = (/** @type {any} */ list) => list[below(list.length)];

const ODD = [
  null,
  true,
  0,
  -1,
  0.5,
  2 ** 31,
  2 ** 53,
  1e308,
  '',
  'x',
  '__proto__',
  'constructor',
  '../x',
  '\ud800',
  [],
  {},
  [[]],
  'a'.repeat(300),
];
const KEYS = ['__proto__', 'constructor', 'toString', 'length', 'text_config', 'vision_config', 'towers', 'file', 'model_cfg', ''];

/** A copy in which some value is another, is gone, is there twice or under another key. @param {any} value */
function changed(value) {
  if (typeof value !== 'object' || value === null || next() < 0.1)
    return typeof value === 'number' && next() < 0.5 ? value * one([2, -1, 1e9, 0.5]) : one(ODD);
  const entries = Object.entries(value);
  const at = below(entries.length);
  if (!entries.length) return one(ODD);
  const what = next();
  if (what < 0.7) entries[at] = [entries[at][0], changed(entries[at][1])];
  else if (what < 0.8) entries.splice(at, 1);
  else if (what < 0.9) entries.push([one(KEYS), one(entries)[1]]);
  else entries[at] = [one(KEYS), entries[at][1]];
  return Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
}
/** @param {any} value */
function changedOften(value) {
  for (let i = below(3); i >= 0; i--) value = changed(value);
  return value;
}
/** What it answers, or null for a typed error; any other error is one of ours. @template T @param {() => T} read @param {unknown} input */
function answer(read, input) {
  try {
    return read();
  } catch (error) {
    assert.ok(error instanceof ClipError, `seed ${SEED}: ${/** @type {any} */ (error)?.stack}\n${JSON.stringify(input)}`);
    return null;
  }
}

const file = (/** @type {string} */ name) => ({ file: name, bytes: 5_000_000, chunk: 4 << 20, sha256: ['a'.repeat(64), 'b'.repeat(64)] });
const MANIFEST = {
  format: 'clip-wasm',
  version: 1,
  name: 'little',
  logit_scale: 100,
  config: CONFIG,
  towers: { vision: { q8: file('vision.q8.safetensors') }, text: { q8: file('text.q8.safetensors') } },
};

test('manifests and records', () => {
  const good = checkManifest(parseJson('clip.json', JSON.stringify(MANIFEST)));
  const key = file('').sha256;
  const record = { id: 'x', manifest: good, files: { 'vision.q8.safetensors': key }, versions: { a: null, b: '"1"' }, saved: 1 };
  assert.ok(checkRecord(record));
  let read = 0;
  for (let i = 0; i < 30_000; i++) {
    const value = changedOften(record);
    const before = JSON.stringify(value);
    const manifest = answer(() => checkManifest(value?.manifest), value);
    const known = checkRecord(value);
    assert.equal(JSON.stringify(value), before, 'what is read is not changed');
    if (!known) continue;
    read++;
    assert.ok(manifest && typeof known.id === 'string' && typeof known.saved === 'number');
    for (const keys of Object.values(known.files)) assert.ok(keys.every(each => typeof each === 'string'));
    for (const tower of Object.values(known.manifest.towers))
      for (const own of Object.values(tower)) {
        assert.ok(isFileName(own.file) && own.bytes > 0 && own.sha256.length === Math.ceil(own.bytes / own.chunk), before);
        assert.ok(
          own.sha256.every(sum => /^[0-9a-f]{64}$/.test(sum)),
          before,
        );
      }
  }
  assert.ok(read > 100, `${read} were read`);
  assert.equal(/** @type {any} */ ({}).file, undefined);
});

test('configurations of other forms', () => {
  const openClip = {
    model_cfg: {
      embed_dim: 16,
      vision_cfg: { image_size: 32, layers: 2, width: 64, patch_size: 8 },
      text_cfg: { context_length: 16, vocab_size: 520, width: 64, heads: 1, layers: 2 },
    },
    preprocess_cfg: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], interpolation: 'bicubic', resize_mode: 'shortest' },
  };
  assert.ok(readHuggingFace(CONFIG) && readOpenClip(openClip, 'open_clip_config.json'));
  let read = 0;
  for (let i = 0; i < 20_000; i++) {
    const json = changedOften(i % 2 ? CONFIG : openClip);
    const parsed = answer(() => parseJson('config.json', JSON.stringify(json)), json);
    if (!parsed) continue;
    if (answer(() => isOpenClip(parsed), json)) read += Number(!!answer(() => readOpenClip(parsed, 'open_clip_config.json'), json));
    else if (answer(() => isHuggingFace(parsed), json)) read += Number(!!answer(() => readHuggingFace(parsed), json));
  }
  assert.ok(read > 100, `${read} were read`);
});

test('headers of safetensors files', () => {
  const header = {
    a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
    b: { dtype: 'F16', shape: [4], data_offsets: [24, 32] },
    __metadata__: { x: 'y' },
  };
  for (let i = 0; i < 20_000; i++) {
    const json = Buffer.from(JSON.stringify(changedOften(header)) ?? '');
    if (next() < 0.2 && json.length) json[below(json.length)] = below(256);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(next() < 0.1 ? BigInt(below(2 ** 40)) : BigInt(json.length));
    const tensors = answer(() => readSafetensors(new Uint8Array(Buffer.concat([length, json, Buffer.alloc(32)])), 'x'), String(json));
    for (const { data } of Object.values(tensors ?? {})) assert.ok(data.length <= 32);
  }
});

const LETTERS = [
  'a',
  'B',
  ' ',
  '"',
  '""',
  '“',
  '”',
  '„',
  '«',
  '»',
  '「',
  '」',
  ',',
  ';',
  '，',
  '、',
  '\t',
  '\n',
  '\r\n',
  '=',
  '+',
  '@',
  '\u2028',
  '😀',
  '\ud800',
];
const text = (most = 12) => Array.from({ length: below(most) }, () => one(LETTERS)).join('');

test('lists of labels: what is joined is split as it was', () => {
  for (let i = 0; i < 60_000; i++) {
    const labels = Array.from({ length: below(4) }, () => text().trim()).filter(Boolean);
    assert.deepEqual(splitLabels(joinLabels(labels)), labels, `seed ${SEED}`);
    for (const label of splitLabels(text(30))) assert.equal(label, label.trim() || 'none is empty');
  }
});

/** RFC 4180. @param {string} csv */
function rowsOf(csv) {
  const rows = [];
  for (let at = 0; at < csv.length; ) {
    const row = [];
    for (;;) {
      const [cell, quoted] = /** @type {RegExpExecArray} */ (/^(?:"((?:[^"]|"")*)"|[^",\r\n]*)/.exec(csv.slice(at)));
      row.push(quoted === undefined ? cell : quoted.replaceAll('""', '"'));
      at += cell.length;
      if (csv[at] !== ',') break;
      at++;
    }
    assert.equal(csv.slice(at, at + 2), '\r\n', `seed ${SEED}: ${JSON.stringify(csv)}`);
    at += 2;
    rows.push(row);
  }
  return rows;
}

test('tables: what is written is read back, and no cell is a formula', () => {
  for (let i = 0; i < 20_000; i++) {
    const rows = Array.from({ length: 1 + below(3) }, () => Array.from({ length: 1 + below(4) }, () => text()));
    const back = rowsOf(rows.map(csvLine).join(''));
    assert.equal(back.length, rows.length);
    for (const [y, row] of rows.entries())
      for (const [x, cell] of row.entries()) {
        assert.ok(back[y][x] === cell || back[y][x] === `'${cell}`, `seed ${SEED}: ${JSON.stringify(cell)}`);
        assert.doesNotMatch(back[y][x], /^[=+\-@]/);
      }
  }
});
