/**
 * Each request to IndexedDB and each read from the network fails once, the n-th for all n, while a model is loaded and used: an answer
 * is right or a typed error, and the next call is right.
 */
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chooseModule } from '../../web/engine/wasm.js';
import { Clip, ClipError, readModule } from '../../web/node.js';
import { makeModel, makeOwnModel, makePicture } from './helpers/model.js';
import { serve } from './helpers/server.js';

const photo = makePicture();
const LABELS = ['a dog', 'cat'];
/** Compiled once for all visits. */
const wasm = await WebAssembly.compile(await readModule(chooseModule(1).name));
// what waits a while before it tries again waits a twentieth of that
const wait = globalThis.setTimeout;
globalThis.setTimeout = /** @type {any} */ ((work, ms = 0, ...args) => wait(work, ms < 2000 ? ms / 20 : ms, ...args));

/** Counts calls of a function of an object, and lets the n-th fail. @param {any} object @param {string} name @param {(real: () => any) => any} fail */
function failing(object, name, fail) {
  const real = object[name];
  const state = { seen: 0, at: 0, restore: () => (object[name] = real) };
  object[name] = function (...args) {
    state.seen++;
    return state.seen === state.at ? fail(() => real.apply(this, args)) : real.apply(this, args);
  };
  return state;
}

/** @param {Clip} clip @param {any[]} expected */
async function isRight(clip, expected) {
  const scores = await clip.classify(photo, LABELS);
  for (const { label, score } of expected) assert.ok(Math.abs(score - scores.find(s => s.label === label).score) < 1e-3);
}

/** @param {string} url @param {any[]} expected @param {ReturnType<typeof failing>} state */
async function each(url, expected, state) {
  const visit = async () => {
    const clip = await Clip.load(url, { worker: false, wasm, timeout: 4000 });
    try {
      await isRight(clip, expected);
    } finally {
      clip.dispose();
    }
  };
  const once = async () => {
    await visit();
    await visit(); // from what was kept
  };
  try {
    await Clip.cache.clear();
    state.seen = 0;
    await once();
    const count = state.seen;
    assert.ok(count > 2, `${count} calls`);
    for (let n = 1; n <= count; n++) {
      state.at = 0;
      await Clip.cache.clear();
      state.seen = 0;
      state.at = n;
      await once().catch(error => assert.ok(error instanceof ClipError, `${n}: ${error.stack}`));
      state.at = 0;
      await visit();
    }
    return count;
  } finally {
    state.restore();
  }
}

for (const [form, make] of Object.entries({ own: makeOwnModel, foreign: makeModel })) {
  describe(`a model of ${form} form`, async () => {
    const folder = await make({});
    const local = await Clip.load(folder, { worker: false });
    const expected = await local.classify(photo, LABELS);
    local.dispose();
    for (const method of ['get', 'getKey', 'getAll', 'getAllKeys', 'put', 'delete', 'count']) {
      test(`each IDBObjectStore.${method}`, async context => {
        const server = await serve(folder);
        const state = failing(IDBObjectStore.prototype, method, () => {
          throw new DOMException('as the test wants it', 'UnknownError');
        });
        try {
          context.diagnostic(
            `${await each(server.url, expected, state).catch(error => (/ calls$/.test(error.message) ? 'few' : Promise.reject(error)))} calls`,
          );
        } finally {
          state.restore();
          await server.close();
        }
      });
    }
    test('each transaction', async context => {
      const server = await serve(folder);
      const state = failing(IDBDatabase.prototype, 'transaction', real => {
        const transaction = real();
        setTimeout(() => {
          try {
            transaction.abort();
          } catch {
            // it is over
          }
        }, 0);
        return transaction;
      });
      context.diagnostic(`${await each(server.url, expected, state)} transactions`);
      await server.close();
    });
    test('each read of a body', async context => {
      const server = await serve(folder);
      const state = failing(ReadableStreamDefaultReader.prototype, 'read', async () => {
        throw new TypeError('terminated');
      });
      context.diagnostic(`${await each(server.url, expected, state)} reads`);
      await server.close();
    });
    test('each request', async context => {
      const server = await serve(folder);
      const state = failing(globalThis, 'fetch', async () => {
        throw new TypeError('fetch failed');
      });
      context.diagnostic(`${await each(server.url, expected, state)} requests`);
      await server.close();
    });
  });
}
