/**
 * npm run bench: how fast and how large this package is, in Chromium on this machine.
 *
 * The machine's limits in Chromium, what a page downloads, and for each model: one image, new labels, whole calls, opening the page, memory.
 *
 *   npm run bench -- [--models clip-b32,clip-b16,clip-l14,clip-mini] [--dtypes q8,q4,f32] [--threads 1,2] [--n 7] [--json]
 *   npm run bench -- --peer FOLDER    transformers.js beside it, in one run; FOLDER is the side-by-side benchmark's (bench/peer)
 *
 * clip-mini is the embedded one, in q8; beside clip-b32 it also says what share of its time it takes. The others
 * have the true sizes and random weights: times, bytes and memory mean something, scores do not. Machines are noisy: compare
 * numbers of one run only, and CPU times rather than wall times where both are there.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { serve } from '../../build/serve.mjs';
import { EMBEDDED } from '../../web/embedded.js';
import { Clip } from '../../web/node.js';
import { BUNDLE, bundlePage, downloads } from './bundle.mjs';
import { newProfile, visit } from './chromium.mjs';
import { kernelSpeeds } from './kernel-speeds.mjs';
import { imageMacs, makeModel } from './models.mjs';
import { runPeer } from './peer.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CACHE = path.join(
  process.env.CLIP_WASM_CACHE ?? path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'clip-wasm'),
  'bench',
);

const { values: options } = parseArgs({
  options: {
    models: { type: 'string', default: 'clip-b32' },
    dtypes: { type: 'string', default: 'q8,q4,f32' },
    threads: { type: 'string', default: '1,2' },
    modules: { type: 'string', default: 'best,simd' },
    n: { type: 'string', default: '7' },
    warm: { type: 'string', default: '3000' },
    peer: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(
    fs
      .readFileSync(fileURLToPath(import.meta.url), 'utf8')
      .split('*/')[0]
      .replace(/^\/?[ *]*\*? ?/gm, ''),
  );
  process.exit(0);
}
const list = name => options[name].split(',').filter(Boolean);
const note = text => process.stderr.write(`${text}\n`);

/** Converts each model to each dtype, once. */
function prepareModels() {
  for (const name of list('models').filter(name => name !== EMBEDDED))
    for (const dtype of list('dtypes')) {
      const folder = path.join(CACHE, 'models', name, dtype);
      if (fs.existsSync(path.join(folder, 'clip.json'))) continue;
      note(`making ${name} in ${dtype}`);
      const source = makeModel(name, path.join(CACHE, 'sources', name));
      execFileSync(process.execPath, [path.join(ROOT, 'web/cli.js'), 'convert', source, '--dtype', dtype, '-o', folder], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    }
}

const rows = [];
function row(what, value, unit, more = '') {
  if (!(value > 0 && value < 1e9)) throw new Error(`${what}: ${value} ${unit} cannot be; nothing was measured`);
  rows.push({ what, value: Number(value.toFixed(2)), unit, note: more });
  if (!options.json) console.log(`${what.padEnd(52)} ${value.toFixed(1).padStart(9)} ${unit.padEnd(7)} ${more}`);
}

/** How fast one thread can multiply at all, with operands in registers. @returns {Promise<{ f32: number, int8: number }>} */
async function limits() {
  const speeds = {};
  for (const module of ['simd', 'relaxed'])
    for (const { what, speed } of (await kernelSpeeds('chromium', module, [])) ?? []) {
      speeds[what] = speed;
      row(`${what}, ${module} module`, speed, 'GMAC/s');
    }
  return { f32: speeds['limit: f32'], int8: speeds['limit: relaxed dot'] ?? speeds['limit: dot i16'] };
}

/** The embedded model's time as a share of ViT-B/32's, where both were measured. @param {string} what */
function share(what) {
  const [mini, b32] = [EMBEDDED, 'clip-b32'].map(name => rows.find(row => row.what === `${name} q8, ${what}`)?.value);
  if (mini && b32) row(`${EMBEDDED} as a share of clip-b32, ${what}`, mini / b32, '');
}

/** The engine's memory with both towers at work. */
async function memory(folder, label) {
  const clip = await Clip.load(folder, { dtype: label.split(' ')[1], threads: 1, worker: false });
  await clip.classify(new Uint8Array(fs.readFileSync(path.join(ROOT, 'weights/samples', samples[0].file))), ['a cat', 'a dog']);
  row(`${label}, wasm memory, both towers`, clip.client.first.session.engine.memoryBytes / 1e6, 'MB');
  clip.dispose();
}

const samples = JSON.parse(fs.readFileSync(path.join(ROOT, 'weights/samples/index.json'), 'utf8'));

async function measure() {
  const limit = await limits();
  for (const { name, total } of await downloads()) row(`script, worker and ${name} module, brotli`, total / 1024, 'KB');
  const site = await serve({
    root: ROOT,
    mounts: {
      [`/our-models/${EMBEDDED}/q8/`]: path.join(ROOT, 'weights', EMBEDDED),
      '/our-models/': path.join(CACHE, 'models'),
      '/images/': path.join(ROOT, 'weights/samples'),
    },
  });
  const page = query =>
    `${site.url}${BUNDLE}/bench.html?${new URLSearchParams({ n: options.n, warm: options.warm, image: `/images/${samples[0].file}`, ...query })}`;
  try {
    for (const name of list('models'))
      for (const dtype of name === EMBEDDED ? ['q8'] : list('dtypes')) {
        const model = `/our-models/${name}/${dtype}/`,
          label = `${name} ${dtype}`;
        for (const module of list('modules'))
          for (const threads of list('threads')) {
            const query = {
              mode: 'warmVision',
              model,
              dtype,
              threads,
              ...(module === 'best' ? {} : { module: module + (threads === '1' ? '' : '-threads') }),
            };
            const result = await visit(page(query));
            const time = result.image_encode_ms,
              ms = threads === '1' ? (time.cpu_all ?? time.med) : time.med;
            const speed = imageMacs(name) / ms / 1e6,
              best = dtype === 'f32' ? limit.f32 : limit.int8;
            row(
              `${label}, image, ${threads} thread${threads === '1' ? '' : 's'}, ${module} module`,
              ms,
              threads === '1' ? 'ms CPU' : 'ms',
              `${result.info.kernels}; ${speed.toFixed(1)} GMAC/s, ${(speed / best).toFixed(2)} of the limit; wall ${time.med.toFixed(1)}; first ${result.first_ms.toFixed(0)} ms`,
            );
          }
        const text = await visit(page({ mode: 'warmText', model, dtype, threads: 1 }));
        for (const count of [1, 10, 100])
          row(
            `${label}, ${count} new label${count > 1 ? 's' : ''}`,
            text[`text${count}_pad_longest`].cpu_all ?? text[`text${count}_pad_longest`].med,
            'ms CPU',
          );
        const call = await visit(page({ mode: 'pipe', model, dtype, threads: 1 }));
        for (const count of [1, 10, 100])
          row(
            `${label}, whole call, ${count} known label${count > 1 ? 's' : ''}`,
            call[`labels${count}`].cpu_all ?? call[`labels${count}`].med,
            'ms CPU',
            `wall ${call[`labels${count}`].med.toFixed(1)}`,
          );
        row(`${label}, longest block of the page's main thread`, call.longest_main_thread_block_ms, 'ms');
        const profile = newProfile();
        const first = await visit(page({ mode: 'cold', model, dtype, threads: 1 }), profile);
        row(`${label}, page opened to first answer, first visit`, first.total_ms, 'ms', `renderer peak ${first.peak_MB.toFixed(0)} MB`);
        const again = await visit(page({ mode: 'cold', model, dtype, threads: 1 }), profile);
        row(`${label}, page opened to first answer, cached`, again.total_ms, 'ms', `renderer peak ${again.peak_MB.toFixed(0)} MB`);
        fs.rmSync(profile, { recursive: true, force: true });
        await memory(name === EMBEDDED ? path.join(ROOT, 'weights', EMBEDDED) : path.join(CACHE, 'models', name, dtype), label);
      }
    share('image, 1 thread, best module');
    share('10 new labels');
  } finally {
    await site.close();
  }
}

note(`${os.cpus()[0].model}, ${os.cpus().length} cores, Node ${process.version}`);
prepareModels();
await bundlePage();
if (options.peer)
  await runPeer({
    folder: path.resolve(options.peer),
    cache: CACHE,
    root: ROOT,
    dtypes: list('dtypes'),
    n: options.n,
    warm: options.warm,
    row,
    note,
  });
else await measure();
if (options.json) console.log(JSON.stringify(rows, null, 1));
process.exit(0);
