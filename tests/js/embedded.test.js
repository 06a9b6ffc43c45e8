/** The model that comes with the package against the framework that trained it: weights/train/export.py wrote what it answered. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { EMBEDDED } from '../../web/embedded.js';
import { Clip } from '../../web/node.js';

const at = (/** @type {string} */ path) => fileURLToPath(new URL(`../../weights/${path}`, import.meta.url));
const expected = JSON.parse(await readFile(at(`${EMBEDDED}/expected.json`), 'utf8'));

describe('the embedded model in int8', () => {
  /** @type {Clip} */
  let clip;
  before(async () => {
    clip = await Clip.load();
  });
  after(() => clip.dispose());

  test('pictures: cosine to f32 in PyTorch, from files decoded by Pillow, at least 0.998', async () => {
    const names = Object.keys(expected.images);
    assert.ok(names.length >= 8);
    const embeddings = await clip.encode(names.map(name => new URL(`../../weights/samples/${name}`, import.meta.url)));
    names.forEach((name, i) => {
      const [[cosine]] = Clip.similarity([embeddings[i]], [Float32Array.from(expected.images[name])]);
      assert.ok(cosine >= 0.998, `${name}: ${cosine}`);
    });
  });

  test('texts: cosine to f32 in PyTorch at least 0.998', async () => {
    const texts = Object.keys(expected.texts).filter(text => text.trim() && expected.norms[text] >= 1); // the others mean nothing to it
    assert.ok(texts.length >= 6);
    const embeddings = await clip.encode(texts);
    texts.forEach((text, i) => {
      const [[cosine]] = Clip.similarity([embeddings[i]], [Float32Array.from(expected.texts[text])]);
      assert.ok(cosine >= 0.998, `${JSON.stringify(text)}: ${cosine}`);
    });
  });

  test('texts: as long as in PyTorch within a tenth, which tells what the model was taught', async () => {
    const texts = Object.keys(expected.norms).filter(text => text.trim());
    for (const text of texts) {
      const length = Math.hypot(...(await clip.encode(text)));
      assert.ok(Math.abs(length / expected.norms[text] - 1) <= 0.1, `${JSON.stringify(text)}: ${length}, not ${expected.norms[text]}`);
      assert.equal(await clip.isUnknown(text), length < /** @type {any} */ (clip.info.knowledge).min_norm);
    }
    for (const known of ['dog', 'kimchi', 'a school bus', 'a small room', 'two cats on a couch', '김치', '고양이'])
      assert.equal(await clip.isUnknown(known), false, known);
    for (const unknown of ['xqzvwk', 'democracy', 'the meaning of life']) assert.equal(await clip.isUnknown(unknown), true, unknown);
  });

  test('scores are probabilities of each label by itself', async () => {
    const picture = new URL(`../../weights/samples/school-bus.jpg`, import.meta.url);
    const [right, wrong] = await clip.classify(picture, ['kimchi', 'school bus']);
    assert.equal(right.label, 'school bus');
    assert.ok(right.score > 0.5 && wrong.score < 0.1, JSON.stringify([right, wrong]));
    const [alone] = await clip.classify(picture, ['kimchi']);
    assert.ok(Math.abs(alone.score - wrong.score) < 1e-6);
  });

  test('each sample picture gets the first of its labels', async () => {
    const samples = JSON.parse(await readFile(at('samples/index.json'), 'utf8'));
    for (const { file, labels } of samples) {
      const [{ label }] = await clip.classify(new URL(`../../weights/samples/${file}`, import.meta.url), labels);
      assert.equal(label, labels[0], file);
    }
  });
});
