/**
 * The calls that people know, beside the libraries that they know them from: sentence-transformers' encode and similarity, and
 * transformers.js' pipeline, each with the same model and the same picture in the library and here.
 *
 *     node tests/models/side-by-side.mjs --python VENV/bin/python --transformers-js FOLDER
 *
 * VENV has sentence-transformers; FOLDER has @huggingface/transformers in its node_modules. Either may be left out.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { writePicture } from '../../web/cli/picture-file.js';
import { Engine } from '../../web/engine/engine.js';
import { Clip, pipeline, readModule } from '../../web/node.js';

const { values: options } = parseArgs({ options: { python: { type: 'string' }, 'transformers-js': { type: 'string' } } });
const FIXTURES = fileURLToPath(new URL('fixtures/', import.meta.url));
const PICTURE = join(FIXTURES, 'picture.png');
const TEXTS = ['a photo of a cat', 'The theme in Ansan, 2024!', 'er in on an th re ar at ing or st ed'];
const LABELS = ['a dog', 'cat', 'er in'];
/** Of the fixture's pictures. */
const SIZE = 32;
const folder = await mkdtemp(join(tmpdir(), 'clip-side-'));

const largest = (a, b) => {
  assert.equal(a.length, b.length);
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0);
};
const cosine = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0) / (Math.hypot(...a) * Math.hypot(...b));

const PYTHON = `
import json, sys
from PIL import Image
from sentence_transformers import SentenceTransformer
import sentence_transformers
model = SentenceTransformer(sys.argv[1], device='cpu')
image, texts = Image.open(sys.argv[2]), json.loads(sys.argv[3])
one, many, text, images = model.encode(image), model.encode(texts), model.encode(texts[0]), model.encode([image, image])
print(json.dumps({'version': sentence_transformers.__version__, 'shapes': [list(x.shape) for x in (one, many, text, images)], 'one': one.tolist(),
  'many': many.tolist(), 'text': text.tolist(), 'images': images.tolist(), 'similarity': model.similarity(one, many).tolist()}))
`;

async function sentenceTransformers() {
  const model = join(FIXTURES, 'sentence-transformers');
  const output = execFileSync(options.python, ['-c', PYTHON, model, PICTURE, JSON.stringify(TEXTS)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, HF_HUB_OFFLINE: '1' },
  });
  const theirs = JSON.parse(output.trim().split('\n').at(-1));
  const clip = await Clip.load(model, { dtype: 'f32' });
  const photo = new Uint8Array(await readFile(PICTURE)); // a string would be a text
  const [one, many, text] = [await clip.encode(photo), await clip.encode(TEXTS), await clip.encode(TEXTS[0])];
  const images = [await clip.encode(photo), await clip.encode(photo)];
  const similarity = clip.similarity(one, many);
  clip.dispose();
  assert.deepEqual(theirs.shapes, [[one.length], [many.length, many[0].length], [text.length], [images.length, images[0].length]]);
  const pairs = [
    [one, theirs.one],
    [text, theirs.text],
    ...many.map((row, i) => [row, theirs.many[i]]),
    ...images.map((row, i) => [row, theirs.images[i]]),
  ];
  const smallest = Math.min(...pairs.map(([a, b]) => cosine(Array.from(a), b)));
  const difference = largest(Array.from(similarity[0]), theirs.similarity[0]);
  console.log(
    `sentence-transformers ${theirs.version}: encode of a picture, of a text, of lists: smallest cosine ${smallest.toFixed(7)}; similarity: largest difference ${difference.toExponential(1)}`,
  );
  assert.ok(smallest >= 0.99999 && difference < 1e-4);
}

async function transformersJs() {
  const at = resolve(options['transformers-js'], 'node_modules/@huggingface/transformers');
  const { version } = JSON.parse(await readFile(join(at, 'package.json'), 'utf8'));
  const { pipeline: theirPipeline, env } = await import(pathToFileURL(join(at, 'dist/transformers.node.mjs')).href);
  await cp(join(FIXTURES, 'xenova'), join(folder, 'xenova'), { recursive: true });
  // its preprocessing has another filter than Pillow's, so that it gets a picture that needs none; it cuts a long text's end token off, so
  // that texts are short
  const special = { bos_token: '<|startoftext|>', eos_token: '<|endoftext|>', unk_token: '<|endoftext|>', pad_token: '<|endoftext|>' };
  const tokenizer = { tokenizer_class: 'CLIPTokenizer', model_max_length: 14, ...special };
  await writeFile(join(folder, 'xenova/tokenizer_config.json'), JSON.stringify(tokenizer));
  const engine = await Engine.create({ wasm: await readModule('simd') });
  const picture = join(folder, 'picture.png');
  await writeFile(picture, writePicture(engine.crop(await readFile(PICTURE), SIZE), SIZE, picture));
  engine.dispose();
  Object.assign(env, { allowRemoteModels: false, localModelPath: `${folder}/` });
  for (const [dtype, most] of /** @type {const} */ ([
    ['fp32', 1e-4],
    ['q8', 0.03],
  ])) {
    const theirs = await theirPipeline('zero-shot-image-classification', 'xenova', { dtype });
    const ours = await pipeline('zero-shot-image-classification', join(folder, 'xenova'), { dtype });
    for (const given of [{ hypothesis_template: 'a photo of {}' }, { hypothesis_template: '{}' }]) {
      const [a, b] = [await ours(picture, LABELS, given), await theirs(picture, LABELS, given)];
      assert.deepEqual(Object.keys(a[0]).sort(), Object.keys(b[0]).sort());
      const of = (list, label) => list.find(one => one.label === label).score;
      const difference = Math.max(...LABELS.map(label => Math.abs(of(a, label) - of(b, label))));
      console.log(
        `transformers.js ${version}, ${dtype}, ${given.hypothesis_template}: largest difference of a score ${difference.toExponential(1)}`,
      );
      assert.ok(difference <= most, `${difference}`);
      const lists = [await ours([picture, picture], LABELS, given), await theirs([picture, picture], LABELS, given)];
      assert.deepEqual(
        lists.map(list => list.map(one => one.length)),
        [
          [3, 3],
          [3, 3],
        ],
      );
    }
    await ours.dispose();
    await theirs.dispose();
  }
}

try {
  if (options.python) await sentenceTransformers();
  if (options['transformers-js']) await transformersJs();
  if (!options.python && !options['transformers-js']) console.error('say where the libraries are: --python, --transformers-js');
} finally {
  await rm(folder, { recursive: true, force: true });
}
