/** Many photos: the sheet, a run that is steered, filters, search, labels made of photos, what is saved. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, describe, test } from 'node:test';
import {
  answered,
  bytesOf,
  drawPhotos,
  give,
  pathOf,
  saved,
  savedFile,
  setLabels,
  settled,
  shown,
  startPage,
  stopRun,
} from './helpers/page.js';

/** @type {Awaited<ReturnType<typeof startPage>>} */
let it;
before(async () => (it = await startPage()));
after(() => it?.close());
afterEach(() => it.closePages());

const FOUR = ['jellyfish', 'school-bus', 'lighthouse', 'pizza'];
const chosen = name => ({ name: `${name}.jpg`, mimeType: 'image/jpeg', buffer: readFileSync(pathOf(name)) });

/** Tiles as they are read, in order. */
const tiles = page => page.$$eval('#tiles .tile', all => all.map(tile => tile.querySelector('.tile-label').textContent));
const names = page => page.$$eval('#tiles .tile', all => all.map(tile => tile.title.split('\n')[0]));
const row = (page, label) => page.locator('#ranking button', { has: page.locator(`.label:text-is("${label}")`) });
const count = async (page, label) => row(page, label).locator('.score').textContent();
/** How many photos were encoded since the page opened, by what the worker was asked. */
const watchEncoding = () => {
  top.encoded ??= 0; // workers are started in a frame
  const { postMessage } = Worker.prototype;
  const count = function (message, ...rest) {
    if (/images/i.test(message?.call ?? '')) top.encoded++;
    return postMessage.call(this, message, ...rest);
  };
  Worker.prototype.postMessage = count;
};

/** A page with four photos that are answered. */
async function withFour(options) {
  const page = await it.open(options);
  await page.setInputFiles('#choose', FOUR.map(chosen));
  await setLabels(page, 'jellyfish, school bus, lighthouse, pizza');
  await answered(page, 4);
  return page;
}

test('a sheet, one photo of it, and back by keyboard and mouse', async () => {
  const page = await it.open();
  await setLabels(page, 'jellyfish, school bus, pizza');
  await page.setInputFiles('#choose', [
    ...['jellyfish', 'school-bus'].map(chosen),
    { name: 'x.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('nothing') },
  ]);
  await answered(page, 3);
  assert.deepEqual(await tiles(page), ['jellyfish', 'school bus', 'cannot be read']);
  assert.equal(await page.textContent('#sheet-title'), '3 photos');
  assert.equal(await count(page, 'Cannot be read'), '1');

  await page.focus('#tiles');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'print'); // the focus goes along
  assert.equal((await settled(page, 3))[0][0], 'school bus');
  assert.equal(await page.textContent('#place'), '2 of 3');
  await page.waitForFunction(() => /school bus/.test(document.getElementById('announce').textContent));
  await page.keyboard.press('ArrowLeft');
  assert.equal(await page.textContent('#caption'), 'jellyfish.jpg');
  assert.ok(await page.isDisabled('#previous'));
  await page.keyboard.press('ArrowRight');
  await page.click('#next');
  await shown(page, /“x\.jpg” is not a kind of picture/);
  await page.keyboard.press('Escape');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'tiles');
  assert.equal(await page.getAttribute('#tiles', 'aria-activedescendant'), 'tile-2');
  await page.click('#tiles .tile >> nth=0');
  await page.click('#back');
  assert.equal(await page.getAttribute('#tiles', 'aria-activedescendant'), 'tile-0');
  assert.deepEqual(page.complaints, []);
});

test('new labels, templates and searches encode no photo', async () => {
  const page = await withFour({ before: watchEncoding });
  const before = await page.evaluate(() => globalThis.encoded);
  assert.ok(before >= 1);
  await setLabels(page, 'school bus, jellyfish');
  await answered(page, 4);
  assert.deepEqual((await tiles(page)).slice(0, 2), ['jellyfish', 'school bus']);
  await page.click('.advanced summary');
  await page.fill('#template', 'a picture of a {}');
  await page.waitForTimeout(400);
  await answered(page, 4);
  await page.fill('#search', 'a bus');
  await page.press('#search', 'Enter');
  await shown(page, /Nearest to “a bus”/);
  assert.equal((await names(page))[0], 'school-bus.jpg');
  assert.equal(await page.evaluate(() => globalThis.encoded), before);
  await page.click('#show-all');
  assert.deepEqual(
    await names(page),
    FOUR.map(name => `${name}.jpg`),
  );
});

test('adding adds; the same photo is not added twice; removing removes', async () => {
  const page = await withFour();
  await page.setInputFiles('#choose', ['goldfish', 'pizza'].map(chosen));
  const times = await page.$$eval('#tiles .tile', all => all.length);
  assert.ok(times >= 5);
  await page.keyboard.press('Escape');
  await page.click('#select-all');
  assert.match(await page.textContent('#selection-count'), /selected/);
  await page.click('#selection-remove');
  await shown(page, 'Drop photos here, or choose some.');
  assert.ok(await page.isVisible('#samples-box'));
});

test('a label filters, a threshold makes photos not sure, both are saved', async () => {
  const page = await withFour();
  await row(page, 'jellyfish').click();
  assert.equal(await page.textContent('#sheet-title'), 'jellyfish · 1 of 4 photos');
  assert.deepEqual(await names(page), ['jellyfish.jpg']);
  assert.equal(await row(page, 'jellyfish').getAttribute('aria-pressed'), 'true');
  await row(page, 'jellyfish').click(); // again: all
  assert.equal((await names(page)).length, 4);
  await row(page, 'Not sure').click();
  assert.equal(await page.$$eval('#tiles .tile', all => all.length), 0);
  await shown(page, 'No photo fits that.');
  await page.click('#show-all');
  assert.equal((await names(page)).length, 4);
});

test('“all dogs of at least 80 %” is exported with four clicks', async () => {
  const page = await withFour();
  await row(page, 'pizza').click();
  await page.getByRole('radio', { name: '80%' }).click();
  await page.click('#export');
  const [head, first, end] = (await saved(page, '#save-csv')).split('\r\n');
  assert.equal(head, '\ufefffolder,file,label,score,unsure,unknown,tags,model,template,jellyfish,school bus,lighthouse,pizza');
  assert.match(first, /^,pizza\.jpg,pizza,(1\.0+|0\.[89]\d+),no,no,pizza,.* q8,a photo of a \{\},/);
  assert.equal(end, '');
});

test('tables say what they are: whole or not, and no formula', async () => {
  const page = await it.open();
  await page.setInputFiles('#choose', [
    chosen('jellyfish'),
    { name: '=1+1,"x".jpg', mimeType: 'image/jpeg', buffer: Buffer.from('nothing') },
  ]);
  await setLabels(page, 'jellyfish, democracy');
  await answered(page, 2);
  await page.click('#export');
  const lines = (await saved(page, '#save-csv')).split('\r\n');
  assert.equal(lines[2], ',"\'=1+1,""x"".jpg",error: unknown-image-format,,,,,clip-mini q8,a photo of a {},,');
  const json = JSON.parse(await saved(page, '#save-json'));
  assert.deepEqual([json.whole, json.missing, json.template], [true, 0, 'a photo of a {}']);
  assert.equal(json.photos[0].label, 'jellyfish');
  assert.equal(json.labels[1].unknown, true);
  assert.equal(json.photos[1].error, 'unknown-image-format');
  await page.keyboard.press('Escape');
  await page.evaluate(() => document.getElementById('export-dialog').open && document.getElementById('export-dialog').close());
  await Promise.all([stopRun(page), drawPhotos(page, 60, { width: 1600, height: 1200 })]);
  await page.click('#export');
  await shown(page, /Not whole: \d+ photos have no answer yet/);
  const { name, bytes } = await savedFile(page, '#save-json');
  assert.equal(name, 'labels-part.json');
  const part = JSON.parse(bytes.toString('utf8'));
  assert.equal(part.whole, false);
  assert.equal(part.photos.filter(({ error }) => error === 'not read yet').length, part.missing);
  assert.equal(part.photos.length, 62);
});

test('sidecars in a ZIP file', async () => {
  const page = await withFour();
  await page.click('#export');
  const { bytes: zip } = await savedFile(page, '#save-xmp');
  assert.equal(zip.readUInt32LE(0), 0x04034b50);
  const text = zip.toString('utf8');
  for (const name of ['jellyfish.xmp', 'jellyfish.jpg.xmp']) assert.ok(text.includes(name), name);
  assert.match(text, /<dc:subject>\s*<rdf:Bag>\s*<rdf:li>jellyfish<\/rdf:li>\s*<\/rdf:Bag>\s*<\/dc:subject>/);
});

test('into folders, as copies and as moves, where the browser can write', async () => {
  const page = await withFour();
  // the origin's own file system stands for the folder that a person would choose
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    for (const name of ['from', 'to']) await root.removeEntry(name, { recursive: true }).catch(() => {});
    const from = await root.getDirectoryHandle('from', { create: true });
    const answer = await fetch('/weights/samples/ladybug.jpg');
    const writable = await (await from.getFileHandle('ladybug.jpg', { create: true })).createWritable();
    await writable.write(await answer.blob());
    await writable.close();
    globalThis.showDirectoryPicker = async () => from;
  });
  await page.click('#folder-button');
  await page.waitForFunction(() => document.querySelectorAll('#tiles .tile').length === 5);
  await setLabels(page, 'jellyfish, school bus, lighthouse, pizza, ladybug');
  await answered(page, 5);
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const to = await root.getDirectoryHandle('to', { create: true });
    globalThis.showDirectoryPicker = async () => to;
  });
  await page.click('#export');
  await page.click('#save-copy');
  await shown(page, '5 photos are in their folders.');
  const listing = () =>
    page.evaluate(async () => {
      const found = [];
      const walk = async (folder, path) => {
        for await (const entry of folder.values()) {
          if (entry.kind === 'directory') await walk(entry, `${path}${entry.name}/`);
          else found.push(`${path}${entry.name} ${(await entry.getFile()).size}`);
        }
      };
      await walk(await navigator.storage.getDirectory(), '');
      return found.sort();
    });
  const sizes = await listing();
  assert.ok(sizes.some(one => one.startsWith('to/school bus/school-bus.jpg ')));
  assert.ok(sizes.some(one => one.startsWith('from/ladybug.jpg ')));
  await page.click('#save-move');
  await shown(page, /4 originals stay where they were/);
  const after = await listing();
  assert.ok(after.some(one => one.startsWith('to/ladybug/ladybug (2).jpg '))); // nothing is overwritten
  assert.ok(!after.some(one => one.startsWith('from/')));
  assert.equal(await page.$$eval('#tiles .tile', all => all.length), 4);
});

test('photos by the browser’s own chooser, of which each file is looked at by itself', async () => {
  const page = await it.open();
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const handles = [];
    for (const name of ['jellyfish.jpg', 'pizza.jpg']) {
      const handle = await root.getFileHandle(name, { create: true });
      const writable = await handle.createWritable();
      await writable.write(await (await fetch(`/weights/samples/${name}`)).blob());
      await writable.close();
      handles.push(handle);
    }
    const gone = { getFile: () => Promise.reject(new DOMException('deleted meanwhile', 'NotFoundError')) };
    globalThis.showOpenFilePicker = async () => [...handles, gone];
  });
  await page.click('#choose-label');
  await setLabels(page, 'jellyfish, pizza');
  await answered(page, 2);
  assert.deepEqual(await names(page), ['jellyfish.jpg', 'pizza.jpg']);
  await page.evaluate(() => {
    globalThis.showOpenFilePicker = () => Promise.reject(new DOMException('nobody chose', 'AbortError'));
  });
  await page.focus('#choose');
  await page.keyboard.press('Enter');
  await page.waitForTimeout(100);
  assert.ok(!(await page.isVisible('#photo-trouble')));
  assert.deepEqual(page.complaints, []);
});

test('in use nothing is asked for but the page’s own scripts, nothing of a photo is stored, and no policy is violated', async () => {
  const page = await withFour({
    before: () => {
      globalThis.violations = [];
      addEventListener('securitypolicyviolation', ({ blockedURI }) => globalThis.violations.push(blockedURI));
    },
  });
  const before = page.requests.length;
  await page.fill('#search', 'a bus');
  await page.press('#search', 'Enter');
  await shown(page, /Nearest to “a bus”/);
  await row(page, 'pizza').click();
  await page.click('#tiles .tile >> nth=0');
  await page.click('#back');
  await page.click('#export');
  await saved(page, '#save-csv');
  const asked = page.requests.slice(before).filter(url => !url.startsWith('blob:'));
  assert.deepEqual(
    asked.filter(url => !(url.startsWith(it.site.url) && new URL(url).pathname.endsWith('.js'))),
    [],
  );
  const stored = await page.evaluate(async () => {
    const sizes = [];
    for (const { name } of await indexedDB.databases()) {
      const db = await new Promise(resolve => (indexedDB.open(name).onsuccess = event => resolve(event.target.result)));
      for (const store of db.objectStoreNames) {
        const all = db.transaction(store).objectStore(store).getAll();
        for (const value of await new Promise(resolve => (all.onsuccess = () => resolve(all.result))))
          for (const part of [value, ...Object.values(Object(value))]) sizes.push(part?.size ?? part?.byteLength ?? 0);
      }
      db.close();
    }
    return { sizes, names: Object.keys(localStorage), caches: await caches.keys(), violations: globalThis.violations };
  });
  const photos = FOUR.map(name => readFileSync(pathOf(name)).length);
  assert.ok(stored.sizes.length > 0); // of the model
  assert.deepEqual(
    stored.sizes.filter(size => photos.includes(size)),
    [],
  );
  assert.deepEqual([stored.names, stored.caches, stored.violations], [[], [], []]);
});

test('a label made of photos, and more like this', async () => {
  const page = await withFour();
  await page.setInputFiles('#choose', ['oranges', 'lemons'].map(chosen));
  await setLabels(page, 'jellyfish, school bus, lighthouse, pizza');
  await answered(page, 6);
  await page.click('#tiles .tile >> nth=5', { modifiers: ['ControlOrMeta'] });
  await page.click('#selection-label');
  await page.fill('#label-name', 'citrus');
  await page.press('#label-name', 'Enter');
  await answered(page, 6);
  assert.equal((await tiles(page))[5].replace('?', ''), 'citrus');
  assert.equal((await tiles(page))[0], 'jellyfish');
  await page.click('#tiles .tile >> nth=4');
  await page.click('#more-like');
  await shown(page, /Most like “oranges\.jpg”/);
  assert.deepEqual((await names(page)).slice(0, 2), ['oranges.jpg', 'lemons.jpg']);
});

test('several tags for a photo, each by itself', async () => {
  const page = await withFour();
  await page.getByRole('radio', { name: 'all that fit' }).click();
  await answered(page, 4);
  assert.equal((await tiles(page))[0], 'jellyfish');
  await page.click('#export');
  const json = JSON.parse(await saved(page, '#save-json'));
  assert.equal(json.several, true);
  assert.ok(json.photos[0].tags.includes('jellyfish'));
  assert.ok(Object.values(json.photos[0].scores).every(score => score >= 0 && score <= 1));
});

describe('a run', () => {
  test('shows how far it is, stops at once, goes on, and goes past what cannot be read', async () => {
    const page = await it.open();
    await setLabels(page, 'orange, broom');
    await Promise.all([stopRun(page), drawPhotos(page, 80, { width: 1200, height: 900 })]);
    await give(page, 'drop', [{ bytes: [1, 2, 3], name: 'broken.jpg', mime: 'image/jpeg' }]); // more photos make it go on
    await page.waitForFunction(() => /^Reading photos: \d+ of 81/.test(document.getElementById('run-text').textContent));
    const took = await page.evaluate(async () => {
      const start = performance.now();
      document.getElementById('run-stop').click();
      while (!/^Stopped/.test(document.getElementById('run-text').textContent)) await new Promise(requestAnimationFrame);
      return performance.now() - start;
    });
    assert.ok(took < 200, `${took} ms`);
    await page.waitForTimeout(300); // what was being read is done by then
    const done = () => page.textContent('#run-text');
    const before = await done();
    await page.waitForTimeout(500);
    assert.equal(await done(), before);
    assert.equal(await page.getAttribute('#results', 'aria-busy'), 'false');
    assert.equal(await page.textContent('#run-stop'), 'Resume');
    await page.click('#run-stop');
    await answered(page, 81);
    assert.equal(await count(page, 'Cannot be read'), '1');
    assert.deepEqual(page.complaints, []);
  });

  test('what is in view goes first', async () => {
    const page = await it.open({ size: { width: 1200, height: 500 } });
    await setLabels(page, 'orange, broom');
    await Promise.all([stopRun(page), drawPhotos(page, 150, { width: 800, height: 600 })]);
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await page.waitForFunction(() => document.querySelector('#tiles .tile:last-child')?.getAttribute('aria-posinset') === '150');
    await page.evaluate(() => document.getElementById('run-stop').click());
    await page.waitForFunction(() => {
      const all = [...document.querySelectorAll('#tiles .tile')];
      return all.at(-1)?.getAttribute('aria-posinset') === '150' && all.every(tile => tile.dataset.kind !== 'waiting');
    });
    const left = await page.textContent('#run-text');
    assert.ok(!/150 of 150/.test(left), left);
  });

  test('only tiles near the screen exist, all of one size', async () => {
    const page = await it.open();
    await drawPhotos(page, 300, { width: 64, height: 48 });
    await setLabels(page, 'x'.repeat(60));
    await page.waitForFunction(() => document.querySelector('#tiles .tile')?.getAttribute('aria-setsize') === '300');
    const sizes = await page.$$eval('#tiles .tile', all => all.map(tile => `${tile.clientWidth}x${tile.clientHeight}`));
    assert.ok(sizes.length < 80, `${sizes.length} tiles`);
    assert.equal(new Set(sizes).size, 1);
    await page.focus('#tiles');
    await page.keyboard.press('End');
    assert.equal(await page.getAttribute('#tiles', 'aria-activedescendant'), 'tile-299');
    assert.ok(await page.isVisible('#tile-299'));
    await page.keyboard.press('Home');
    assert.ok(await page.isVisible('#tile-0'));
  });
});

test('a photo of one’s own is not replaced by a sample that is slow', async () => {
  const page = await it.open();
  let release;
  const held = new Promise(resolve => (release = resolve));
  await page.route('**/samples/pizza.jpg', async route => {
    await held;
    await route.continue().catch(() => {});
  });
  await page.getByRole('button', { name: 'Supper', exact: true }).click();
  await give(page, 'drop', [{ bytes: await bytesOf('lighthouse'), name: 'mine.jpg', mime: 'image/jpeg' }]);
  await page.waitForFunction(() => document.getElementById('caption').textContent === 'mine.jpg');
  release();
  await page.waitForTimeout(300);
  assert.equal(await page.textContent('#caption'), 'mine.jpg');
});
