/**
 * Speed of one linear layer and of one depthwise convolution, in Chromium and in Node: our kernels, XNNPACK's, and the machine's limits beside them.
 *
 *   node tests/bench/kernels.mjs [--shapes 50x768x3072,...] [--depthwise 144x3x1x60,...] [--engines chromium,node] [--json]
 *
 * Shapes are rows x in x out, and channels x kernel x stride x side; "" is none. By default those of ViT-B/32 and of EfficientNet-Lite1.
 *
 * GMAC/s, best of several runs, one thread, quantization of the activations included. 1 - cosine to the true product (random normal
 * numbers) stands beside it: a kernel that is wrong on an engine shows.
 */
import { parseArgs } from 'node:util';
import { kernelSpeeds } from './kernel-speeds.mjs';

const { values: options } = parseArgs({
  options: {
    shapes: { type: 'string', default: '50x768x3072,50x3072x768,8x512x2048,1x768x768,197x768x768' },
    depthwise: { type: 'string', default: '32x3x1x120,96x3x2x120,144x3x1x60,240x5x1x30,480x3x1x15,672x5x1x15,1152x5x1x8' },
    engines: { type: 'string', default: 'chromium,node' },
    json: { type: 'boolean', default: false },
  },
});

const shapesOf = list =>
  list
    .split(',')
    .filter(Boolean)
    .map(shape => shape.split('x').map(Number));
const all = [];
for (const engine of options.engines.split(','))
  for (const module of ['simd', 'relaxed']) {
    const rows = await kernelSpeeds(engine, module, shapesOf(options.shapes), shapesOf(options.depthwise));
    if (!rows) continue; // Node 20 has no relaxed SIMD
    for (const { what, speed, ratio, error } of rows) {
      all.push({ engine, module, what, speed, ratio, error });
      if (!options.json)
        console.log(
          `${engine.padEnd(9)} ${module.padEnd(8)} ${what.padEnd(58)} ${speed.toFixed(1).padStart(6)} GMAC/s${ratio === undefined ? '' : ` ${ratio.toFixed(2).padStart(6)} of XNNPACK's`}${error === undefined ? '' : `   1 - cos ${error.toExponential(1)}`}`,
        );
    }
  }
if (options.json) console.log(JSON.stringify(all, null, 2));
