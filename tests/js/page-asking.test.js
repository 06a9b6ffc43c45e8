/** The page's answers while photos come in: none is forgotten, whatever comes between. In Node, without the page around it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Answers } from '../../web/demo/answers.js';
import { Asking } from '../../web/demo/asking.js';
import { Run } from '../../web/demo/run.js';
import { Vectors, unit } from '../../web/demo/vectors.js';

const WIDTH = 16;
/** A vector that is the same for the same number. @param {number} seed */
const vector = seed => unit(Float32Array.from({ length: WIDTH }, (_, i) => Math.sin(seed * 7.1 + i * 3.3)));

/** A model as the page needs it, with vectors by rote. */
function model() {
  const texts = new Map();
  return {
    vectors: new Vectors(),
    scale: 100,
    bias: null,
    broad: () => [],
    isUnknown: () => false,
    ask: async () => false,
    known: text => texts.get(text) ?? null,
    async read(wanted, onProgress) {
      for (const text of wanted) {
        await new Promise(resolve => setTimeout(resolve));
        if (!onProgress(texts.size, wanted.length)) return;
        texts.set(text, vector(text.length));
      }
    },
  };
}

function asking(photos, labels, at = model()) {
  const answers = new Answers();
  const wish = { model: at, labels: labels.map(name => ({ name, examples: null })), photos };
  const rules = { template: 'a {}', least: 0.5, several: false };
  const none = () => {};
  const updated = [];
  const parts = { answers, wish: () => ({ ...wish, rules }), onBegin: none, onProgress: none, onStrangers: none, onExtended: none };
  const it = new Asking({ ...parts, onUpdated: error => updated.push(error) });
  return { it, answers, wish, rules, at, updated };
}

const turns = async (count = 20) => {
  for (let i = 0; i < count; i++) await new Promise(resolve => setTimeout(resolve));
};

test('photos that are read while all others are being answered are answered too', async () => {
  const photos = Array.from({ length: 5 }, (_, i) => ({ name: `${i}` }));
  const { it, answers, at } = asking(photos, ['cat', 'horse']);
  photos.forEach((photo, i) => at.vectors.add(photo, vector(i)));
  const late = { name: 'late' };
  const { compare } = at.vectors;
  at.vectors.compare = async function (queries) {
    await compare.call(this, queries);
    at.vectors.compare = compare;
    photos.push(late);
    this.add(late, vector(99)); // the columns have been made by now
    it.add(late, true);
    await turns(2);
  };
  await it.update();
  await turns();
  assert.ok(answers.of(late));
  assert.ok(!it.pending);
  assert.ok(!it.updating);
});

test('a newer wish overtakes an older one, and nothing stays behind of it', async () => {
  const photos = [{ name: 'one' }];
  const { it, answers, wish, rules, at, updated } = asking(
    photos,
    Array.from({ length: 100 }, (_, i) => 'x'.repeat(i + 1)),
  );
  at.vectors.add(photos[0], vector(1));
  const first = it.update();
  await turns(3);
  assert.equal(it.reading.all, 100);
  wish.labels = [];
  await it.update();
  await first;
  assert.deepEqual([it.reading, it.updating, answers.of(photos[0]), updated], [null, false, null, []]);
  wish.labels = [{ name: 'cat', examples: null }];
  rules.template = 'no place';
  await it.update();
  assert.equal(updated[0].code, 'bad-template');
  rules.template = '{}';
  await it.update();
  assert.equal(updated[1], null);
  assert.ok(answers.of(photos[0]));
});

describe('a run', () => {
  /** A run over photos that are read a few at a time, in an order of its own, as the package's pool does. */
  function start(photos, random) {
    const read = [];
    const turned = [];
    const run = new Run({
      next: flying => photos.find(photo => !photo.read && !flying(photo)),
      recall: async photo => random() < 0.1 && (photo.read = true),
      async *encodeEach(files) {
        const source = files[Symbol.asyncIterator]();
        const flying = [];
        for (let ended = false; !ended || flying.length; ) {
          while (!ended && flying.length < 3) {
            const { value, done } = await source.next();
            if (done) ended = true;
            else flying.push(value);
          }
          await new Promise(resolve => (random() < 0.5 ? setImmediate(resolve) : setTimeout(resolve)));
          if (flying.length) yield { input: flying.splice(Math.floor(random() * flying.length), 1)[0], embedding: vector(1) };
        }
      },
      onRead(photo) {
        photo.read = true;
        read.push(photo);
      },
      onFail: error => assert.fail(error),
      onTurn: () => turned.push(run.running),
      onChange: () => {},
    });
    return { run, read, turned };
  }

  test('reads every photo once, however it is stopped, resumed and added to', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      let state = seed;
      const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
      const photos = Array.from({ length: 6 }, () => ({ file: {}, read: false }));
      const { run, read, turned } = start(photos, random);
      run.go();
      for (let i = 0; i < 25; i++) {
        const what = random();
        if (what < 0.25) run.stop();
        else if (what < 0.5) run.resume();
        else if (what < 0.7) {
          photos.push({ file: {}, read: false });
          run.go();
        }
        await new Promise(resolve => (random() < 0.5 ? setImmediate(resolve) : setTimeout(resolve)));
      }
      run.resume();
      for (let i = 0; i < 400 && run.running; i++) await turns(1);
      assert.ok(!run.running, `schedule ${seed} does not end`);
      assert.deepEqual(
        photos.filter(photo => !photo.read),
        [],
        `schedule ${seed}`,
      );
      assert.equal(new Set(read).size, read.length, `schedule ${seed} reads twice`);
      assert.equal(turned.at(-1), false, `schedule ${seed}: who shows it believes that it runs`);
    }
  });

  test('says at once that it has stopped or goes on', () => {
    const { run, turned } = start(
      Array.from({ length: 9 }, () => ({ file: {}, read: false })),
      () => 0.5,
    );
    run.go();
    run.stop();
    run.resume();
    assert.deepEqual(turned.slice(0, 3), [true, false, true]);
  });
});
