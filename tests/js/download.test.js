import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Clip, ClipError } from '../../web/node.js';
import { Store } from '../../web/models/store.js';
import { CONFIG, SIZES, f32Tensor, makeModel, makeOwnModel, makePicture, makeTensors } from './helpers/model.js';
import { serve } from './helpers/server.js';

const CHUNK = 65536;
const photo = makePicture();
const LABELS = ['a dog', 'cat'];
/** @param {string} code @param {RegExp} [pattern] */
const failing =
  (code, pattern = /./) =>
  error => {
    assert.ok(error instanceof ClipError, String(error?.stack));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    return true;
  };
const weights = server => server.sent('.safetensors');

/** @type {Awaited<ReturnType<typeof serve>>} */
let server;
/** @type {Clip[]} */
let open = [];
/** @param {any} [options] @param {any} [address] */
async function load(options, address = server.url) {
  const clip = await Clip.load(address, { worker: false, ...options }); // fake-indexeddb is in this thread
  open.push(clip);
  return clip;
}
beforeEach(async () => await Clip.cache.clear());
afterEach(async () => {
  for (const clip of open) clip.dispose();
  open = [];
  await server?.close();
});

describe('a model of our own form behind HTTP', () => {
  test('each tower comes when it is needed, and is not asked for again', async () => {
    const folder = await makeOwnModel();
    server = await serve(folder);
    const clip = await load();
    assert.equal(weights(server), 0, 'load fetches no weights');
    await clip.encode(photo);
    assert.equal(server.sent('text.q8.safetensors'), 0, 'pictures need no text tower');
    const { length } = await readFile(join(folder, 'vision.q8.safetensors'));
    assert.equal(server.sent('vision.q8.safetensors'), length);
    await clip.classify(photo, LABELS);
    const all = weights(server);

    const again = await load();
    await again.classify(photo, LABELS);
    await again.encode('another text');
    assert.equal(weights(server), all, 'a second visit fetches no weights');
  });

  test('labels embedded on an earlier visit need no text tower', async () => {
    server = await serve(await makeOwnModel());
    const first = await (await load()).classify(photo, LABELS);
    const clip = await load();
    const phases = [];
    assert.deepEqual(await clip.classify(photo, LABELS, { onProgress: p => phases.push(p.file) }), first);
    assert.ok(phases.includes('vision.q8.safetensors'));
    assert.ok(!phases.includes('text.q8.safetensors'), 'the text tower was not even read from the store');
  });

  test('works with the server stopped, after a first visit', async () => {
    server = await serve(await makeOwnModel());
    const first = await (await load()).classify(photo, LABELS);
    await server.close();
    const clip = await load();
    assert.deepEqual(await clip.classify(photo, LABELS), first);
  });

  test('progress goes up to the whole file', async () => {
    server = await serve(await makeOwnModel());
    const seen = [];
    const clip = await load({ onProgress: p => seen.push(p) });
    await clip.encode(photo);
    const ofVision = seen.filter(p => p.phase === 'download' && p.file === 'vision.q8.safetensors');
    assert.ok(ofVision.length >= 1);
    for (let i = 1; i < ofVision.length; i++) assert.ok(ofVision[i].loaded >= ofVision[i - 1].loaded);
    assert.equal(ofVision.at(-1).loaded, ofVision.at(-1).total);
  });

  test('a download cut at 60 % goes on where it stopped, with at most one chunk again', async () => {
    const folder = await makeOwnModel();
    const { length } = await readFile(join(folder, 'vision.q8.safetensors'));
    server = await serve(folder, { cutAt: Math.floor(length * 0.6) });
    await assert.rejects((await load()).encode(photo), failing('network', /vision\.q8\.safetensors/));
    const before = server.sent('vision.q8.safetensors');
    assert.ok(before < length && before > length * 0.3);
    server.mood.cutAt = undefined;
    server.log.length = 0;
    await (await load()).encode(photo);
    const whole = Math.floor((length * 0.6) / CHUNK) * CHUNK;
    assert.ok(server.sent('vision.q8.safetensors') <= length - whole + CHUNK, `${server.sent('vision.q8.safetensors')} of ${length} again`);
    assert.ok(server.sent('vision.q8.safetensors') >= length - whole - CHUNK);
  });

  test('a connection that breaks once is taken up by itself', async () => {
    const folder = await makeOwnModel();
    const { length } = await readFile(join(folder, 'vision.q8.safetensors'));
    server = await serve(folder, { cutAt: 100_000 });
    setTimeout(() => (server.mood.cutAt = undefined), 200);
    await (await load()).encode(photo);
    assert.ok(server.sent('vision.q8.safetensors') <= length + 16384);
  });

  test('a flipped byte is found, and only its chunk is fetched again', async () => {
    const flip = (name, bytes, { count }) => {
      if (name !== 'vision.q8.safetensors' || count > 1) return bytes;
      const copy = Buffer.from(bytes);
      copy[CHUNK + 5] ^= 64;
      return copy;
    };
    server = await serve(await makeOwnModel(), { change: flip });
    await (await load()).encode(photo);
    const requests = server.log.filter(e => e.name === 'vision.q8.safetensors');
    assert.equal(requests[1].range, `bytes=${CHUNK}-${2 * CHUNK - 1}`);
    assert.equal(requests[1].sent, CHUNK);
    assert.ok(requests.length <= 3);
  });

  test('a chunk that is wrong twice is an error that names it', async () => {
    const flip = (name, bytes) => {
      const copy = Buffer.from(bytes);
      if (name === 'vision.q8.safetensors') copy[CHUNK + 5] ^= 64;
      return copy;
    };
    server = await serve(await makeOwnModel(), { change: flip });
    await assert.rejects((await load()).encode(photo), failing('wrong-chunk', /vision\.q8\.safetensors.*65536/));
  });

  test('a byte that changed on the disk is found, and only its chunk fetched', async () => {
    server = await serve(await makeOwnModel());
    const first = await (await load()).encode(photo);
    const store = await Store.open();
    const { manifest } = await store.getModel(server.url);
    const key = manifest.towers.vision.q8.sha256[1];
    const { bytes, sum } = await store.getChunk(key);
    bytes[9] ^= 1;
    await store.putChunk(key, bytes, sum);
    store.close();
    server.log.length = 0;
    assert.deepEqual(await (await load()).encode(photo), first);
    assert.equal(weights(server), CHUNK);
  });

  test('a server that knows no ranges still works, once through', async () => {
    server = await serve(await makeOwnModel(), { noRange: true });
    const clip = await load();
    await clip.classify(photo, LABELS);
    assert.equal(server.log.filter(e => e.name === 'vision.q8.safetensors').length, 1);
  });

  test('a server that answers with other bytes than were asked for', async () => {
    server = await serve(await makeOwnModel(), { cutAt: 100_000 });
    await assert.rejects((await load()).encode(photo), failing('network'));
    server.mood.cutAt = undefined;
    server.mood.headers = { 'Content-Range': 'bytes 7-9/10' };
    await assert.rejects((await load()).encode(photo), failing('wrong-size', /from 7 on instead of from 65536/));
  });

  test('a resumed download from a server without ranges works too', async () => {
    const folder = await makeOwnModel();
    server = await serve(folder, { noRange: true, cutAt: 100_000 });
    await assert.rejects((await load()).encode(photo), failing('network'));
    server.mood.cutAt = undefined;
    assert.equal((await (await load()).encode(photo)).length, 16);
  });

  test('HTML instead of a model', async () => {
    server = await serve(await makeOwnModel(), { html: true });
    await assert.rejects(load(), failing('not-a-model', /HTML/));
  });

  test('HTML instead of the weights, declared or not', async () => {
    const page = Buffer.from('<!doctype html><title>Not found</title>'.padEnd(5000));
    const folder = await makeOwnModel();
    server = await serve(folder, { change: (name, bytes) => (name.endsWith('.json') ? bytes : page) });
    await assert.rejects((await load()).encode(photo), failing('wrong-size', /5000/));
    const { length } = await readFile(join(folder, 'vision.q8.safetensors'));
    server.mood.change = (name, bytes) => (name.endsWith('.json') ? bytes : Buffer.alloc(length, page));
    await assert.rejects((await load()).encode(photo), failing('not-a-model', /HTML/));
  });

  test('a file that is not there, and a server that is not', async () => {
    const folder = await makeOwnModel();
    server = await serve(folder, { change: (name, bytes) => bytes });
    const clip = await load();
    await server.close();
    await assert.rejects(clip.encode(photo), failing('network'));
    await assert.rejects(load({}, `${server.url}elsewhere/`), failing('network'));
    const manifest = JSON.parse(await readFile(join(folder, 'clip.json'), 'utf8'));
    manifest.towers.vision.q8.file = 'gone.safetensors';
    await writeFile(join(folder, 'clip.json'), JSON.stringify(manifest));
    server = await serve(folder);
    await assert.rejects((await load()).encode(photo), failing('not-found', /gone\.safetensors/));
  });

  test('an abort ends a download at once, and what came is kept', async () => {
    server = await serve(await makeOwnModel(), { delay: 40 });
    const control = new AbortController();
    const clip = await load();
    const start = performance.now();
    setTimeout(() => control.abort(), 300);
    await assert.rejects(clip.encode(photo, { signal: control.signal }), failing('aborted'));
    assert.ok(performance.now() - start < 1500);
    const sent = server.sent('vision.q8.safetensors');
    await new Promise(resolve => setTimeout(resolve, 200));
    assert.ok(server.sent('vision.q8.safetensors') <= sent + 3 * 16384, 'the server stops sending');
    server.mood.delay = 0;
    server.log.length = 0;
    await clip.encode(photo);
    assert.ok(server.log.find(e => e.name === 'vision.q8.safetensors').range, 'it goes on behind the chunks that are there');
  });

  test('an abort while loading the description', async () => {
    server = await serve(await makeOwnModel(), { delay: 500 });
    await assert.rejects(load({ signal: AbortSignal.timeout(50) }), failing('aborted'));
  });

  test('cache: false keeps nothing', async () => {
    server = await serve(await makeOwnModel());
    await (await load({ cache: false })).encode(photo);
    assert.deepEqual(await Clip.cache.list(), []);
  });

  test("a model that changed at its address: cache: 'refresh' finds out, and fetches what is new", async () => {
    const folder = await makeOwnModel({ seed: 1 });
    server = await serve(folder);
    const first = await (await load()).encode(photo);
    const other = await makeOwnModel({ seed: 2 });
    for (const name of ['clip.json', 'vision.q8.safetensors', 'text.q8.safetensors'])
      await writeFile(join(folder, name), await readFile(join(other, name)));
    assert.deepEqual(await (await load()).encode(photo), first);
    const changed = await (await load({ cache: 'refresh' })).encode(photo);
    assert.notDeepEqual(changed, first);
    const store = await Store.open();
    const { manifest } = await store.getModel(server.url);
    const chunks = await store.hasChunks(manifest.towers.vision.q8.sha256);
    assert.ok(chunks.every(Boolean));
    store.close();
  });
});

describe('the store', () => {
  test('list and delete; chunks that another model has stay', async () => {
    const folder = await makeOwnModel();
    server = await serve(folder);
    await (await load()).encode(photo);
    const second = await serve(folder);
    await (await load({}, second.url)).classify(photo, LABELS);
    const list = await Clip.cache.list();
    assert.deepEqual(list.map(m => m.id).sort(), [server.url, second.url].sort());
    const { length } = await readFile(join(folder, 'vision.q8.safetensors'));
    assert.equal(list.find(m => m.id === server.url).bytes, length);
    assert.equal(list.find(m => m.id === server.url).name, 'little');

    assert.equal(await Clip.cache.delete(server.url), true);
    second.log.length = 0;
    await (await load({}, second.url)).encode(photo);
    assert.equal(weights(second), 0, 'the other model kept its chunks');
    assert.equal(await Clip.cache.delete(second.url), true);
    assert.equal(await Clip.cache.delete('nothing'), false);
    const store = await Store.open();
    assert.deepEqual(await store.chunkKeys(), []);
    store.close();
    await second.close();
  });

  test('a record that somebody damaged is as none', async () => {
    server = await serve(await makeOwnModel());
    await (await load()).encode(photo);
    const store = await Store.open();
    const record = await store.getModel(server.url);
    await store.putModel(/** @type {any} */ ({ ...record, manifest: { format: 'other' } }));
    store.close();
    assert.equal((await (await load()).encode(photo)).length, 16);
  });

  test('without IndexedDB it works from memory, and says so once', async context => {
    // as in a private window: the database cannot be opened
    context.mock.method(indexedDB, 'open', () => {
      throw new DOMException('not in a private window', 'SecurityError');
    });
    server = await serve(await makeOwnModel());
    const seen = [];
    const clip = await load({ onProgress: p => seen.push(p) });
    assert.equal((await clip.classify(photo, LABELS)).length, 2);
    await clip.encode('cat');
    const warnings = seen.filter(p => p.phase === 'warning');
    assert.equal(warnings.length, 1);
    assert.equal(warnings[0].code, 'not-cached');
    assert.deepEqual(
      clip.warnings.map(w => w.code),
      ['not-cached'],
    );
    assert.match(clip.warnings[0].message, /private window/);
  });

  test('with the quota exceeded it works from memory, and says so once', async context => {
    context.mock.method(Store.prototype, 'putChunk', async () => {
      throw new DOMException('no more', 'QuotaExceededError');
    });
    server = await serve(await makeOwnModel());
    const clip = await load();
    assert.equal((await clip.classify(photo, LABELS)).length, 2);
    assert.deepEqual(
      clip.warnings.map(w => w.code),
      ['not-cached'],
    );
    assert.match(clip.warnings[0].message, /not enough room/);
    assert.deepEqual(await Clip.cache.list(), [], 'nothing is said to be there');
  });
});

describe('a model in Hugging Face form behind HTTP', () => {
  test('is converted as it comes, and kept in our form', async () => {
    const folder = await makeModel({});
    server = await serve(folder);
    const local = await Clip.load(folder, { worker: false, dtype: 'q8' });
    const expected = await local.classify(photo, LABELS);
    const scores = await (await load()).classify(photo, LABELS);
    scores.forEach((s, i) => assert.ok(Math.abs(s.score - expected.find(e => e.label === s.label).score) < 1e-4, `${i}`));
    const [model] = await Clip.cache.list();
    assert.deepEqual(model.files.sort(), ['text.q8.safetensors', 'vision.q8.safetensors']);
    const store = await Store.open();
    assert.ok(
      (await store.chunkKeys()).every(key => /^[0-9a-f]{64}$/.test(key)),
      'the pieces of the foreign file are gone',
    );
    store.close();

    await server.close();
    assert.deepEqual(await (await load()).classify(photo, LABELS), scores, 'the next visit needs no server');
  });

  test('two pages that load it at once leave one whole record', async () => {
    server = await serve(await makeModel({}));
    const [a, b] = [await load(), await load()];
    await Promise.all([a.encode(photo), b.encode('a dog')]);
    const [model] = await Clip.cache.list();
    assert.deepEqual(model.files.sort(), ['text.q8.safetensors', 'vision.q8.safetensors']);
    server.log.length = 0;
    await (await load()).classify(photo, LABELS);
    assert.equal(weights(server), 0);
  });

  test('a hub id goes to the hub’s addresses', async () => {
    server = await serve(await makeModel({}));
    const clip = await Clip.load('someone/little', { worker: false, hub: server.origin, revision: 'v1' });
    open.push(clip);
    await clip.encode(photo);
    const id = `${server.origin}/someone/little@v1`; // of another hub it is another model
    assert.equal(clip.info.id, id);
    assert.deepEqual(
      (await Clip.cache.list()).map(m => m.id),
      [id],
    );
  });

  test('a hub id without such a repository', async () => {
    server = await serve(await makeModel({}));
    server.mood.missing = true;
    await assert.rejects(Clip.load('someone/nothing', { worker: false, hub: server.origin }), failing('not-a-model', /someone\/nothing/));
  });

  test('a download that dies goes on with the pieces that came', async () => {
    const big = await bigModel();
    server = await serve(big.folder, { cutAt: 9 << 20 });
    await assert.rejects((await load()).encode(photo), failing('network', /model\.safetensors/));
    server.mood.cutAt = undefined;
    server.log.length = 0;
    assert.equal((await (await load()).encode(photo)).length, 16);
    assert.ok(weights(server) <= big.bytes - (8 << 20) + 65536, `${weights(server)} of ${big.bytes} again`);
  });

  test('without a store the foreign file is read directly', async () => {
    server = await serve(await makeModel({}));
    const clip = await load({ cache: false });
    assert.equal((await clip.classify(photo, LABELS)).length, 2);
  });

  test('from a server without ranges', async () => {
    server = await serve(await makeModel({}), { noRange: true });
    assert.equal((await (await load()).classify(photo, LABELS)).length, 2);
  });
});

/** A model of a few pieces of 4 MiB, which is the size that a foreign file is kept in. */
async function bigModel() {
  const wide = 12_288;
  const config = structuredClone(CONFIG);
  config.vision_config.intermediate_size = wide;
  const tensors = makeTensors(5);
  for (let i = 0; i < SIZES.layers; i++) {
    const mlp = `vision_model.encoder.layers.${i}.mlp`;
    tensors[`${mlp}.fc1.weight`] = f32Tensor([wide, SIZES.width], new Float32Array(wide * SIZES.width).fill(0.01));
    tensors[`${mlp}.fc1.bias`] = f32Tensor([wide], new Float32Array(wide));
    tensors[`${mlp}.fc2.weight`] = f32Tensor([SIZES.width, wide], new Float32Array(wide * SIZES.width).fill(0.01));
  }
  const folder = await makeModel({ config, tensors });
  const { length } = await readFile(join(folder, 'model.safetensors'));
  return { folder, bytes: length };
}
