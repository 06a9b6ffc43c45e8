/** bench: how long an image and ten labels take on this machine. */
import { EMBEDDED } from '../embedded.js';
import { Engine } from '../engine/engine.js';
import { Loader } from '../models/loader.js';
import { DTYPES } from '../models/model.js';
import { nodeSource, nodeSpec, readModule, spawnThread } from '../node.js';
import { chooseModule } from '../engine/wasm.js';
import { finishProgress, oneOf, showProgress, wholeNumber } from './terminal.js';
import { MODULES } from './verify.js';

const WARM_UP = 1000;
const RUNS = 15;

/** Median wall time in ms, after the compiler had time to settle. @param {() => void} work */
function median(work) {
  const start = performance.now();
  do work();
  while (performance.now() - start < WARM_UP);
  const times = Array.from({ length: RUNS }, () => {
    const before = performance.now();
    work();
    return performance.now() - before;
  });
  return times.sort((a, b) => a - b)[RUNS >> 1];
}

/** @param {{ model?: string, dtype?: string, module?: string, threads?: string, json?: boolean }} values */
export async function bench({ model = EMBEDDED, ...values }) {
  const dtype = oneOf(values.dtype, '--dtype', DTYPES, 'q8');
  const threads = wholeNumber(values.threads, '--threads', 16) ?? 1;
  const name = oneOf(values.module, '--module', MODULES, chooseModule(threads).name);
  const engine = await Engine.create({ wasm: await readModule(name), readers: () => readModule('readers'), threads, spawn: spawnThread });
  const loader = new Loader(nodeSource(nodeSpec(model)), null, () => {});
  await loader.open({});
  const before = performance.now();
  const { tower: vision } = await loader.load(engine, 'vision', dtype, { onProgress: showProgress });
  const { tower: text } = await loader.load(engine, 'text', dtype, { onProgress: showProgress });
  const loading = performance.now() - before;
  finishProgress();
  const crop = new Uint8Array(vision.info.imageSize ** 2 * 3).map((_, i) => (i * 37) & 255);
  const { vocabulary } = text.info;
  const labels = Array.from({ length: 10 }, (_, i) => [vocabulary - 2, 320, 420, 460, 100 + i, vocabulary - 1]);
  const result = {
    model,
    dtype,
    module: name,
    threads: engine.threads,
    kernels: engine.kernels,
    load_ms: loading,
    image_ms: median(() => vision.encodeImages([crop])),
    ten_labels_ms: median(() => text.encodeTexts(labels)),
    memory_MB: engine.memoryBytes / 1e6,
    node: process.version,
  };
  if (values.json) process.stdout.write(JSON.stringify(result) + '\n');
  else
    for (const [key, value] of Object.entries(result))
      process.stdout.write(`${key.padEnd(14)} ${typeof value === 'number' ? +value.toFixed(2) : value}\n`);
  engine.dispose();
}
