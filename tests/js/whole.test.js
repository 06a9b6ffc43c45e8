/** What comes from a network is believed, and kept, only once all that belongs together was checked together. */
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Store } from '../../web/models/store.js';
import { Clip, ClipError } from '../../web/node.js';
import { MERGES, makeLargeModel, makeModel, makeOwnModel, makePicture } from './helpers/model.js';
import { serve } from './helpers/server.js';

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
/** @type {Awaited<ReturnType<typeof serve>>} */
let server;
/** @type {Clip[]} */
let open = [];
/** @param {any} [options] @param {any} [address] */
async function load(options, address = server.url) {
  const clip = await Clip.load(address, { worker: false, ...options });
  open.push(clip);
  return clip;
}
/** What a model answers that lies on this machine. @param {string} folder */
async function answers(folder) {
  const clip = await load({}, folder);
  return { image: await clip.encode(photo), text: await clip.encode('a dog'), scores: await clip.classify(photo, LABELS) };
}
/** @param {Clip} clip @param {Awaited<ReturnType<typeof answers>>} expected */
async function isRight(clip, expected) {
  const scores = await clip.classify(photo, LABELS);
  for (const { label, score } of expected.scores) assert.ok(Math.abs(score - scores.find(s => s.label === label).score) < 1e-3);
  for (const [a, b] of [
    [await clip.encode(photo), expected.image],
    [await clip.encode('a dog'), expected.text],
  ])
    assert.ok(Clip.similarity(a, b)[0][0] > 0.9999);
}
/** Puts another model's files into a folder. @param {string} folder @param {string} other @param {string[]} names */
const replace = async (folder, other, names) => {
  for (const name of names) await copyFile(join(other, name), join(folder, name));
};
/** @param {IDBRequest} request */
const done = request =>
  new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: reject }));
/** @param {Store} store @param {string} name */
const all = (store, name) => done(store.db.transaction(name).objectStore(name).getAll());
const FOREIGN = ['config.json', 'model.safetensors', 'merges.txt'];
const OWN = ['clip.json', 'vision.q8.safetensors', 'text.q8.safetensors'];

beforeEach(async () => await Clip.cache.clear());
afterEach(async () => {
  for (const clip of open) clip.dispose();
  open = [];
  await server?.close();
});

describe('a converted model', () => {
  for (const how of ['lost', 'changed']) {
    test(`a chunk that was ${how} is made again`, async () => {
      const folder = await makeModel({});
      const expected = await answers(folder);
      server = await serve(folder);
      await isRight(await load(), expected);
      const store = await Store.open();
      for (const key of await store.chunkKeys()) {
        const { bytes, sum } = await store.getChunk(key);
        bytes[bytes.length >> 1] ^= 1;
        if (how === 'lost') await done(store.db.transaction('chunks', 'readwrite').objectStore('chunks').delete(key));
        else await store.putChunk(key, bytes, sum);
      }
      store.close();
      await isRight(await load(), expected);
      server.log.length = 0;
      await isRight(await load(), expected);
      assert.equal(server.sent('.safetensors'), 0, 'and kept again');
    });
  }

  test('deleting another model that has the same chunks, meanwhile, loses nothing', async () => {
    const folder = await makeModel({});
    const expected = await answers(folder);
    server = await serve(folder);
    const second = await serve(folder);
    await isRight(await load(), expected);
    const { putChunk } = Store.prototype;
    let deleted = 0;
    Store.prototype.putChunk = async function (...args) {
      await putChunk.apply(this, args);
      // as soon as the second model's first converted chunk is there, the first model goes
      if (/^[0-9a-f]{64}$/.test(args[0]) && !deleted++) assert.equal(await Clip.cache.delete(server.url), true);
    };
    try {
      await isRight(await load({}, second.url), expected);
    } finally {
      Store.prototype.putChunk = putChunk;
    }
    assert.equal(deleted > 0, true);
    second.log.length = 0;
    await isRight(await load({}, second.url), expected);
    assert.equal(second.sent('.safetensors'), 0);
    await second.close();
  });

  test('a file that is replaced while it is downloaded: nothing is mixed', async () => {
    const [folder, other] = [await makeLargeModel({ seed: 1 }), await makeLargeModel({ seed: 2 })];
    const expected = await answers(other);
    server = await serve(folder, { cutAt: 400_000 });
    await assert.rejects((await load()).encode(photo), failing('network'));
    await replace(folder, other, FOREIGN);
    server.mood.cutAt = undefined;
    await isRight(await load(), expected);
    await isRight(await load(), expected);
  });

  test('a file that is replaced between two answers to one download', async () => {
    const [folder, other] = [await makeLargeModel({ seed: 1 }), await makeLargeModel({ seed: 2 })];
    const expected = await answers(other);
    server = await serve(folder, { cutAt: 400_000 });
    const clip = await load();
    setTimeout(async () => {
      await replace(folder, other, FOREIGN);
      server.mood.cutAt = undefined;
    }, 150);
    await clip.encode(photo).catch(failing('model-changed'));
    await isRight(clip, expected);
  });

  test('a server that names no version: what broke off is not gone on with', async () => {
    const [folder, other] = [await makeLargeModel({ seed: 1 }), await makeLargeModel({ seed: 2 })];
    const expected = await answers(other);
    server = await serve(folder, { cutAt: 400_000, nameless: true });
    await assert.rejects((await load()).encode(photo), failing('network'));
    await replace(folder, other, FOREIGN);
    server.mood.cutAt = undefined;
    await isRight(await load(), expected);
  });

  test('a model that is updated between its two towers: both are of one version', async () => {
    const [folder, other] = [await makeModel({ seed: 1 }), await makeModel({ seed: 2 })];
    const expected = await answers(other);
    server = await serve(folder);
    await (await load()).encode(photo);
    await replace(folder, other, FOREIGN);
    // on a later visit
    await isRight(await load(), expected);
    await isRight(await load(), expected);
  });

  test('the same within one visit: who has embeddings of the old one hears of it', async () => {
    const [folder, other] = [await makeLargeModel({ seed: 1 }), await makeLargeModel({ seed: 2 })];
    const expected = await answers(other);
    server = await serve(folder);
    const clip = await load();
    await clip.encode(photo);
    await replace(folder, other, FOREIGN);
    await assert.rejects(clip.encode('a dog'), failing('model-changed', /has changed/));
    await isRight(clip, expected);
  });

  test('the same within classify: it begins anew by itself', async () => {
    const [folder, other] = [await makeLargeModel({ seed: 1 }), await makeLargeModel({ seed: 2 })];
    const expected = await answers(other);
    server = await serve(folder);
    const clip = await load();
    await clip.prepare(['vision']);
    await replace(folder, other, FOREIGN);
    await isRight(clip, expected);
  });

  test('a configuration that changes while the weights come', async () => {
    const [folder, other] = [await makeLargeModel(), await makeLargeModel()];
    const config = JSON.parse(await readFile(join(other, 'config.json'), 'utf8'));
    config.vision_config.hidden_act = 'gelu';
    await writeFile(join(other, 'config.json'), JSON.stringify(config));
    const expected = await answers(other);
    server = await serve(folder, { delay: 3 });
    const clip = await load();
    setTimeout(() => replace(folder, other, FOREIGN), 30);
    await clip.encode(photo).catch(failing('model-changed'));
    server.mood.delay = 0;
    await isRight(clip, expected);
    await isRight(await load(), expected);
  });

  test('a hub: files of one commit, and another commit is another model', async () => {
    const [folder, other] = [await makeModel({ seed: 1 }), await makeModel({ seed: 2 })];
    const expected = await answers(other);
    server = await serve(folder, { headers: { 'X-Repo-Commit': '1'.repeat(40) } });
    await (await load({ hub: server.origin }, 'someone/little')).encode(photo);
    assert.ok(server.log.some(({ path }) => path.includes(`/resolve/${'1'.repeat(40)}/model.safetensors`)));
    await replace(folder, other, FOREIGN);
    server.mood.headers = { 'X-Repo-Commit': '2'.repeat(40) };
    await isRight(await load({ hub: server.origin }, 'someone/little'), expected);
  });

  test("cache: 'refresh' of what did not change converts nothing again; of what did, all", async () => {
    const [folder, other] = [await makeModel({ seed: 1 }), await makeModel({ seed: 2 })];
    server = await serve(folder);
    await isRight(await load(), await answers(folder));
    server.log.length = 0;
    await isRight(await load({ cache: 'refresh' }), await answers(folder));
    assert.equal(server.sent('.safetensors'), 0);
    await replace(folder, other, FOREIGN);
    await isRight(await load({ cache: 'refresh' }), await answers(other));
  });
});

describe('one bad answer', () => {
  /** @type {[string, (response: any) => unknown][]} */
  const bad = [
    ['a login page', r => r.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><form>')],
    ['an undeclared one', r => r.writeHead(200, { 'Content-Type': 'text/plain' }).end('<!doctype html><form>')],
    ['nothing', r => r.writeHead(200, { 'Content-Type': 'text/plain' }).end()],
    ['404', r => r.writeHead(404).end()],
    ['403', r => r.writeHead(403).end()],
    ['500', r => r.writeHead(500).end()],
    ['half of it', r => r.writeHead(200, { 'Content-Type': 'text/plain' }).end(MERGES.slice(0, 20))],
    ['half a line', r => r.writeHead(200, { 'Content-Type': 'text/plain' }).end(MERGES.slice(0, 23))],
  ];
  for (const file of ['merges.txt', 'config.json', 'preprocessor_config.json']) {
    for (const [what, answer] of bad) {
      test(`${what} for ${file}, once, is not kept`, async () => {
        const folder = await makeModel({});
        await writeFile(
          join(folder, 'preprocessor_config.json'),
          JSON.stringify({ crop_size: 32, size: 32, image_mean: [0.1, 0.2, 0.3], image_std: [0.5, 0.4, 0.3] }),
        );
        const expected = await answers(folder);
        let times = 0;
        server = await serve(folder, {
          first: ({ name, method }, response) => name === file && method === 'GET' && !times++ && (answer(response), true),
        });
        const first = await load().catch(error => assert.ok(error instanceof ClipError, error.stack));
        if (first) {
          await first.classify(photo, LABELS).catch(error => assert.ok(error instanceof ClipError, error.stack));
          if (file === 'merges.txt') await isRight(first, expected); // the next call works
        }
        assert.ok(times > 0);
        await isRight(await load(), expected);
        await isRight(await load(), expected);
      });
    }
  }
});

describe('a model of our own form', () => {
  test('that is updated between its two towers: both are of one version', async () => {
    const [folder, other] = [await makeOwnModel({ seed: 1 }), await makeOwnModel({ seed: 2 })];
    const expected = await answers(other);
    server = await serve(folder);
    await (await load()).encode(photo);
    await replace(folder, other, OWN);
    await isRight(await load(), expected);
    await isRight(await load(), expected);
  });

  test('whose description is of another version than its files is an error, not kept', async () => {
    const [folder, other] = [await makeOwnModel({ seed: 1 }), await makeOwnModel({ seed: 2 })];
    server = await serve(folder);
    await replace(folder, other, ['clip.json']);
    await assert.rejects((await load()).encode(photo), failing('wrong-chunk'));
    await replace(folder, other, OWN);
    await isRight(await load(), await answers(other));
  });
});

describe('a kept model wins', () => {
  for (const [what, mood] of /** @type {[string, any][]} */ ([
    ['403', { first: (_, r) => (r.writeHead(403).end(), true) }],
    ['404', { missing: true }],
    ['429', { first: (_, r) => (r.writeHead(429, { 'Retry-After': '60' }).end(), true) }],
    ['500', { first: (_, r) => (r.writeHead(500).end(), true) }],
    ['a login page', { html: true }],
    ['broken connections', { down: true }],
    ['half an answer', { first: ({ name }, r) => name.endsWith('.json') && (r.writeHead(200).end('{"form'), true) }],
  ])) {
    for (const make of [makeModel, makeOwnModel]) {
      test(`over ${what} when it is refreshed (${make === makeModel ? 'foreign' : 'own'})`, async () => {
        const folder = await make({});
        const expected = await answers(folder);
        server = await serve(folder);
        await isRight(await load(), expected);
        Object.assign(server.mood, mood);
        const clip = await load({ cache: 'refresh' });
        await isRight(clip, expected);
        assert.deepEqual(
          clip.warnings.map(w => w.code),
          ['not-refreshed'],
        );
      });
    }
  }
});

describe('clocks', () => {
  test('a server that sends nothing is given up, and the next call goes on', async () => {
    for (const make of [makeLargeModel, makeOwnModel]) {
      const folder = await make({});
      const expected = await answers(folder);
      let stall = false;
      server = await serve(folder, {
        first: ({ name, method }, r) =>
          stall && name.endsWith('.safetensors') && method === 'GET' && (r.writeHead(200), r.write('x'), true),
      });
      const clip = await load({ timeout: 2000 }); // a foreign file's header is read by now
      stall = true;
      await assert.rejects(clip.encode(photo), failing('network', /sent nothing for 2 s|has changed|bytes where/));
      stall = false;
      await isRight(clip, expected);
      server.mood.first = () => true; // not even a header
      await assert.rejects(load({ timeout: 2000 }, `${server.origin}/other/`), failing('network', /sent nothing for 2 s/));
      await server.close();
    }
  });

  test('Retry-After is obeyed where patience lasts, for descriptions too', async () => {
    const folder = await makeModel({});
    const expected = await answers(folder);
    /** @type {number[]} */
    const times = [];
    server = await serve(folder, {
      first: ({ name, count }, r) => {
        if (name === 'config.json') times.push(performance.now());
        return (
          count === 1 && (r.writeHead(name === 'config.json' ? 429 : 503, name === 'config.json' ? { 'Retry-After': '1' } : {}).end(), true)
        );
      },
    });
    await isRight(await load(), expected);
    assert.ok(times[1] - times[0] >= 990, `${times[1] - times[0]} ms`);
    server.mood.first = (_, r) => (r.writeHead(429, { 'Retry-After': '3600' }).end(), true);
    await assert.rejects(load({}, `${server.origin}/other/`), failing('network', /wait 3600 s/));
  });

  test('an IndexedDB that never answers is as good as none, with the warning', async context => {
    const folder = await makeOwnModel();
    const expected = await answers(folder);
    server = await serve(folder);
    context.mock.method(indexedDB, 'open', () => ({}));
    const start = performance.now();
    const clip = await load();
    await isRight(clip, expected);
    assert.ok(performance.now() - start < 6500);
    assert.deepEqual(
      clip.warnings.map(w => w.code),
      ['not-cached'],
    );
    assert.match(clip.warnings[0].message, /IndexedDB did not answer/);
  });

  test('one that falls silent later, too', async context => {
    const folder = await makeOwnModel();
    const expected = await answers(folder);
    server = await serve(folder);
    const clip = await load();
    const { transaction } = IDBDatabase.prototype;
    context.mock.method(IDBDatabase.prototype, 'transaction', function (...args) {
      const real = transaction.apply(this, args);
      Object.defineProperty(real, 'oncomplete', { set() {} });
      return real;
    });
    const start = performance.now();
    await isRight(clip, expected);
    assert.ok(performance.now() - start < 6500, `${performance.now() - start}`);
    assert.deepEqual(
      clip.warnings.map(w => w.code),
      ['not-cached'],
    );
  });
});

describe('keys', () => {
  test('a signature reaches the files, and is neither kept nor shown', async () => {
    const folder = await makeModel({});
    server = await serve(folder);
    const clip = await load({}, `${server.url}?X-Amz-Signature=abc123&X-Amz-Date=7`);
    await clip.classify(photo, LABELS);
    assert.ok(server.log.every(({ path }) => path.endsWith('?X-Amz-Signature=abc123&X-Amz-Date=7')));
    assert.equal(clip.info.id, server.url);
    const store = await Store.open();
    const texts = [JSON.stringify(await all(store, 'models')), JSON.stringify(await store.chunkKeys()), JSON.stringify(clip.info)];
    store.close();
    assert.ok(!texts.join().includes('abc123'));
    server.log.length = 0;
    await (await load({}, `${server.url}?X-Amz-Signature=zzz&X-Amz-Date=8`)).classify(photo, LABELS);
    assert.equal(server.sent('.safetensors'), 0, 'with another signature it is the same model');
    server.mood.first = (_, r) => (r.writeHead(403).end(), true);
    await assert.rejects(load({}, `${server.origin}/other/?sig=secret`), error => !/secret/.test(error.message + error.stack));
    await assert.rejects(load({}, `${server.url}?v=2`), failing('not-found'), 'what is no signature names another model');
  });

  test('the same name at another hub is another model, and so are its labels', async () => {
    const [one, two] = [await serve(await makeModel({ seed: 1 })), await serve(await makeModel({ seed: 2 }))];
    for (const hub of [one, two, one]) {
      server = hub;
      await isRight(await load({ hub: hub.origin }, 'someone/little'), await answers(hub.folder));
    }
    await two.close();
  });

  test('labels embedded by the same weights under another configuration are others', async () => {
    const folder = await makeOwnModel();
    server = await serve(folder);
    await isRight(await load(), await answers(folder));
    const manifest = JSON.parse(await readFile(join(folder, 'clip.json'), 'utf8'));
    manifest.config.text_config.hidden_act = 'gelu';
    await writeFile(join(folder, 'clip.json'), JSON.stringify(manifest));
    await isRight(await load({ cache: 'refresh' }), await answers(folder));
  });

  test('a label that changed on the disk is embedded again', async () => {
    const folder = await makeOwnModel();
    const expected = await answers(folder);
    server = await serve(folder);
    await isRight(await load(), expected);
    const store = await Store.open();
    const labels = store.db.transaction('labels', 'readwrite').objectStore('labels');
    await new Promise(resolve => {
      labels.openCursor().onsuccess = ({ target }) => {
        const cursor = target.result;
        if (!cursor) return resolve(undefined);
        cursor.value.values[3] += 0.5;
        cursor.update(cursor.value);
        cursor.continue();
      };
    });
    store.close();
    await isRight(await load(), expected);
  });

  test('files may be called like what every object has', async () => {
    const folder = await makeOwnModel();
    const manifest = JSON.parse(await readFile(join(folder, 'clip.json'), 'utf8'));
    await copyFile(join(folder, manifest.towers.vision.q8.file), join(folder, 'constructor'));
    manifest.towers.vision.q8.file = 'constructor';
    await writeFile(join(folder, 'clip.json'), JSON.stringify(manifest));
    const expected = await answers(folder);
    server = await serve(folder);
    await (await load()).encode('a dog');
    assert.deepEqual((await Clip.cache.list())[0].files, ['text.q8.safetensors']);
    await isRight(await load(), expected);
    assert.deepEqual((await Clip.cache.list())[0].files.sort(), ['constructor', 'text.q8.safetensors']);
  });
});

test('a database of the version before: models of our own form stay, the others come again', async () => {
  const own = await serve(await makeOwnModel());
  server = await serve(await makeModel({}));
  await (await load()).classify(photo, LABELS);
  await (await load({}, own.url)).classify(photo, LABELS);
  for (const clip of open) clip.dispose();
  // as version 1 kept it: records without versions, labels without sums, pieces of files
  const store = await Store.open();
  const models = await all(store, 'models');
  const chunks = await Promise.all((await store.chunkKeys()).map(async key => [key, await store.getChunk(key)]));
  store.close();
  await new Promise(resolve => (indexedDB.deleteDatabase('clip-wasm').onsuccess = resolve));
  await new Promise(resolve => {
    const request = indexedDB.open('clip-wasm', 1);
    request.onupgradeneeded = () => ['chunks', 'models', 'labels'].forEach(name => request.result.createObjectStore(name));
    request.onsuccess = () => {
      const transaction = request.result.transaction(['chunks', 'models', 'labels'], 'readwrite');
      for (const { versions: _, ...record } of models) transaction.objectStore('models').put(record, record.id);
      for (const [key, { bytes, sum }] of chunks) transaction.objectStore('chunks').put({ bytes: bytes.buffer, sum }, key);
      transaction.objectStore('chunks').put({ bytes: new ArrayBuffer(8), sum: 1 }, 'raw http://x/ model.safetensors 8 0');
      transaction.objectStore('labels').put(new Float32Array(16), 'old');
      transaction.oncomplete = () => (request.result.close(), resolve(undefined));
    };
  });
  assert.deepEqual(
    (await Clip.cache.list()).map(m => [m.id, m.unfinished]),
    [[own.url, 0]],
  );
  await own.close();
  await isRight(await load({}, own.url), await answers(own.folder));
  await isRight(await load(), await answers(server.folder));
});

test('pieces of files that are not whole are counted', async () => {
  const folder = await makeOwnModel();
  server = await serve(folder, { cutAt: 100_000 });
  await assert.rejects((await load()).encode(photo), failing('network'));
  assert.deepEqual(
    (await Clip.cache.list()).map(({ files, bytes, unfinished }) => ({ files, bytes, unfinished })),
    [{ files: [], bytes: 0, unfinished: 65536 }],
  );
  assert.equal(await Clip.cache.delete(server.url), true);
  const store = await Store.open();
  assert.deepEqual(await store.chunkKeys(), []);
  store.close();
});

test('a model that fails to load is not in the list of what is kept', async context => {
  server = await serve(await makeModel({}));
  await isRight(await load(), await answers(server.folder));
  const broken = await serve(await makeModel({}), {
    change: (name, bytes) => (name.endsWith('safetensors') ? Buffer.alloc(bytes.length) : bytes),
  });
  context.after(() => broken.close());
  for (let i = 0; i < 2; i++) await assert.rejects(async () => (await load({}, broken.url)).encode(photo), ClipError);
  assert.deepEqual(
    (await Clip.cache.list()).map(({ id, files }) => [id, files.length]),
    [[server.url, 2]],
  );
  broken.mood.change = undefined;
  await isRight(await load({}, broken.url), await answers(broken.folder));
  assert.equal((await Clip.cache.list()).length, 2);
});

test('while one tower is converted the other is in the list, and the pieces are counted apart', async () => {
  server = await serve(await makeModel({}));
  await (await load()).encode(photo);
  const store = await Store.open();
  const [before] = await Clip.cache.list();
  const record = await store.getModel(server.url);
  const key = 'f'.repeat(64);
  await store.putPending(
    { ...record, manifest: { ...record.manifest, towers: {} }, files: { 'text.q8.safetensors': [key] } },
    'text.q8.safetensors',
  );
  await store.putChunk(key, new Uint8Array(1000), 1);
  assert.deepEqual(before.files, ['vision.q8.safetensors']);
  assert.deepEqual(await Clip.cache.list(), [{ ...before, unfinished: 1000 }]);
  // a chunk that the disk has lost: the file cannot be used
  for (const chunk of record.files['vision.q8.safetensors'].slice(0, 1))
    await done(store.db.transaction('chunks', 'readwrite').objectStore('chunks').delete(chunk));
  assert.deepEqual((await Clip.cache.list())[0].files, []);
  store.close();
});

test('JSON nested deep, or without end, is refused', async () => {
  const folder = await makeModel({});
  await writeFile(join(folder, 'config.json'), `{"vision_config":${'['.repeat(400_000)}${']'.repeat(400_000)}}`);
  server = await serve(folder);
  await assert.rejects(load(), failing('bad-manifest', /config\.json.*deep|config\.json is not JSON/));
  // a body without a length that does not end
  server.mood.first = ({ name }, response) => {
    if (name !== 'config.json') return false;
    response.writeHead(200, { 'Content-Type': 'application/json' });
    const more = () => {
      while (!response.destroyed && response.write(' '.repeat(65536)));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
    return true;
  };
  await assert.rejects(load(), failing('wrong-size', /config\.json has more than 1048576 bytes/));
});
