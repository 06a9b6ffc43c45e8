/**
 * Models on held-out photos of ../shared: how often the best of 210 labels is right, and the same in another number format.
 *
 * CLIP_PHOTOS is how many photos of each kind to take (5 by default; 20 takes a minute or two: those that weights/train holds out).
 * CLIP_SOURCE is a model in a foreign form whose formats are compared; without it, ../shared's small one.
 */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { SHARED, needsShared } from '../js/helpers/cli.js';
import { startChromium, startSite } from './helpers/chromium.js';
import { openZip } from './helpers/zip.js';

const PER_KIND = Number(process.env.CLIP_PHOTOS ?? 5);
const SOURCE = process.env.CLIP_SOURCE ?? resolve(SHARED, 'data/models/clip-nano');

describe('on photos', needsShared, () => {
  /** @type {{ file: string, label: string }[]} */
  let photos;
  let labels, zip, site, browser, page;

  before(async () => {
    zip = await openZip(resolve(SHARED, 'data/photos-64.zip'));
    const kinds = (await zip.read('classes.tsv'))
      .toString()
      .trim()
      .split('\n')
      .slice(1)
      .map(line => line.split('\t'));
    labels = kinds.map(([, names]) => names.split(',')[0]);
    photos = kinds.flatMap(([folder], kind) =>
      zip.names
        .filter(name => name.startsWith(`${folder}/`))
        .sort()
        .slice(-PER_KIND)
        .map(file => ({ file, label: labels[kind] })),
    );
    site = await startSite({ mounts: { '/source/': SOURCE } });
    browser = await startChromium();
    page = await browser.page(site);
  });

  after(async () => {
    await browser?.close();
    await site?.close();
    await zip?.close();
  });

  /** The best of all labels for each photo. @param {string} model @param {string} dtype @returns {Promise<string[]>} */
  async function best(model, dtype) {
    const load = async ([model, dtype]) => {
      window.clip = await window.Clip.load(model ?? undefined, { cache: false, threads: 1, dtype });
    };
    const ask = async ([labels, batch]) => {
      const bytes = batch.map(text => Uint8Array.from(atob(text), c => c.charCodeAt(0)));
      const answers = await window.clip.classify(bytes, labels, { template: 'a photo of a {}', top: 1 });
      return answers.map(([{ label }]) => label);
    };
    await page.evaluate(load, [model, dtype]);
    const answers = [];
    for (let at = 0; at < photos.length; at += 210) {
      const some = photos.slice(at, at + 210);
      const batch = await Promise.all(some.map(async ({ file }) => (await zip.read(file)).toString('base64')));
      answers.push(...(await page.evaluate(ask, [labels, batch])));
    }
    await page.evaluate(() => window.clip.dispose());
    return answers;
  }

  const share = (/** @type {(i: number) => boolean} */ isSo) => (100 * photos.filter((_, i) => isSo(i)).length) / photos.length;

  const floor = process.env.CLIP_SOURCE ? 95 : 96.5;
  test(`int8 and f32 agree on the best of 210 labels for at least ${floor} %`, async () => {
    const f32 = await best('/source/', 'f32');
    const say = [`f32: ${share(i => f32[i] === photos[i].label).toFixed(1)} % right`];
    for (const dtype of process.env.CLIP_SOURCE ? ['q8', 'q4'] : ['q8']) {
      const answers = await best('/source/', dtype);
      const same = share(i => answers[i] === f32[i]);
      const right = share(i => answers[i] === photos[i].label);
      say.push(`${dtype}: ${right.toFixed(1)} % right, ${same.toFixed(1)} % as f32`);
      if (dtype === 'q8') assert.ok(same >= floor, say.join('; '));
    }
    console.log(`${photos.length} photos; ${say.join('; ')}`);
  });

  // it was made for photos as people take them; these have 64 pixels, of the 240 that it sees
  test('the embedded model is right among 210 labels for at least 30 %, however blurred the photos are', async () => {
    const answers = await best(null, 'q8');
    const right = share(i => answers[i] === photos[i].label);
    console.log(`${photos.length} photos; the embedded model: ${right.toFixed(1)} % right`);
    assert.ok(right >= 30, `${right} %`);
  });
});
