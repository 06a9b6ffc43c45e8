/**
 * A model in true size against the answers of its own library:  node tests/scale/towers.mjs FOLDER [f32,q8]
 *
 * FOLDER is what `python tests/models/mobileclip.py MobileCLIP2-S0 FOLDER` writes (siglip.py and bert.py have the same): the files of a
 * published repository, with random weights, and expected.json. Prints the least cosine of each tower and the memory that both take.
 */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { Engine } from '../../web/engine/engine.js';
import { readHuggingFace } from '../../web/models/forms/hugging-face.js';
import { readOpenClip } from '../../web/models/forms/open-clip.js';
import { readModule } from '../../web/node.js';

const [folder, dtypes = 'f32,q8'] = process.argv.slice(2);
const read = name => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const expected = read('expected.json');
const openClip = existsSync(join(folder, 'open_clip_config.json'));
const { config } = openClip ? readOpenClip(read('open_clip_config.json'), folder) : readHuggingFace(read('config.json'), folder);
const file = openSync(join(folder, openClip ? 'open_clip_model.safetensors' : 'model.safetensors'), 'r');

const cosine = (a, b) => {
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

for (const dtype of dtypes.split(',')) {
  const engine = await Engine.create({ wasm: await readModule('simd') });
  for (const kind of /** @type {const} */ (['vision', 'text'])) {
    const tower = engine.openTower(kind, JSON.stringify(config), /** @type {any} */ (dtype));
    tower.open(fstatSync(file).size);
    for (let range; (range = tower.want()); ) {
      const bytes = new Uint8Array(Math.min(range.length, 1 << 20));
      tower.push(bytes.subarray(0, readSync(file, bytes, 0, bytes.length, range.offset)));
    }
    tower.finish();
    const wanted = kind === 'vision' ? expected.images : expected.texts;
    const pixels = () => Float32Array.from({ length: wanted.length * 3 * tower.info.imageSize ** 2 }, (_, i) => Math.sin(i * 0.7));
    const found = kind === 'vision' ? tower.encodePixels(pixels()) : tower.encodeTexts(expected.ids);
    const least = Math.min(...found.map((x, i) => cosine(x, wanted[i])));
    console.log(`${folder} ${dtype} ${kind}: cosine ${least.toFixed(6)}, memory so far ${(engine.memoryBytes / 1e6).toFixed(0)} MB`);
  }
  engine.dispose();
}
closeSync(file);
