// The list of models that are known to load: weights/models.json and the command that prints it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { specOf } from '../../web/models/sources/spec.js';

const file = name => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const { models } = JSON.parse(readFileSync(file('weights/models.json'), 'utf8'));
const run = (...args) => promisify(execFile)(process.execPath, [file('web/cli.js'), 'models', ...args]).then(({ stdout }) => stdout);

const KEYS = ['name', 'source', 'form', 'bytes', 'accuracy', 'licence', 'languages', 'note'];

test('each entry says what it must, and nothing else', () => {
  assert.ok(models.length >= 10);
  for (const model of models) {
    const at = model.source;
    assert.deepEqual(
      Object.keys(model).filter(key => !KEYS.includes(key)),
      [],
      at,
    );
    assert.equal(specOf(model.source, {}).type, 'hub', at);
    assert.ok(['safetensors', 'torch', 'onnx'].includes(model.form), at);
    assert.deepEqual(Object.keys(model.bytes), ['q8'], at);
    assert.ok(Number.isSafeInteger(model.bytes.q8) && model.bytes.q8 > 1e7 && model.bytes.q8 < 2 ** 33, at);
    if (model.accuracy !== undefined) {
      assert.deepEqual(Object.keys(model.accuracy), ['imagenet', 'source'], at);
      assert.ok(model.accuracy.imagenet > 0.1 && model.accuracy.imagenet < 1 && model.accuracy.source.length > 10, at);
    }
    assert.ok(model.licence === undefined || /^[\w.-]+$/.test(model.licence), at);
    assert.ok(model.languages.length && model.languages.every(code => Intl.getCanonicalLocales(code)[0] === code), at);
    assert.ok(model.name && model.note, at);
  }
  for (const key of ['source', 'name']) assert.equal(new Set(models.map(model => model[key])).size, models.length);
});

test('clip-wasm models prints them, and the one that comes along first', async () => {
  const [embedded, ...others] = JSON.parse(await run('--json')).models;
  assert.deepEqual(others, models);
  assert.equal(embedded.source, 'clip-mini');
  const size = name => statSync(file(`weights/clip-mini/${name}.q8.safetensors`)).size;
  assert.equal(embedded.bytes.q8, size('vision') + size('text'));
  const table = await run();
  for (const { source } of models) assert.ok(table.includes(`\n${source} `), source);
  await assert.rejects(run('more'), { code: 2 });
});
