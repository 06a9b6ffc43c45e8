/** The page as people use it: mouse, keyboard, paste, several photos, what goes wrong, small and dark screens, and what it asks of the network. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { ISOLATION, serve } from '../../build/serve.mjs';
import { DEFAULT_TEMPLATE } from '../../web/node.js';
import { ROOT, startChromium } from './helpers/chromium.js';

const { resolve } = createRequire(import.meta.url);
const AXE = createRequire(resolve('@axe-core/playwright')).resolve('axe-core/axe.min.js');
const samples = JSON.parse(await readFile(join(ROOT, 'weights/samples/index.json'), 'utf8'));
const sample = name => samples.find(({ file }) => file.startsWith(name));
const bytesOf = async name => [...(await readFile(join(ROOT, 'weights/samples', sample(name).file)))];
const pathOf = name => join(ROOT, 'weights/samples', sample(name).file);

/** @type {Awaited<ReturnType<typeof startChromium>>} */
let browser;
/** @type {Awaited<ReturnType<typeof serve>>} */
let site;
before(async () => {
  browser = await startChromium();
  // as `npm start` serves it
  site = await serve({ root: join(ROOT, 'web'), mounts: { '/weights/': join(ROOT, 'weights') }, headers: ISOLATION });
});
after(async () => {
  await browser?.close();
  await site?.close();
});
afterEach(async () => {
  for (const page of browser.context.pages().slice(1)) await page.close();
});

/** The page, opened; ready: once the model has ranked the first sample. */
async function open({ size = { width: 1200, height: 800 }, colors = 'light', query = '', ready = true } = {}) {
  const page = await browser.context.newPage();
  const complaints = /** @type {string[]} */ ([]);
  const requests = /** @type {string[]} */ ([]);
  page.on('pageerror', error => complaints.push(error.message));
  page.on('console', message => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
  page.on('request', request => requests.push(request.url()));
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: /** @type {'light' | 'dark'} */ (colors), reducedMotion: 'reduce' });
  await page.goto(`${site.url}demo/${query}`);
  if (ready) await settled(page, sample('').labels.length);
  return Object.assign(page, { complaints, requests });
}

/** Waits until `count` labels have scores, and answers them as they stand. */
async function settled(page, count) {
  await page.waitForFunction(
    count => {
      const scores = [...document.querySelectorAll('#ranking .score')];
      return (
        document.getElementById('results').getAttribute('aria-busy') === 'false' &&
        scores.length === count &&
        scores.every(one => one.textContent)
      );
    },
    count,
    { timeout: 30_000 },
  );
  return page.$$eval('#ranking li', rows =>
    rows.map(row => [row.querySelector('.label').textContent, row.querySelector('.score').textContent]),
  );
}

const shown = (page, text) => page.getByText(text).first().waitFor({ state: 'visible', timeout: 15_000 });

/** Sends an event with files to the page, as the browser does for a drop or a paste. */
const give = (page, type, files) =>
  page.evaluate(
    ({ type, files }) => {
      const transfer = new DataTransfer();
      for (const { bytes, name, mime } of files) transfer.items.add(new File([new Uint8Array(bytes)], name, { type: mime }));
      const event =
        type === 'paste'
          ? new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true })
          : new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true });
      document.body.dispatchEvent(event);
    },
    { type, files },
  );

async function setLabels(page, text) {
  const { length } = await page.$$('.chip');
  if (length) await page.click('#clear');
  await page.fill('#label-input', text);
  await page.press('#label-input', 'Enter');
}

/** Everything that axe finds against WCAG 2.2 AA. Through evaluate, which the page's policy lets pass. */
async function audit(page) {
  await page.evaluate(await readFile(AXE, 'utf8'));
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }),
  );
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join('; ')}`);
}

test('opens with a sample, ranked; asks nobody else; complains about nothing', async () => {
  const page = await open();
  const ranking = await settled(page, samples[0].labels.length);
  assert.equal(ranking[0][0], samples[0].labels[0]);
  assert.deepEqual(ranking.map(([label]) => label).sort(), [...samples[0].labels].sort());
  assert.deepEqual(
    page.requests.filter(url => !url.startsWith(site.url) && !url.startsWith('blob:')),
    [],
  );
  assert.ok(page.requests.some(url => url.endsWith('/demo/app.js')));
  assert.deepEqual(page.complaints, []);
});

test('every sample gets its label', async () => {
  const page = await open();
  for (const { title, labels } of samples) {
    await page.getByRole('button', { name: title, exact: true }).click();
    await page.waitForFunction(first => document.querySelector('.chip span')?.textContent === first, labels[0]);
    const [[best]] = await settled(page, labels.length);
    assert.equal(best, labels[0], title);
  }
  assert.deepEqual(page.complaints, []);
});

test('a dropped photo and typed labels', async () => {
  const page = await open();
  await give(page, 'dragenter', [{ bytes: [], name: 'x.jpg', mime: 'image/jpeg' }]);
  assert.ok(await page.isVisible('#drop-veil'));
  await give(page, 'drop', [{ bytes: await bytesOf('jellyfish'), name: 'holiday.jpg', mime: 'image/jpeg' }]);
  await page.waitForSelector('#drop-veil', { state: 'hidden' });
  await setLabels(page, 'school bus, jellyfish');
  assert.equal((await settled(page, 2))[0][0], 'jellyfish');
  await page.type('#label-input', 'pizza,'); // a comma adds
  assert.equal((await settled(page, 3))[0][0], 'jellyfish');
  assert.equal(await page.textContent('#caption'), 'holiday.jpg');
  assert.match(await page.getAttribute('#photo', 'alt'), /holiday\.jpg/);
  const shares = (await settled(page, 3)).map(([, share]) => parseFloat(share.replace('<', '')));
  assert.deepEqual(
    shares,
    [...shares].sort((a, b) => b - a),
  );
  await page.waitForFunction(() => /^jellyfish, \d/.test(document.getElementById('announce').textContent)); // read out
});

test('the keyboard alone', async () => {
  const page = await open();
  const focused = () =>
    page.evaluate(
      () => document.activeElement.id || document.activeElement.getAttribute('aria-label') || document.activeElement.dataset.name,
    );
  const tabTo = async id => {
    for (let i = 0; i < 60 && (await focused()) !== id; i++) await page.keyboard.press('Tab');
    assert.equal(await focused(), id);
  };
  await tabTo(sample('jellyfish').title);
  await page.keyboard.press('Enter');
  await page.waitForFunction(first => document.querySelector('.chip span')?.textContent === first, sample('jellyfish').labels[0]);
  await tabTo('label-input');
  for (let i = sample('jellyfish').labels.length; i > 0; i--) await page.keyboard.press('Backspace');
  await shown(page, /Type a few words/);
  await page.keyboard.type('lemon');
  await page.keyboard.press('Enter');
  await page.keyboard.type('jellyfish');
  await page.keyboard.press('Enter');
  assert.equal((await settled(page, 2))[0][0], 'jellyfish');
  await page.keyboard.press('ArrowLeft');
  assert.equal(await focused(), 'Remove jellyfish');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Delete');
  assert.equal(await focused(), 'Remove jellyfish');
  assert.deepEqual(await settled(page, 1), [['jellyfish', '100 %']]);
  await tabTo('choose');
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.querySelector('label[for=choose]')).outlineStyle), 'none');
});

test('pasting a photo, and a list of labels', async () => {
  const page = await open();
  await give(page, 'paste', [{ bytes: await bytesOf('school-bus'), name: 'image.png', mime: 'image/png' }]);
  await page.click('#clear');
  await page.evaluate(() => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text', 'lighthouse\nschool bus\r\n\n jellyfish ;Jellyfish');
    document.getElementById('label-input').dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  });
  assert.equal((await settled(page, 3))[0][0], 'school bus');
  assert.equal(await page.textContent('#caption'), 'image.png');
});

test('what cannot be read is said, and the next photo works', async () => {
  const page = await open();
  const good = await bytesOf('lighthouse');
  const { labels } = sample('lighthouse');
  await setLabels(page, labels.join(','));
  for (const [bytes, name, mime, text] of [
    [good.slice(0, 40), 'half.jpg', 'image/jpeg', /“half\.jpg” is damaged/],
    [[...Buffer.from('Dear diary')], 'diary.txt', 'text/plain', /“diary\.txt” is not a kind of picture/],
    [[], 'empty.png', 'image/png', /“empty\.png” is/],
  ]) {
    await give(page, 'drop', [{ bytes, name, mime }]);
    await shown(page, text);
    await give(page, 'drop', [{ bytes: good, name: 'good.jpg', mime: 'image/jpeg' }]);
    await page.waitForSelector('#photo-trouble', { state: 'hidden' });
    assert.equal((await settled(page, labels.length))[0][0], labels[0]);
  }
});

test('labels of all kinds', async () => {
  const page = await open();
  await page.click('#clear');
  await shown(page, /Type a few words/);
  await page.fill('#label-input', ' , ,, ');
  await page.press('#label-input', 'Enter');
  assert.equal((await page.$$('.chip')).length, 0);
  const long = 'x'.repeat(10_000);
  await setLabels(page, `orange,ORANGE,<|endoftext|>,${long},\ud83d\ude00,<b>bold</b>`);
  const ranking = await settled(page, 5);
  assert.deepEqual(new Set(ranking.map(([label]) => label)), new Set(['orange', '<|endoftext|>', long, '\ud83d\ude00', '<b>bold</b>']));
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await page.click('#clear');
  await page.evaluate(() => {
    const input = /** @type {HTMLInputElement} */ (document.getElementById('label-input'));
    input.value = `half ${String.fromCharCode(0xd800)}a letter,`;
    input.dispatchEvent(new InputEvent('input'));
  });
  assert.deepEqual(await settled(page, 1), [['half a letter', '100 %']]);
  await setLabels(page, Array.from({ length: 5000 }, (_, i) => `thing ${i}`).join(','));
  await shown(page, 'and 4,880 more');
  await page.waitForFunction(
    () => document.querySelector('#ranking .score')?.textContent && document.querySelectorAll('#ranking li').length === 41,
    null,
    { timeout: 60_000 },
  );
  assert.deepEqual(page.complaints, []);
});

test('words that the model was not taught are marked', async () => {
  const page = await open();
  const { concepts } = JSON.parse(
    await readFile(
      join(
        ROOT,
        'web',
        new URL(await page.evaluate(async () => (await import('/embedded.js')).embeddedSpec().files['clip.json'])).pathname.replace(
          '/weights/',
          '../weights/',
        ),
      ),
      'utf8',
    ),
  );
  assert.ok(concepts.length > 100);
  await setLabels(page, `a ${concepts[0]}, ${concepts[1]}s, democracy`);
  await settled(page, 3);
  assert.deepEqual(await page.$$eval('#ranking .unknown .label', all => all.map(one => one.textContent)), ['democracy']);
  assert.match(await page.textContent('#unknown-note'), /“democracy” is not among the words/);
  await setLabels(page, concepts[0]);
  await settled(page, 1);
  assert.ok(!(await page.isVisible('#unknown-note')));
});

test('the template', async () => {
  const page = await open();
  assert.equal(await page.inputValue('#template'), DEFAULT_TEMPLATE);
  const before = await settled(page, samples[0].labels.length);
  await page.click('summary:has-text("Advanced")');
  await page.fill('#template', 'no place for it');
  await shown(page, 'The sentence needs {} where the label goes.');
  await page.fill('#template', 'nothing like a {} at all');
  await page.waitForSelector('#template-trouble', { state: 'hidden' });
  assert.notDeepEqual(await settled(page, samples[0].labels.length), before);
});

test('several photos: a sheet, one of them, a table to save', async () => {
  const page = await open();
  await setLabels(page, 'jellyfish, school bus, pizza');
  await page.setInputFiles('#choose', [
    ...['jellyfish', 'school-bus'].map(name => ({ name: `${name}.jpg`, mimeType: 'image/jpeg', buffer: readFileSync(pathOf(name)) })),
    { name: '=1+1,"x".jpg', mimeType: 'image/jpeg', buffer: Buffer.from('nothing') },
  ]);
  const best = () => page.$$eval('#tiles .tile-label', all => all.map(one => one.textContent));
  await page.waitForFunction(() => !document.querySelector('#tiles .waiting') && document.querySelectorAll('#tiles li').length === 3);
  assert.deepEqual(await best(), ['jellyfish', 'school bus', 'cannot be read']);
  await shown(page, '3 photos');

  const saved = async button => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.click(button)]);
    return readFile(await download.path(), 'utf8');
  };
  const [head, first, second, third, end] = (await saved('#save-csv')).split('\r\n');
  assert.equal(head, 'file,label,score,jellyfish,school bus,pizza');
  assert.match(first, /^jellyfish\.jpg,jellyfish,0\.\d{6},0\.\d{6},0\.\d{6},0\.\d{6}$/);
  assert.match(second, /^school-bus\.jpg,school bus,/);
  assert.equal(third, '"\'=1+1,""x"".jpg",error: unknown-image-format,,,,');
  assert.equal(end, '');
  const json = JSON.parse(await saved('#save-json'));
  assert.deepEqual(
    json.map(({ file }) => file),
    ['jellyfish.jpg', 'school-bus.jpg', '=1+1,"x".jpg'],
  );
  assert.equal(json[0].labels[0].label, 'jellyfish');
  assert.equal(json[0].labels.length, 3);

  await page.click('#tiles li:nth-child(2) button');
  assert.equal((await settled(page, 3))[0][0], 'school bus');
  await page.click('#back');
  assert.equal(await page.evaluate(() => document.activeElement.title), 'school-bus.jpg');
  await setLabels(page, 'school bus, jellyfish'); // new labels reach every photo
  await page.waitForFunction(
    () => document.querySelectorAll('.chip').length === 2 && document.getElementById('results').getAttribute('aria-busy') === 'false',
  );
  assert.deepEqual((await best()).slice(0, 2), ['jellyfish', 'school bus']);
  assert.deepEqual(page.complaints, []);
});

describe('models', () => {
  test('one that is not there is said, and the one that is stays', async () => {
    const page = await open();
    await page.click('#model-open');
    await page.fill('#model-source', `${site.url}no-such-model/`);
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
});

test('goes on without a network', async () => {
  const page = await open();
  await browser.context.setOffline(true);
  try {
    await shown(page, /You are offline, and it goes on/);
    await give(page, 'drop', [{ bytes: await bytesOf('lighthouse'), name: 'l.jpg', mime: 'image/jpeg' }]);
    await setLabels(page, 'broom, lighthouse');
    assert.equal((await settled(page, 2))[0][0], 'lighthouse');
  } finally {
    await browser.context.setOffline(false);
  }
});

describe('for everyone', () => {
  for (const colors of ['light', 'dark']) {
    for (const [device, size] of Object.entries({ desktop: { width: 1200, height: 800 }, phone: { width: 360, height: 740 } })) {
      test(`${device}, ${colors}: nothing for axe to find, nothing beyond the edge`, async () => {
        const page = await open({ size, colors });
        const check = async () => {
          assert.deepEqual(await audit(page), []);
          assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
        };
        await setLabels(page, 'orange, democracy');
        await settled(page, 2);
        await page.click('summary:has-text("Advanced")');
        await check();
        await give(page, 'drop', [{ bytes: [1, 2, 3], name: 'broken.jpg', mime: 'image/jpeg' }]);
        await page.waitForSelector('#photo-trouble:not([hidden])');
        await check();
        await page.setInputFiles('#choose', [pathOf('jellyfish'), pathOf('school-bus')]);
        await page.waitForFunction(() => document.querySelectorAll('#tiles li').length === 2 && !document.querySelector('#tiles .waiting'));
        await check();
        await page.click('#model-open');
        await page.click('#concepts-title');
        await page.waitForSelector('#kept li');
        await check();
      });
    }
  }

  test('paints dark where dark is wanted, and takes its accent from the photo', async () => {
    const lightness = page => page.evaluate(() => Number(/oklch\(([\d.]+)/.exec(getComputedStyle(document.body).backgroundColor)[1]));
    assert.ok((await lightness(await open({ colors: 'light' }))) > 0.9);
    const page = await open({ colors: 'dark' });
    assert.ok((await lightness(page)) < 0.3);
    const hue = () => page.evaluate(() => Number(document.documentElement.style.getPropertyValue('--hue')));
    await give(page, 'drop', [{ bytes: await bytesOf('jellyfish'), name: 'j.jpg', mime: 'image/jpeg' }]);
    await page.waitForFunction(
      () =>
        Math.abs(Number(document.documentElement.style.getPropertyValue('--hue')) + 110) < 40 ||
        Number(document.documentElement.style.getPropertyValue('--hue')) > 220,
    );
    assert.ok(Number.isFinite(await hue()));
  });
});
