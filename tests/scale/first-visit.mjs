/**
 * A large published model's first visit in Chromium: aborted at several points and gone on with, the WebAssembly memory throughout, and a
 * second visit whose server is gone.   usage: node tests/scale/first-visit.mjs FOLDER...
 *
 * Each folder is a model as a repository has it: config.json, the tokenizer's files, and its weights in one form (605 MB of ViT-B/32
 * as pytorch_model.bin, or as model.safetensors, say; random ones do). It fails where memory reaches 200 MB, where an abort is not one,
 * where more travels than the weights and 16 MB for each abort (what was on its way), or where the second visit does not answer the same.
 */
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { startChromium, startSite } from '../browser/helpers/chromium.js';

const LIMIT = 200e6;
/** Shares of the first half's progress at which it is aborted. */
const POINTS = [0.02, 0.35, 0.7, 0.97];

for (const folder of process.argv.slice(2)) {
  const weights = readdirSync(folder).filter(name => /\.(bin|safetensors)$/.test(name));
  const size = weights.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  const site = await startSite({ mounts: { '/model/': resolve(folder) } });
  let sent = 0;
  site.server.on('request', (request, response) => {
    if (!weights.some(name => request.url.endsWith(name))) return;
    const { socket } = response;
    const before = socket.bytesWritten;
    response.on('close', () => (sent += socket.bytesWritten - before));
  });
  const browser = await startChromium();
  const page = await browser.page(site);
  await page.evaluate(() => {
    const memories = [];
    const { instantiate } = WebAssembly;
    WebAssembly.instantiate = async (...args) => {
      const made = await instantiate.apply(WebAssembly, args);
      memories.push(new WeakRef((made.instance ?? made).exports.memory));
      return made;
    };
    window.peak = 0;
    window.measure = () => {
      const now = memories.reduce((sum, memory) => sum + (memory.deref()?.buffer.byteLength ?? 0), 0);
      window.peak = Math.max(window.peak, now);
    };
    const canvas = Object.assign(document.createElement('canvas'), { width: 300, height: 200 });
    canvas.getContext('2d').fillRect(20, 30, 100, 100);
    window.ask = clip => clip.classify(canvas, ['a cat', 'a black square', 'a photo']);
  });
  const first = await page.evaluate(
    async ({ url, points }) => {
      window.wasm = await (await fetch('/web/wasm/clip-relaxed.wasm')).arrayBuffer();
      const seen = [];
      const aborted = [];
      const started = performance.now();
      const watch = (signalAt, control) => ({
        signal: control?.signal,
        onProgress: ({ phase, file, loaded, total }) => {
          window.measure();
          if (seen.at(-1) !== `${phase} ${file}`) seen.push(`${phase} ${file}`);
          if (control && loaded / total >= signalAt) control.abort();
        },
      });
      const clip = await Clip.load(url, { worker: false, wasm: window.wasm, ...watch() });
      for (const point of points)
        aborted.push(
          await clip.prepare(['vision'], watch(point, new AbortController())).then(
            () => 'not aborted',
            ({ name }) => name,
          ),
        );
      await clip.prepare(undefined, watch());
      const scores = await window.ask(clip);
      window.measure();
      const seconds = (performance.now() - started) / 1000;
      clip.dispose();
      return { aborted, seen, scores, seconds, peak: window.peak };
    },
    { url: `${site.url}model/`, points: POINTS },
  );
  await page.context().setOffline(true);
  await site.close();
  const second = await page.evaluate(async url => {
    const started = performance.now();
    const clip = await Clip.load(url, { worker: false, wasm: window.wasm });
    const scores = await window.ask(clip);
    clip.dispose();
    return { scores, seconds: (performance.now() - started) / 1000 };
  }, `${site.url}model/`);
  await browser.close();
  console.log(
    `${basename(folder)}: ${weights.join(', ')}, ${(size / 1e6).toFixed(0)} MB; sent ${(sent / size).toFixed(3)} times; WebAssembly ` +
      `${(first.peak / 1e6).toFixed(0)} MB at most; aborted at ${POINTS.join(', ')}: ${first.aborted.join(', ')}; first visit ` +
      `${first.seconds.toFixed(0)} s, second, without network, ${second.seconds.toFixed(1)} s\n  ${first.seen.join('; ')}`,
  );
  assert.ok(first.peak < LIMIT, `${first.peak} bytes of memory`);
  assert.deepEqual(first.aborted, Array(POINTS.length).fill('AbortError'));
  assert.ok(sent <= 1.02 * size + POINTS.length * 16e6, `${sent} bytes were sent of ${size}`);
  assert.deepEqual(second.scores, first.scores);
}
