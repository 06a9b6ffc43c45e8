/** What a page must load before it fetches a model: the size that counts is the compressed one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundle, downloads } from '../bench/bundle.mjs';

const LIMIT = 130 * 1024; // with all towers in it

test('script, worker and one module are at most 130 KB, compressed', async () => {
  for (const { name, script, worker, module, total } of await downloads()) {
    console.log(`${name}: script ${script}, worker ${worker}, module ${module}: ${(total / 1024).toFixed(1)} KB`);
    assert.ok(total <= LIMIT, `${name}: ${total} bytes`);
  }
  // a bundler that makes one file of the worker must not meet a dynamic import
  const { outputFiles, warnings } = await bundle('web/session/worker.js');
  assert.deepEqual(warnings, []);
  assert.doesNotMatch(outputFiles[0].text, /\bimport\(|\beval\(|new Function\b/);
});
