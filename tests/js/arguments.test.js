/** Whatever callers hand in: only ClipErrors come back, and the next call works, on the same warm model. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Clip, ClipError, pipeline } from '../../web/node.js';
import { makeModel, makePicture, random } from './helpers/model.js';

const photo = makePicture(50, 40, 1);
const LABELS = ['a dog', 'cat'];

/** As Vue's reactive() does: objects and arrays inside are proxies too, and methods run with the proxy as their object. */
const reactive = value =>
  typeof value !== 'object' || value === null || ArrayBuffer.isView(value)
    ? value
    : new Proxy(value, { get: (target, key, receiver) => reactive(Reflect.get(target, key, receiver)) });

const detached = new Uint8Array(8);
structuredClone(detached.buffer, { transfer: [detached.buffer] });
const throwing = new Proxy(
  {},
  {
    get: () => {
      throw new Error('a trap');
    },
    ownKeys: () => {
      throw new Error('a trap');
    },
  },
);
const ODD = [
  undefined,
  null,
  true,
  0,
  -1,
  1.5,
  Number.NaN,
  Infinity,
  2 ** 53,
  10n,
  '',
  ' ',
  'x',
  '\ud800',
  'x'.repeat(100_000),
  '\0',
  Symbol('s'),
  () => {},
  {},
  [],
  [[]],
  [null],
  [undefined, 'x'],
  new Array(5),
  { length: 3 },
  { length: -1 },
  new Map(),
  new Set(['cat']),
  new Date(Number.NaN),
  /x/,
  new Uint8Array(0),
  detached,
  new ArrayBuffer(3),
  new DataView(new ArrayBuffer(2)),
  new Blob([]),
  new URL('data:,'),
  new Response('x'),
  Promise.resolve(1),
  new AbortController(),
  AbortSignal.abort(),
  new Error('e'),
  throwing,
  reactive(LABELS),
  Object.create(null),
];

describe('arguments', () => {
  /** @type {Clip} */
  let clip;
  /** @type {any[]} */
  let expected;
  before(async () => {
    clip = await Clip.load(await makeModel({}), { dtype: 'f32', workers: 2 });
    expected = await clip.classify(photo, LABELS);
  });
  after(() => clip.dispose());

  test('of every public call, at random: only ClipErrors', async () => {
    const next = random(20);
    const odd = () => ODD[Math.floor(Math.abs(next()) * 1e6) % ODD.length];
    const often = (/** @type {any} */ good) => (Math.abs(next() * 1e6) % 2 < 1 ? good : odd());
    const options = () => often(throwing === odd() ? throwing : { template: odd(), top: odd(), threshold: often(undefined) });
    const all = async (/** @type {AsyncIterable<any>} */ results) => {
      let left = 5;
      for await (const { error } of results) {
        if (error) assert.ok(error instanceof ClipError, String(error));
        if (!left--) break;
      }
    };
    /** @type {Record<string, () => any>} */
    const calls = {
      classify: () => clip.classify(often(photo), often(LABELS), options()),
      encode: () => clip.encode(often(photo), often({ normalize: odd(), signal: odd() })),
      classifyEach: () => all(clip.classifyEach(often([photo, odd()]), often(LABELS), often({ ordered: odd(), onProgress: odd() }))),
      encodeEach: () => all(clip.encodeEach(often(['cat', odd()]), often({ total: odd() }))),
      tokenize: () => clip.tokenize(often(['cat']), odd()),
      prepare: () => clip.prepare(odd(), odd()),
      isUnknown: () => clip.isUnknown(odd()),
      similarity: () => Clip.similarity(odd(), odd()),
      index: () => Clip.index(often(embeddings), often({ width: odd(), dtype: odd() })).then(other => other.dispose()),
      topK: () => Clip.topK(often(embeddings[0]), often(embeddings), odd(), odd()),
      add: () => index.add(odd(), odd()),
      ofIndex: () => Promise.all([index.topK(odd(), odd(), odd()), index.similarity(odd(), { from: odd(), to: odd() })]),
      get: () => index.get(odd()),
      exportEmbeddings: () => Clip.exportEmbeddings(often(embeddings), often('npy'), often({ names: odd(), model: odd() })),
      importEmbeddings: () => Clip.importEmbeddings(odd(), often({ tensor: odd() })),
      groups: () => clip.classify(photo, { a: often(LABELS), b: odd() }),
      load: () => Clip.load(often('./nowhere'), often({ dtype: odd(), threads: odd() })).then(other => other.dispose()),
      pipeline: () => pipeline(odd(), odd(), odd()),
      cache: () => Clip.cache.delete(odd()),
    };
    const names = Object.keys(calls);
    const embeddings = [Float32Array.of(1, 2, 3), Float32Array.of(3, 2, 1)];
    const index = await Clip.index(embeddings);
    let refused = 0;
    for (let i = 0; i < 1200; i++) {
      const name = names[i % names.length];
      try {
        await calls[name]();
      } catch (error) {
        refused++;
        assert.ok(error instanceof ClipError, `${name}: ${/** @type {any} */ (error)?.stack ?? error}`);
        assert.ok(!['worker', 'crashed'].includes(error.code), `${name}: ${error.code}: ${error.message}`);
      }
    }
    assert.ok(refused > 200, `${refused} refused`);
    assert.deepEqual((await index.topK(embeddings[1], 1))[0].index, 1);
    assert.deepEqual(await clip.classify(photo, LABELS), expected);
  });

  test('proxies do as labels, templates, options, and as the model itself', async () => {
    const store = reactive({ labels: [...LABELS], options: { template: ['a photo of a {}'] }, clip });
    assert.deepEqual(await store.clip.classify(photo, store.labels, store.options), expected);
    const { classify } = clip;
    assert.deepEqual(await classify(photo, LABELS), expected);
    assert.equal(store.clip.info.name, clip.info.name);
  });

  test('what is wrong is said by name; null is as good as nothing', async () => {
    const failing = (code, pattern) => error => error instanceof ClipError && error.code === code && pattern.test(error.message);
    await assert.rejects(clip.classify(photo, /** @type {any} */ (undefined)), failing('no-labels', /./));
    await assert.rejects(clip.classify(photo, LABELS, /** @type {any} */ ({ top_k: 3 })), failing('bad-argument', /"top_k".*top/));
    await assert.rejects(clip.prepare(/** @type {any} */ (['visual'])), failing('bad-argument', /"visual"/));
    await assert.rejects(Clip.load('x/y', /** @type {any} */ ({ threads: '2' })), failing('bad-argument', /threads/));
    assert.deepEqual(await clip.classify(photo, LABELS, /** @type {any} */ ({ template: null, top: null, signal: null })), expected);
    assert.deepEqual(await clip.classify(photo, LABELS, /** @type {any} */ (null)), expected);
  });
});
