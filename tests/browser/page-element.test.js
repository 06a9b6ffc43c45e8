/** <clip-classifier> in somebody else's page, under a strict Content-Security-Policy. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT, startChromium, startSite } from './helpers/chromium.js';

/** @type {Awaited<ReturnType<typeof startChromium>>} */
let browser;
/** @type {Awaited<ReturnType<typeof startSite>>} */
let site;
before(async () => {
  browser = await startChromium();
  site = await startSite();
});
after(async () => {
  await browser?.close();
  await site?.close();
});

/** A page with one element. @param {Record<string, string>} attributes */
async function open(attributes) {
  const page = await browser.page(site);
  await page.evaluate(async attributes => {
    await import('/web/element.js');
    const element = document.createElement('clip-classifier');
    const events = (window.events = []);
    for (const type of ['clip-ranking', 'clip-error']) {
      document.addEventListener(type, ({ detail }) =>
        events.push({ type, code: detail.code, best: detail.ranking?.[0].label, count: detail.ranking?.length }),
      );
    }
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    document.body.append(element);
  }, attributes);
  return page;
}

const rows = page => page.$$eval('clip-classifier li', all => all.map(row => row.firstElementChild.textContent));
const events = (page, count) =>
  page
    .waitForFunction(count => window.events.length >= count && window.events, count, { timeout: 30_000 })
    .then(handle => handle.jsonValue());

test('from attributes alone, then with other labels, then with another photo', async () => {
  const page = await open({ src: '/weights/samples/jellyfish.jpg', labels: 'pizza, jellyfish ,,' });
  assert.equal((await events(page, 1))[0].best, 'jellyfish');
  assert.deepEqual(await rows(page), ['jellyfish', 'pizza']);
  await page.evaluate(() => (document.querySelector('clip-classifier').labels = ['school bus', 'jellyfish', 'broom']));
  assert.equal((await events(page, 2))[1].count, 3);
  const bytes = [...(await readFile(join(ROOT, 'weights/samples/school-bus.jpg')))];
  await page.evaluate(bytes => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([new Uint8Array(bytes)], 'bus.jpg', { type: 'image/jpeg' }));
    document
      .querySelector('clip-classifier')
      .shadowRoot.querySelector('label')
      .dispatchEvent(new DragEvent('drop', { dataTransfer, cancelable: true }));
  }, bytes);
  assert.equal((await events(page, 3))[2].best, 'school bus');
  assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('clip-classifier')).display), 'block'); // its style got in
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test('tells what went wrong, and goes on', async () => {
  const page = await open({ labels: 'cat, orange', template: 'no place' });
  const bytes = [...(await readFile(join(ROOT, 'weights/samples/oranges.jpg')))];
  await page.evaluate(bytes => (document.querySelector('clip-classifier').photo = new Blob([new Uint8Array(bytes)])), bytes);
  assert.equal((await events(page, 1))[0].code, 'bad-template');
  assert.match(await page.locator('clip-classifier [part=status]').textContent(), /no \{\} for the label/);
  await page.evaluate(() => document.querySelector('clip-classifier').setAttribute('template', 'a photo of a {}'));
  assert.equal((await events(page, 2))[1].best, 'orange');
  assert.equal(await page.locator('clip-classifier [part=status]').textContent(), '');
  await page.close();
});

test('what changes together is asked once, and nothing without a photo or labels', async () => {
  const page = await open({});
  const bytes = [...(await readFile(join(ROOT, 'weights/samples/oranges.jpg')))];
  await page.evaluate(bytes => {
    const element = document.querySelector('clip-classifier');
    element.labels = ['one'];
    element.photo = new Blob([new Uint8Array(bytes)]);
    element.labels = ['orange', 'broom'];
    element.setAttribute('template', '{}');
  }, bytes);
  await events(page, 1);
  await page.evaluate(() => (document.querySelector('clip-classifier').labels = []));
  await page.waitForFunction(() => !document.querySelector('clip-classifier').ranking);
  assert.deepEqual(
    (await events(page, 1)).map(({ count }) => count),
    [2],
  );
  assert.deepEqual(await rows(page), []);
  await page.close();
});

test('labels with commas, unknown words, what is read out, and progress at every instance', async () => {
  const page = await browser.page(site);
  await page.evaluate(async () => {
    await import('/web/element.js');
    window.progress = [];
    window.answers = 0;
    const elements = ['a', 'b'].map(id => Object.assign(document.createElement('clip-classifier'), { id }));
    for (const element of elements) {
      element.addEventListener('clip-progress', () => window.progress.push(element.id));
      element.addEventListener('clip-ranking', () => window.answers++);
      element.setAttribute('src', '/weights/samples/oranges.jpg');
      document.body.append(element);
    }
    elements[0].setAttribute('labels', '"xyzzy, plugh", orange');
    elements[1].labels = ['xyzzy, plugh', 'orange'];
  });
  await page.waitForFunction(() => window.answers === 2, null, { timeout: 30_000 });
  for (const id of ['a', 'b']) {
    const element = page.locator(`#${id}`);
    assert.deepEqual(await element.evaluate(one => one.labels), ['xyzzy, plugh', 'orange']);
    assert.equal(await element.locator('[part~=unknown]').textContent(), 'xyzzy, plugh');
    assert.match(await element.locator('.heard').textContent(), /^(orange|xyzzy, plugh), \d.* %; then /);
  }
  assert.deepEqual([...new Set(await page.evaluate(() => window.progress))].sort(), ['a', 'b']);
  await page.close();
});

test('the place to drop on is there after what cannot be shown', async () => {
  const page = await open({ labels: 'cat' });
  await page.evaluate(() => (document.querySelector('clip-classifier').photo = new Blob(['nothing'], { type: 'image/jpeg' })));
  await events(page, 1);
  await page.waitForFunction(() => !document.querySelector('clip-classifier').shadowRoot.querySelector('label').classList.contains('full'));
  assert.ok(await page.locator('clip-classifier slot').isVisible());
  await page.close();
});

test('its table names every attribute, property, event, part and custom property that there is', async () => {
  const source = await readFile(join(ROOT, 'web/element.js'), 'utf8');
  const end = source.indexOf('*/');
  const [table, code] = [source.slice(0, end), source.slice(end)];
  const named = pattern => [...new Set([...code.matchAll(pattern)].flatMap(([, names]) => names.split(' ')))];
  const { ClipClassifier } = await import('../../web/element.js');
  const properties = Object.entries(Object.getOwnPropertyDescriptors(ClipClassifier.prototype)).filter(([, { set }]) => set);
  const all = {
    attributes: ClipClassifier.observedAttributes,
    properties: properties.map(([name]) => name),
    events: named(/'(clip-(?!classifier)\w+)'/g),
    parts: [...named(/part="([\w ]+)"/g), ...named(/part: '([\w ]+)'/g), ...named(/setAttribute\('part', '([\w ]+)'/g)],
    'custom properties': named(/var\((--clip-\w+)/g),
  };
  for (const [kind, names] of Object.entries(all)) {
    assert.ok(names.length >= 3, `${kind}: ${names}`);
    assert.deepEqual(
      names.filter(name => !table.includes(`\`${name}\``)),
      [],
      kind,
    );
  }
});

test('can be imported where there is no document', async () => {
  const { ClipClassifier } = await import('../../web/element.js');
  assert.equal(typeof ClipClassifier, 'function');
});
