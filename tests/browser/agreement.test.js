/**
 * Models on photos of ../shared: how often the best of 210 labels is right, and the same in another number format; what the embedded one says
 * first of pictures (its own figures are weights/train/evaluate.py's, which engine.mjs beside it has the engine answer).
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
});

/** Everyday names, and which of them comes first for the pictures of ../shared/data/images that show something. */
const EVERYDAY =
  'person, dog, cat, bird, fish, car, bus, boat, airplane, bicycle, pizza, cup of coffee, bowl of soup, kimchi, apple, flower, tree, waterfall, beach, mountain, snow, building, kitchen, bedroom, chair, lamp, guitar, book, computer, phone, document, toy, ball, shoe, hat, horse, insect, snake, clock, umbrella'.split(
    ', ',
  );
const SHOWN = {
  person:
    'astronaut.png hopper.avif hopper.bmp hopper.gif hopper.jpg hopper.png hopper.ppm hopper.psd hopper.webp hopper_gray.jpg hopper_16bit.pgm hopper_orientation_2.jpg hopper_orientation_4.jpg hopper_orientation_6.jpg hopper_orientation_8.jpg hopper_rle8.bmp',
  cat: 'chelsea.jpg two-cats-000000039769.png',
  bird: 'pil123p.png',
  flower: 'flower.webp',
  'cup of coffee': 'coffee.png',
  'beach|waterfall|mountain': 'exif-landscape-3.jpg exif-landscape-6.jpg',
};

describe('the embedded model', needsShared, () => {
  test('of forty everyday names the one that fits comes first, above one half', async () => {
    const site = await startSite({ mounts: { '/pictures/': resolve(SHARED, 'data/images') } });
    const browser = await startChromium();
    try {
      const page = await browser.page(site);
      const files = Object.values(SHOWN).flatMap(list => list.split(' '));
      const best = await page.evaluate(
        async ([files, labels]) => {
          const clip = await window.Clip.load(undefined, { cache: false, threads: 1 });
          const pictures = files.map(file => new URL(`/pictures/${file}`, location.href));
          return (await clip.classify(pictures, labels, { top: 1 })).map(([first]) => first);
        },
        [files, EVERYDAY],
      );
      for (const [fits, list] of Object.entries(SHOWN))
        for (const file of list.split(' ')) {
          const { label, score } = best[files.indexOf(file)];
          assert.ok(fits.split('|').includes(label) && score > 0.5, `${file}: ${label} ${score.toFixed(2)}`);
        }
    } finally {
      await browser.close();
      await site.close();
    }
  });
});
