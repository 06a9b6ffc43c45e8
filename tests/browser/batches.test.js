/** Batches in a page: workers that begin as copies of the first, without headers, under a strict policy; a file that was deleted. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeOwnModel, makePicture, temporaryFolder } from '../js/helpers/model.js';
import { startChromium, startSite } from './helpers/chromium.js';

const LABELS = ['a dog', 'cat', 'photo'];
/** @type {Awaited<ReturnType<typeof startChromium>>} */
let browser;
/** @type {Record<string, Awaited<ReturnType<typeof startSite>>>} */
const sites = {};
before(async () => {
  browser = await startChromium();
  const mounts = { '/model/': await makeOwnModel() };
  for (const isolated of [true, false]) sites[String(isolated)] = await startSite({ isolated, mounts });
});
after(async () => {
  await browser?.close();
  for (const site of Object.values(sites)) await site.close();
});

for (const isolated of [false, true])
  test(`a batch answers as single calls do, from several workers, ${isolated ? 'with isolation, where the first has threads' : 'without isolation'}`, async () => {
    const site = sites[String(isolated)];
    const page = await browser.page(site);
    const asked = site.log.length;
    const photos = Array.from({ length: 6 }, (_, i) => Array.from(makePicture(40 + i, 50, i)));
    const result = await page.evaluate(
      async ([photos, labels, needed]) => {
        const clip = await window.Clip.load('/model/', { workers: 3, cache: false });
        const blobs = photos.map(photo => new Blob([new Uint8Array(photo)]));
        const alone = [];
        for (const blob of blobs) alone.push(await clip.classify(blob, labels));
        // these are done in no time: it goes on until the others have come, and have done some
        let [most, count] = [0, 0];
        function* inputs() {
          for (let left = 100; left > 0 && count < 30_000; count++) {
            if (clip.info.workers >= needed) left--;
            yield blobs[count % blobs.length];
          }
        }
        const wrong = [];
        for await (const { index, ranking } of clip.classifyEach(inputs(), labels)) {
          most = Math.max(most, clip.info.workers);
          const same = alone[index % photos.length].every(({ label, score }) =>
            ranking.some(other => other.label === label && Math.abs(other.score - score) < 1e-5),
          );
          if (!same) wrong.push(index);
        }
        const { info } = clip;
        clip.dispose();
        return { count, wrong, most, info };
      },
      [photos, LABELS, 3],
    );
    assert.deepEqual(result.wrong, []);
    assert.ok(result.count >= 100);
    assert.equal(result.most, 3, 'workers');
    assert.equal(result.info.threads > 1, isolated);
    const fetched = site.log.slice(asked).filter(address => address.endsWith('.safetensors'));
    assert.equal(new Set(fetched).size, fetched.length, 'each file is fetched once, though nothing is kept');
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

test('a file that was deleted is that photo’s error, and the others go on', async () => {
  const page = await browser.page(sites.false);
  const folder = await temporaryFolder('clip-photos-');
  const files = ['a.ppm', 'b.ppm', 'c.ppm'].map(name => join(folder, name));
  for (const [i, file] of files.entries()) await writeFile(file, makePicture(60, 40, i));
  await page.evaluate(() => {
    const input = Object.assign(document.createElement('input'), { type: 'file', multiple: true });
    document.body.append(input);
  });
  await page.setInputFiles('input', files);
  await rm(files[1]);
  const codes = await page.evaluate(async labels => {
    const clip = await window.Clip.load('/model/');
    const codes = [];
    for await (const { error } of clip.classifyEach(document.querySelector('input').files, labels)) codes.push(error?.code);
    clip.dispose();
    return codes;
  }, LABELS);
  assert.deepEqual(codes, [undefined, 'bad-image', undefined]);
});
