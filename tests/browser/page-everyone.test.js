/** The page for everyone: nothing for axe to find in any state, nothing cut or beyond the edge, wide, phone, dark, Korean; screenshots. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { ROOT } from './helpers/chromium.js';
import { answered, audit, drawPhotos, give, pathOf, setLabels, settled, startPage, stopRun } from './helpers/page.js';

/** Where the screenshots lie afterwards, to be looked at. */
const SHOTS = join(ROOT, 'build/out/screenshots');

/** @type {Awaited<ReturnType<typeof startPage>>} */
let it;
before(async () => {
  it = await startPage();
  await mkdir(SHOTS, { recursive: true });
});
after(() => it?.close());
afterEach(() => it.closePages());

/** Elements whose text is wider than they are and not meant to be cut, and what lies beyond the right edge. */
const cutOff = page =>
  page.evaluate(() => {
    const wrong = [];
    if (document.documentElement.scrollWidth > innerWidth) wrong.push(`the page is ${document.documentElement.scrollWidth} wide`);
    const top = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document.body;
    for (const element of top.querySelectorAll('button, label, p, h1, h2, h3, legend, summary, select, .row span')) {
      if (!element.checkVisibility() || element.closest('.visually-hidden, .tiles, .samples-strip, .chips')) continue;
      const style = getComputedStyle(element);
      if (style.textOverflow === 'ellipsis' || style.webkitLineClamp !== 'none') continue;
      if (element.scrollWidth > element.clientWidth + 1 && style.display !== 'inline' && style.overflow !== 'visible')
        wrong.push(`${element.id || element.textContent} is cut`);
      const { left, right } = element.getBoundingClientRect();
      if (right > innerWidth + 1 || (left < -1 && right > 0)) wrong.push(`${element.id || element.textContent} is beyond the edge`);
    }
    return wrong;
  });

const LOOKS = {
  wide: { size: { width: 1280, height: 800 }, colors: 'light' },
  dark: { size: { width: 1280, height: 800 }, colors: 'dark' },
  phone: { size: { width: 360, height: 740 }, colors: 'light' },
  'phone-dark': { size: { width: 360, height: 740 }, colors: 'dark' },
  korean: { size: { width: 1280, height: 800 }, colors: 'light', query: '?lang=ko' },
  'korean-phone': { size: { width: 360, height: 740 }, colors: 'light', query: '?lang=ko' },
  '4k': { size: { width: 3840, height: 2160 }, colors: 'light' },
};

/** The others come with `npm test -- --all`. */
const USUAL = ['wide', 'phone-dark', 'korean-phone'];

for (const [look, options] of Object.entries(LOOKS).filter(([look]) => process.env.CLIP_ALL || USUAL.includes(look)))
  test(`${look}: every state passes axe and is whole`, async () => {
    const page = await it.open({ ...options, ready: false });
    const check = async state => {
      await page.waitForTimeout(60);
      await page.screenshot({ path: join(SHOTS, `${look}-${state}.png`) });
      assert.deepEqual(await cutOff(page), [], state);
      if (look !== '4k') assert.deepEqual(await audit(page), [], state);
    };
    await check('loading');
    await settled(page, 5);
    await check('one');
    await setLabels(page, 'democracy, a very long label that nobody would type but somebody will paste one day');
    await page.waitForFunction(() => document.getElementById('results').getAttribute('aria-busy') === 'false');
    await check('unsure');
    await page.click('.advanced summary');
    await check('more');
    await page.click('.advanced summary');
    await give(page, 'drop', [{ bytes: [1, 2, 3], name: 'broken.jpg', mime: 'image/jpeg' }]);
    await page.waitForSelector('#photo-trouble:not([hidden])');
    await check('error');
    await page.click('#clear');
    await check('empty');
    await page.setInputFiles('#choose', [pathOf('jellyfish'), pathOf('school-bus')]);
    await page.waitForSelector('#sheet:not([hidden])');
    await setLabels(page, 'jellyfish, school bus, balloon, orange');
    await Promise.all([stopRun(page), drawPhotos(page, look === '4k' ? 120 : 40)]);
    await page.evaluate(() => scrollTo(0, 0));
    await check('stopped');
    // photos that came after the stop may have set it going again
    await page.evaluate(() => {
      const button = document.getElementById('run-stop');
      if (/^Resume|^계속/.test(button.textContent)) button.click();
    });
    await answered(page, look === '4k' ? 122 : 42);
    await page.waitForFunction(() => [...document.querySelectorAll('#tiles canvas')].slice(0, 12).every(one => one.className === 'made'));
    await check('many');
    if (options.size.width === 360) assert.ok((await page.locator('#label-input').boundingBox()).y < 700, 'the label field is at hand');
    await page.locator('#ranking button').first().click();
    await check('filtered');
    await page.click('#select-all');
    await check('selected');
    await page.click('#selection-label');
    await check('label-dialog');
    await page.click('#label-cancel');
    await page.click('#export');
    await page.waitForSelector('#export-dialog[open]');
    await check('export-dialog');
    await page.keyboard.press('Escape');
    await page.click('#selection-clear');
    await page.evaluate(() => document.getElementById('sheet').scrollIntoView());
    await page.locator('#tiles .tile').first().click();
    await check('viewing');
    await page.click('#model-open');
    await page.waitForSelector('#model-dialog[open] #kept li');
    await check('model-dialog');
    await page.keyboard.press('Escape');
    await page.click('.advanced summary');
    await page.click('#forget');
    await page.waitForSelector('#forget-dialog[open]');
    await check('forget-dialog');
    assert.deepEqual(page.complaints, []);
  });

test('takes its accent from the photo', async () => {
  const page = await it.open({ colors: 'dark' });
  const lightness = await page.evaluate(() => Number(/oklch\(([\d.]+)/.exec(getComputedStyle(document.body).backgroundColor)[1]));
  assert.ok(lightness < 0.3);
  await page.getByRole('button', { name: 'Deep water', exact: true }).click();
  await page.waitForFunction(() => {
    const hue = Number(document.documentElement.style.getPropertyValue('--hue'));
    return Math.abs(hue + 110) < 40 || hue > 220;
  });
});

test('the answer is read out, in the reader’s language', async () => {
  const page = await it.open({ query: '?lang=ko' });
  assert.equal(await page.getAttribute('html', 'lang'), 'ko');
  await page.waitForFunction(() => /다음은/.test(document.getElementById('announce').textContent));
});
