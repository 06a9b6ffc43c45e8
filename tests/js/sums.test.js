// Models whose sums the caller knows: nothing else is taken, and nothing of it kept.
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Sha256 } from '../../web/models/sums.js';
import { findMerges } from '../../web/models/tokenizer-files.js';
import { Clip } from '../../web/node.js';
import { startHub } from './helpers/hub.js';
import { makeLargeModel, makeModel, makeOwnModel, makePicture, random } from './helpers/model.js';
import { serve } from './helpers/server.js';

const photo = makePicture();
const LABELS = ['a dog', 'cat'];
const sha256 = bytes => createHash('sha256').update(bytes).digest('hex');
/** @param {string | URL} url @param {any} options */
async function visit(url, options) {
  const clip = await Clip.load(url, { worker: false, ...options });
  try {
    return await clip.classify(photo, LABELS);
  } finally {
    clip.dispose();
  }
}

test('sha256 in pieces is sha256', () => {
  const next = random(3);
  for (const length of [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 1000, 100_000]) {
    const bytes = Uint8Array.from({ length }, () => next() * 256);
    const sum = new Sha256();
    for (let at = 0; at < length; ) {
      const part = bytes.subarray(at, at + 1 + next() * 200);
      sum.update(part);
      at += part.length;
    }
    assert.equal(sum.hex(), sha256(bytes), `${length} bytes`);
  }
});

describe('integrity: the sum of clip.json', () => {
  let folder;
  let server;
  before(async () => (folder = await makeOwnModel()));
  beforeEach(async () => {
    await Clip.cache.clear();
    server = await serve(folder);
  });
  afterEach(async () => await server.close());

  test('in hexadecimal and as SRI writes it; a second visit comes from what was kept', async () => {
    const bytes = await readFile(join(folder, 'clip.json'));
    const integrity = sha256(bytes);
    const first = await visit(server.url, { integrity });
    const sent = server.log.length;
    assert.deepEqual(await visit(server.url, { integrity: `sha256-${createHash('sha256').update(bytes).digest('base64')}` }), first);
    assert.equal(server.log.length, sent);
  });

  test('another clip.json is refused, and none is', async () => {
    const integrity = sha256('another');
    await assert.rejects(visit(server.url, { integrity }), { code: 'wrong-sum', message: /^clip\.json is not the file/ });
    const foreign = await serve(await makeModel());
    await assert.rejects(visit(foreign.url, { integrity }), { code: 'wrong-sum', message: /has no clip\.json/ });
    await foreign.close();
    assert.deepEqual(await Clip.cache.list(), []);
  });

  test('what was kept without it does not count', async () => {
    await visit(server.url, {});
    await assert.rejects(visit(server.url, { integrity: sha256('another') }), { code: 'wrong-sum' });
  });

  test('a folder on this machine is held to it as well', async () => {
    const integrity = sha256(await readFile(join(folder, 'clip.json')));
    assert.equal((await visit(folder, { integrity })).length, 2);
    await assert.rejects(visit(folder, { integrity: sha256('another') }), { code: 'wrong-sum' });
  });
});

describe('sha256: the sums of a foreign model’s files', () => {
  let folder;
  let sums;
  let server;
  let expected;
  before(async () => {
    folder = await makeModel();
    sums = {};
    for (const name of ['config.json', 'model.safetensors', 'merges.txt']) sums[name] = sha256(await readFile(join(folder, name)));
    expected = await visit(folder, {});
  });
  beforeEach(async () => {
    await Clip.cache.clear();
    server = await serve(folder);
  });
  afterEach(async () => await server.close());

  for (const cache of [true, false])
    test(`all are right${cache ? '' : ', and nothing is kept'}`, async () => {
      const scores = await visit(server.url, { sha256: sums, cache });
      scores.forEach(({ label, score }, i) => assert.ok(label === expected[i].label && Math.abs(score - expected[i].score) < 1e-3));
      if (!cache) return;
      const sent = server.log.length;
      assert.deepEqual(await visit(server.url, { sha256: sums }), scores);
      assert.ok(
        server.log.slice(sent).every(({ name }) => name === 'preprocessor_config.json'),
        'the second time from what was kept',
      );
    });

  for (const name of ['config.json', 'model.safetensors', 'merges.txt'])
    test(`${name} with one bit changed is refused, and nothing is kept`, async () => {
      server.mood.change = (file, bytes) => {
        if (file !== name) return bytes;
        const copy = Buffer.from(bytes);
        copy[copy.length - 2] ^= 1;
        return copy;
      };
      await assert.rejects(visit(server.url, { sha256: sums }), { code: 'wrong-sum', message: new RegExp(`^${name} is not the file`) });
      delete server.mood.change;
      assert.deepEqual(
        (await Clip.cache.list()).filter(({ files }) => files.includes('text.q8.safetensors')),
        [],
      );
      assert.equal((await visit(server.url, { sha256: sums })).length, 2);
    });

  test('weights that change after they were checked are refused', async () => {
    const large = await makeLargeModel();
    const all = {};
    for (const name of Object.keys(sums)) all[name] = sha256(await readFile(join(large, name)));
    const changing = await serve(large, { headers: { ETag: '"the same"' } });
    try {
      assert.equal((await visit(changing.url, { sha256: all, cache: false })).length, 2);
      changing.log.length = 0;
      // nothing is kept, so that what is used is fetched once more, after all was read to be checked
      changing.mood.change = (file, bytes, { count }) => {
        if (file !== 'model.safetensors' || count < 3) return bytes;
        const copy = Buffer.from(bytes);
        copy[copy.length - 2] ^= 1;
        return copy;
      };
      await assert.rejects(visit(changing.url, { sha256: all, cache: false }), { code: 'wrong-chunk' });
    } finally {
      await changing.close();
    }
  });

  test('a file without a sum is refused, and one that should be there', async () => {
    const { 'merges.txt': _, ...few } = sums;
    await assert.rejects(visit(server.url, { sha256: few }), { code: 'wrong-sum', message: /no sum to check merges\.txt with/ });
    await assert.rejects(visit(server.url, { sha256: { ...sums, 'preprocessor_config.json': sums['config.json'] } }), {
      code: 'wrong-sum',
      message: /has no preprocessor_config\.json/,
    });
  });

  test('what is no sum is a bad argument', async () => {
    for (const options of [
      { integrity: 'x' },
      { sha256: 'x' },
      { sha256: { 'config.json': 'x' } },
      { sha256: [] },
      { integrity: sums['config.json'], sha256: sums },
    ])
      await assert.rejects(Clip.load(server.url, options), { code: 'bad-argument' });
    await assert.rejects(visit(server.url, { sha256: 'hub' }), { code: 'wrong-sum', message: /does not say/ });
  });
});

describe('sha256 as the hub lists it', () => {
  let folder;
  let hub;
  before(async () => {
    folder = await makeModel();
    hub = await startHub({ 'some/model': { folder } });
  });
  after(async () => await hub.close());
  beforeEach(async () => await Clip.cache.clear());

  test('right, and wrong for a small file and a large one', async () => {
    hub.mood.sums = true;
    const options = { hub: hub.url, sha256: 'hub' };
    assert.equal((await visit('some/model', options)).length, 2);
    for (const name of ['config.json', 'model.safetensors']) {
      await Clip.cache.clear();
      hub.mood.wrong = name;
      await assert.rejects(visit('some/model', options), { code: 'wrong-sum', message: new RegExp(`^${name} is not the file`) });
      hub.mood.wrong = undefined;
    }
    hub.mood.noListing = true;
    await Clip.cache.clear();
    await assert.rejects(visit('some/model', options), { code: 'wrong-sum', message: /does not say/ });
    hub.mood.noListing = false;
  });
});

test('a list of merges that unpacks to gigabytes is refused', async () => {
  const folder = await makeModel({ merges: null });
  await writeFile(join(folder, 'bpe_simple_vocab_16e6.txt.gz'), gzipSync(Buffer.alloc(200 << 20, 'a b\n')));
  const { nodeSource } = await import('../../web/node.js');
  await assert.rejects(findMerges(nodeSource({ type: 'folder', path: folder })), { code: 'bad-merges', message: /unpacks to more than/ });
});
