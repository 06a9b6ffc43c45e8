// What small hostile files cost: time, and memory that the module grew by.    node tests/bench/bounds.mjs [--module relaxed] [FILE...]
// Each is read in an instance of its own. Printed beside it is a photo of 12 megapixels, to tell how busy the machine is.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { Instance } from '../../web/engine/instance.js';
import { Pictures } from '../../web/engine/pictures.js';
import { MOST, TOO_MUCH, filled, jpeg } from '../js/helpers/bombs.js';

const { values, positionals } = parseArgs({ options: { module: { type: 'string', default: 'simd' } }, allowPositionals: true });
const module = await WebAssembly.compile(await readFile(new URL(`../../web/wasm/clip-${values.module}.wasm`, import.meta.url)));

/** @param {string} name @param {Uint8Array} bytes */
async function measure(name, bytes) {
  const instance = await Instance.create(module);
  const before = instance.memory.buffer.byteLength;
  const cpu = process.cpuUsage();
  let answer = 'read';
  try {
    new Pictures(instance).crop(bytes, 224);
  } catch (error) {
    answer = error.code;
  }
  const { user, system } = process.cpuUsage(cpu);
  const grown = (instance.memory.buffer.byteLength - before) / 1e6;
  console.log(
    `${name.padEnd(28)} ${(bytes.length / 1e6).toFixed(2).padStart(6)} MB ${((user + system) / 1e6).toFixed(2).padStart(6)} s ${grown.toFixed(0).padStart(5)} MB  ${answer}`,
  );
}

await measure('12 megapixels, 4:2:0', jpeg(4000, 3000, { components: 3, factors: 0x22 }));
for (const [name, make] of Object.entries({ ...MOST, ...TOO_MUCH })) await measure(name, filled(make()));
for (const file of positionals) await measure(basename(file), await readFile(file));
