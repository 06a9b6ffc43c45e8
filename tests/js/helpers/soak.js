/** A long life, in Node and in pages alike: calls right and wrong, aborted, in turn and at once, on models that come and go. */
import { random } from './random.js';

const LABELS = ['a dog', 'cat', 'a photo of a cat'];
const JUNK = Uint8Array.from({ length: 300 }, (_, i) => (i * 151) & 255);

/** Calls that nobody should make, and what may be answered. @type {[string, (clip: any, photo: Uint8Array) => Promise<unknown>, RegExp][]} */
const BAD = [
  ['no bytes', clip => clip.classify(new Uint8Array(0), LABELS), /^bad-image$/],
  ['no picture', clip => clip.classify(JUNK, LABELS), /^(unknown-image-format|bad-image)$/],
  ['a picture that is cut', (clip, photo) => clip.classify(photo.slice(0, photo.length >> 1), LABELS), /^bad-image$/],
  ['a picture of a false size', clip => clip.classify(new TextEncoder().encode('P6 60000 60000 255 '), LABELS), /^bad-image-size$/],
  ['no labels', (clip, photo) => clip.classify(photo, []), /^no-labels$/],
  ['an empty label', (clip, photo) => clip.classify(photo, ['a', ' ']), /^bad-label$/],
  ['half a letter', (clip, photo) => clip.classify(photo, ['\ud800']), /^bad-label$/],
  ['a template without a place', (clip, photo) => clip.classify(photo, LABELS, { template: 'x' }), /^bad-template$/],
  ['nothing', clip => clip.encode(undefined), /^bad-/],
  ['a number', clip => clip.encode(5), /^bad-/],
  ['an option that is not there', (clip, photo) => clip.classify(photo, LABELS, { tops: 1 }), /^bad-argument$/],
  ['an address of nothing', clip => clip.classify('data:image/png;base64,!!!', LABELS), /^bad-input$/],
];

/**
 * @param {any} Clip @param {{ models: string[], photo: Uint8Array, calls: number, seed: number, sample: (calls: number) => Promise<void> }} what
 *   sample: called ten times, with all models but one disposed of
 * @returns {Promise<Record<string, number>>} how many of each kind; throws where something is not as it should be
 */
export async function soak(Clip, { models, photo, calls, seed, sample }) {
  const next = random(seed);
  const pick = list => list[Math.floor(next() * list.length)];
  const counts = {};
  const count = what => (counts[what] = (counts[what] ?? 0) + 1);
  /** @type {{ first: string, clip: any }[]} */
  const all = models.map(() => ({ first: '', clip: null }));
  let current = 0;
  const answers = async (clip, options) => {
    const scores = await clip.classify(photo, LABELS, options);
    return JSON.stringify(scores.map(({ label, score }) => [label, score]));
  };
  const fail = (call, what) => {
    throw new Error(`call ${call}, seed ${seed}: ${what}`);
  };
  const one = async i => {
    const model = all[current];
    model.clip ??= await Clip.load(models[current]);
    const { clip } = model;
    if (!model.first) model.first = await answers(clip);
    const right = async options => {
      const got = await answers(clip, options);
      if (got !== model.first) fail(i, `${got} instead of ${model.first}`);
    };
    const kind = next();
    if (kind < 0.45) {
      await right();
      return 'right';
    }
    if (kind < 0.65) {
      const [name, call, code] = pick(BAD);
      const error = await call(clip, photo).then(
        () => null,
        thrown => thrown,
      );
      if (error?.constructor?.name !== 'ClipError' || !code.test(error.code)) fail(i, `${name}: ${error?.stack ?? 'an answer'}`);
      return 'bad';
    }
    if (kind < 0.78) {
      const control = new AbortController();
      const end = setTimeout(() => control.abort(), next() * 6);
      try {
        await right({ signal: control.signal });
        return 'abort too late';
      } catch (error) {
        if (error.code !== 'aborted') throw error;
        return 'aborted';
      } finally {
        clearTimeout(end);
      }
    }
    if (kind < 0.84) {
      await Promise.all([right(), clip.classify(JUNK, LABELS).catch(() => {}), right(), clip.encode('a dog'), right()]);
      return 'at once';
    }
    if (kind < 0.88) {
      let seen = 0;
      for await (const { index, error } of clip.classifyEach([photo, JUNK, photo], LABELS)) {
        if ((index === 1) !== Boolean(error)) fail(i, `input ${index}: ${error}`);
        if (++seen === 2 && next() < 0.3) break;
      }
      return 'batch';
    }
    if (kind < 0.92) {
      await clip.encode('dog '.repeat(20_000));
      return 'huge text';
    }
    if (kind < 0.98) {
      current = Math.floor(next() * models.length);
      return 'switch';
    }
    const pending = clip.classify(photo, LABELS).catch(error => error);
    clip.dispose();
    const ended = await pending;
    if (!Array.isArray(ended) && ended.code !== 'disposed') fail(i, ended.stack);
    const after = await clip.classify(photo, LABELS).catch(error => error);
    if (after.code !== 'disposed') fail(i, `a model that was disposed of answers ${after}`);
    model.clip = null;
    return 'disposed';
  };
  const every = Math.floor(calls / 10);
  for (let i = 1; i <= calls; i++) {
    count(await one(i));
    if (i % every !== 0) continue;
    for (const model of all) {
      model.clip?.dispose();
      model.clip = null;
    }
    current = 0;
    await answers((all[0].clip = await Clip.load(models[0])));
    await sample(i);
  }
  for (const { clip } of all) clip?.dispose();
  return counts;
}

/** Whether memory stays: the last samples against those after the first tenths. @param {number[]} samples MB, ten @returns {number} the share that it grew by */
export function growth(samples) {
  const least = list => Math.min(...list);
  return least(samples.slice(-3)) / least(samples.slice(1, 4)) - 1;
}
