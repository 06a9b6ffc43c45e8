/** Models on the page: those that are not there, folders, addresses, what is kept. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { ROOT } from './helpers/chromium.js';
import { samples, setLabels, settled, shown, startPage } from './helpers/page.js';

/** @type {Awaited<ReturnType<typeof startPage>>} */
let it;
before(async () => (it = await startPage()));
after(() => it?.close());
afterEach(() => it.closePages());
const open = (/** @type {any} */ options) => it.open(options);

test('one that is not there is said, and the one that is stays', async () => {
  const page = await open();
  await page.click('#model-open');
  await page.fill('#model-source', `${it.site.url}no-such-model/`);
  await page.click('#model-form button');
  await page.waitForSelector('#model-trouble:not([hidden])');
  assert.match(await page.textContent('#model-trouble'), /There is no model at that place|That is not a CLIP model/);
  await page.keyboard.press('Escape');
  await setLabels(page, 'orange, broom');
  assert.equal((await settled(page, 2))[0][0], 'orange');
});

test('one from a folder, and back to the built-in one', async () => {
  const page = await open();
  await page.click('#model-open');
  const folder = await mkdtemp(join(tmpdir(), 'not-a-model-'));
  try {
    await writeFile(join(folder, 'notes.txt'), 'nothing');
    await page.setInputFiles('#model-folder', folder);
    await shown(page, /That is not a CLIP model/);
  } finally {
    await rm(folder, { recursive: true });
  }
  const spec = await page.evaluate(async () => new URL((await import('/embedded.js')).embeddedSpec().files['clip.json']).pathname);
  await page.setInputFiles('#model-folder', join(ROOT, spec, '..'));
  await page.waitForSelector('#model-dialog', { state: 'hidden' });
  await page.click('#model-open');
  await page.click('#model-embedded');
  await page.waitForSelector('#model-dialog', { state: 'hidden' });
  await setLabels(page, 'orange, broom');
  assert.equal((await settled(page, 2))[0][0], 'orange');
  assert.deepEqual(page.complaints, []);
});

test('one by its address is in the page’s address, is kept, and can be deleted', async () => {
  const page = await open();
  const folder = await page.evaluate(async () => new URL('.', (await import('/embedded.js')).embeddedSpec().files['clip.json']).href);
  await page.click('#model-open');
  await page.fill('#model-source', folder);
  await page.click('#model-form button');
  await page.waitForSelector('#model-dialog', { state: 'hidden' });
  assert.equal(new URL(page.url()).searchParams.get('model'), folder);
  await page.reload();
  await settled(page, samples[0].labels.length);
  await page.click('#model-open');
  await page.waitForSelector('#kept li');
  for (let left = (await page.$$('#kept li')).length; left > 0; left--) {
    await page.click('#kept li button');
    await page.waitForFunction(left => document.querySelectorAll('#kept li').length === left - 1, left);
  }
  assert.ok(await page.isVisible('#kept-none'));
  assert.deepEqual(page.complaints, []);
});
