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

/** What a page imports only when it asks for it (a model without a worker, a search) is not part of its script. @type {import('esbuild').Plugin} */
const LATER = {
  name: 'later',
  setup: ({ onResolve }) =>
    onResolve({ filter: /./ }, ({ kind, path }) => (kind === 'dynamic-import' ? { path, external: true } : undefined)),
};

/**
 * A script and what it imports in one file, which is not written. The worker is made as Vite makes it by default: no splitting.
 * @param {string} entry @returns {Promise<import('esbuild').BuildResult<{ write: false }>>}
 */
export function bundle(entry) {
  const isWorker = entry.endsWith('worker.js');
  return build({
    entryPoints: [path.join(ROOT, entry)],
    bundle: true,
    minify: true,
    format: isWorker ? 'iife' : 'esm',
    target: 'es2022',
    write: false,
    plugins: isWorker ? [] : [LATER],
  });
}

export async function bundlePage() {
  const folder = path.join(ROOT, BUNDLE);
  fs.mkdirSync(path.join(folder, 'session'), { recursive: true });
  fs.copyFileSync(path.join(ROOT, 'tests/bench/bench.html'), path.join(folder, 'bench.html'));
  fs.writeFileSync(path.join(folder, 'bench-page.js'), (await bundle('tests/bench/bench-page.js')).outputFiles[0].contents);
  fs.writeFileSync(path.join(folder, 'session/worker.js'), (await bundle('web/session/worker.js')).outputFiles[0].contents);
  fs.cpSync(path.join(ROOT, 'web/wasm'), path.join(folder, 'wasm'), { recursive: true });
}

const compressed = (/** @type {Uint8Array} */ bytes) => brotliCompressSync(bytes).length;

/** What a page must load before it fetches a model, in bytes, as a server sends it. */
export async function downloads() {
  const [script, worker] = await Promise.all(
    ['web/index.js', 'web/session/worker.js'].map(async entry => compressed((await bundle(entry)).outputFiles[0].contents)),
  );
  return ['simd', 'relaxed', 'simd-threads', 'relaxed-threads'].map(name => {
    const module = compressed(fs.readFileSync(path.join(ROOT, `web/wasm/clip-${name}.wasm`)));
    return { name, script, worker, module, total: script + worker + module };
  });
}
