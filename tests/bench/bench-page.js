/**
 * One measurement, named by the address: ?mode=warmVision|warmText|pipe|cold &dtype= &threads= &module= &model= &n= &warm=
 *
 * Sets window.__result. Times are in ms of wall clock, with CPU time of the page's process beside them where the harness offers
 * window.__cpu (bench.mjs does, by way of /proc). Served bundled, as bundle.mjs makes it. Every call goes through the public API and its worker, as on a user's page.
 */
import { Clip } from '../../web/index.js';
import { LABELS } from './labels.mjs';

const query = new URLSearchParams(location.search);
const number = (name, otherwise) => Number(query.get(name) ?? otherwise);
const n = number('n', 7),
  warm = number('warm', 3000);
const dtype = (query.get('dtype') ?? 'q8').replace('fp32', 'f32'),
  threads = number('threads', 1);
const model = new URL(query.get('model') ?? `/our-models/clip-b32/${dtype}/`, location.href).href;
const module = query.get('module');
const wasm = module ? new URL(`./wasm/clip-${module}.wasm`, import.meta.url).href : undefined;
const texts = LABELS.map(label => `a photo of ${label}`);

const median = list => [...list].sort((a, b) => a - b)[list.length >> 1];

/** Median, all times, and CPU time a call, after warming up: engines compile hot code again while it runs. */
async function bench(work, times = n, warmUp = warm) {
  for (const start = performance.now(); performance.now() - start < warmUp; ) await work();
  const before = await window.__cpu?.(),
    all = [];
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    await work(i);
    all.push(performance.now() - start);
  }
  const after = await window.__cpu?.();
  const cpu = before && after ? { cpu_main: (after.main - before.main) / times, cpu_all: (after.all - before.all) / times } : {};
  return { n: times, med: median(all), min: Math.min(...all), max: Math.max(...all), all, ...cpu };
}

async function picture(url) {
  const bitmap = await createImageBitmap(await (await fetch(url)).blob());
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

function noise(side) {
  const image = new ImageData(side, side);
  for (let i = 0; i < image.data.length; i++) image.data[i] = (i * 2654435761) >>> 24;
  return image;
}

const load = () => Clip.load(model, { dtype, threads, wasm });
const sample = query.get('image') ?? '/images/chelsea.png';

const modes = {
  /** One image of the model's own size, again and again. */
  async warmVision() {
    const start = performance.now(),
      clip = await load();
    await clip.prepare(['vision']);
    const load_ms = performance.now() - start,
      image = noise(224),
      first = performance.now();
    await clip.encode(image);
    const first_ms = performance.now() - first;
    return { load_ms, first_ms, image_encode_ms: await bench(() => clip.encode(image), Math.max(n, 7)), info: clip.info };
  },
  /** Texts that are encoded anew each time: encode keeps nothing, only classify does. */
  async warmText() {
    const clip = await load(),
      result = {};
    await clip.prepare(['text']);
    for (const count of [1, 10, 100])
      result[`text${count}_pad_longest`] = await bench(() => clip.encode(texts.slice(0, count)), n, count === 1 ? warm : warm / 2);
    return { ...result, info: clip.info };
  },
  /** The whole call, labels known from the second on; and how long the page's main thread stands still meanwhile. */
  async pipe() {
    const clip = await load(),
      image = await picture(sample),
      result = {};
    const run = count => clip.classify(image, LABELS.slice(0, count), { template: 'a photo of {}' });
    for (const count of [1, 10, 100]) result[`labels${count}`] = await bench(() => run(count));
    let longest = 0,
      last = performance.now(),
      going = true;
    const tick = () => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      if (going) setTimeout(tick, 0);
    };
    tick();
    for (let i = 0; i < 3; i++) await run(10);
    clip.dispose();
    await (await load()).classify(image, LABELS.slice(0, 10), { template: 'a photo of {}' });
    going = false;
    return { ...result, longest_main_thread_block_ms: longest };
  },
  /** From the page's opening to its first answer. */
  async cold() {
    const clip = await load(),
      labels = LABELS.slice(0, 10);
    const loaded = performance.now();
    const top = await clip.classify(sample, labels, { template: 'a photo of {}' });
    const total_ms = performance.now();
    const again = performance.now();
    await clip.classify(sample, labels, { template: 'a photo of {}' });
    return {
      total_ms,
      split: { opened: loaded, first_call: total_ms - loaded, second_call: performance.now() - again },
      top,
      resources: performance.getEntriesByType('resource').map(e => [e.name, e.transferSize]),
    };
  },
};

// A harness may tell this page's process by the CPU time of its main thread, which ours hardly uses.
if (window.__cpu && query.get('spin') !== '0' && query.get('mode') !== 'cold')
  for (const start = performance.now(); performance.now() - start < 400; );

try {
  window.__result = await modes[query.get('mode') ?? 'warmVision']();
} catch (error) {
  window.__result = { error: String(error?.message ?? error), stack: String(error?.stack).slice(0, 400) };
}
window.measureMem = async () => {
  try {
    const memory = await performance.measureUserAgentSpecificMemory();
    return {
      bytes_MB: memory.bytes / 1e6,
      breakdown: memory.breakdown.filter(b => b.bytes > 1e6).map(b => [b.types.join('+'), b.bytes / 1e6]),
    };
  } catch (error) {
    return String(error);
  }
};
