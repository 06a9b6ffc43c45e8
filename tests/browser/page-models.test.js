/** Models on the page: those that are not there, folders, addresses, what is kept. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { serve } from '../../build/serve.mjs';
import { FIREFOX, ROOT } from './helpers/chromium.js';
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

/** Models as weights/models.json has them: the embedded one, the same at an address, and a large one that is nowhere. */
const KNOWN = (/** @type {string} */ site) => {
  const facts = { form: 'clip-wasm', accuracy: { imagenet: 0.632, source: 'its card' }, licence: 'MIT', languages: ['en', 'ko'], note: '' };
  const other = new URL('weights/clip-mini/', site).href;
  return {
    models: [
      { ...facts, name: 'clip-mini', source: 'clip-mini', bytes: { q8: 10_000_000 } },
      { ...facts, name: 'clip-other', source: other, bytes: { q8: 10_015_697 }, note: 'The same once more.' },
      { ...facts, name: 'clip-large', source: 'nobody/clip-large', bytes: { q8: 438_000_000 }, languages: ['en'] },
    ],
  };
};

test('known ones, with what they can do and what is to be fetched; one of them is fetched, stopped, gone on with', async t => {
  let release, held; // what the server has, it keeps back from when `held` is there
  const own = await startPage({ onRequest: request => held && /clip-mini\/text/.test(request.url) && held.then(() => false) });
  t.after(() => own.close());
  const page = await own.open();
  await page.evaluate(async () => {
    const { Clip } = await import('/index.js');
    const kept = async () => (await Clip.cache.list()).some(({ files }) => files.length === 2);
    while (!(await kept())) await new Promise(resolve => setTimeout(resolve, 50));
    await Clip.cache.delete('clip-mini'); // the other has the same bytes, which would not be fetched again
  });
  await page.route('**/weights/models.json', route => route.fulfill({ json: KNOWN(own.site.url) }));
  await page.click('#model-open');
  const rows = page.locator('#known li');
  await rows.nth(2).waitFor();
  assert.match(await rows.nth(0).textContent(), /^clip-mini10\sMB · 63% on ImageNet · English, Korean · MIT · built inin use$/);
  assert.match(await rows.nth(1).textContent(), /Fetch 10\sMB$/);
  assert.match(await rows.nth(2).textContent(), /^clip-large438\sMB · 63% on ImageNet · English · MIT/);
  held = new Promise(resolve => (release = resolve));
  await rows.nth(1).locator('button').click();
  await page.waitForFunction(() => /^(Fetching|Unpacking) the half that/.test(document.getElementById('model-stage').textContent));
  await page.click('#model-stop');
  await shown(page, 'Loading was stopped. What has arrived is kept.');
  assert.equal(await page.textContent('#model-name'), 'clip-mini');
  release();
  await page.click('#model-retry');
  await page.waitForSelector('#model-dialog', { state: 'hidden' });
  await page.click('#model-open');
  await rows.nth(1).locator('em').last().waitFor(); // drawn anew
  assert.match(await rows.nth(1).textContent(), /on this deviceThe same once more\.in use$/);
  assert.match(await rows.nth(0).textContent(), /Use$/);
  await rows.nth(0).locator('button').click();
  await page.waitForSelector('#model-dialog', { state: 'hidden' });
  await settled(page, samples[0].labels.length);
  assert.equal(new URL(page.url()).searchParams.get('model'), null);
  assert.deepEqual(page.complaints, []);
});

test('links to a hub’s page mean the model', async () => {
  const page = await open();
  const sources = await page.evaluate(async () => {
    const { sourceOf } = await import('/demo/model-source.js');
    return [
      'https://huggingface.co/openai/clip-vit-base-patch32',
      'huggingface.co/openai/clip-vit-base-patch32/tree/main',
      'https://hf.co/openai/clip-vit-base-patch32/tree/abc123/folder?x=1',
      'https://www.huggingface.co/openai/clip-vit-base-patch32/blob/main/config.json',
      'openai/clip-vit-base-patch32',
      'https://example.org/models/mine/',
    ].map(sourceOf);
  });
  const name = 'openai/clip-vit-base-patch32';
  assert.deepEqual(sources, [name, name, `${name}@abc123`, name, name, 'https://example.org/models/mine/']);
});

/** What the hub answers, each told apart. */
const cors = { 'Access-Control-Allow-Origin': '*' };
const FAILURES = [
  ['no such name', /no model of that name, or it is not public/, route => route.fulfill({ status: 401, headers: cors })],
  ['no connection', /could not be fetched\. Check the connection/, route => route.abort('connectionreset')],
  [
    'no CLIP',
    /not a CLIP model|of a kind that cannot be run here/,
    route =>
      /config\.json$/.test(route.request().url())
        ? route.fulfill({ json: { model_type: 'bert', hidden_size: 3 }, headers: cors })
        : route.fulfill({ status: 404, headers: cors }),
  ],
];
for (const [what, text, answer] of FAILURES)
  test(`a model that cannot be had: ${what}`, async () => {
    const page = await open();
    await page.context().route('https://huggingface.co/**', answer);
    try {
      await page.click('#model-open');
      await page.fill('#model-source', 'https://huggingface.co/nobody/nothing');
      await page.click('#model-form button');
      await page.waitForSelector('#model-trouble:not([hidden])');
      assert.match(await page.textContent('#model-trouble'), text);
      assert.ok(await page.isVisible('#model-retry'));
      assert.equal(await page.textContent('#model-name'), 'clip-mini');
    } finally {
      await page.context().unroute('https://huggingface.co/**');
    }
  });

for (const isolated of [true, false])
  test(`a site that does not let others read it, from a page that is ${isolated ? '' : 'not '}isolated`, async () => {
    const other = await serve({ root: join(ROOT, 'weights'), headers: {} }); // no CORS headers
    const own = isolated ? it : await startPage({ headers: {} });
    const page = await own.open();
    try {
      await page.click('#model-open');
      await page.fill('#model-source', `${other.url}clip-mini/`);
      await page.click('#model-form button');
      await page.waitForSelector('#model-trouble:not([hidden])');
      assert.match(
        await page.textContent('#model-trouble'),
        isolated ? /cannot be reached, or it does not let/ : /^That site does not let other pages/,
      );
    } finally {
      await other.close();
      if (!isolated) await own.close();
    }
  });

test('a large one is asked about before it is fetched', async () => {
  const manifest = JSON.parse(await readFile(join(ROOT, 'weights/clip-mini/clip.json'), 'utf8'));
  for (const tower of Object.values(manifest.towers))
    for (const file of Object.values(tower)) Object.assign(file, { bytes: 500_000_000, sha256: Array(120).fill('5'.repeat(64)) });
  const large = await startPage({
    onRequest(request, response) {
      if (!request.url.includes('/large/')) return false;
      if (request.url.endsWith('clip.json')) return response.end(JSON.stringify(manifest));
      const size = manifest.towers.vision.q8.bytes;
      const [, from] = /bytes=(\d+)-/.exec(request.headers.range ?? '') ?? [];
      const range = { 'Content-Range': `bytes ${from}-${size - 1}/${size}` };
      response.writeHead(from ? 206 : 200, { 'Content-Length': size - Number(from ?? 0), ...(from ? range : {}) });
      return response.write(Buffer.alloc(200_000)); // and no more
    },
  });
  try {
    const page = await large.open();
    await page.click('#model-open');
    await page.fill('#model-source', `${large.site.url}large/`);
    await page.click('#model-form button');
    await page.waitForSelector('#model-trouble:not([hidden])');
    assert.match(await page.textContent('#model-trouble'), /\/large\/” is large: 500\sMB are to be fetched/);
    assert.equal(await page.textContent('#model-retry'), 'Fetch it');
    await page.click('#model-retry');
    await page.waitForFunction(() =>
      /^Fetching the half that sees: .* of 500\sMB/.test(document.getElementById('model-stage').textContent),
    );
    await page.click('#model-stop');
    await shown(page, 'Loading was stopped. What has arrived is kept.');
    assert.equal(await page.textContent('#model-name'), 'clip-mini');
  } finally {
    await large.close();
  }
});

test('one from a folder, and back to the built-in one', { skip: FIREFOX && 'by BiDi nobody can choose a folder' }, async () => {
  const page = await open();
  await page.click('#model-open');
  await page.waitForSelector('#model-dialog[open]');
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
