/** Sizes and shapes that decoders stumble over, through the engine. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Engine } from '../../web/engine/engine.js';
import { ClipError } from '../../web/error.js';
import { prepare } from '../../web/pictures/input.js';
import { cropOf } from '../../web/pictures/picture.js';
import { readModule } from '../../web/node.js';
import { makePicture, random } from './helpers/model.js';

/** @type {Engine} */
let engine;
before(async () => (engine = await Engine.create({ wasm: await readModule('simd') })));
after(() => engine.dispose());

const failing = code => error => error instanceof ClipError && error.code === code;

test('an address in a message is without its signature', async () => {
  const { picture } = await prepare('http://127.0.0.1:9/a.png?X-Amz-Signature=secret#more', 'it');
  await assert.rejects(cropOf(engine, picture, 8), error => {
    assert.equal(error.code, 'network');
    assert.match(error.message, /^http:\/\/127\.0\.0\.1:9\/a\.png cannot be fetched/);
    return true;
  });
  assert.throws(() => prepare('http://a b/?secret', 'it'), { code: 'bad-input', message: 'it: "http://a b/" is no address.' });
});

test('one pixel becomes a square of its colour', () => {
  const pixel = new Uint8Array([...new TextEncoder().encode('P6\n1 1\n255\n'), 10, 200, 90]);
  const crop = engine.crop(pixel, 8);
  for (let i = 0; i < 64; i++) assert.deepEqual([...crop.subarray(i * 3, i * 3 + 3)], [10, 200, 90]);
});

test('very long and very flat pictures', () => {
  for (const [width, height] of [
    [30_000, 2],
    [2, 30_000],
    [1, 500],
  ])
    assert.equal(engine.crop(makePicture(width, height), 32).length, 32 * 32 * 3, `${width}x${height}`);
});

test('twelve megapixels', () => {
  assert.equal(engine.crop(makePicture(4000, 3000), 224).length, 224 * 224 * 3);
});

test('pixels that somebody else decoded: RGB, RGBA whose alpha is dropped, and all orientations', () => {
  const next = random(5);
  const [width, height] = [7, 4];
  const rgb = Uint8Array.from({ length: width * height * 3 }, () => next() * 256);
  const rgba = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i++) rgba.set([...rgb.subarray(i * 3, i * 3 + 3), next() * 256], i * 4);
  assert.deepEqual(engine.cropPixels({ data: rgba, width, height }, 4), engine.cropPixels({ data: rgb, width, height }, 4));
  // EXIF 1..8: where the stored pixel (x, y) belongs in the upright picture
  const [w, h] = [width - 1, height - 1];
  const places = [
    (x, y) => [x, y],
    (x, y) => [w - x, y],
    (x, y) => [w - x, h - y],
    (x, y) => [x, h - y],
    (x, y) => [y, x],
    (x, y) => [h - y, x],
    (x, y) => [h - y, w - x],
    (x, y) => [y, w - x],
  ];
  places.forEach((place, i) => {
    const turned = i >= 4;
    const upright = new Uint8Array(rgb.length);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [u, v] = place(x, y);
        upright.set(rgb.subarray((y * width + x) * 3, (y * width + x) * 3 + 3), (v * (turned ? height : width) + u) * 3);
      }
    }
    const expected = engine.cropPixels({ data: upright, width: turned ? height : width, height: turned ? width : height }, 4);
    assert.deepEqual(engine.cropPixels({ data: rgb, width, height, orientation: i + 1 }, 4), expected, `orientation ${i + 1}`);
  });
});

test('sizes that do not fit the bytes, or are none', () => {
  assert.throws(() => engine.cropPixels({ data: new Uint8Array(10), width: 2, height: 2 }, 4), failing('bad-image-size'));
  assert.throws(() => engine.cropPixels({ data: new Uint8Array(0), width: 0, height: 0 }, 4), failing('bad-image-size'));
  assert.throws(() => engine.cropPixels({ data: new Uint8Array(12), width: 2, height: 2, orientation: 9 }, 4), ClipError);
  assert.throws(() => engine.crop(makePicture(4, 4), 0), ClipError);
  const huge = new TextEncoder().encode('P6\n65000 65000\n255\n');
  assert.throws(() => engine.crop(huge, 32), ClipError);
});

test('bytes cut or changed anywhere are an answer or a typed error, and never a crash', () => {
  const next = random(11);
  const whole = makePicture(20, 20);
  for (let i = 0; i < 300; i++) {
    const bytes = whole.slice(0, i % 3 ? whole.length : Math.floor(next() * whole.length));
    for (let k = 0; k < 3; k++) bytes[Math.floor(next() * Math.min(bytes.length, 20))] = next() * 256;
    try {
      assert.equal(engine.crop(bytes, 16).length, 16 * 16 * 3);
    } catch (error) {
      assert.ok(error instanceof ClipError && error.code !== 'crashed', String(error));
    }
  }
});
