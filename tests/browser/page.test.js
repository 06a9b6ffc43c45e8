/** The page as people use it: mouse, keyboard, paste, several photos, what goes wrong, small and dark screens, and what it asks of the network. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { DEFAULT_TEMPLATE } from '../../web/node.js';
import { bytesOf, give, pasteText, sample, samples, setLabels, settled, shown, startPage } from './helpers/page.js';

/** @type {Awaited<ReturnType<typeof startPage>>} */
let it;
before(async () => (it = await startPage()));
after(() => it?.close());
afterEach(() => it.closePages());
const open = (/** @type {any} */ options) => it.open(options);

test('opens with a sample, ranked; asks nobody else; complains about nothing', async () => {
  const page = await open();
  const ranking = await settled(page, samples[0].labels.length);
  assert.equal(ranking[0][0], samples[0].labels[0]);
  assert.deepEqual(ranking.map(([label]) => label).sort(), [...samples[0].labels].sort());
  assert.deepEqual(
    page.requests.filter(url => !url.startsWith(it.site.url) && !url.startsWith('blob:')),
    [],
  );
  assert.ok(page.requests.some(url => url.endsWith('/demo/app.js')));
  assert.deepEqual(page.complaints, []);
});

for (const [language, query, list] of [
  ['English', '', samples],
  ['Korean', '?lang=ko', samples.map(({ file, ko }) => ({ file, ...ko }))],
])
  test(`every sample gets its label, in ${language}`, async () => {
    const page = await open({ query });
    for (const { title, labels } of list) {
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
  const tabTo = async (id, key = 'Tab') => {
    for (let i = 0; i < 60 && (await focused()) !== id; i++) await page.keyboard.press(key);
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
  assert.match((await settled(page, 1))[0][1], /^yes, 9\d/); // one label alone is a yes or a no
  await tabTo('choose', 'Shift+Tab');
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.querySelector('label[for=choose]')).outlineStyle), 'none');
});

test('pasting a photo, and a list of labels', async () => {
  const page = await open();
  await give(page, 'paste', [{ bytes: await bytesOf('school-bus'), name: 'image.png', mime: 'image/png' }]);
  assert.equal((await page.$$('.chip')).length, 0); // the sample's labels are not those of one's own photos
  await pasteText(page, 'lighthouse\nschool bus\r\n\n jellyfish ;Jellyfish');
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
  }
  await give(page, 'drop', [{ bytes: good, name: 'good.jpg', mime: 'image/jpeg' }]);
  await page.waitForSelector('#photo-trouble', { state: 'hidden' });
  assert.equal((await settled(page, labels.length))[0][0], labels[0]);
  assert.equal(await page.textContent('#caption'), 'good.jpg');
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
  assert.equal((await settled(page, 1))[0][0], 'half a letter');
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
  await setLabels(page, 'dog, kimchi, xqzvwk');
  await settled(page, 3);
  assert.deepEqual(await page.$$eval('#ranking .unknown .label', all => all.map(one => one.textContent)), ['xqzvwk']);
  assert.match(await page.textContent('#unknown-note'), /“xqzvwk” is not a word that this model was taught/);
  await setLabels(page, 'dog');
  await settled(page, 1);
  assert.ok(!(await page.isVisible('#unknown-note')));
});

test('the template', async () => {
  const page = await open();
  assert.equal(await page.inputValue('#template'), DEFAULT_TEMPLATE);
  const before = await settled(page, samples[0].labels.length);
  await page.click('.advanced summary');
  await page.fill('#template', 'no place for it');
  await shown(page, 'The sentence needs {} where the label goes.');
  await page.fill('#template', 'nothing like a {} at all');
  await page.waitForSelector('#template-trouble', { state: 'hidden' });
  assert.notDeepEqual(await settled(page, samples[0].labels.length), before);
});

test('goes on without a network', async () => {
  const page = await open();
  await it.browser.context.setOffline(true);
  try {
    await shown(page, /You are offline, and it goes on/);
    await give(page, 'drop', [{ bytes: await bytesOf('lighthouse'), name: 'l.jpg', mime: 'image/jpeg' }]);
    await setLabels(page, 'broom, lighthouse');
    assert.equal((await settled(page, 2))[0][0], 'lighthouse');
  } finally {
    await it.browser.context.setOffline(false);
  }
});
