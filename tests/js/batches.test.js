/** Many pictures: classifyEach and encodeEach, the workers that share them, and what each picture's errors, aborts and order are. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Clip, ClipError } from '../../web/node.js';
import { makeModel, makePicture } from './helpers/model.js';

const LABELS = ['a dog', 'cat', 'photo'];
const photos = Array.from({ length: 12 }, (_, i) => makePicture(40 + i, 50, i));
const broken = new TextEncoder().encode('no picture at all');

/** @param {AsyncIterable<any>} results */
async function collect(results) {
  const all = [];
  for await (const result of results) all.push(result);
  return all;
}

describe('batches', () => {
  /** @type {Clip} */
  let clip;
  /** What single calls answer. @type {any[]} */
  let expected;
  before(async () => {
    clip = await Clip.load(await makeModel({}), { dtype: 'f32', workers: 3 });
    expected = [];
    for (const photo of photos) expected.push(await clip.classify(photo, LABELS));
  });
  after(() => clip.dispose());

  test('single calls need one worker', () => assert.equal(clip.info.workers, 1));

  test('each picture answers as it does alone, in order, from several workers', async () => {
    const seen = [];
    const results = await collect(clip.classifyEach(photos, LABELS, { onProgress: progress => seen.push(progress) }));
    assert.deepEqual(
      results.map(({ index }) => index),
      photos.map((_, i) => i),
    );
    assert.deepEqual(
      results.map(({ ranking }) => ranking),
      expected,
    );
    assert.equal(results[5].input, photos[5]);
    assert.deepEqual(seen.at(-1), { phase: 'pictures', loaded: 12, total: 12 });
    assert.equal(seen.length, 12);
  });

  test('classify and encode of an array go the same way', async () => {
    assert.deepEqual(await clip.classify(photos, LABELS), expected);
    const alone = await clip.encode(photos[7]);
    const all = await clip.encode([...photos, 'a dog']);
    assert.deepEqual(all[7], alone);
    assert.deepEqual(all[12], await clip.encode('a dog'));
    await assert.rejects(
      clip.classify([...photos, broken], LABELS),
      error => error instanceof ClipError && /Picture 13/.test(error.message),
    );
  });

  test('an error is its picture’s, and the others go on', async () => {
    const inputs = [photos[0], broken, photos[1], 17, photos[2], '/nowhere/at-all.png'];
    const results = await collect(clip.classifyEach(inputs, LABELS));
    assert.deepEqual(
      results.map(({ error }) => error?.code),
      [undefined, 'unknown-image-format', undefined, 'bad-input', undefined, 'not-found'],
    );
    assert.deepEqual(results[4].ranking, expected[2]);
    for (const { error } of results) assert.ok(error === undefined || error instanceof ClipError);
  });

  test('unordered, all come, each once', async () => {
    const results = await collect(clip.classifyEach(photos, LABELS, { ordered: false }));
    assert.deepEqual(
      results.map(({ index }) => index).sort((a, b) => a - b),
      photos.map((_, i) => i),
    );
    for (const { index, ranking } of results) assert.deepEqual(ranking, expected[index]);
  });

  test('texts and pictures mix in encodeEach, as in encode', async () => {
    const inputs = ['a dog', photos[0], new Set(['cat']), 'cat'];
    const results = await collect(clip.encodeEach(inputs, { normalize: true }));
    const [dog, image, , cat] = results;
    assert.deepEqual(dog.embedding, await clip.encode('a dog', { normalize: true }));
    assert.deepEqual(image.embedding, await clip.encode(photos[0], { normalize: true }));
    assert.deepEqual(cat.embedding, await clip.encode('cat', { normalize: true }));
    assert.equal(results[2].error.code, 'bad-input');
  });

  test('an endless stream is read no faster than its results are', async () => {
    let made = 0;
    async function* endless() {
      for (;;) yield photos[made++ % photos.length];
    }
    let taken = 0;
    let ahead = 0;
    for await (const { index, embedding } of clip.encodeEach(endless())) {
      assert.equal(index, taken);
      assert.ok(embedding);
      ahead = Math.max(ahead, made - ++taken);
      if (taken === 200) break;
    }
    assert.ok(ahead <= 3 * 2 * 4 + 2, `${ahead} inputs ahead`);
    assert.ok(clip.info.workers > 1 && clip.info.workers <= 3, `${clip.info.workers} workers`);
    const stopped = made;
    await new Promise(resolve => setTimeout(resolve, 50));
    assert.equal(made, stopped, 'leaving the loop ends the reading');
  });

  test('a stream’s own error ends the batch after what was done', async () => {
    async function* failing() {
      yield photos[0];
      yield photos[1];
      throw new Error('the disk is gone');
    }
    const got = [];
    await assert.rejects(
      async () => {
        for await (const result of clip.classifyEach(failing(), LABELS)) got.push(result);
      },
      error => error instanceof ClipError && /the disk is gone/.test(error.message) && error.cause instanceof Error,
    );
    assert.equal(got.length, 2);
  });

  test('an abort keeps what is done, then throws; the next call works', async () => {
    const control = new AbortController();
    const many = Array.from({ length: 300 }, (_, i) => photos[i % photos.length]);
    const got = [];
    await assert.rejects(
      async () => {
        for await (const result of clip.classifyEach(many, LABELS, { signal: control.signal })) {
          got.push(result);
          if (got.length === 5) control.abort(new Error('enough'));
        }
      },
      error => error instanceof ClipError && error.code === 'aborted' && /** @type {Error} */ (error.cause).message === 'enough',
    );
    assert.ok(got.length >= 5 && got.length < 300);
    for (const { index, ranking } of got) assert.deepEqual(ranking, expected[index % photos.length]);
    assert.deepEqual(await clip.classify(photos[3], LABELS), expected[3]);
    assert.equal((await collect(clip.classifyEach(photos, LABELS))).length, 12);
  });

  test('a caller’s error in onProgress ends that batch only', async () => {
    const onProgress = () => {
      throw new TypeError('mine');
    };
    await assert.rejects(
      collect(clip.classifyEach(photos, LABELS, { onProgress })),
      error => error instanceof ClipError && error.code === 'bad-argument' && /** @type {any} */ (error.cause).message === 'mine',
    );
    assert.deepEqual(await clip.classify(photos[0], LABELS), expected[0]);
  });

  test('labels that make no sense end the batch', async () => {
    await assert.rejects(collect(clip.classifyEach(photos, [])), error => error instanceof ClipError && error.code === 'no-labels');
    assert.deepEqual(await collect(clip.classifyEach([], LABELS)), []);
  });

  test('two batches and single calls at once do not disturb each other', async () => {
    const [a, b, c] = await Promise.all([
      collect(clip.classifyEach(photos, LABELS)),
      collect(clip.classifyEach([...photos].reverse(), LABELS)),
      clip.classify(photos[4], LABELS),
    ]);
    assert.deepEqual(
      a.map(({ ranking }) => ranking),
      expected,
    );
    assert.deepEqual(b.map(({ ranking }) => ranking).reverse(), expected);
    assert.deepEqual(c, expected[4]);
  });
});

test('without a worker, batches answer alike', async () => {
  const folder = await makeModel({});
  const clip = await Clip.load(folder, { dtype: 'f32', worker: false });
  const results = await collect(clip.classifyEach(photos, LABELS));
  assert.equal(clip.info.workers, 1);
  assert.deepEqual(
    results.map(({ ranking }) => ranking),
    await clip.classify(photos, LABELS),
  );
  clip.dispose();
});

test('disposing ends a batch', async () => {
  const clip = await Clip.load(await makeModel({}), { dtype: 'f32', workers: 2 });
  const got = [];
  await assert.rejects(
    async () => {
      for await (const result of clip.classifyEach(Array(200).fill(photos[0]), LABELS)) if (got.push(result) === 6) clip.dispose();
    },
    error => error instanceof ClipError && error.code === 'disposed',
  );
});

test('100,000 inputs through encodeEach: the caller’s heap is flat after the first 1,000, within 5 MB; the process levels off', {
  skip: !process.env.CLIP_ALL && 'takes long: npm test -- --all',
}, async () => {
  setFlagsFromString('--expose-gc'); // what the collector has not come to yet is nobody's
  const collect = runInNewContext('gc');
  const clip = await Clip.load(await makeModel({}), { dtype: 'q8', workers: 2 });
  function* stream() {
    for (let i = 0; i < 100_000; i++) yield makePicture(48, 36, i % 1000);
  }
  /** @type {{ heap: number, rss: number }[]} */
  const seen = [];
  let count = 0;
  for await (const { error } of clip.encodeEach(stream())) {
    assert.equal(error, undefined);
    if (++count % 1000) continue;
    collect();
    const { heapUsed, external, rss } = process.memoryUsage(); // the last of all its threads
    seen.push({ heap: (heapUsed + external) / 1e6, rss: rss / 1e6 });
  }
  assert.equal(clip.info.workers, 2);
  clip.dispose();
  const [first, ...rest] = seen;
  const most = (/** @type {{ heap: number, rss: number }[]} */ some, /** @type {'heap' | 'rss'} */ what) =>
    Math.max(...some.map(one => one[what]));
  const half = seen.length / 2;
  // threads keep what they freed, more of it the busier they are: a leak goes on growing, that does not
  const [early, late] = [most(seen.slice(0, half), 'rss'), most(seen.slice(half), 'rss')];
  const say = (/** @type {number} */ mb) => `${mb.toFixed(0)} MB`;
  console.log(
    `heap after 1,000 ${say(first.heap)}, at most ${say(most(rest, 'heap'))}; process after 1,000 ${say(first.rss)}, at most ${say(early)}, in the second half ${say(late)}`,
  );
  assert.equal(count, 100_000);
  assert.ok(most(rest, 'heap') < first.heap + 5);
  assert.ok(late < early + 30);
});
