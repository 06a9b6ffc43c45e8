/** README's first model example, by its name, from a hub that has the files that the real repository has: in Chromium as in Node. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Clip } from '../../web/node.js';
import { startHub } from '../js/helpers/hub.js';
import { ROOT, STRICT_CSP, startBrowser, startSite } from './helpers/chromium.js';

const FIXTURE = join(ROOT, 'tests/models/fixtures/transformers-bin');
const read = path => readFileSync(join(ROOT, path), 'utf8');
const { texts: LABELS } = JSON.parse(read('tests/models/fixtures/inputs.json'));
const PICTURE = readFileSync(join(ROOT, 'tests/models/fixtures/picture.png'));
/** The first model that README loads by name. */
const [, NAME] = /Clip\.load\('([\w-]+\/[\w.-]+)'/.exec(read('README.md')) ?? [];

/** What transformers answered about the picture and the texts, as probabilities by label. */
function expected() {
  const {
    picture_embeds: [image],
    text_embeds: texts,
    logit_scale: scale,
  } = JSON.parse(readFileSync(join(FIXTURE, 'expected.json'), 'utf8'));
  const powers = texts.map(text => {
    const cosine = text.reduce((sum, x, i) => sum + x * image[i], 0) / (Math.hypot(...text) * Math.hypot(...image));
    return Math.exp(scale * cosine);
  });
  return powers.map(power => power / powers.reduce((a, b) => a + b));
}
const isRight = scores => {
  const right = expected();
  for (const { label, score } of scores) assert.ok(Math.abs(score - right[LABELS.indexOf(label)]) < 0.01, `${label}: ${score}`);
  assert.equal(scores.length, LABELS.length);
};

let hub;
let browser;
let site;
before(async () => {
  // as there: no safetensors, and weights of two other frameworks, which nobody may fetch
  hub = await startHub({ [NAME]: { folder: FIXTURE, extra: ['tf_model.h5', 'flax_model.msgpack'] } });
  browser = await startBrowser();
  site = await startSite({ csp: STRICT_CSP.replace("connect-src 'self'", "connect-src 'self' http://127.0.0.1:*") });
});
after(async () => {
  await browser?.close();
  await site?.close();
  await hub?.close();
});

test('it is a model whose repository has pytorch_model.bin only', () => {
  assert.equal(NAME, 'openai/clip-vit-base-patch32');
  assert.ok(readFileSync(join(FIXTURE, 'pytorch_model.bin')).length > 0);
});

test('in Node it answers as transformers does', async () => {
  const clip = await Clip.load(NAME, { hub: hub.url });
  isRight(await clip.classify(new Uint8Array(PICTURE), LABELS, { template: '{}' }));
  clip.dispose();
});

test('in a browser too; the readers’ module comes when it is needed; the second visit needs no network', async () => {
  const ask = page =>
    page.evaluate(
      async ({ name, url, bytes, labels }) => {
        const clip = await Clip.load(name, { hub: url });
        const scores = await clip.classify(new Blob([new Uint8Array(bytes)]), labels, { template: '{}' });
        const { warnings } = clip;
        clip.dispose();
        return { scores, warnings };
      },
      { name: NAME, url: hub.url, bytes: Array.from(PICTURE), labels: LABELS },
    );
  const page = await browser.page(site);
  const first = await ask(page);
  isRight(first.scores);
  assert.deepEqual(first.warnings, []);
  assert.deepEqual(page.complaints, []);
  assert.equal(site.log.filter(url => url.endsWith('clip-readers.wasm')).length, 1);
  assert.deepEqual(
    hub.log.filter(({ name, status }) => status >= 400 || /h5|msgpack/.test(name)),
    [],
  );
  await page.close();
  const again = await browser.page(site);
  hub.log.length = 0;
  site.log.length = 0;
  assert.deepEqual((await ask(again)).scores, first.scores);
  assert.deepEqual(hub.log, [], 'nothing is asked for');
  assert.ok(!site.log.some(url => url.endsWith('clip-readers.wasm')), 'what is kept is in our own form');
});
