/**
 * The page at work, in Chromium, as `npm start` serves it. Each part is a command of its own, all of them without one:
 *
 *   node tests/bench/page.mjs run [--n 1000] [--photos FOLDER] [--before CHECKOUT]     many photos: rate, blocks, cancel, memory, one more label
 *   node tests/bench/page.mjs search [--n 100000]                                      a sentence over many embeddings of 512
 *   node tests/bench/page.mjs large                                                    one more label on a photo of 20 megapixels
 *   node tests/bench/page.mjs bomb                                                     memory after a PNG of 100 megapixels
 *   node tests/bench/page.mjs camera                                                   answers a second
 *
 * Without --photos the photos are made of the samples: 0.1 to 0.5 megapixels each. CHECKOUT is another one of this repository, built, whose
 * page reads the same photos in the same run; rounds alternate.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ISOLATION, serve } from '../../build/serve.mjs';
import { png } from '../js/helpers/bombs.js';
import { launch, memoryOf, rendererCpu } from './chromium.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { n: { type: 'string' }, photos: { type: 'string' }, before: { type: 'string' }, rounds: { type: 'string', default: '1' } },
});
const line = (what, value) => console.log(`  ${what.padEnd(66)} ${value}`);
const ms = value => `${value.toFixed(value < 10 ? 1 : 0)} ms`;

/** The page of a checkout, opened, the sample answered. @param {string} root @param {string[]} [args] of the browser */
async function open(root, args = [], mounts = {}) {
  const site = await serve({ root: join(root, 'web'), mounts: { '/weights/': join(root, 'weights'), ...mounts }, headers: ISOLATION });
  const browser = await launch(args);
  const page = await browser.newPage();
  await page.setViewportSize({ width: 1280, height: 820 });
  await page.addInitScript(() => {
    globalThis.blocks = [];
    if (top === self)
      new PerformanceObserver(list => globalThis.blocks.push(...list.getEntries())).observe({ type: 'longtask', buffered: true });
  });
  page.on('pageerror', error => console.error(error));
  await page.goto(`${site.url}demo/`);
  await page.waitForFunction(() => document.querySelector('#ranking .score')?.textContent, null, { timeout: 60_000 });
  const close = async () => {
    await browser.close();
    await site.close();
  };
  return { page, site, close };
}

/** Blocks of the main thread since the last call. */
const blocks = page =>
  page.evaluate(() => globalThis.blocks.splice(0).map(({ startTime, duration }) => [Math.round(startTime), Math.round(duration)]));
const longest = list =>
  list.length ? `${Math.max(...list.map(([, duration]) => duration))} ms, ${list.length} over 50 ms` : 'none over 50 ms';

async function setLabels(page, text) {
  if (await page.$('.chip')) await page.click('#clear');
  await page.fill('#label-input', text);
  await page.press('#label-input', 'Enter');
}

/** Photos of the samples, turned, cut and scaled. @returns {Promise<string[]>} */
async function makePhotos(count, folder) {
  const { page, close } = await open(ROOT);
  const names = JSON.parse(readFileSync(join(ROOT, 'weights/samples/index.json'), 'utf8')).map(({ file }) => file);
  const paths = [];
  for (let at = 0; at < count; at += 20) {
    const some = await page.evaluate(
      async ({ names, at, count }) => {
        const found = [];
        for (let i = at; i < Math.min(at + 20, count); i++) {
          const bitmap = await createImageBitmap(await (await fetch(`/weights/samples/${names[i % names.length]}`)).blob());
          const pixels = 1e5 + ((i * 7919) % 1000) * 400;
          const [width, height] = [Math.round(Math.sqrt(pixels * 1.5)), Math.round(Math.sqrt(pixels / 1.5))];
          const canvas = new OffscreenCanvas(width, height);
          const context = canvas.getContext('2d');
          const zoom = 1 + ((i * 31) % 17) / 20;
          context.filter = `hue-rotate(${(i * 13) % 30}deg) brightness(${0.8 + ((i * 7) % 9) / 20})`;
          context.drawImage(bitmap, -(i % 40), -((i * 3) % 30), width * zoom, height * zoom);
          const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.9 })).arrayBuffer());
          let text = '';
          for (let k = 0; k < bytes.length; k += 8192) text += String.fromCharCode(...bytes.subarray(k, k + 8192));
          found.push(btoa(text));
        }
        return found;
      },
      { names, at, count },
    );
    for (const [i, text] of some.entries()) {
      const path = join(folder, `photo-${String(at + i).padStart(5, '0')}.jpg`);
      writeFileSync(path, Buffer.from(text, 'base64'));
      paths.push(path);
    }
  }
  await close();
  return paths;
}

/** The page says so many photos were read. */
const readAtLeast = (page, count) =>
  page.waitForFunction(
    count => Number(/(\d[\d,]*) of /.exec(document.getElementById('run-text').textContent)?.[1].replace(',', '')) >= count,
    count,
    { polling: 20, timeout: 600_000 },
  );

/** Chooses photos and waits until all are answered. @param {string} root @param {string[]} paths @param {boolean} [watch] memory on the way */
async function read(root, paths, watch = false) {
  const { page, close } = await open(root);
  await setLabels(page, 'dog, cat, food, building, car');
  await page.waitForTimeout(1500);
  await blocks(page);
  const [begin, used] = [performance.now(), rendererCpu()];
  await page.setInputFiles('#choose', paths);
  const early = watch && paths.length > 400 ? await readAtLeast(page, 300).then(memoryOf) : null;
  await page.waitForFunction(
    count => {
      const text = id => document.getElementById(id)?.textContent ?? '';
      const number = Number(/(\d[\d,]*) photos/.exec(text('sheet-title') || text('export-count'))?.[1].replace(',', ''));
      const open = document.getElementById('run') ? !document.getElementById('run').hidden : / of /.test(text('export-count'));
      return document.getElementById('results').getAttribute('aria-busy') === 'false' && !open && number === count;
    },
    paths.length,
    { polling: 50, timeout: 900_000 },
  );
  const seconds = (performance.now() - begin) / 1000;
  const now = rendererCpu();
  const cpu = { all: (now.all - used.all) / paths.length, main: (now.main - used.main) / paths.length };
  return { page, close, early, cpu, rate: paths.length / seconds, blocks: await blocks(page) };
}

/** Blocks of the main thread where photos are chosen as people do in Chromium, by its chooser; the origin's own files stand for the disk's.
 *  @param {string[]} paths @param {string} folder of all of them */
async function chooseByPicker(paths, folder) {
  const { page, close } = await open(ROOT, [], { '/photos/': folder });
  await setLabels(page, 'dog, cat, food, building, car');
  await page.evaluate(
    async names => {
      const root = await navigator.storage.getDirectory();
      const handles = [];
      for (const name of names) {
        const handle = await root.getFileHandle(name, { create: true });
        const writable = await handle.createWritable();
        await writable.write(await (await fetch(`/photos/${name}`)).blob());
        await writable.close();
        handles.push(handle);
      }
      globalThis.showOpenFilePicker = async () => handles;
    },
    paths.map(path => basename(path)),
  );
  await page.waitForTimeout(1000);
  await blocks(page);
  await page.click('#choose-label');
  await readAtLeast(page, Math.min(600, paths.length - 1));
  line('chosen by the chooser: longest block of the main thread', longest(await blocks(page)));
  await close();
}

/** Milliseconds from a label that is typed to all answers. */
const oneMore = (page, label) =>
  page.evaluate(async label => {
    const begin = performance.now();
    const input = /** @type {HTMLInputElement} */ (document.getElementById('label-input'));
    const results = document.getElementById('results');
    input.value = `${label},`;
    input.dispatchEvent(new InputEvent('input'));
    while (results.getAttribute('aria-busy') === 'true') await new Promise(resolve => setTimeout(resolve, 1));
    const rows = [...document.querySelectorAll('#ranking li .label')].map(one => one.textContent);
    if (!rows.includes(label)) throw new Error(`${label} is not among ${rows}`);
    return performance.now() - begin;
  }, label);

const megabytes = ({ rss, pss }) => `${rss.toFixed(0)} MB resident (${pss.toFixed(0)} MB without what it shares)`;

const PARTS = {
  async run() {
    const folder = values.photos ? null : mkdtempSync(join(tmpdir(), 'clip-page-'));
    const count = Number(values.n ?? 1000);
    const paths = values.photos
      ? readdirSync(values.photos)
          .slice(0, count)
          .map(name => join(resolve(values.photos), name))
      : await makePhotos(count, folder);
    try {
      console.log(`${paths.length} photos, ${availableParallelism()} cores`);
      const rates = { before: [], now: [] };
      for (let round = 0; round < Number(values.rounds); round++) {
        if (values.before) {
          const before = await read(resolve(values.before), paths);
          rates.before.push(before.rate);
          line('before: photos a second; longest block of the main thread', `${before.rate.toFixed(1)}; ${longest(before.blocks)}`);
          line('before: CPU for a photo, of all threads and of the main one', `${ms(before.cpu.all)}, ${ms(before.cpu.main)}`);
          await before.close();
        }
        const now = await read(ROOT, paths, true);
        rates.now.push(now.rate);
        line('now: photos a second; longest block of the main thread', `${now.rate.toFixed(1)}; ${longest(now.blocks)}`);
        line('now: CPU for a photo, of all threads and of the main one', `${ms(now.cpu.all)}, ${ms(now.cpu.main)}`);
        if (now.early) line('memory of the renderer at photo 300', megabytes(now.early));
        await now.page.waitForTimeout(1000);
        line('memory of the renderer at the end', megabytes(memoryOf()));
        const times = [];
        for (const label of ['boat', 'a red house', 'snow']) times.push(await oneMore(now.page, label));
        line('one more label', times.map(ms).join(', '));
        line('longest block meanwhile', longest(await blocks(now.page)));
        await now.close();
      }
      if (values.before) line('now against before', `${(Math.max(...rates.now) / Math.max(...rates.before)).toFixed(2)}x`);
      await chooseByPicker(paths, folder ?? resolve(values.photos));
      const { page, close } = await open(ROOT);
      await setLabels(page, 'dog, cat');
      await page.setInputFiles('#choose', paths);
      await readAtLeast(page, Math.min(100, paths.length / 2));
      const [said, last] = await page.evaluate(async () => {
        const text = () => document.getElementById('run-text').textContent;
        const begin = performance.now();
        document.getElementById('run-stop').click();
        while (!/^Stopped/.test(text())) await new Promise(resolve => setTimeout(resolve, 1));
        const said = performance.now() - begin;
        let [seen, last] = [text(), said];
        while (performance.now() - begin < 3000) {
          await new Promise(resolve => setTimeout(resolve, 5));
          if (text() !== seen) [seen, last] = [text(), performance.now() - begin];
        }
        return [said, last];
      });
      line('Stop: until it says so; until nothing more arrives', `${ms(said)}; ${ms(last)}`);
      await close();
    } finally {
      if (folder) rmSync(folder, { recursive: true, force: true });
    }
  },

  async search() {
    const { page, close } = await open(ROOT);
    const count = Number(values.n ?? 100_000);
    const found = await page.evaluate(async count => {
      const { Vectors } = await import('/demo/vectors.js');
      const vectors = new Vectors();
      let state = 1;
      const next = () => (state = (state * 48271) % 2147483647) / 1073741823.5 - 1;
      const some = Array.from({ length: 997 }, () => Float32Array.from({ length: 512 }, next));
      const photos = Array.from({ length: count }, (_, i) => ({ i }));
      photos.forEach((photo, i) => vectors.add(photo, some[i % some.length]));
      await new Promise(resolve => setTimeout(resolve, 100));
      globalThis.blocks.length = 0; // of making them
      const query = () => Float32Array.from({ length: 512 }, next);
      let begin = performance.now();
      await vectors.compare([query()]);
      const first = performance.now() - begin;
      const times = [];
      for (let i = 0; i < 7; i++) {
        const one = query();
        begin = performance.now();
        await vectors.compare([one]);
        times.push(performance.now() - begin);
        if (vectors.column(one).length !== count) throw new Error('not all were compared');
      }
      const hundred = Array.from({ length: 100 }, query);
      begin = performance.now();
      await vectors.compare(hundred);
      return { first, times, hundred: performance.now() - begin };
    }, count);
    console.log(`${count} embeddings of 512`);
    line('the first query, with all embeddings on their way to the module', ms(found.first));
    line('a query', found.times.map(ms).join(', '));
    line('100 labels', ms(found.hundred));
    line('longest block of the main thread meanwhile', longest(await blocks(page)));
    await close();
  },

  async large() {
    const { page, close } = await open(ROOT);
    await page.evaluate(async () => {
      const canvas = new OffscreenCanvas(5472, 3648);
      const context = canvas.getContext('2d');
      for (let i = 0; i < 4000; i++) {
        context.fillStyle = `hsl(${(i * 47) % 360} 60% ${30 + (i % 50)}%)`;
        context.fillRect((i * 977) % 5400, (i * 631) % 3600, 40 + (i % 300), 30 + (i % 200));
      }
      const transfer = new DataTransfer();
      transfer.items.add(new File([await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.9 })], 'large.jpg', { type: 'image/jpeg' }));
      const input = /** @type {HTMLInputElement} */ (document.getElementById('choose'));
      input.files = transfer.files;
      input.dispatchEvent(new Event('change'));
    });
    await setLabels(page, 'dog, cat');
    await page.waitForFunction(() => document.getElementById('results').getAttribute('aria-busy') === 'false', null, { timeout: 60_000 });
    const times = [];
    for (const label of ['boat', 'a red house', 'snow', 'kitchen', 'tree']) times.push(await oneMore(page, label));
    console.log('one photo of 20 megapixels');
    line('one more label', times.map(ms).join(', '));
    await close();
  },

  async bomb() {
    const folder = mkdtempSync(join(tmpdir(), 'clip-page-'));
    const { page, close } = await open(ROOT);
    try {
      writeFileSync(join(folder, 'large.png'), png(10_000, 10_000, { colour: 2, filter: 0 }));
      const before = memoryOf();
      await page.setInputFiles('#choose', join(folder, 'large.png'));
      await setLabels(page, 'dog, cat');
      let most = 0;
      for (let i = 0; i < 40; i++) {
        most = Math.max(most, memoryOf().rss);
        await page.waitForTimeout(200);
      }
      console.log('a PNG of 100 megapixels');
      line('memory before', megabytes(before));
      line('most on the way', `${most.toFixed(0)} MB`);
      line('memory after', megabytes(memoryOf()));
      line(
        'what the page says',
        await page.evaluate(() => document.getElementById('photo-trouble').textContent || document.getElementById('ranking').textContent),
      );
    } finally {
      await close();
      rmSync(folder, { recursive: true, force: true });
    }
  },

  async camera() {
    const { page, close } = await open(ROOT, ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']);
    await setLabels(page, 'dog, cat, clock, pie, green');
    await page.click('#live');
    await page.waitForTimeout(8000);
    console.log('the live camera');
    line('what the page says', await page.textContent('#live-rate'));
    await close();
  },
};

const asked = positionals.length ? positionals : Object.keys(PARTS);
for (const name of asked) {
  if (!PARTS[name]) throw new Error(`there is no ${name}; there are: ${Object.keys(PARTS).join(', ')}`);
  await PARTS[name]();
}
