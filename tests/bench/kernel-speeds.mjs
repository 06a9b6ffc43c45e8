/**
 * What the kernel benchmark measures, in Chromium or in Node: see kernels.mjs.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Runs in the engine that is measured, so it must stand alone. */
async function measure({ base64, shapes, depthwise }) {
  const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0));
  if (!WebAssembly.validate(bytes)) return null;
  const { exports } = (await WebAssembly.instantiate(bytes, {})).instance;
  exports._initialize();
  const text = pointer => {
    const memory = new Uint8Array(exports.memory.buffer);
    return String.fromCharCode(...memory.subarray(pointer, memory.indexOf(0, pointer)));
  };
  const best = (work, macs) => {
    for (let end = performance.now() + 500; performance.now() < end; ) work(1); // lets the engine's optimizing compiler come in
    let start = performance.now();
    let runs = 0;
    for (; performance.now() - start < 40; runs++) work(1); // enough of them for the clock's steps, also where others are at work
    const times = Math.max(1, Math.round((4 * runs) / (performance.now() - start)));
    let least = Infinity;
    for (let i = 0; i < 25; i++) {
      start = performance.now();
      work(times);
      least = Math.min(least, (performance.now() - start) / times);
    }
    return macs / least / 1e6;
  };
  const rows = [];
  for (const name of Object.keys(exports).filter(key => key.startsWith('limit_')))
    rows.push({ what: name.replace('_', ': ').replaceAll('_', ' '), speed: best(n => exports[name](n * 10000), exports[name](0) * 10000) });
  const sources = ['simd', 'best', 'pairs', 'XNNPACK'];
  for (const [count, input, output] of shapes)
    for (const [precision, dtype] of ['f32', 'q8', 'q4'].entries())
      for (const [source, name] of sources.entries()) {
        if (name === 'pairs' || !exports.setup(source, precision, count, input, output)) continue;
        if (name === 'best' && text(exports.kernels()) === 'simd') continue;
        const speed = best(n => exports.run(n), count * input * output);
        const layer = `${count}x${input}x${output} ${dtype}`;
        rows.push({ what: `${layer} ${name === 'best' ? text(exports.kernels()) : name}`, layer, speed, error: exports.error() });
      }
  for (const [channels, kernel, stride, side] of depthwise) {
    const layer = `depthwise ${channels} channels, ${kernel}x${kernel}, stride ${stride}, ${side}x${side}`;
    const macs = channels * kernel ** 2 * Math.ceil(side / stride) ** 2;
    for (const [name, theirs, precision] of [
      ['f32', 0, 0],
      ['int16', 0, 1],
      ['XNNPACK', 1, 0],
    ]) {
      if (!exports.setup_depthwise(theirs, precision, channels, kernel, stride, side)) throw new Error(`${layer} ${name} cannot be made`);
      rows.push({ what: `${layer} ${name}`, layer, speed: best(n => exports.run_depthwise(n), macs) });
    }
  }
  for (const row of rows.filter(({ layer }) => layer))
    row.ratio = row.speed / rows.find(({ what }) => what === `${row.layer} XNNPACK`)?.speed;
  return rows;
}

async function inChromium(argument) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  try {
    return await (await browser.newPage()).evaluate(measure, argument);
  } finally {
    await browser.close();
  }
}

/**
 * Speeds in GMAC/s on one thread: the machine's limits (no `layer`), and of each layer and kernel with its error.
 * @param {'chromium' | 'node'} engine @param {'simd' | 'relaxed'} module @param {number[][]} shapes each rows, in, out
 * @param {number[][]} [depthwise] each channels, kernel, stride, side
 * @returns {Promise<{ what: string, speed: number, layer?: string, error?: number, ratio?: number }[] | null>} null where the engine has no
 *   such instructions
 */
export function kernelSpeeds(engine, module, shapes, depthwise = []) {
  execFileSync('make', ['-s', '-f', 'tests/bench/kernels.mk'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
  const base64 = fs.readFileSync(`${ROOT}build/out/bench/kernels-${module}.wasm`).toString('base64');
  return engine === 'node' ? measure({ base64, shapes, depthwise }) : inChromium({ base64, shapes, depthwise });
}
