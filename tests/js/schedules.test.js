/**
 * Loading a model while the network and the store fail, by schedules that seeds make: whatever happens, an answer is right or a typed
 * error, and with a healthy server it is right. CLIP_SEED=7 runs one schedule; CLIP_ALL=1, and `npm test -- --all`, 2,000.
 */
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Store } from '../../web/models/store.js';
import { Clip, ClipError } from '../../web/node.js';
import { NETWORK, SILENT, serveFaults } from './helpers/faults.js';
import { makeModel, makeOwnModel, makePicture, random } from './helpers/model.js';

const SCHEDULES = Number(process.env.CLIP_SCHEDULES ?? (process.env.CLIP_ALL ? 2000 : 20));
const LIMIT = 35_000;
const photo = makePicture();
const LABELS = ['a dog', 'cat'];

const forms = {};
for (const [form, make] of Object.entries({ own: makeOwnModel, foreign: makeModel })) {
  forms[form] = [];
  for (const seed of [1, 2]) {
    const folder = await make({ seed });
    const clip = await Clip.load(folder, { worker: false });
    forms[form].push({
      folder,
      scores: await clip.classify(photo, LABELS),
      image: await clip.encode(photo),
      text: await clip.encode('a dog'),
    });
    clip.dispose();
  }
}

/** What can befall the store: each changes a prototype's method for a while. */
const STORE = {
  'put fails': next => wrap('put', real => (next() < 0.4 ? failed('QuotaExceededError') : real())),
  'get fails': next => wrap('get', real => (next() < 0.3 ? failed('UnknownError') : real())),
  'keys fail': next => wrap('getKey', real => (next() < 0.3 ? failed('UnknownError') : real())),
};
function failed(name) {
  throw new DOMException('by the schedule', name);
}
function wrap(method, body) {
  const real = IDBObjectStore.prototype[method];
  IDBObjectStore.prototype[method] = function (...args) {
    return body(() => real.apply(this, args));
  };
  return () => (IDBObjectStore.prototype[method] = real);
}

/** Loses and changes some of what is kept. @param {() => number} next */
async function damage(next) {
  const store = await Store.open();
  const chunks = store.db.transaction('chunks', 'readwrite').objectStore('chunks');
  await new Promise((resolve, reject) => {
    const request = chunks.openCursor();
    request.onerror = reject;
    request.onsuccess = () => {
      const cursor = request.result;
      if (!cursor) return resolve(undefined);
      const kind = next();
      if (kind < 0.1) cursor.delete();
      else if (kind < 0.2) cursor.update({ bytes: new ArrayBuffer(9), sum: 1 });
      else if (kind < 0.3) cursor.update({ ...cursor.value, sum: cursor.value.sum ^ 1 });
      else if (kind < 0.33) cursor.update('nonsense');
      cursor.continue();
    };
  });
  if (next() < 0.2) {
    const models = store.db.transaction('models', 'readwrite').objectStore('models');
    for (const value of await new Promise(resolve => (models.getAll().onsuccess = e => resolve(e.target.result)))) {
      if (value?.id) models.put(next() < 0.5 ? { ...value, files: null } : { ...value, manifest: 5 }, value.id);
    }
  }
  store.close();
}

/** Whether a model's answers are all of one of the versions. @param {Clip} clip @param {any[]} versions */
async function verdict(clip, versions) {
  const scores = await clip.classify(photo, LABELS);
  const image = await clip.encode(photo);
  const text = await clip.encode('a dog');
  const is = version =>
    version.scores.every(e => Math.abs(e.score - scores.find(s => s.label === e.label).score) < 1e-3) &&
    Clip.similarity(image, version.image)[0][0] > 0.9999 &&
    Clip.similarity(text, version.text)[0][0] > 0.9999;
  return versions.some(is);
}

/** @param {number} seed */
async function run(seed) {
  const next = random(seed);
  const form = next() < 0.5 ? 'own' : 'foreign';
  const versions = forms[form];
  const pick = object => Object.entries(object)[Math.floor(next() * Object.keys(object).length)];
  await Clip.cache.clear();
  const server = await serveFaults(versions[0].folder);
  const { state } = server;
  state.next = random(seed + 0x10000);
  const log = [form];
  /** The server that is healthy at the end has one version for as long as the visit takes. @type {unknown} */
  let changed;
  /** @param {boolean} healthy @param {any[]} allowed */
  const visit = async (healthy, allowed) => {
    const begin = performance.now();
    let clip;
    try {
      clip = await Clip.load(server.url, { worker: false, timeout: healthy ? 30_000 : 300, cache: next() < 0.2 ? 'refresh' : true });
      // who has embeddings of what the model was hears once that it changed; the next calls are right
      const again = error => (healthy && error.code === 'model-changed' ? verdict(clip, allowed) : Promise.reject(error));
      if (await verdict(clip, allowed).catch(again)) log.push('right');
      else throw new assert.AssertionError({ message: 'a wrong answer' });
    } catch (error) {
      if (!(error instanceof ClipError)) throw error;
      log.push(error.code);
      if (healthy) throw error;
    } finally {
      clip?.dispose();
    }
    assert.ok(performance.now() - begin < LIMIT, `${performance.now() - begin} ms`);
  };
  try {
    for (let round = 0; round < 2; round++) {
      state.chance = [0, 0.1, 0.3, 1][Math.floor(next() * 4)];
      state.kinds = Array.from({ length: 1 + Math.floor(next() * 3) }, () => pick(form === 'own' ? { ...NETWORK, ...SILENT } : NETWORK));
      const restore = next() < 0.3 ? pick(STORE)[1](next) : () => {};
      if (next() < 0.2) {
        // another version of the model, now or in the middle
        const change = () => (state.folder = versions[1].folder);
        if (next() < 0.5) change();
        else changed = new Promise(resolve => setTimeout(() => resolve(change()), next() * 60));
      }
      try {
        await visit(false, versions);
      } finally {
        restore();
      }
      if (next() < 0.3) await damage(next);
    }
    state.chance = 0;
    await changed;
    await new Promise(resolve => setTimeout(resolve, 0));
    await visit(true, versions);
  } catch (error) {
    throw new Error(`schedule ${seed} (${log.join(', ')}; ${state.log.join('; ')}): ${error.message}`, { cause: error });
  } finally {
    await server.close();
  }
  return log;
}

test(`${SCHEDULES} schedules of faults: none wrong, none stuck, none untyped`, { timeout: 3_000_000 }, async context => {
  const first = Number(process.env.CLIP_SEED ?? 1);
  const codes = new Map();
  const failures = [];
  for (let seed = first; seed < first + (process.env.CLIP_SEED ? 1 : SCHEDULES); seed++) {
    try {
      for (const word of await run(seed)) codes.set(word, (codes.get(word) ?? 0) + 1);
    } catch (error) {
      failures.push(error.message);
      if (failures.length > 20) break;
    }
  }
  context.diagnostic(`seeds from ${first}: ${[...codes].map(([code, count]) => `${code} ${count}`).join(', ')}`);
  assert.deepEqual(failures, []);
});
