/** Formats that the core does not know, in Node: read where sharp is installed, and named where it is not. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Engine } from '../../web/engine/engine.js';
import { readModule } from '../../web/node.js';
import { cropOf } from '../../web/pictures/picture.js';
import { decodeBySharp } from '../../web/pictures/sharp.js';
import { toolFolder } from '../packaging/tools.js';
import { SHARED, needsShared } from './helpers/cli.js';
import { temporaryFolder } from './helpers/model.js';
import { installBeside } from './helpers/packages.js';

const images = join(SHARED, 'data/images');
// 16x12, red 16 x, green 20 y, blue 255 - 8 x - 8 y; alpha 0 left of 8. Written by Pillow 9.4, lossless and exact
const WEBP = 'UklGRjoAAABXRUJQVlA4TC4AAAAvD8ACEJkKRPQ/NhHR/zCYadvGIMof7e79GYjj/xMIQuSBZy6ZnoxcXS1NangX';

/** @type {Engine} */
let engine;
before(async () => (engine = await Engine.create({ wasm: await readModule('simd') })));

const bytesOf = text => new Uint8Array(Buffer.from(text, 'base64'));
const refusal = bytes =>
  cropOf(engine, { label: 'it', bytes }, 12, undefined, decodeBySharp).catch(error => `${error.code} ${error.message}`);

test('without it, what would be needed is said', async () => {
  assert.match(await refusal(bytesOf(WEBP)), /^unknown-image-format it is WebP, .*npm install sharp/);
  assert.match(await refusal(new TextEncoder().encode('\0\0\0\x1cftypavif\0\0\0\0avifmif1')), /^unknown-image-format it is AVIF/);
  assert.match(await refusal(new TextEncoder().encode('\0\0\0\x18ftypheic\0\0\0\0mif1heic')), /^unknown-image-format it is HEIC/);
  assert.match(await refusal(new TextEncoder().encode('II*\0\x08\0\0\0')), /^unknown-image-format it is TIFF/);
  assert.match(await refusal(new TextEncoder().encode('hello')), /^unknown-image-format it is not a picture of a known format/);
});

describe('with it', () => {
  /** @type {{ cropOf: (engine: Engine, picture: any, size: number) => Promise<Uint8Array> }} */
  let own;
  /** Of the same copy, whose errors are its own. @type {Engine} */
  let engine;
  before(async () => {
    const folder = installBeside(await temporaryFolder(), toolFolder('sharp'), 'sharp');
    const load = name => import(pathToFileURL(join(folder, 'web', name)).href);
    const [{ cropOf }, { decodeBySharp }] = await Promise.all([load('pictures/picture.js'), load('pictures/sharp.js')]);
    own = { cropOf: (one, picture, size) => cropOf(one, picture, size, undefined, decodeBySharp) };
    engine = await (await load('engine/engine.js')).Engine.create({ wasm: await readModule('simd') });
  });

  test('transparent parts keep their colours', async () => {
    const crop = await own.cropOf(engine, { label: 'it', bytes: bytesOf(WEBP) }, 12);
    const expected = Array.from({ length: 12 * 12 * 3 }, (_, i) => {
      const [x, y] = [(Math.floor(i / 3) % 12) + 2, Math.floor(i / 36)];
      return [16 * x, 20 * y, 255 - 8 * x - 8 * y][i % 3];
    });
    assert.deepEqual(Array.from(crop), expected);
  });

  test('WebP and TIFF are Pillow’s, AVIF within a level on average', needsShared, async () => {
    let count = 0;
    for (const { file, format, crop224 } of JSON.parse(await readFile(join(SHARED, 'data/images.json'), 'utf8')).images) {
      if (!['WEBP', 'AVIF', 'TIFF'].includes(format)) continue;
      const ours = await own.cropOf(engine, { label: file, bytes: new Uint8Array(await readFile(join(images, file))) }, 224);
      const theirs = engine.crop(await readFile(join(images, crop224)), 224);
      const differences = Array.from(ours, (value, i) => Math.abs(value - theirs[i]));
      // libheif, in sharp, does not smooth colours that are stored at half the resolution
      if (format === 'AVIF') assert.ok(differences.reduce((a, b) => a + b) / differences.length <= 1, file);
      else
        assert.ok(
          differences.every(value => value <= 1),
          file,
        );
      count++;
    }
    assert.ok(count >= 5);
  });

  test('what is broken is a typed error', async () => {
    const cut = bytesOf(WEBP).subarray(0, 50);
    await assert.rejects(own.cropOf(engine, { label: 'it', bytes: cut }, 12), {
      code: 'bad-image',
      message: /^it is WebP that sharp cannot read/,
    });
  });
});
