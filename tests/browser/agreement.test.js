/**
 * The embedded model's int8 form against its f32 source, on photos: how often is the best of 210 labels the same?
 *
 * CLIP_PHOTOS is how many photos of each kind to take (5 by default; 20 takes a minute or two).
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { SHARED, needsShared } from '../js/helpers/cli.js';
import { startChromium, startSite } from './helpers/chromium.js';
import { openZip } from './helpers/zip.js';

const PER_KIND = Number(process.env.CLIP_PHOTOS ?? 5);

test('clip-nano: q8 agrees with f32 on the best of 210 labels for at least 96.5 %', needsShared, async () => {
  const zip = await openZip(join(SHARED, 'data/photos-64.zip'));
  const kinds = (await zip.read('classes.tsv'))
    .toString()
    .trim()
    .split('\n')
    .slice(1)
    .map(line => line.split('\t'));
  const labels = kinds.map(([, names]) => names.split(',')[0]);
  const photos = kinds.flatMap(([folder]) => zip.names.filter(name => name.startsWith(`${folder}/`)).slice(-PER_KIND));
  const site = await startSite({ mounts: { '/source/': join(SHARED, 'data/models/clip-nano') } });
  const browser = await startChromium();
  try {
    const page = await browser.page(site);
    await page.evaluate(async labels => {
      const options = { cache: false, threads: 1 };
      window.labels = labels;
      window.q8 = await window.Clip.load('/weights/clip-nano/', options);
      window.f32 = await window.Clip.load('/source/', { ...options, dtype: 'f32' });
    }, labels);
    let [same, right] = [0, 0];
    for (let at = 0; at < photos.length; at += 210) {
      const names = photos.slice(at, at + 210);
      const batch = await Promise.all(names.map(async name => (await zip.read(name)).toString('base64')));
      const best = await page.evaluate(async batch => {
        const { labels, q8, f32 } = window;
        const bytes = batch.map(text => Uint8Array.from(atob(text), c => c.charCodeAt(0)));
        const options = { template: 'a photo of a {}', top: 1 };
        const answers = await Promise.all([q8, f32].map(clip => clip.classify(bytes, labels, options)));
        return answers.map(answer => answer.map(([{ label }]) => label));
      }, batch);
      names.forEach((name, i) => {
        same += Number(best[0][i] === best[1][i]);
        right += Number(best[0][i] === labels[kinds.findIndex(([folder]) => name.startsWith(`${folder}/`))]);
      });
    }
    const percent = (/** @type {number} */ n) => `${((100 * n) / photos.length).toFixed(1)} %`;
    console.log(`${photos.length} photos: the same label for ${percent(same)}, the right one for ${percent(right)}`);
    assert.ok(same / photos.length >= 0.965, percent(same));
  } finally {
    await browser.close();
    await site.close();
    await zip.close();
  }
});
