import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Clip, ClipError, pipeline } from '../../web/node.js';
import { SIZES, makeModel, makeOwnModel, makePicture } from './helpers/model.js';

const photo = makePicture(50, 40, 1);
const other = makePicture(31, 77, 2);
const LABELS = ['a dog', 'cat', 'photo'];

/** @param {string} code @returns {(error: unknown) => boolean} */
const failing =
  (code, pattern = /./) =>
  error =>
    error instanceof ClipError && error.code === code && pattern.test(error.message);
const close = (a, b, tolerance = 1e-5) => {
  assert.equal(a.length, b.length);
  a.forEach((x, i) => assert.ok(Math.abs(x - b[i]) <= tolerance, `${x} is not ${b[i]} at ${i}`));
};
const unit = vector => vector.map(x => x / Math.hypot(...vector));

describe('Clip, with a small model made here', () => {
  /** @type {Clip} */
  let clip;
  before(async () => (clip = await Clip.load(await makeModel({}), { dtype: 'f32' })));
  after(() => clip.dispose());

  test('classify ranks labels, best first, with scores that add up to 1', async () => {
    const scores = await clip.classify(photo, LABELS);
    assert.deepEqual(scores.map(s => s.label).sort(), [...LABELS].sort());
    assert.ok(Math.abs(scores.reduce((sum, s) => sum + s.score, 0) - 1) < 1e-5);
    for (let i = 1; i < scores.length; i++) assert.ok(scores[i - 1].score >= scores[i].score);
    assert.ok(scores[0].score > scores[2].score, 'different labels have different scores');
  });

  test('classify is softmax(scale * cosine) of what encode answers', async () => {
    const image = await clip.encode(photo);
    const texts = await clip.encode(LABELS.map(label => `a photo of a ${label}`));
    const cosines = Clip.similarity(image, texts)[0];
    const powers = Array.from(cosines, c => Math.exp(20 * (c - Math.max(...cosines))));
    const sum = powers.reduce((a, b) => a + b);
    const scores = await clip.classify(photo, LABELS);
    for (const { label, score } of scores) assert.ok(Math.abs(score - powers[LABELS.indexOf(label)] / sum) < 1e-4);
  });

  test('several pictures get a list each, and top cuts the lists', async () => {
    const both = await clip.classify([photo, other], LABELS, { top: 2 });
    assert.equal(both.length, 2);
    assert.equal(both[0].length, 2);
    assert.deepEqual(both[1], (await clip.classify(other, LABELS)).slice(0, 2));
    await assert.rejects(clip.classify(photo, LABELS, { top: 0 }), failing('bad-argument'));
  });

  test('several templates are averaged as in CLIP’s paper', async () => {
    const templates = ['a photo of {}', '{} at {}'];
    const scores = await clip.classify(photo, LABELS, { template: templates });
    const image = unit(await clip.encode(photo));
    const cosines = [];
    for (const label of LABELS) {
      const [a, b] = (await clip.encode(templates.map(t => t.replaceAll('{}', label)))).map(unit);
      cosines.push(unit(a.map((x, i) => x + b[i])).reduce((sum, x, i) => sum + x * image[i], 0));
    }
    const powers = cosines.map(c => Math.exp(20 * c));
    const sum = powers.reduce((a, b) => a + b);
    for (const { label, score } of scores) assert.ok(Math.abs(score - powers[LABELS.indexOf(label)] / sum) < 1e-4);
  });

  test('encode takes one or many, pictures or texts', async () => {
    const image = await clip.encode(photo);
    assert.ok(image instanceof Float32Array);
    assert.equal(image.length, SIZES.embedding);
    const [text, again, last] = await clip.encode(['a dog', photo, 'cat']);
    close(again, image);
    close(text, await clip.encode('a dog'));
    close(last, await clip.encode('cat'));
    assert.deepEqual(await clip.encode([]), []);
    close(await clip.encode(photo, { normalize: true }), unit(image));
  });

  test('similarity is the matrix of cosines', () => {
    const matrix = Clip.similarity([Float32Array.of(1, 0), Float32Array.of(3, 4)], Float32Array.of(0, 2));
    assert.equal(matrix.length, 2);
    close(
      matrix.map(row => row[0]),
      [0, 0.8],
    );
    close(Clip.similarity(Float32Array.of(0, 0), Float32Array.of(0, 2))[0], [0]);
    assert.throws(() => Clip.similarity(Float32Array.of(1), Float32Array.of(1, 2)), failing('bad-argument'));
  });

  test('a batch of texts answers as each text alone', async () => {
    const texts = ['a', 'a photo of a dog', 'dog', 'cat cat cat cat', ''];
    const together = await clip.encode(texts);
    for (const [i, text] of texts.entries()) close(together[i], await clip.encode(text), 1e-4);
  });

  test('duplicate labels count once', async () => {
    assert.deepEqual(await clip.classify(photo, ['cat', 'a dog', 'cat']), await clip.classify(photo, ['cat', 'a dog']));
  });

  test('scores may be cosines, and those below a threshold are left out', async () => {
    const cosines = await clip.classify(photo, LABELS, { scores: 'cosine' });
    const [row] = Clip.similarity(await clip.encode(photo), await clip.encode(LABELS.map(label => `a photo of a ${label}`)));
    for (const { label, score } of cosines) assert.ok(Math.abs(score - row[LABELS.indexOf(label)]) < 1e-5);
    const middle = cosines[1].score;
    assert.deepEqual(await clip.classify(photo, LABELS, { scores: 'cosine', threshold: middle }), cosines.slice(0, 2));
    await assert.rejects(clip.classify(photo, LABELS, { scores: 'sigmoid' }), failing('bad-argument', /not trained with a sigmoid/));
  });

  test('beside a score stands the cosine that it is made of, with the model’s logitScale', async () => {
    const scores = await clip.classify(photo, LABELS);
    const powers = scores.map(({ cosine }) => Math.exp(clip.info.logitScale * cosine));
    const sum = powers.reduce((a, b) => a + b);
    close(
      scores.map(({ score }) => score),
      powers.map(power => power / sum),
      1e-5,
    );
    const cosines = await clip.classify(photo, LABELS, { scores: 'cosine' });
    for (const { score, cosine } of cosines) assert.equal(score, cosine);
  });

  test('groups of labels are ranked each by itself', async () => {
    const groups = { animal: ['a dog', 'cat', 'a dog'], 'what it is': LABELS, ['__proto__']: ['a dog', 'photo'] };
    const rankings = await clip.classify(photo, groups);
    assert.deepEqual(Object.keys(rankings), ['animal', 'what it is', '__proto__']);
    for (const [name, labels] of Object.entries(groups)) {
      const own = Object.entries(rankings).find(([group]) => group === name)?.[1];
      assert.deepEqual(own, await clip.classify(photo, labels), name);
    }
    const options = { top: 1, scores: /** @type {const} */ ('cosine') };
    const [one, other] = await clip.classify([photo, photo], { a: LABELS, b: ['cat'] }, options);
    assert.deepEqual(one, other);
    assert.deepEqual(one, { a: await clip.classify(photo, LABELS, options), b: await clip.classify(photo, ['cat'], options) });
    for await (const { ranking } of clip.classifyEach(Array(5).fill(photo), { a: LABELS, b: ['cat'] }, options))
      assert.deepEqual(ranking, one);
    await assert.rejects(clip.classify(photo, { a: LABELS, b: [] }), failing('no-labels', /"b"/));
    await assert.rejects(clip.classify(photo, {}), failing('no-labels'));
    await assert.rejects(clip.classify(photo, { a: ['cat', ' '] }), failing('bad-label', /Label 2 of the group "a"/));
    await assert.rejects(clip.classify(photo, /** @type {any} */ ({ a: 'cat' })), failing('bad-label', /"a"/));
  });

  test('embeddings survive JSON and structuredClone', async () => {
    const [image, text] = [await clip.encode(photo), await clip.encode('a dog')];
    const expected = Clip.similarity(image, text);
    for (const copy of [structuredClone, value => JSON.parse(JSON.stringify(value)), value => Array.from(value)])
      close(Clip.similarity(copy(image), [copy(text)])[0], expected[0], 1e-6);
  });

  test('labels that make no sense are refused by name', async () => {
    await assert.rejects(clip.classify(photo, []), failing('no-labels'));
    await assert.rejects(clip.classify(photo, ['cat', '']), failing('bad-label', /Label 2 is empty/));
    await assert.rejects(clip.classify(photo, ['cat', ' \n']), failing('bad-label', /Label 2 is empty/));
    await assert.rejects(clip.classify(photo, ['cat', 'x\ud800y']), failing('bad-label', /Label 2 .*UTF-16/));
    await assert.rejects(clip.classify(photo, [/** @type {any} */ (3)]), failing('bad-label', /Label 1/));
    await assert.rejects(clip.classify(photo, ['cat'], { template: 'a photo' }), failing('bad-template', /a photo/));
    await assert.rejects(clip.classify(photo, ['cat'], { template: [] }), failing('bad-template'));
    await assert.rejects(clip.encode('x\udc00'), failing('bad-text', /UTF-16/));
  });

  test('a label of 10,000 characters is cut to what the model reads', async () => {
    const long = 'cat '.repeat(2500);
    const scores = await clip.classify(photo, [long, 'a dog']);
    assert.equal(scores.length, 2);
    const [ids] = await clip.tokenize([long]);
    assert.equal(ids.length, SIZES.context);
    assert.equal(ids.at(-1), SIZES.vocabulary - 1, 'the last id is the end token');
  });

  test('<|endoftext|> in a label is the special token, as in the reference', async () => {
    const end = SIZES.vocabulary - 1;
    const [ids] = await clip.tokenize(['cat<|endoftext|>dog']);
    assert.deepEqual(ids.filter(id => id === end).length, 2);
    assert.equal((await clip.classify(photo, ['a<|endoftext|>', 'cat'])).length, 2);
  });

  test('a $ in a label is nothing special', async () => {
    const [a, b] = await clip.classify(photo, ["$& $' $1", 'a $& b'], { template: 'x {} y' });
    assert.notEqual(a.score, b.score);
  });

  test('5,000 labels go through in batches, with progress', async () => {
    const labels = Array.from({ length: 5000 }, (_, i) => `dog ${i}`);
    const seen = [];
    const scores = await clip.classify(photo, labels, { onProgress: progress => seen.push(progress) });
    assert.equal(scores.length, 5000);
    assert.ok(Math.abs(scores.reduce((sum, s) => sum + s.score, 0) - 1) < 1e-3);
    const ofLabels = seen.filter(p => p.phase === 'labels');
    assert.ok(ofLabels.length > 1);
    assert.deepEqual([ofLabels.at(-1).loaded, ofLabels.at(-1).total], [5000, 5000]);
  });

  test('an abort rejects at once, with AbortError, and the model goes on', async () => {
    const labels = Array.from({ length: 3000 }, (_, i) => `cat ${i}`);
    const control = new AbortController();
    const run = clip.classify(photo, labels, { signal: control.signal });
    setTimeout(() => control.abort(), 5);
    await assert.rejects(run, error => failing('aborted')(error) && error.name === 'AbortError');
    await assert.rejects(clip.classify(photo, LABELS, { signal: AbortSignal.abort() }), failing('aborted'));
    assert.equal((await clip.classify(photo, LABELS)).length, 3);
  });

  test('inputs that are no picture are refused', async () => {
    await assert.rejects(clip.classify(/** @type {any} */ (17), LABELS), failing('bad-input'));
    await assert.rejects(clip.classify(new Uint8Array(0), LABELS), failing('bad-image', /empty/));
    await assert.rejects(clip.classify(new TextEncoder().encode('hello, I am no picture'), LABELS), failing('unknown-image-format'));
    await assert.rejects(clip.classify('/nowhere/at-all.png', LABELS), failing('not-found', /at-all/));
    await assert.rejects(clip.classify('data:,', LABELS), failing('bad-image'));
  });

  test('pictures may be blobs, views and data: addresses', async () => {
    const expected = await clip.encode(photo);
    close(await clip.encode(new Blob([photo])), expected);
    close(await clip.encode(photo.buffer), expected);
    close(await clip.encode(new URL(`data:image/x;base64,${Buffer.from(photo).toString('base64')}`)), expected);
  });
});

test('load refuses what is no option', async () => {
  await assert.rejects(Clip.load('x/y', { dtype: /** @type {any} */ ('q5') }), failing('bad-argument', /q5/));
  await assert.rejects(Clip.load(await makeModel({}), { threads: 0 }), failing('bad-argument', /threads/));
  await assert.rejects(Clip.load(''), failing('bad-input'));
  await assert.rejects(Clip.load('no-such-model'), failing('not-found', /no-such-model/));
  await assert.rejects(Clip.load('./no-such-folder'), failing('not-found', /no-such-folder/));
});

test('a disposed model refuses work', async () => {
  const clip = await Clip.load(await makeOwnModel());
  clip.dispose();
  await assert.rejects(clip.encode('cat'), failing('disposed'));
  clip.dispose();
});

test('a model without a tokenizer still encodes pictures', async () => {
  const clip = await Clip.load(await makeModel({ merges: null }));
  assert.equal((await clip.encode(photo)).length, SIZES.embedding);
  await assert.rejects(clip.classify(photo, LABELS), failing('no-tokenizer', /merges\.txt/));
});

test('our own form answers as the form it was made from', async () => {
  const foreign = await Clip.load(await makeModel({ seed: 3 }), { dtype: 'q8' });
  const own = await Clip.load(await makeOwnModel({ seed: 3 }), { dtype: 'q8' });
  close(await own.encode(photo), await foreign.encode(photo));
  close(await own.encode('a photo of dog'), await foreign.encode('a photo of dog'));
  const [a, b] = [await own.classify(photo, LABELS), await foreign.classify(photo, LABELS)];
  close(
    a.map(s => s.score),
    b.map(s => s.score),
    1e-4,
  );
});

test('q8 is close to f32', async () => {
  const folder = await makeModel({ seed: 4 });
  const [f32, q8] = await Promise.all([Clip.load(folder, { dtype: 'f32' }), Clip.load(folder, { dtype: 'q8' })]);
  assert.ok(Clip.similarity(await f32.encode(photo), await q8.encode(photo))[0][0] > 0.998);
  assert.ok(Clip.similarity(await f32.encode('a dog'), await q8.encode('a dog'))[0][0] > 0.998);
});

test('pipeline has the shapes of transformers.js', async () => {
  const run = await pipeline('zero-shot-image-classification', await makeModel({}), { dtype: 'fp32' });
  const one = await run(photo, LABELS, { hypothesis_template: 'a {}' });
  assert.deepEqual(Object.keys(one[0]), ['score', 'label']);
  assert.equal(one.length, 3);
  const many = await run([photo], LABELS);
  assert.equal(many.length, 1);
  assert.equal(many[0].length, 3);
  await assert.rejects(run(photo, LABELS, /** @type {any} */ ({ top_k: 2 })), failing('bad-argument', /"top_k"/));
  await run.dispose();
  const model = await makeModel({});
  for (const dtype of ['fp16', 'auto', { vision_model: 'q8', text_model: 'int8' }])
    await (await pipeline('zero-shot-image-classification', model, { dtype: /** @type {any} */ (dtype) })).dispose();
  await assert.rejects(
    pipeline('zero-shot-image-classification', model, { dtype: { vision_model: 'q8', text_model: 'fp32' } }),
    failing('bad-argument'),
  );
  await assert.rejects(pipeline(/** @type {any} */ ('translation')), failing('bad-argument', /translation/));
});
