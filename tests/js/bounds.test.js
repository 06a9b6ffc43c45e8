// What a small file can cost: its pictures are bombs (helpers/bombs.js). Memory is what the process has by the kernel's word.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { declaredSize } from '../../web/pictures/decoders.js';
import { Clip } from '../../web/node.js';
import { MOST, TOO_MUCH, filled, jpeg, png } from './helpers/bombs.js';

const ALL = process.env.CLIP_ALL === '1';
const FEW = ['JPEG, 4:2:0', 'JPEG, progressive 4:2:0', 'PNG, RGBA, Paeth', 'PNG, 900 MB too much', 'GIF'];
const LABELS = ['a', 'b'];
/** In MB. @param {'VmRSS' | 'VmHWM'} what */
const memory = what => Number(new RegExp(`${what}:\\s+(\\d+) kB`).exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1000;
const pause = ms => new Promise(resolve => setTimeout(resolve, ms));

describe('small files that hold large pictures', () => {
  let clip;
  before(async () => (clip = await Clip.load('clip-mini', { workers: 1 })));
  after(() => clip.dispose());

  test('each takes 300 MB at most, and memory comes back', async t => {
    const bombs = Object.entries(MOST)
      .filter(([name]) => ALL || FEW.includes(name))
      .map(([name, make]) => [name, filled(make())]);
    for (let i = 0; i < 3; i++) await clip.classify(filled(png(1200, 1200)), LABELS);
    await pause(1000);
    const start = memory('VmRSS');
    const most = memory('VmHWM');
    for (const [name, bytes] of bombs) {
      const ranking = await clip.classify(bytes, LABELS);
      assert.equal(ranking.length, 2, name);
    }
    const peak = memory('VmHWM');
    assert.ok(peak === most || peak - start <= 300, `${peak - start} MB at the peak`);
    let left = memory('VmRSS') - start;
    for (let i = 0; i < 20 && left > 50; i++, left = memory('VmRSS') - start) await pause(200);
    t.diagnostic(`${bombs.length} pictures: ${(peak - start).toFixed(0)} MB at the peak, ${left.toFixed(0)} MB stay`);
    assert.ok(left <= 50, `${left} MB stay`);
  });

  test('what takes more is refused, with numbers', async () => {
    for (const [name, make] of Object.entries(TOO_MUCH)) {
      await assert.rejects(clip.classify(filled(make()), LABELS), error => {
        assert.equal(error.code, 'bad-image-size', name);
        if (!/scans/.test(name))
          assert.match(error.message, /\d+x\d+ pixels, which take \d+ MB to decode; a file of [\d.]+ MB may take \d+\./);
        return true;
      });
    }
  });

  test('a photo of 100 megapixels in a file of several MB is read, progressive too', async () => {
    const photo = jpeg(11_600, 8700, { components: 3, factors: 0x22, progressive: true, scans: 6 });
    const ranking = await clip.classify(Buffer.concat([photo, Buffer.alloc(5_000_000)]), LABELS);
    assert.equal(ranking.length, 2);
  });
});

test('callers may lower the bounds', async () => {
  const clip = await Clip.load('clip-mini', { maxPixels: 1_000_000, maxMemory: 3_000_000 });
  try {
    await assert.rejects(clip.classify(png(1001, 1000, { colour: 0 }), LABELS), {
      code: 'bad-image-size',
      message: 'The picture has 1001x1000 pixels; at most 1000000 are read.',
    });
    await assert.rejects(clip.classify(png(1000, 1000), LABELS), {
      code: 'bad-image-size',
      message: /^The picture has 1000x1000 pixels, which take 4.* MB to decode; a file of .* MB may take 3\.$/,
    });
    assert.equal((await clip.classify(png(1000, 1000, { colour: 0 }), LABELS)).length, 2);
  } finally {
    clip.dispose();
  }
});

test('sizes that files of other formats declare', () => {
  const ascii = text => [...Buffer.from(text, 'latin1')];
  const webp = (tag, ...data) => new Uint8Array([...ascii('RIFF'), 0, 0, 0, 0, ...ascii('WEBP'), ...ascii(tag), 10, 0, 0, 0, ...data]);
  assert.deepEqual(declaredSize(webp('VP8X', 0, 0, 0, 0, 0xff, 0x3f, 0, 0xfe, 0x3f, 0)), { width: 16384, height: 16383 });
  assert.deepEqual(declaredSize(webp('VP8 ', 0, 0, 0, 0x9d, 1, 0x2a, 0xff, 0x3f, 0xfe, 0x3f)), { width: 16383, height: 16382 });
  assert.deepEqual(declaredSize(webp('VP8L', 0x2f, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0, 0)), { width: 16384, height: 16384 });
  const box = (type, ...data) => [0, 0, 0, data.length + 8, ...ascii(type), ...data];
  const ispe = box('ispe', 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0x20, 0);
  const ftyp = box('ftyp', ...ascii('avif'));
  assert.deepEqual(declaredSize(new Uint8Array([...ftyp, ...box('meta', 0, 0, 0, 0, ...box('iprp', ...ispe))])), {
    width: 16384,
    height: 8192,
  });
  assert.deepEqual(declaredSize(new Uint8Array([...ftyp, ...box('mdat', ...ispe)])), { width: 0, height: 0 });
  for (let cut = 0; cut < 60; cut++) declaredSize(new Uint8Array([...ftyp, ...box('meta', 0, 0, 0, 0, ...ispe)]).subarray(0, cut));
  assert.deepEqual(declaredSize(new Uint8Array(0)), { width: 0, height: 0 });
});
