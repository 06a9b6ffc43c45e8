/** The table of token embeddings by rows: what travels, what is kept, and that answers are those of all rows. */
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, before, beforeEach, describe, test } from 'node:test';
import { convert } from '../../web/cli/convert.js';
import { Clip } from '../../web/node.js';
import { CONFIG, MERGES, SIZES, f32Tensor, makeModel, makeTensors, random, temporaryFolder } from './helpers/model.js';
import { serve } from './helpers/server.js';

/** Far more rows than the tokenizer has entries, so that there is a table worth leaving: 20 MB of f32, 5.4 of int8. */
const ROWS = 80_000;
/** The tokenizer's entries are so far apart that each is in a block of its own. */
const STRIDE = 150;
const config = { ...CONFIG, text_config: { ...CONFIG.text_config, vocab_size: ROWS, eos_token_id: (SIZES.vocabulary - 1) * STRIDE } };

const printable = b => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
const bytes = Array.from({ length: 256 }, (_, b) => b);
const symbols = [
  ...bytes.filter(printable).map(b => String.fromCharCode(b)),
  ...bytes.filter(b => !printable(b)).map((_, i) => String.fromCharCode(256 + i)),
];
const merges = MERGES.split('\n')
  .slice(1, -1)
  .map(line => line.replace(' ', ''));
const entries = [...symbols, ...symbols.map(s => `${s}</w>`), ...merges, '<|startoftext|>', '<|endoftext|>'];

const manyRows = () => {
  const tensors = makeTensors();
  const next = random(5);
  const values = Float32Array.from({ length: ROWS * SIZES.width }, () => next() - 0.5);
  tensors['text_model.embeddings.token_embedding.weight'] = f32Tensor([ROWS, SIZES.width], values);
  return tensors;
};

/** @type {Record<'foreign' | 'own', string>} */
const folders = { foreign: '', own: '' };
before(async () => {
  folders.foreign = await makeModel({ config, tensors: manyRows() });
  const vocabulary = Object.fromEntries(entries.map((entry, i) => [entry, i * STRIDE]));
  await writeFile(join(folders.foreign, 'vocab.json'), JSON.stringify(vocabulary));
  folders.own = await temporaryFolder();
  await convert({ dtype: 'q8', output: folders.own, name: 'rows' }, [folders.foreign]);
});

/** @type {Awaited<ReturnType<typeof serve>>} */
let server;
/** @type {Clip[]} */
let open = [];
/** @param {any} [options] */
async function load(options) {
  const clip = await Clip.load(server.url, { worker: false, ...options }); // fake-indexeddb is in this thread
  open.push(clip);
  return clip;
}
beforeEach(async () => await Clip.cache.clear());
afterEach(async () => {
  for (const clip of open) clip.dispose();
  open = [];
  await server?.close();
});

const TEXTS = ['a dog', 'cat', 'a photo of a dog'];

for (const form of /** @type {const} */ (['own', 'foreign']))
  describe(`${form === 'own' ? 'our own form' : "a hub's form"} behind HTTP`, () => {
    const table = form === 'own' ? '.rows' : '.safetensors';

    for (const cache of [true, false])
      test(`only the rows of what is asked travel, ${cache ? 'once' : 'without a store'}; answers are those of all rows`, async () => {
        server = await serve(folders[form]);
        const whole = await load({ vocabulary: 'all', cache: false });
        const expected = await whole.encode(TEXTS);
        const all = server.sent('.rows') + server.sent('.safetensors');
        server.log.length = 0;
        const clip = await load({ cache });
        assert.deepEqual(await clip.encode(TEXTS.slice(0, 2)), expected.slice(0, 2));
        const first = server.sent('.rows') + server.sent('.safetensors');
        // other forms' files are read in pieces of 4 MiB, in which there are rows too
        assert.ok(first < all - ROWS * SIZES.width * (form === 'own' ? 0.9 : 3), `${first} of ${all}`);
        server.log.length = 0;
        assert.deepEqual(await clip.encode(TEXTS), expected);
        const more = server.sent('.rows') + server.sent('.safetensors');
        assert.ok(more < 150_000, `${more} bytes more`);
      });

    test('offline, known tokens are answered, and others are an error that says so', async () => {
      server = await serve(folders[form]);
      const first = await load();
      const expected = await first.encode(TEXTS);
      server.mood.down = true;
      const clip = await load();
      assert.deepEqual(await clip.encode(TEXTS.slice().reverse()), expected.slice().reverse());
      await assert.rejects(clip.encode('xylophone {}~'), { code: 'not-fetched', message: /never fetched/ });
      await assert.rejects(clip.encode('xylophone {}~'), { code: 'not-fetched' });
      assert.deepEqual(await clip.encode(TEXTS), expected, 'the next call works');
      server.mood.down = false;
      assert.equal((await clip.encode('xylophone {}~')).length, SIZES.embedding);
    });

    test('what is left comes while nothing else is to be done, if the caller says so', async () => {
      server = await serve(folders[form]);
      const clip = await load({ vocabulary: 'idle' });
      await clip.encode('a dog');
      while ((await Clip.cache.list())[0].bytes < ROWS * (SIZES.width + 4)) await new Promise(resolve => setTimeout(resolve, 100));
      server.mood.down = true;
      const again = await load();
      assert.equal((await again.encode('xylophone {}~')).length, SIZES.embedding);
    });

    test('a block that the store lost or changed is fetched again', async () => {
      server = await serve(folders[form]);
      const expected = await (await load()).encode('a dog');
      const db = await new Promise(resolve => (indexedDB.open('clip-wasm').onsuccess = e => resolve(e.target.result)));
      const chunks = db.transaction('chunks', 'readwrite').objectStore('chunks');
      const keys = await new Promise(resolve => (chunks.getAllKeys().onsuccess = e => resolve(e.target.result)));
      const rows = keys.filter(key => key.startsWith('rows '));
      assert.ok(rows.length > 1);
      chunks.delete(rows[0]);
      chunks.put({ bytes: new Blob([new Uint8Array(40)]), sum: 3 }, rows[1]);
      await new Promise(resolve => (chunks.transaction.oncomplete = resolve));
      db.close();
      assert.deepEqual(await (await load()).encode('a dog'), expected);
    });

    test('a table that came from another version of the model is not believed', async () => {
      server = await serve(folders[form]);
      const clip = await load();
      await clip.encode('a dog');
      server.mood.change = (name, bytes) => (name.endsWith(table) ? Buffer.from(bytes.map(byte => byte ^ 1)) : bytes);
      server.mood.headers = { ETag: '"other"' };
      await assert.rejects(clip.encode('xylophone'), error => ['model-changed', 'wrong-chunk', 'bad-file'].includes(error.code));
    });

    test('a server without ranges sends all of it, once', async () => {
      server = await serve(folders[form], { noRange: true });
      const clip = await load();
      await clip.encode(TEXTS);
      server.log.length = 0;
      await clip.encode('xylophone');
      assert.equal(server.sent('.rows') + server.sent('.safetensors'), 0);
    });

    test('forgetting the model forgets its rows', async () => {
      server = await serve(folders[form]);
      await (await load()).encode('a dog');
      const [{ id, bytes }] = await Clip.cache.list();
      assert.ok(bytes > 16_000, 'they are counted');
      await Clip.cache.delete(id);
      const db = await new Promise(resolve => (indexedDB.open('clip-wasm').onsuccess = e => resolve(e.target.result)));
      const keys = await new Promise(
        resolve => (db.transaction('chunks').objectStore('chunks').getAllKeys().onsuccess = e => resolve(e.target.result)),
      );
      db.close();
      assert.deepEqual(keys, []);
    });
  });

test('a folder on this machine is read by rows too, and converts to the same', async () => {
  const clip = await Clip.load(folders.own, { worker: false });
  server = await serve(folders.own);
  const other = await load();
  assert.deepEqual(await clip.encode(TEXTS), await other.encode(TEXTS));
  clip.dispose();
  const f32 = await temporaryFolder();
  await convert({ dtype: 'f32', output: f32 }, [folders.foreign]);
  const again = await temporaryFolder();
  await convert({ dtype: 'q8', output: again }, [f32]);
  const read = folder => readFile(join(folder, 'text.q8.rows'));
  assert.deepEqual(await read(again), await read(folders.own));
});

test('sizes and sums that do not fit are refused', async () => {
  const path = join(folders.own, 'clip.json');
  const text = await readFile(path, 'utf8');
  const changed = async change => {
    const manifest = JSON.parse(text);
    change(manifest.towers.text.q8.rows);
    await writeFile(path, JSON.stringify(manifest));
    const clip = await Clip.load(folders.own, { worker: false });
    open.push(clip);
    return clip.encode('a dog');
  };
  server = await serve(folders.own);
  try {
    await assert.rejects(
      changed(rows => (rows.bytes += 16)),
      { code: 'wrong-size' },
    );
    await assert.rejects(
      changed(rows => (rows.block += 1)),
      { code: /wrong-(size|chunk)/ },
    );
    await assert.rejects(
      changed(rows => (rows.sha256 = 'a'.repeat(64))),
      { code: 'wrong-chunk' },
    );
    await assert.rejects(
      changed(rows => (rows.file = '../x')),
      { code: 'bad-manifest' },
    );
    await assert.rejects(
      changed(rows => (rows.block = 0)),
      { code: 'bad-manifest' },
    );
  } finally {
    await writeFile(path, text);
  }
  assert.equal((await stat(join(folders.own, 'text.q8.rows'))).size, JSON.parse(text).towers.text.q8.rows.bytes);
});
