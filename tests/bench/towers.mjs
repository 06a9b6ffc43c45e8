// Image towers side by side, in int8, one image, one thread:  node tests/bench/towers.mjs [--n 15] [--module relaxed] FOLDER FOLDER...
//
// FOLDERs hold models in true size, such as `python tests/models/mobileclip.py MobileCLIP2-S0 FOLDER` and
// `node tests/bench/models.mjs clip-b32 FOLDER` write. Prints the median of CPU times, taken in turns, and their ratio to the last one's.
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Engine } from '../../web/engine/engine.js';
import { readHuggingFace } from '../../web/models/forms/hugging-face.js';
import { readOpenClip } from '../../web/models/forms/open-clip.js';
import { readModule } from '../../web/node.js';

const { values, positionals } = parseArgs({
  options: { n: { type: 'string', default: '15' }, module: { type: 'string', default: 'relaxed' } },
  allowPositionals: true,
});

/** @param {string} folder */
async function load(folder) {
  const read = name => JSON.parse(readFileSync(join(folder, name), 'utf8'));
  const openClip = existsSync(join(folder, 'open_clip_config.json'));
  const { config } = openClip ? readOpenClip(read('open_clip_config.json'), folder) : readHuggingFace(read('config.json'), folder);
  const engine = await Engine.create({ wasm: await readModule(/** @type {any} */ (values.module)) });
  const tower = engine.openTower('vision', JSON.stringify(config), 'q8');
  const file = openSync(join(folder, openClip ? 'open_clip_model.safetensors' : 'model.safetensors'), 'r');
  tower.open(fstatSync(file).size);
  for (let range; (range = tower.want()); ) {
    const bytes = new Uint8Array(Math.min(range.length, 1 << 20));
    tower.push(bytes.subarray(0, readSync(file, bytes, 0, bytes.length, range.offset)));
  }
  tower.finish();
  closeSync(file);
  const size = tower.info.imageSize;
  const crop = Uint8Array.from({ length: size * size * 3 }, (_, i) => 128 + 100 * Math.sin(i * 0.7));
  return { folder, times: /** @type {number[]} */ ([]), run: () => tower.encodeImages([crop]) };
}

const towers = [];
for (const folder of positionals) towers.push(await load(folder));
for (let i = 0; i < Number(values.n) + 3; i++)
  for (const { run, times } of towers) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    if (i > 2) times.push((user + system) / 1000);
  }
const median = numbers => numbers.sort((a, b) => a - b)[numbers.length >> 1];
const medians = towers.map(({ times }) => median(times));
towers.forEach(({ folder }, i) =>
  console.log(`${folder}: ${medians[i].toFixed(1)} ms, ${(medians[i] / (medians.at(-1) ?? 1)).toFixed(2)} of the last`),
);
