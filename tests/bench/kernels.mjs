/**
 * Speed of one linear layer, in Chromium and in Node: our kernels, XNNPACK's, and the machine's limits beside them.
 *
 *   node tests/bench/kernels.mjs [--shapes 50x768x3072,...] [--engines chromium,node] [--json]       (rows x in x out)
 *
 * GMAC/s, best of several runs, one thread, quantization of the activations included. 1 - cosine to the true product (random normal
 * numbers) stands beside it: a kernel that is wrong on an engine shows.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const { values: options } = parseArgs({
  options: {
    shapes: { type: 'string', default: '50x768x3072,50x3072x768,8x512x2048,1x768x768,197x768x768' },
    engines: { type: 'string', default: 'chromium,node' },
    json: { type: 'boolean', default: false },
  },
});

/** Runs in the engine that is measured, so it must stand alone. */
async function measure({ base64, shapes }) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  if (!WebAssembly.validate(bytes)) return null;
  const { exports } = (await WebAssembly.instantiate(bytes, {})).instance;
  exports._initialize();
  const text = (pointer) => {
    const memory = new Uint8Array(exports.memory.buffer);
    return String.fromCharCode(...memory.subarray(pointer, memory.indexOf(0, pointer)));
  };
  const best = (work, macs) => {
    for (let end = performance.now() + 500; performance.now() < end;) work(1); // lets the engine's optimizing compiler come in
    let start = performance.now();
    work(1);
    const times = Math.max(1, Math.round(4 / Math.max(0.001, performance.now() - start)));
    let least = Infinity;
    for (let i = 0; i < 25; i++) {
      start = performance.now();
      work(times);
      least = Math.min(least, (performance.now() - start) / times);
    }
    return macs / least / 1e6;
  };
  const rows = [];
  for (const name of Object.keys(exports).filter((key) => key.startsWith('limit_')))
    rows.push({ what: name.replace('_', ': ').replaceAll('_', ' '), speed: best((n) => exports[name](n * 10000), exports[name](0) * 10000) });
  const sources = ['simd', 'best', 'pairs', 'XNNPACK'];
  for (const [count, input, output] of shapes)
    for (const [precision, dtype] of ['f32', 'q8', 'q4'].entries())
      for (const [source, name] of sources.entries()) {
        if (name === 'pairs' || !exports.setup(source, precision, count, input, output)) continue;
        if (name === 'best' && text(exports.kernels()) === 'simd') continue;
        const speed = best((n) => exports.run(n), count * input * output);
        const layer = `${count}x${input}x${output} ${dtype}`;
        rows.push({ what: `${layer} ${name === 'best' ? text(exports.kernels()) : name}`, layer, speed, error: exports.error() });
      }
  for (const row of rows.filter(({ layer }) => layer))
    row.ratio = row.speed / rows.find(({ what }) => what === `${row.layer} XNNPACK`)?.speed;
  return rows;
}

async function inChromium(argument) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
  try {
    return await (await browser.newPage()).evaluate(measure, argument);
  } finally {
    await browser.close();
  }
}

execFileSync('make', ['-s', '-f', 'tests/bench/kernels.mk'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
const shapes = options.shapes.split(',').map((shape) => shape.split('x').map(Number));
const all = [];
for (const engine of options.engines.split(','))
  for (const module of ['simd', 'relaxed']) {
    const base64 = fs.readFileSync(`${ROOT}build/out/bench/kernels-${module}.wasm`).toString('base64');
    const rows = await (engine === 'node' ? measure : inChromium)({ base64, shapes });
    if (!rows) continue; // Node 20 has no relaxed SIMD
    for (const { what, speed, ratio, error } of rows) {
      all.push({ engine, module, what, speed, ratio, error });
      if (!options.json)
        console.log(`${engine.padEnd(9)} ${module.padEnd(8)} ${what.padEnd(36)} ${speed.toFixed(1).padStart(6)} GMAC/s${error === undefined ? '' : ` ${ratio.toFixed(2).padStart(6)} of XNNPACK's   1 - cos ${error.toExponential(1)}`}`);
    }
  }
if (options.json) console.log(JSON.stringify(all, null, 2));
