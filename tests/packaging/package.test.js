/** The package as others get it: checked by the usual tools, installed, built into an app, and opened. */
import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { serve } from '../../build/serve.mjs';
import { makePicture, temporaryFolder } from '../js/helpers/model.js';
import { must, pack, tool } from './helpers.js';

/** @type {string} */
let tarball;
/** A folder where the package is installed. @type {string} */
let app;
before(async () => {
  tarball = await pack();
  app = await temporaryFolder('clip-app-');
  await writeFile(join(app, 'package.json'), '{ "name": "app", "private": true, "type": "module" }');
  // the package has no dependencies, so nothing needs to be fetched
  must('npm', ['install', '--offline', '--no-audit', '--no-fund', '--ignore-scripts', tarball], app);
});

test('publint has nothing to say', () => {
  must(tool('publint'), ['run', tarball, '--strict']);
});

test('its types are found as its code is (are the types wrong?)', () => {
  // the package is for import only, and the modules and the worker are no code to import
  must(tool('attw'), [tarball, '--profile', 'esm-only', '--exclude-entrypoints', './worker.js', './wasm/*', './weights/*']);
});

test('it carries what it needs and nothing else', () => {
  const files = must('tar', ['-tf', tarball])
    .trim()
    .split('\n')
    .map(name => name.replace(/^package\//, ''));
  for (const name of [
    'web/index.js',
    'web/node.js',
    'web/session/worker.js',
    'web/types/index.d.ts',
    'web/wasm/clip-simd.wasm',
    'web/wasm/clip-relaxed-threads.wasm',
    'web/wasm/clip-readers.wasm',
    'web/wasm/NOTICES.txt',
    'weights/models.json',
    'weights/clip-mini/clip.json',
    'weights/clip-mini/LICENSE-Apache-2.0.txt', // of the image tower's trunk
    'README.md',
    'LICENSE',
  ])
    assert.ok(files.includes(name), `${name} is missing`);
  for (const name of files) assert.doesNotMatch(name, /^(tests|src|build|web\/demo)\/|\.(map|part|py)$/, name);
});

test('the notices that its libraries ask for travel with the modules', async () => {
  const notices = await readFile(join(app, 'node_modules/clip-wasm/web/wasm/NOTICES.txt'), 'utf8');
  // of each a line of its licence as the project writes it
  for (const line of [
    'Copyright 2019 Google LLC', // XNNPACK
    'Copyright (c) Facebook, Inc. and its affiliates', // XNNPACK
    'Copyright (c) 2015-2017 Georgia Institute of Technology', // pthreadpool
    'Copyright (c) 2017 Sean Barrett', // stb_image
    'Copyright (c) 2010 Serge A. Zaitsev', // jsmn
    '2014-2021 by Steven G. Johnson', // utf8proc
    'Copyright © 2005-2020 Rich Felker', // musl
    'Emscripten authors',
    'compiler-rt',
    'FP16',
    'FXdiv',
  ])
    assert.match(notices, new RegExp(line.replace(/[.()]/g, '\\$&'), 'i'));
});

test('in Node, by name, with the embedded model', async () => {
  await writeFile(join(app, 'photo.ppm'), makePicture(80, 60));
  await writeFile(
    join(app, 'use.mjs'),
    `
import { Clip } from 'clip-wasm';
import { Engine } from 'clip-wasm/engine';
const clip = await Clip.load();
console.log(JSON.stringify([await clip.classify('photo.ppm', ['dog', 'pizza']), typeof Engine.create]));
`,
  );
  const [scores, type] = JSON.parse(must(process.execPath, ['use.mjs'], app));
  assert.equal(scores.length, 2);
  assert.equal(type, 'function');
  const out = must(join(app, 'node_modules/.bin/clip-wasm'), ['classify', 'photo.ppm', '--labels', 'dog,pizza', '--json'], app);
  assert.deepEqual(
    JSON.parse(out)[0].labels,
    scores.map(({ label, score }) => ({ label, score, unknown: false })),
  );
});

const browserless = process.env.CHROMIUM ? {} : { skip: 'no Chromium' };

test('built into a Vite app without configuration, it classifies in Chromium', browserless, async () => {
  await mkdir(join(app, 'src'), { recursive: true });
  await writeFile(
    join(app, 'index.html'),
    '<!doctype html><title>app</title><link rel="icon" href="data:,"><script type="module" src="/src/main.js"></script>',
  );
  await writeFile(
    join(app, 'src/main.js'),
    `
import { Clip } from 'clip-wasm';
const photo = new Uint8Array(${JSON.stringify(Array.from(makePicture(80, 60)))});
Clip.load().then(async clip => {
  const scores = await clip.classify(photo, ['dog', 'pizza']);
  window.result = { scores, threads: clip.info.threads, warnings: clip.warnings.map(w => w.code) };
}).catch(error => (window.result = { error: error.code + ': ' + error.message }));
`,
  );
  must(tool('vite'), ['build', '--logLevel', 'warn'], app);
  const assets = await readdir(join(app, 'dist/assets'));
  assert.ok(
    assets.some(name => /^worker-.*\.js$/.test(name)),
    assets.join(),
  );
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const csp = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src data:";
  try {
    for (const isolated of [true, false]) {
      const headers = {
        'Content-Security-Policy': csp,
        ...(isolated && {
          'Cross-Origin-Opener-Policy': 'same-origin',
          'Cross-Origin-Embedder-Policy': 'require-corp',
        }),
      };
      const site = await serve({ root: join(app, 'dist'), headers });
      const page = await browser.newPage();
      const complaints = [];
      page.on('pageerror', error => complaints.push(error.message));
      page.on('console', message => message.type() === 'error' && complaints.push(message.text()));
      await page.goto(site.url);
      await page.waitForFunction(() => window.result, null, { timeout: 60_000 });
      const result = await page.evaluate(() => window.result);
      assert.equal(result.error, undefined);
      assert.equal(result.scores.length, 2);
      assert.deepEqual(result.warnings, []);
      assert.deepEqual(complaints, []);
      await page.close();
      await site.close();
    }
  } finally {
    await browser.close();
  }
});
