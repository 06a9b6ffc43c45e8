/**
 * Batches: photos of 2 megapixels through classifyEach on one worker and on several, in one run, in a page without isolation headers; and how
 * long the caller's event loop is blocked in Node.
 *
 *   node tests/bench/batches.mjs [--n 300] [--workers 2] [--model FOLDER]
 *
 * FOLDER is a model in our form, by default the benchmark's ViT-B/32 in q8, which `npm run bench` makes. Rounds alternate, and the ratio is of
 * their best: what else runs on the machine takes from several workers more than from one.
 */
import os from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { serve } from '../../build/serve.mjs';
import { Clip } from '../../web/node.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CACHE = process.env.CLIP_WASM_CACHE ?? path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'clip-wasm');
const { values } = parseArgs({
  options: {
    n: { type: 'string', default: '300' },
    workers: { type: 'string', default: '2' },
    model: { type: 'string', default: path.join(CACHE, 'bench/models/clip-b32/q8') },
  },
});
const count = Number(values.n);
const workers = Number(values.workers);

const site = await serve({
  root: ROOT,
  mounts: { '/model/': values.model },
  headers: {},
  onRequest(request, response) {
    if (request.url !== '/blank.html') return false;
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>bench</title>');
    return true;
  },
});
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
try {
  const page = await browser.newPage();
  await page.goto(`${site.url}blank.html`);
  const result = await page.evaluate(
    async ([count, workers]) => {
      const { Clip } = await import('/web/index.js');
      const photos = [];
      for (let i = 0; i < 10; i++) {
        const canvas = new OffscreenCanvas(1632, 1224);
        const context = canvas.getContext('2d');
        for (let j = 0; j < 3000; j++) {
          context.fillStyle = `hsl(${(i * 37 + j * 11) % 360} 60% ${(j * 7) % 100}% / 0.5)`;
          context.fillRect((j * 97 + i * 13) % 1600, (j * 61) % 1200, 20 + (j % 90), 20 + (j % 70));
        }
        photos.push(await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.9 }));
      }
      const labels = Array.from({ length: 10 }, (_, i) => `thing number ${i}`);
      const inputs = Array.from({ length: count }, (_, i) => photos[i % photos.length]);
      const times = { one: [], several: [] };
      const clips = { one: await Clip.load('/model/', { workers: 1 }), several: await Clip.load('/model/', { workers }) };
      let embeddings = '';
      for (const name of ['one', 'several', 'one', 'several']) {
        const begin = performance.now();
        let done = 0;
        for await (const { error } of clips[name].classifyEach(inputs, labels)) {
          if (error) throw error;
          done++;
        }
        times[name].push(performance.now() - begin);
        if (done !== count) throw new Error(`${done} of ${count}`);
        embeddings = `${clips.several.info.workers} workers, ${clips.several.info.threads} thread each`;
      }
      return { times, bytes: photos[0].size, embeddings };
    },
    [count, workers],
  );
  const best = name => Math.min(...result.times[name]) / count;
  const line = (what, value) => console.log(`${what.padEnd(58)} ${value}`);
  console.log(`${count} JPEGs of 2 megapixels (${(result.bytes / 1024).toFixed(0)} KB each), 10 labels; ${result.embeddings}`);
  for (const name of ['one', 'several'])
    line(
      `${name} worker${name === 'one' ? '' : 's'}, ms a photo, by round`,
      result.times[name].map(t => (t / count).toFixed(1)).join('  '),
    );
  line('one against several', `${(best('one') / best('several')).toFixed(2)}x`);
} finally {
  await browser.close();
  await site.close();
}

const clip = await Clip.load(values.model);
await clip.prepare();
const photo = path.join(ROOT, 'weights/samples/lighthouse.jpg');
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
for await (const { error } of clip.classifyEach(Array(20).fill(photo), ['a lighthouse', 'a dog'])) if (error) throw error;
delay.disable();
clip.dispose();
console.log(`${"longest block of the caller's event loop in Node, ms".padEnd(58)} ${(delay.max / 1e6).toFixed(1)}`);
