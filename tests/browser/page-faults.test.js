/** What was once wrong with the page, each with its whole kind. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { png } from '../js/helpers/bombs.js';
import { answered, bytesOf, give, pasteText, pathOf, sample, setLabels, settled, shown, startPage } from './helpers/page.js';

/** @type {Awaited<ReturnType<typeof startPage>>} */
let it;
before(async () => (it = await startPage({ args: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'] })));
after(() => it?.close());
afterEach(() => it.closePages());

const chips = page => page.$$eval('.chip span', all => all.map(one => one.textContent));

/** Drops a folder as Chromium gives it: entries that are walked. @param {{ path: string, bytes?: number[], text?: string }[]} files */
const dropFolder = (page, files) =>
  page.evaluate(files => {
    const tree = new Map();
    const folder = path => {
      if (!tree.has(path)) tree.set(path, []);
      return tree.get(path);
    };
    const fileEntry = ({ path, bytes, text }) => {
      const name = path.split('/').at(-1);
      const type = /\.jpg$/.test(name) ? 'image/jpeg' : '';
      const file = new File([text ?? new Uint8Array(bytes)], name, { type });
      return { isFile: true, isDirectory: false, name, file: resolve => resolve(file) };
    };
    for (const file of files) folder(file.path.split('/').slice(0, -1).join('/')).push(fileEntry(file));
    const directory = path => {
      const left = [
        ...folder(path),
        ...[...tree.keys()].filter(one => one.startsWith(`${path}/`) && !one.slice(path.length + 1).includes('/')).map(directory),
      ];
      const createReader = () => ({ readEntries: resolve => resolve(left.splice(0, 100)) });
      return { isFile: false, isDirectory: true, name: path.split('/').at(-1), createReader };
    };
    const entry = directory(files[0].path.split('/')[0]);
    const event = new DragEvent('drop', { bubbles: true, cancelable: true });
    const items = [{ kind: 'file', webkitGetAsEntry: () => entry }];
    Object.defineProperty(event, 'dataTransfer', { value: { types: ['Files'], items, files: [] } });
    document.body.dispatchEvent(event);
  }, files);

test('66 new labels are read, and nothing says for ever that they are', async () => {
  const page = await it.open();
  await setLabels(page, Array.from({ length: 66 }, (_, i) => `new thing ${i}`).join(','));
  await page.waitForFunction(() => document.getElementById('results').getAttribute('aria-busy') === 'false');
  assert.ok(!(await page.isVisible('#run')));
  assert.ok(!(await page.isVisible('#loading')));
});

test('× removes its label while a word is half typed, and the word stays', async () => {
  const page = await it.open();
  await page.fill('#label-input', 'half');
  await page.click('.chip button >> nth=1');
  assert.equal((await chips(page)).includes('lemon'), false);
  assert.equal(await page.inputValue('#label-input'), 'half');
});

test('labels are split where people mean to', async () => {
  const page = await it.open();
  for (const [text, expected] of [
    ['"dog, big", cat', ['dog, big', 'cat']],
    ['dog\tcat\tbird', ['dog', 'cat', 'bird']],
    ['개、고양이，새', ['개', '고양이', '새']],
    ['one; two;', ['one', 'two']],
    ['"say ""hi""", record', ['say "hi"', 'record']],
  ]) {
    if ((await chips(page)).length) await page.click('#clear');
    await pasteText(page, text);
    if (!(await chips(page)).length) {
      await page.fill('#label-input', text);
      await page.press('#label-input', 'Enter');
    }
    assert.deepEqual(await chips(page), expected, text);
  }
  await page.click('#clear');
  await page.type('#label-input', '"dog, big",'); // a comma in quotation marks does not add
  assert.deepEqual(await chips(page), ['dog, big']);
});

test('a folder with somebody else’s config.json gives its photos, or says what it is', async () => {
  const page = await it.open();
  const bytes = await bytesOf('lighthouse');
  await dropFolder(page, [
    { path: 'trip/config.json', text: '{"theme":"dark"}' },
    { path: 'trip/10.jpg', bytes },
    { path: 'trip/2.jpg', bytes: [...bytes, 0] },
    { path: 'trip/more/1.jpg', bytes: [...bytes, 0, 0] },
  ]);
  await setLabels(page, 'lighthouse, pizza');
  await answered(page, 3);
  assert.deepEqual(await page.$$eval('#tiles .tile', all => all.map(tile => tile.title)), ['trip/2.jpg', 'trip/10.jpg', 'trip/more/1.jpg']);
  await dropFolder(page, [{ path: 'settings/config.json', text: '{"theme":"dark"}' }]);
  await shown(page, /holds no CLIP model: config\.json in it describes something else/);
});

test('a sample never throws typed labels away; one’s own photos do not inherit a sample’s', async () => {
  const page = await it.open();
  await page.type('#label-input', 'my own word,');
  await page.getByRole('button', { name: sample('pizza').title, exact: true }).click();
  await page.waitForFunction(title => document.getElementById('caption').textContent === title, sample('pizza').title);
  assert.ok((await chips(page)).includes('my own word'));
  const other = await it.open();
  await give(other, 'drop', [{ bytes: await bytesOf('pizza'), name: 'mine.jpg', mime: 'image/jpeg' }]);
  await shown(other, /Type a few words that might fit/);
  assert.deepEqual(await chips(other), []);
  await other.click('#begin');
  assert.ok((await chips(other)).includes('food'));
});

test('a picture of far too many pixels is named, and does not stop the others', async () => {
  const page = await it.open();
  await setLabels(page, 'orange, school bus');
  const bomb = [...png(17_000, 17_000, { bits: 1, colour: 0, filter: 0 })];
  await give(page, 'drop', [{ bytes: bomb, name: 'huge.png', mime: 'image/png' }]);
  await shown(page, /“huge\.png” has no pixels, or far too many/);
  const bytes = await bytesOf('school-bus');
  const more = [
    { bytes: bomb, name: 'huge.png', mime: 'image/png' },
    { bytes, name: 'bus.jpg', mime: 'image/jpeg' },
    { bytes: [...bytes, 0], name: 'bus again.jpg', mime: 'image/jpeg' },
  ];
  await give(page, 'drop', more);
  await answered(page, 3);
  assert.deepEqual(await page.$$eval('#tiles .tile-label', all => all.map(one => one.textContent)), [
    'school bus',
    'school bus',
    'cannot be read',
  ]);
  assert.ok(!(await page.isVisible('#run')));
});

test('one label alone is a yes or a no', async () => {
  const page = await it.open();
  await setLabels(page, 'orange');
  assert.match((await settled(page, 1))[0][1], /^yes, /);
  await setLabels(page, 'school bus');
  assert.match((await settled(page, 1))[0][1], /^no, /);
});

test('a model that fails leaves the one that works, and its scores under its own name', async () => {
  const page = await it.open();
  const before = await settled(page, 5);
  await page.route('**/broken-model/**', route => {
    const name = route.request().url().split('/').at(-1);
    if (name === 'config.json') return route.fulfill({ json: { model_type: 'clip', vision_config: {}, text_config: {} } });
    return route.fulfill({ status: 404 });
  });
  await page.click('#model-open');
  await page.fill('#model-source', `${it.site.url}broken-model/`);
  await page.click('#model-form button');
  await page.waitForSelector('#model-trouble:not([hidden])');
  await page.keyboard.press('Escape');
  assert.equal(await page.textContent('#model-name'), 'clip-mini');
  assert.deepEqual(await settled(page, 5), before);
});

test('a bad ?model= offers the built-in one', async () => {
  const page = await it.open({ query: '?model=nobody/nothing-here', ready: false });
  await page.route('https://huggingface.co/**', route => route.fulfill({ status: 404, headers: { 'Access-Control-Allow-Origin': '*' } }));
  await page.waitForSelector('#builtin:not([hidden])', { timeout: 30_000 });
  assert.equal(await page.textContent('#model-name'), 'none');
  await page.click('#builtin');
  await settled(page, 5);
  assert.equal(new URL(page.url()).searchParams.get('model'), null);
});

test('photos are remembered if somebody says so: embeddings only; and all of it is forgotten', async () => {
  const page = await it.open();
  await page.setInputFiles('#choose', [pathOf('jellyfish'), pathOf('school-bus')]);
  await setLabels(page, 'jellyfish, school bus');
  await answered(page, 2);
  const kept = () =>
    page.evaluate(async () => {
      const found = {};
      for (const { name } of await indexedDB.databases()) {
        const db = await new Promise(resolve => (indexedDB.open(name).onsuccess = event => resolve(event.target.result)));
        for (const store of db.objectStoreNames) {
          const objects = db.transaction(store).objectStore(store);
          const [keys, values] = await Promise.all(
            [objects.getAllKeys(), objects.getAll()].map(
              request => new Promise(resolve => (request.onsuccess = () => resolve(request.result))),
            ),
          );
          found[`${name} ${store}`] = keys.map((key, i) => [String(key), values[i]?.constructor?.name, values[i]?.length ?? values[i]]);
        }
        db.close();
      }
      return found;
    });
  const before = await kept();
  assert.equal(before['clip-wasm-page embeddings'], undefined); // nothing without being asked to
  assert.deepEqual(before['clip-wasm labels'], []); // nor labels, which would be in clear
  await page.click('.advanced summary');
  await page.check('#remember');
  let after;
  for (let i = 0; i < 100 && after?.length !== 2; i++) {
    await page.waitForTimeout(100);
    after = (await kept())['clip-wasm-page embeddings'];
  }
  assert.equal(after?.length, 2);
  assert.ok(
    after.every(([key, type]) => /^[0-9a-f]+ [0-9a-f]+ q8 [0-9a-f]{64}$/.test(key) && type === 'Float32Array'),
    JSON.stringify(after),
  );

  await page.addInitScript(() => {
    top.encoded ??= 0;
    const { postMessage } = Worker.prototype;
    Worker.prototype.postMessage = function (message, ...rest) {
      if (/images/i.test(message?.call ?? '')) top.encoded++;
      return postMessage.call(this, message, ...rest);
    };
  });
  await page.reload();
  await page.waitForFunction(() => document.querySelectorAll('.chip').length === 2); // the labels are there again
  await page.setInputFiles('#choose', [pathOf('jellyfish'), pathOf('school-bus')]);
  await answered(page, 2);
  assert.ok((await page.evaluate(() => top.encoded)) <= 1, 'only the sample was encoded');
  await page.click('.advanced summary');
  await page.click('#forget');
  await shown(page, /Kept in this browser: what was computed of 2 photos, 2 labels, \d models?/);
  await page.click('#forget-go');
  await shown(page, /^Forgotten: what was computed of 2 photos/);
  assert.deepEqual(
    Object.values(await kept())
      .flat()
      .filter(([, type]) => type !== undefined),
    [],
  );
});

test('the camera is ranked as it goes, freezes, and leaves nothing', async () => {
  const page = await it.open();
  await setLabels(page, 'orange, school bus, jellyfish');
  await page.click('#live');
  await page.waitForFunction(() => Number.parseFloat(document.getElementById('live-rate').textContent) > 0, null, { timeout: 20_000 });
  assert.equal(await page.$$eval('#ranking .score', all => all.filter(one => one.textContent).length), 3);
  await page.click('#video');
  assert.equal(await page.textContent('#freeze'), 'Go on');
  assert.ok(await page.evaluate(() => document.getElementById('video').paused));
  await page.click('#freeze');
  await page.waitForFunction(() => !document.getElementById('video').paused);
  await page.click('#live-end');
  assert.equal(await page.evaluate(() => document.getElementById('video').srcObject), null);
  assert.ok(await page.isVisible('#photo'));
  assert.deepEqual(page.complaints, []);
});
