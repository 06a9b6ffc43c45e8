/** Search over many embeddings, against plain loops. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Clip, ClipError } from '../../web/node.js';
import { random } from './helpers/model.js';

const WIDTH = 40; // no multiple of what the module works in
const next = random(31);
const vector = (width = WIDTH) => Float32Array.from({ length: width }, next);
const vectors = (/** @type {number} */ count, width = WIDTH) => Array.from({ length: count }, () => vector(width));

const dot = (/** @type {any} */ x, /** @type {any} */ y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
const cosine = (/** @type {any} */ x, /** @type {any} */ y) => dot(x, y) / (Math.sqrt(dot(x, x)) * Math.sqrt(dot(y, y)) || 1);
/** @param {number[]} scores @param {number} k */
const best = (scores, k) =>
  scores
    .map((score, index) => ({ index, score }))
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, k);

const failing =
  (/** @type {string} */ code, pattern = /./) =>
  (/** @type {any} */ error) =>
    error instanceof ClipError && error.code === code && pattern.test(error.message);

describe('an index of embeddings', () => {
  const all = vectors(2500);
  const query = vector();

  for (const [dtype, most] of /** @type {const} */ ([
    ['f32', 1e-6],
    ['q8', 0.006],
  ]))
    test(`in ${dtype} has the cosines of plain loops`, async () => {
      const index = await Clip.index(all, { dtype });
      assert.deepEqual([index.length, index.width, index.dtype], [2500, WIDTH, dtype]);
      const queries = vectors(70); // more than one go
      const rows = await index.similarity(queries);
      assert.equal(rows.length, 70);
      for (const j of [0, 1, 63, 64, 69])
        all.forEach((one, i) => assert.ok(Math.abs(rows[j][i] - cosine(queries[j], one)) < most, `query ${j}, embedding ${i}`));
      const [part] = await index.similarity(queries[3], { from: 1000, to: 2100 });
      assert.deepEqual(part, rows[3].slice(1000, 2100));
      // what it finds is what all its cosines say
      const [scores] = await index.similarity(query);
      for (const k of [1, 10, 2500, 9999]) assert.deepEqual(await index.topK(query, k), best(Array.from(scores), k));
      index.dispose();
    });

  test('of Int8Array: the exact cosines of those numbers', async () => {
    const numbers = Int8Array.from({ length: 3000 * 64 }, () => next() * 128);
    numbers.fill(-128, 64, 128);
    numbers.fill(0, 128, 192);
    const index = await Clip.index(numbers, { width: 64 });
    assert.equal(index.dtype, 'q8');
    const [scores] = await index.similarity(new Float32Array(64).fill(0.5));
    for (let i = 0; i < 3000; i++) {
      const want = cosine(Array.from(numbers.subarray(64 * i, 64 * i + 64)), new Float32Array(64).fill(0.5));
      assert.ok(Math.abs(scores[i] - want) < 1e-6, `${i}: ${scores[i]} is not ${want}`);
    }
    assert.equal(scores[2], 0);
    assert.ok(Math.abs(cosine(index.get(5), Array.from(numbers.subarray(320, 384))) - 1) < 1e-6);
    index.dispose();
  });

  test('grows, answers what it has, and takes all of what is added or nothing', async () => {
    const index = await Clip.index([], { width: WIDTH });
    assert.deepEqual(await index.topK(query), []);
    for (let i = 0; i < 1030; i++) await index.add(all[i]);
    const rest = index.add(all.slice(1030));
    const meanwhile = index.topK(query, 3);
    await rest;
    assert.equal(index.length, 2500);
    assert.ok((await meanwhile).every(({ index }) => index < 2500));
    const [scores] = await index.similarity(query);
    all.forEach((one, i) => assert.ok(Math.abs(scores[i] - cosine(query, one)) < 1e-6));
    await assert.rejects(index.add([vector(), Float32Array.of(...vector(WIDTH - 1), Number.NaN)]), failing('bad-argument', /2 .*finite/));
    await assert.rejects(index.add([vector(), vector(12)]), failing('bad-argument', /12 numbers/));
    assert.equal(index.length, 2500);
    await Promise.all([index.add(vector()), index.add(vectors(3)), index.add(new Float32Array(2 * WIDTH).fill(1))]);
    assert.equal(index.length, 2506);
    index.dispose();
  });

  test('takes what JSON and structuredClone make of embeddings, and answers to proxies', async () => {
    const forms = [
      JSON.parse(JSON.stringify(all.slice(0, 3))),
      structuredClone(all.slice(3, 6)),
      all.slice(6, 9).map(one => Array.from(one)),
    ];
    const index = new Proxy(await Clip.index(forms.flat()), {});
    assert.deepEqual((await index.topK(JSON.parse(JSON.stringify(all[4])), 1))[0].index, 4);
    assert.equal(index.length, 9);
    index.dispose();
  });

  test('many calls at a time do not mix, nor does disposing hang them', async () => {
    const many = await Clip.index(new Float32Array(60_000 * 512).map(next), { width: 512 });
    const queries = vectors(6, 512);
    const alone = [];
    for (const one of queries) alone.push(await many.topK(one, 5));
    const together = await Promise.all([...queries.map(one => many.topK(one, 5)), many.similarity(queries)]);
    assert.deepEqual(together.slice(0, 6), alone);
    /** @type {Float32Array[]} */
    const rows = /** @type {any} */ (together[6]);
    alone.forEach((found, j) => found.forEach(({ index, score }) => assert.equal(rows[j][index], score)));
    const control = new AbortController();
    const aborted = many.similarity(vectors(64, 512), { signal: control.signal });
    const orphan = many.similarity(vectors(64, 512));
    setTimeout(() => control.abort(), 5);
    await assert.rejects(aborted, failing('aborted'));
    many.dispose();
    await assert.rejects(orphan, failing('disposed'));
    await assert.rejects(many.topK(queries[0]), failing('disposed'));
    assert.equal(many.bytes, 0);
  });

  test('what is wrong is said', async () => {
    const index = await Clip.index(all.slice(0, 10));
    await assert.rejects(index.topK(vector(3), 1), failing('bad-argument', /3 and 40/));
    await assert.rejects(index.topK(/** @type {any} */ (all), 1), failing('bad-argument', /one query/));
    await assert.rejects(index.topK(query, 0), failing('bad-argument', /k is/));
    await assert.rejects(index.topK(query.map(() => Number.NaN)), failing('bad-argument', /finite/));
    await assert.rejects(index.similarity(query, { from: 5, to: 11 }), failing('bad-argument', /10 embeddings/));
    assert.throws(() => index.get(10), failing('bad-argument'));
    await assert.rejects(Clip.index([]), failing('bad-argument', /width/));
    await assert.rejects(Clip.index(new Float32Array(81), { width: WIDTH }), failing('bad-argument', /81 numbers/));
    await assert.rejects(Clip.index(/** @type {any} */ ([['a']])), failing('bad-argument', /Embedding 1/));
    await assert.rejects(Clip.index(all, /** @type {any} */ ({ dtype: 'q4' })), failing('bad-argument', /dtype/));
    index.dispose();
  });
});

test('Clip.topK takes an index, arrays, or all numbers in one', async () => {
  const all = vectors(300);
  const query = vector();
  const want = best(
    all.map(one => cosine(query, one)),
    4,
  );
  const index = await Clip.index(all);
  const flat = Float32Array.from(all.flatMap(one => Array.from(one)));
  for (const embeddings of [index, all, flat, all.map(one => Array.from(one))]) {
    const found = await Clip.topK(query, embeddings, 4);
    assert.deepEqual(
      found.map(({ index }) => index),
      want.map(({ index }) => index),
    );
  }
  index.dispose();
  assert.deepEqual(await Clip.topK(query, [], 4), []);
  assert.equal((await Clip.topK(query, new Int8Array(WIDTH * 2).fill(3), 1)).length, 1);
});

test('the caller’s event loop has its turns meanwhile', async () => {
  const index = await Clip.index(new Int8Array(400_000 * 256).fill(1), { width: 256 });
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await index.similarity(vectors(64, 256));
  clearInterval(timer);
  index.dispose();
  assert.ok(turns >= 3, `${turns} turns`);
});
