// Models by the names that people know them by, from a hub that answers as the real one does.
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Clip, pipeline } from '../../web/node.js';
import { makePicture, temporaryFolder } from './helpers/model.js';
import { startHub } from './helpers/hub.js';

const fixture = name => fileURLToPath(new URL(`../models/fixtures/${name}`, import.meta.url));
const photo = makePicture();
const LABELS = ['a dog', 'cat'];

/** @type {Awaited<ReturnType<typeof startHub>>} */
let hub;
before(async () => {
  const modules = join(await temporaryFolder(), 'modules.json');
  await writeFile(modules, JSON.stringify([{ idx: 0, name: '0', path: '0_CLIPModel', type: 'sentence_transformers.models.CLIPModel' }]));
  hub = await startHub({
    'openai/clip-vit-base-patch32': { folder: fixture('transformers-bin'), extra: ['tf_model.h5', 'flax_model.msgpack'] },
    'Xenova/clip-vit-base-patch32': { folder: fixture('xenova') },
    'sentence-transformers/clip-ViT-B-32': { folder: fixture('transformers-bin'), as: '0_CLIPModel/', beside: { 'modules.json': modules } },
    'timm/vit_base_patch32_clip_224.openai': { folder: fixture('open-clip') },
    'someone/sharded': { folder: fixture('transformers5-sharded') },
  });
});
after(async () => await hub.close());
beforeEach(async () => {
  await Clip.cache.clear();
  hub.log.length = 0;
});

describe('by its name on the hub', () => {
  for (const name of [
    'openai/clip-vit-base-patch32',
    'Xenova/clip-vit-base-patch32',
    'sentence-transformers/clip-ViT-B-32',
    'timm/vit_base_patch32_clip_224.openai',
    'someone/sharded',
  ])
    test(`${name}: loads, and a second visit asks the network for nothing`, async () => {
      const clip = await Clip.load(name, { worker: false, hub: hub.url });
      const first = await clip.classify(photo, LABELS);
      clip.dispose();
      assert.equal(first.length, 2);
      assert.deepEqual(
        hub.log.filter(({ status }) => status >= 400),
        [],
        'a listing says what there is: nothing is asked for in vain',
      );
      const heads = hub.log.filter(({ method, origin }) => method === 'HEAD' && origin === 'hub').map(({ name }) => name);
      assert.equal(heads.length, new Set(heads).size, `one HEAD a file: ${heads.join(' ')}`);
      hub.log.length = 0;
      const again = await Clip.load(name, { worker: false, hub: hub.url });
      assert.deepEqual(await again.classify(photo, LABELS), first);
      again.dispose();
      assert.deepEqual(hub.log, []);
    });

  test('the small file that transformers.js would take, and no other', async () => {
    const clip = await Clip.load('Xenova/clip-vit-base-patch32', { worker: false, hub: hub.url });
    await clip.classify(photo, LABELS);
    clip.dispose();
    const weights = [...new Set(hub.log.filter(({ origin }) => origin === 'cdn').map(({ name }) => name))];
    assert.deepEqual(weights, ['onnx/model_quantized.onnx']);
    const { size } = await stat(join(fixture('xenova'), weights[0]));
    assert.equal(hub.sent(weights[0]), size, 'each byte once');
  });

  test('without a listing, files are found by their names, with one HEAD a file', async () => {
    hub.mood.noListing = true;
    try {
      const clip = await Clip.load('openai/clip-vit-base-patch32', { worker: false, hub: hub.url });
      assert.equal((await clip.classify(photo, LABELS)).length, 2);
      clip.dispose();
      const heads = hub.log.filter(({ method, origin }) => method === 'HEAD' && origin === 'hub').map(({ name }) => name);
      assert.deepEqual(heads.length, new Set(heads).size, heads.join(' '));
    } finally {
      hub.mood.noListing = false;
    }
  });

  test('a repository that is not there, or not public', async () => {
    await assert.rejects(Clip.load('someone/nothing', { worker: false, hub: hub.url }), { code: 'not-found', message: /401.*not public/ });
  });

  test('as transformers.js writes it', async () => {
    const classifier = await pipeline('zero-shot-image-classification', 'Xenova/clip-vit-base-patch32', { worker: false, hub: hub.url });
    const output = await classifier(photo, LABELS, { hypothesis_template: 'a photo of {}' });
    await classifier.dispose();
    assert.deepEqual(output.map(({ label }) => label).sort(), [...LABELS].sort());
    assert.ok(Math.abs(output.reduce((sum, { score }) => sum + score, 0) - 1) < 1e-5);
    assert.deepEqual(Object.keys(output[0]), ['score', 'label']);
  });
});

test('sets of templates by name are the averages of their templates', async () => {
  const clip = await Clip.load('openai/clip-vit-base-patch32', { worker: false, hub: hub.url });
  const { IMAGENET } = await import('../../web/api/imagenet.js');
  assert.equal(new Set(IMAGENET).size, 80);
  for (const [name, set] of /** @type {const} */ ([['imagenet', IMAGENET]])) {
    const byName = await clip.classify(photo, LABELS, { template: name });
    assert.deepEqual(byName, await clip.classify(photo, LABELS, { template: set }));
    assert.notDeepEqual(byName, await clip.classify(photo, LABELS));
  }
  assert.equal((await clip.classify(photo, LABELS, { template: 'imagenet-7' })).length, 2);
  clip.dispose();
});

test("sentence-transformers' calls: encode of a picture, a text and a list, and similarity", async () => {
  const model = await Clip.load('sentence-transformers/clip-ViT-B-32', { worker: false, hub: hub.url });
  const image = await model.encode(photo);
  const texts = await model.encode(['Two dogs in the snow', 'A cat on a table']);
  const [row] = model.similarity(image, texts);
  assert.equal(row.length, 2);
  assert.ok(row.every(cosine => Math.abs(cosine) <= 1));
  model.dispose();
});
