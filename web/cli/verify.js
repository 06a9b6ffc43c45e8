/** verify: runs a model on inputs whose answers the reference implementation gave, and compares. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Engine } from '../engine/engine.js';
import { ClipError } from '../error.js';
import { Loader } from '../models/loader.js';
import { DTYPES } from '../models/model.js';
import { readModule, spawnThread } from '../node.js';
import { f32Of, f32Tensor, readSafetensors, writeSafetensors } from '../models/safetensors.js';
import { FolderSource } from '../models/sources/folder.js';
import { chooseModule } from '../engine/wasm.js';
import { Usage, finishProgress, oneOf, showProgress, wholeNumber } from './terminal.js';

export const MODULES = /** @type {const} */ (['simd', 'relaxed', 'simd-threads', 'relaxed-threads']);
/** Largest error relative to the largest value in f32; smallest cosine where weights are rounded. */
const TOLERANCE = { f32: 5e-5, q8: 0.998, q4: 0.98 };

/** @param {Float32Array[]} rows @param {Float32Array} expected row after row */
export function compare(rows, expected) {
  let error = 0;
  let largest = 0;
  let cosine = 1;
  rows.forEach((row, i) => {
    let dot = 0,
      xx = 0,
      yy = 0;
    row.forEach((x, j) => {
      const y = expected[i * row.length + j];
      error = Math.max(error, Number.isNaN(x) ? Infinity : Math.abs(x - y));
      largest = Math.max(largest, Math.abs(y));
      dot += x * y;
      xx += x * x;
      yy += y * y;
    });
    cosine = Math.min(cosine, dot / Math.sqrt(xx * yy));
  });
  if (rows.length * (rows[0]?.length ?? 0) !== expected.length) error = Infinity;
  return { error: error / largest, cosine };
}

/** @param {Float32Array[]} rows */
const tensorOf = rows => f32Tensor([rows.length, rows[0].length], Float32Array.from(rows.flatMap(row => Array.from(row))));

/** @param {{ dtype?: string, module?: string, threads?: string, output?: string }} values @param {string[]} positionals */
export async function verify(values, [folder, ...more]) {
  if (!folder || more.length) throw new Usage('verify takes one folder');
  const dtype = oneOf(values.dtype, '--dtype', DTYPES, 'f32');
  const threads = wholeNumber(values.threads, '--threads', 16) ?? (values.module?.endsWith('threads') ? 2 : 1);
  const name = oneOf(values.module, '--module', MODULES, chooseModule(threads).name);
  const expectedFile = join(folder, 'expected.safetensors');
  const expected = readSafetensors(await readFile(expectedFile), expectedFile);
  const { input_ids: ids } = JSON.parse(await readFile(join(folder, 'expected-ids.json'), 'utf8'));
  if (!Array.isArray(ids)) throw new ClipError('bad-file', `${folder}/expected-ids.json has no input_ids.`);

  const engine = await Engine.create({ wasm: await readModule(name), readers: () => readModule('readers'), threads, spawn: spawnThread });
  const loader = new Loader(new FolderSource(folder), null, () => {});
  await loader.open({});
  const watch = { onProgress: showProgress };
  const { tower: vision } = await loader.load(engine, 'vision', dtype, watch);
  const images = vision.encodePixels(f32Of(expected.pixel_values, 'pixel_values'));
  const { tower: text } = await loader.load(engine, 'text', dtype, watch);
  const texts = text.encodeTexts(ids);
  finishProgress();

  let status = 0;
  for (const [tensor, rows] of /** @type {[string, Float32Array[]][]} */ ([
    ['image_embeds', images],
    ['text_embeds', texts],
  ])) {
    const { error, cosine } = compare(rows, f32Of(expected[tensor], tensor));
    const good = dtype === 'f32' ? error <= TOLERANCE.f32 : cosine >= TOLERANCE[dtype];
    process.stdout.write(
      `${tensor}: ${good ? 'good' : 'BAD'}, largest error ${error.toExponential(2)} of the largest value, ` +
        `smallest cosine ${cosine.toFixed(6)} (${dtype}, ${name}, ${engine.kernels})\n`,
    );
    if (!good) status = 1;
  }
  if (values.output) await writeFile(values.output, writeSafetensors({ image_embeds: tensorOf(images), text_embeds: tensorOf(texts) }));
  engine.dispose();
  return status;
}
