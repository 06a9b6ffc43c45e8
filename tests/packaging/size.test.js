/** What a page must load before it fetches a model: the size that counts is the compressed one. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { brotliCompressSync } from 'node:zlib';
import { build } from 'esbuild';
import { ROOT } from './helpers.js';

const LIMIT = 110 * 1024;

/** @param {string} entry */
async function minified(entry) {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, entry)],
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    target: 'es2022',
    external: ['./session.js', './sources/index.js'],
  });
  return brotliCompressSync(outputFiles[0].contents).length;
}

test('script, worker and one module are at most 110 KB, compressed', async () => {
  // esbuild does not follow dynamic imports that are external: those are only for pages that want no worker
  const [page, worker] = await Promise.all([minified('web/index.js'), bundledWorker()]);
  for (const name of ['simd', 'relaxed', 'simd-threads', 'relaxed-threads']) {
    const wasm = brotliCompressSync(await readFile(join(ROOT, `web/wasm/clip-${name}.wasm`))).length;
    const total = page + worker + wasm;
    console.log(`${name}: script ${page}, worker ${worker}, module ${wasm}: ${(total / 1024).toFixed(1)} KB`);
    assert.ok(total <= LIMIT, `${name}: ${total} bytes`);
  }
});

async function bundledWorker() {
  // as Vite does by default: one file, no splitting, which a dynamic import would break
  const { outputFiles, warnings } = await build({
    entryPoints: [join(ROOT, 'web/worker.js')],
    bundle: true,
    minify: true,
    format: 'iife',
    write: false,
    target: 'es2022',
  });
  assert.deepEqual(warnings, []);
  const text = outputFiles[0].text;
  assert.doesNotMatch(text, /\bimport\(|\beval\(|new Function\b/);
  return brotliCompressSync(outputFiles[0].contents).length;
}
