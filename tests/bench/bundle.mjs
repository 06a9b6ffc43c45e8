/**
 * The benchmark's page as an app would ship it: the package bundled and minified, one script for the page and one for the worker, the
 * modules beside them.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const BUNDLE = 'build/out/bench/page';

/** @param {string} entry @returns {Promise<Uint8Array>} */
export async function bundle(entry) {
  const { outputFiles } = await build({
    entryPoints: [path.join(ROOT, entry)],
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    // a page imports these two only where it works without a worker
    external: entry.endsWith('worker.js') ? [] : ['./session.js', './sources/index.js'],
  });
  return outputFiles[0].contents;
}

export async function bundlePage() {
  const folder = path.join(ROOT, BUNDLE);
  fs.mkdirSync(folder, { recursive: true });
  fs.copyFileSync(path.join(ROOT, 'tests/bench/bench.html'), path.join(folder, 'bench.html'));
  fs.writeFileSync(path.join(folder, 'bench-page.js'), await bundle('tests/bench/bench-page.js'));
  fs.writeFileSync(path.join(folder, 'worker.js'), await bundle('web/worker.js'));
  fs.cpSync(path.join(ROOT, 'web/wasm'), path.join(folder, 'wasm'), { recursive: true });
}

/** What a page must load before it fetches a model, in bytes, as a server sends it. @returns {Promise<{ name: string, bytes: number }[]>} */
export async function downloads() {
  const size = (/** @type {Uint8Array} */ bytes) => brotliCompressSync(bytes).length;
  const script = size(await bundle('web/index.js')) + size(await bundle('web/worker.js'));
  return ['simd', 'relaxed', 'simd-threads', 'relaxed-threads'].map((name) => ({
    name,
    bytes: script + size(fs.readFileSync(path.join(ROOT, `web/wasm/clip-${name}.wasm`))),
  }));
}
