/**
 * npm run verify:published: loads real models from the hub, which is gigabytes, and compares what they answer with what was published, and
 * with the labels of a folder of photos. For people with internet; the tests run it against a hub of their own.
 *
 *     --list FILE       models and what was published about them; published.json beside this file
 *     --photos FOLDER   a folder with a folder of photos for each label; by default the sample pictures, each among its own labels
 *     --dtype DTYPE     f32, q8 (the default), q4
 *     --hub ADDRESS     of another hub
 *     --only TEXT       models whose name has this in it
 *
 * A model fails where a probability is further from the published one than 0.01 (in f32 0.002), or where it does not load.
 */
import { readFile, readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Clip } from '../../web/node.js';

const file = name => fileURLToPath(new URL(name, import.meta.url));
const { values: options } = parseArgs({
  options: {
    list: { type: 'string', default: file('published.json') },
    photos: { type: 'string' },
    dtype: { type: 'string', default: 'q8' },
    hub: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});
const TOLERANCE = options.dtype === 'f32' ? 0.002 : 0.01;

/** Photos, each with the labels to choose from, the right one first. @returns {Promise<{ path: string, labels: string[] }[]>} */
async function questions() {
  if (!options.photos) {
    const folder = file('../../weights/samples');
    const samples = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8'));
    return samples.map(({ file: name, labels }) => ({ path: join(folder, name), labels }));
  }
  const folders = (await readdir(options.photos, { withFileTypes: true })).filter(entry => entry.isDirectory()).map(({ name }) => name);
  const found = [];
  for (const label of folders)
    for (const name of await readdir(join(options.photos, label)))
      found.push({ path: join(options.photos, label, name), labels: [label, ...folders.filter(other => other !== label)] });
  if (folders.length < 2 || !found.length) throw new Error(`${options.photos} has no folders of photos, one for each label.`);
  return found;
}

/** @param {{ source: string, published?: { labels: string[], probabilities: number[] } }} model @param {Uint8Array | string} picture
 *  @param {Awaited<ReturnType<typeof questions>>} photos */
async function check({ source, published }, picture, photos) {
  const started = performance.now();
  const clip = await Clip.load(source, { dtype: options.dtype, hub: options.hub, cache: false });
  try {
    let difference;
    if (published) {
      const scores = await clip.classify(picture, published.labels, { template: '{}' });
      const of = label => scores.find(one => one.label === label).score;
      difference = Math.max(...published.labels.map((label, i) => Math.abs(of(label) - published.probabilities[i])));
    }
    let right = 0;
    for (const { path, labels } of photos) if ((await clip.classify(path, labels))[0].label === labels[0]) right++;
    const seconds = (performance.now() - started) / 1000;
    return { source, good: difference === undefined || difference <= TOLERANCE, difference, right, seconds };
  } finally {
    clip.dispose();
  }
}

const { picture: where, models } = JSON.parse(await readFile(options.list, 'utf8'));
const picture = /^https?:/.test(where) ? where : resolve(dirname(options.list), where);
const photos = await questions();
const rows = [];
for (const model of models.filter(({ source }) => source.includes(options.only))) {
  const row = await check(model, picture, photos).catch(error => ({ source: model.source, good: false, error: error.message }));
  rows.push(row);
  const { source, good, difference, right, seconds, error } = row;
  const facts = error
    ? [error]
    : [
        difference === undefined ? 'nothing published' : `largest difference ${difference.toFixed(5)}`,
        `${right} of ${photos.length} photos right`,
        `${seconds.toFixed(1)} s`,
      ];
  console.log(`${good ? 'good' : 'BAD '}  ${source.padEnd(42)}  ${facts.join('  ')}`);
}
console.log(
  `${rows.filter(({ good }) => good).length} of ${rows.length} models are as published (${options.dtype}, tolerance ${TOLERANCE})`,
);
process.exitCode = rows.length && rows.every(({ good }) => good) ? 0 : 1;
