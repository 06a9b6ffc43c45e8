/** The set-ups of README's table: for each an app as its users would write it, how it is built, and where the result is. */
import { join } from 'node:path';
import { HTML, MAIN, USE, bin, makeApp, startServer } from './apps.js';
import { ROOT, must } from './helpers.js';

const ASSETS = `import { Clip } from 'clip-wasm';${USE("undefined, { assets: '/clip-wasm/' }")}`;
const copy = (/** @type {string} */ app, folder = 'dist/clip-wasm') =>
  must(process.execPath, ['node_modules/clip-wasm/web/cli.js', 'copy', folder], app);
const react = `'use client';
import { useEffect } from 'react';
import { Clip } from 'clip-wasm';
export default function Use() {
  useEffect(() => {${USE()}}, []);
  return <p>app</p>;
}`;

/** @param {'vite5' | 'vite7' | 'vite8'} tool */
const vite = tool => async () => {
  const app = await makeApp(tool === 'vite8' ? null : tool, { 'index.html': HTML(), 'main.js': MAIN });
  if (tool === 'vite8') must(join(ROOT, 'node_modules/.bin/vite'), ['build', '--logLevel', 'warn'], app);
  else bin(app, 'vite', ['build', '--logLevel', 'warn']);
  return { folder: join(app, 'dist') };
};

/** @param {'vite5' | 'vite7' | 'vite8'} tool @param {number} port */
const viteDev = (tool, port) => async () => {
  const app = await makeApp(tool === 'vite8' ? null : tool, { 'index.html': HTML(), 'main.js': MAIN });
  const own = tool === 'vite8' ? ROOT : app;
  const program = join(own, 'node_modules/.bin/vite');
  return { server: await startServer(app, program, ['--port', `${port}`, '--strictPort'], `http://localhost:${port}/`) };
};

/** @param {string} bundler */
const next = bundler => async () => {
  const app = await makeApp('next', {
    'package.json': JSON.stringify({
      name: 'app',
      private: true,
      dependencies: { 'clip-wasm': '*', next: '*', react: '*', 'react-dom': '*' },
    }),
    'next.config.mjs': `export default { output: 'export', serverExternalPackages: ['clip-wasm'] };`,
    'app/layout.jsx':
      'export default ({ children }) => <html><head><link rel="icon" href="data:," /></head><body>{children}</body></html>;',
    // the same on the server, while the page is rendered
    'app/page.jsx': `import { Clip } from 'clip-wasm';
import Use from './use.jsx';
export default async () => {
  const clip = await Clip.load();
  const [score] = await clip.encode('a dog');
  clip.dispose();
  return <main><p id="server">{typeof score}</p><Use /></main>;
};`,
    'app/use.jsx': react,
  });
  bin(app, 'next', ['build', bundler]);
  return { folder: join(app, 'out') };
};

/**
 * `slow` ones run with `npm test -- --all`. A set-up answers the folder of what was built, or a server that runs.
 * @type {Record<string, { slow?: boolean, threads?: boolean, build: () => Promise<{ folder?: string, server?: { url: string, close: () => Promise<void> } }> }>}
 */
export const SETUPS = {
  'Vite 8': { build: vite('vite8') },
  'Vite 7': { slow: true, build: vite('vite7') },
  'Vite 5': { slow: true, build: vite('vite5') },
  'Vite 8, development server': { build: viteDev('vite8', 51888) },
  'Vite 7, development server': { slow: true, build: viteDev('vite7', 51887) },
  'Vite 5, development server': { build: viteDev('vite5', 51885) },
  'webpack 5': {
    build: async () => {
      const app = await makeApp('webpack', {
        'src/index.js': MAIN,
        'dist/index.html': HTML('<script src="main.js"></script>'),
        'build.cjs': `require('webpack')({ mode: 'production', entry: './src/index.js', performance: { hints: false } }, (error, stats) => {
  if (error || stats.hasErrors() || stats.hasWarnings()) throw error ?? new Error(stats.toString('errors-warnings'));
});`,
      });
      must(process.execPath, ['build.cjs'], app);
      return { folder: join(app, 'dist') };
    },
  },
  'Next 16, Turbopack': { slow: true, build: next('--turbopack') },
  'Next 16, webpack': { slow: true, build: next('--webpack') },
  'Rollup 4, after clip-wasm copy': {
    build: async () => {
      const app = await makeApp('rollup', {
        'src/main.js': ASSETS,
        'dist/index.html': HTML(),
        'rollup.config.js': `import resolve from '@rollup/plugin-node-resolve';
export default { input: 'src/main.js', output: { dir: 'dist', format: 'es' }, plugins: [resolve({ browser: true })] };`,
      });
      bin(app, 'rollup', ['-c', '--silent']);
      copy(app);
      return { folder: join(app, 'dist') };
    },
  },
  'esbuild, after clip-wasm copy': {
    build: async () => {
      const app = await makeApp(null, { 'src/main.js': ASSETS, 'dist/index.html': HTML() });
      const options = ['--bundle', '--format=esm', '--outfile=dist/main.js', '--log-level=error'];
      must(join(ROOT, 'node_modules/.bin/esbuild'), ['src/main.js', ...options], app);
      copy(app);
      return { folder: join(app, 'dist') };
    },
  },
  'a script that is no module (esbuild, IIFE), after clip-wasm copy': {
    build: async () => {
      const app = await makeApp(null, {
        'src/main.js': `import { Clip } from 'clip-wasm/bare';${USE("'/clip-wasm/weights/clip-mini/', { assets: '/clip-wasm/' }")}`,
        'dist/index.html': HTML('<script src="/main.js"></script>'),
      });
      const options = ['--bundle', '--format=iife', '--outfile=dist/main.js', '--log-level=error'];
      must(join(ROOT, 'node_modules/.bin/esbuild'), ['src/main.js', ...options], app);
      copy(app);
      return { folder: join(app, 'dist') };
    },
  },
  'Parcel 2': {
    slow: true,
    build: async () => {
      const app = await makeApp('parcel', {
        'package.json': '{ "name": "app", "private": true, "dependencies": { "clip-wasm": "*" } }',
        'src/index.html': HTML('<script type="module" src="main.js"></script>'),
        'src/main.js': MAIN,
      });
      bin(app, 'parcel', ['build', 'src/index.html', '--no-cache', '--no-source-maps', '--log-level', 'error']);
      return { folder: join(app, 'dist') };
    },
  },
  SvelteKit: {
    slow: true,
    build: async () => {
      const app = await makeApp('sveltekit', {
        'svelte.config.js': `import adapter from '@sveltejs/adapter-static'; export default { kit: { adapter: adapter() } };`,
        'vite.config.js': `import { sveltekit } from '@sveltejs/kit/vite'; export default { plugins: [sveltekit()] };`,
        'src/app.html':
          '<!doctype html><html><head><link rel="icon" href="data:,">%sveltekit.head%</head><body><div>%sveltekit.body%</div></body></html>',
        'src/routes/+layout.js': 'export const prerender = true;',
        'src/routes/+page.svelte': `<script>
import { onMount } from 'svelte';
import { Clip } from 'clip-wasm';
onMount(() => {${USE()}});
</script><p>app</p>`,
      });
      bin(app, 'vite', ['build', '--logLevel', 'error']);
      return { folder: join(app, 'build') };
    },
  },
  'import map on a static server': {
    build: async () => {
      const map = '<script type="importmap">{ "imports": { "clip-wasm": "/node_modules/clip-wasm/web/index.js" } }</script>';
      const app = await makeApp(null, { 'index.html': HTML(`${map}<script type="module" src="/main.js"></script>`), 'main.js': MAIN });
      return { folder: app };
    },
  },
  'a worker of one’s own': {
    build: async () => {
      const app = await makeApp(null, {
        'index.html': HTML(),
        'main.js': `const worker = new Worker('/own.js', { type: 'module' });
worker.onmessage = ({ data }) => (window.result = data);`,
        'own.js': `import { Clip } from '/node_modules/clip-wasm/web/index.js';
const window = { set result(value) { postMessage(value); } };${USE('undefined, { worker: false }')}`,
      });
      return { folder: app };
    },
    threads: false,
  },
  'a service worker': {
    build: async () => {
      const app = await makeApp(null, {
        'index.html': HTML(),
        'main.js': `navigator.serviceWorker.onmessage = ({ data }) => (window.result = data);
navigator.serviceWorker.register('/sw.js', { type: 'module' });
navigator.serviceWorker.ready.then(({ active }) => active.postMessage('go'));`,
        'sw.js': `import { Clip } from '/node_modules/clip-wasm/web/bare.js';
onmessage = ({ source }) => {
  const window = { set result(value) { source.postMessage(value); } };
${USE("'/node_modules/clip-wasm/weights/clip-mini/', { wasm: '/node_modules/clip-wasm/web/wasm/clip-relaxed.wasm' }")}
};`,
      });
      return { folder: app };
    },
    threads: false,
  },
};
