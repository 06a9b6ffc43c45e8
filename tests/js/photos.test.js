/** The command line on folders of photos: which are found, how results are written, where photos go. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { lstat, mkdir, readFile, readdir, readlink, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Bar, Rate, duration } from '../../web/cli/progress.js';
import { findPhotos } from '../../web/cli/photos.js';
import { folderName } from '../../web/cli/sort.js';
import { withKeywords } from '../../web/api/xmp.js';
import { run } from './helpers/cli.js';
import { makeOwnModel, makePicture, temporaryFolder } from './helpers/model.js';

const CLI = fileURLToPath(new URL('../../web/cli.js', import.meta.url));
/** @type {string} */
let model;
/** @type {string} */
let root;
/** Photos below root, in the order in which they are looked at. @type {string[]} */
let photos;
before(async () => {
  model = await makeOwnModel();
  root = await temporaryFolder();
  photos = ['a/2.ppm', 'a/b/1.PPM', 'c.ppm', 'ä, ö.ppm'].map(name => join(root, name));
  await mkdir(join(root, 'a/b'), { recursive: true });
  await mkdir(join(root, '.thumbnails'));
  for (const [i, photo] of photos.entries()) await writeFile(photo, makePicture(40, 30, i + 1));
  await writeFile(join(root, 'a/notes.doc'), 'no photo');
  await writeFile(join(root, '.thumbnails/1.ppm'), makePicture());
  await symlink('..', join(root, 'a/b/up'));
});
const classify = (names, ...more) => run(['classify', ...names, '--model', model, '--labels', 'a dog, cat', ...more]);

describe('which photos', () => {
  const found = (...args) => findPhotos(args, [], problem => assert.fail(problem));

  test('folders with all that is in them, in one order, without hidden ones and circles', () => {
    assert.deepEqual(found(root), photos);
    assert.deepEqual(found(join(root, 'a'), photos[0]), photos.slice(0, 2), 'each once');
    assert.deepEqual(found(join(root, 'a/notes.doc')), [join(root, 'a/notes.doc')], 'what is named is taken');
  });

  test('lists: a line each, or NULs between', async () => {
    const list = join(root, 'list.txt');
    await writeFile(list, `${photos[2]}\r\n\n${join(root, 'a')}\n`);
    assert.deepEqual(found(list), [photos[2], photos[0], photos[1]]);
    await writeFile(join(root, 'list0'), `${photos[3]}\0${photos[1]}\0`);
    assert.deepEqual(
      findPhotos([], [join(root, 'list0')], () => {}),
      [photos[3], photos[1]],
    );
    const { out } = await run(['classify', '-', '--model', model, '--labels', 'a,b', '--jsonl'], { input: `${photos[1]}\n${photos[0]}\n` });
    assert.deepEqual(
      out
        .trim()
        .split('\n')
        .map(line => JSON.parse(line).file),
      [photos[1], photos[0]],
    );
  });
});

describe('classify', () => {
  test('CSV has the page’s columns, JSON lines one photo each', async () => {
    const csv = await classify([root], '--csv');
    assert.equal(csv.status, 0, csv.err);
    const [head, ...lines] = csv.out.trimEnd().split('\r\n');
    assert.equal(head, 'file,label,score,a dog,cat');
    assert.equal(lines.length, 4);
    assert.match(lines[3], /^"[^"]*ä, ö\.ppm",(a dog|cat),0\.\d{6},[01]\.\d{6},[01]\.\d{6}$/);
    const jsonl = await classify([root], '--jsonl', '--top', '1');
    const read = jsonl.out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
    assert.deepEqual(
      read.map(({ file }) => file),
      photos,
    );
    assert.ok(
      read.every(({ labels }, i) => labels.length === 1 && lines[i].includes(`,${labels[0].label},${labels[0].score.toFixed(6)},`)),
    );
    const json = JSON.parse((await classify([root], '--json', '--top', '1')).out);
    assert.deepEqual(json, read);
  });

  test('one photo that cannot be read is named, and the others go on', async () => {
    const bad = join(root, 'a/bad.txt.ppm');
    await writeFile(bad, 'P6 nothing');
    const { status, out, err } = await classify([root, '/no/such.png'], '--jsonl');
    await writeFile(bad, ''); // an empty file is no photo either
    const again = await classify([root], '--jsonl');
    const { rm } = await import('node:fs/promises');
    await rm(bad);
    assert.equal(status, 1);
    assert.equal(out.trim().split('\n').length, 4);
    assert.match(err, /bad\.txt\.ppm has no pixels/);
    assert.match(err, /\/no\/such\.png cannot be read: there is no such file/);
    assert.doesNotMatch(err, /\[#/, 'no bar where there is no terminal');
    assert.equal(again.status, 1);
    assert.equal(again.out.trim().split('\n').length, 4);
  });

  test('--threshold leaves out labels, --sort-into copies, twice without harm', async () => {
    const none = await classify([root], '--jsonl', '--threshold', '1');
    assert.ok(
      none.out
        .trim()
        .split('\n')
        .every(line => JSON.parse(line).labels.length === 0),
    );
    assert.equal((await classify([root], '--threshold', 'much')).status, 2);
    const into = join(await temporaryFolder(), 'sorted');
    const time = new Date('2003-04-05T06:07:08Z');
    await utimes(photos[0], time, time);
    const { status, out } = await classify([root], '--jsonl', '--top', '1', '--sort-into', into);
    assert.equal(status, 0);
    const best = out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line).labels[0].label);
    const first = join(into, best[0], '2.ppm');
    assert.deepEqual(await readFile(first), await readFile(photos[0]));
    assert.equal((await stat(first)).mtimeMs, time.getTime());
    const names = async () => (await readdir(into, { recursive: true })).sort();
    const before = await names();
    assert.equal(before.filter(name => /ppm$/i.test(name)).length, 4);
    await classify([root], '--sort-into', into);
    assert.deepEqual(await names(), before);
    // another photo of the same name does not take its place
    const other = join(await temporaryFolder(), '2.ppm');
    await writeFile(other, makePicture(40, 30, 1));
    await classify([other], '--sort-into', into);
    assert.deepEqual(await readFile(join(into, best[0], '2 (2).ppm')), await readFile(other));
    const links = join(await temporaryFolder(), 'linked');
    await classify([photos[2]], '--sort-into', links, '--link');
    const [folder] = await readdir(links);
    const link = join(links, folder, 'c.ppm');
    assert.ok((await lstat(link)).isSymbolicLink());
    assert.equal(await readlink(link), photos[2]);
  });

  test('--xmp writes keywords beside a photo, and keeps what a sidecar has', async () => {
    const photo = join(await temporaryFolder(), 'x.ppm');
    const bytes = makePicture();
    await writeFile(photo, bytes);
    await run(['classify', photo, '--model', model, '--labels', '"rock & roll"', '--xmp']);
    const made = await readFile(`${photo}.xmp`, 'utf8');
    assert.match(made, /<dc:subject>\s*<rdf:Bag>\s*<rdf:li>rock &amp; roll<\/rdf:li>\s*<\/rdf:Bag>/);
    assert.deepEqual(new Uint8Array(await readFile(photo)), bytes);
    await run(['classify', photo, '--model', model, '--labels', 'a,b', '--threshold', '0', '--xmp']);
    const more = await readFile(`${photo}.xmp`, 'utf8');
    // in dc:subject and in digiKam's own list, once each
    for (const label of ['rock &amp; roll', 'a', 'b']) assert.equal(more.split(`<rdf:li>${label}</rdf:li>`).length, 3, label);
    await run(['classify', photo, '--model', model, '--labels', 'a,b', '--threshold', '0', '--xmp']);
    assert.equal(await readFile(`${photo}.xmp`, 'utf8'), more);
    await writeFile(`${photo}.xmp`, 'something else');
    const { status, err } = await run(['classify', photo, '--model', model, '--labels', 'a', '--xmp']);
    assert.equal(status, 1);
    assert.match(err, /not understood; it stays/);
    assert.equal(await readFile(`${photo}.xmp`, 'utf8'), 'something else');
  });

  test('other programs’ sidecars get keywords where they have none', () => {
    const lightroom = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="r"><rdf:Description rdf:about="" xmp:Rating="5" a='>'/></rdf:RDF></x:xmpmeta>`;
    const changed = withKeywords(lightroom, ['cat']);
    assert.match(changed, /xmp:Rating="5" a='>' xmlns:dc="http:\/\/purl.org\/dc\/elements\/1.1\/">\s*<dc:subject>/);
    assert.match(changed, /<\/dc:subject>\s*<\/rdf:Description><\/rdf:RDF>/);
    assert.equal(withKeywords('<rdf:Description><dc:subject>odd</dc:subject></rdf:Description>', ['cat']), null);
  });

  test('Ctrl-C leaves what is done, and the status says so', async () => {
    const many = await temporaryFolder();
    for (let i = 0; i < 300; i++) await writeFile(join(many, `${String(i).padStart(3, '0')}.ppm`), makePicture(200, 150, i));
    const child = spawn(process.execPath, [CLI, 'classify', many, '--model', model, '--labels', 'a,b', '--jsonl']);
    let [out, err] = ['', ''];
    child.stdout.on('data', data => {
      if (!out) child.kill('SIGINT');
      out += data;
    });
    child.stderr.on('data', data => (err += data));
    const status = await new Promise(resolve => child.on('close', resolve));
    assert.equal(status, 130, err);
    const lines = out.trim().split('\n');
    assert.ok(lines.length > 0 && lines.length < 300, `${lines.length} lines`);
    assert.ok(lines.every((line, i) => JSON.parse(line).file.endsWith(`${String(i).padStart(3, '0')}.ppm`)));
    assert.match(err, new RegExp(`stopped after ${lines.length} of 300`));
  });
});

test('labels become names of folders that any system takes', () => {
  for (const [label, name] of [
    ['a/b\\c:d', 'a_b_c_d'],
    ['..', '_'],
    ['con', '_con'],
    ['St. ', 'St'],
    ['猫', '猫'],
    ['x'.repeat(200), 'x'.repeat(100)],
  ])
    assert.equal(folderName(label), name);
});

test('the bar tells how long it will take', () => {
  const rate = new Rate();
  for (let i = 0; i <= 500; i++) rate.mark(i, 1000 + i * 20 + (i % 7));
  assert.ok(Math.abs(rate.perSecond - 50) < 0.5, `${rate.perSecond}`);
  assert.ok(Math.abs(rate.left(1000) - 10) < 0.2);
  assert.equal(rate.left(500), 0);
  for (let i = 501; i <= 2000; i++) rate.mark(i, 11_000 + (i - 500) * 40); // the others are slower
  assert.ok(Math.abs(rate.perSecond - 25) < 0.5, `${rate.perSecond}`);
  assert.deepEqual([0.2, 99, 150, 5990, 7300].map(duration), ['1 s', '99 s', '3 min', '1 h 40 min', '2 h 2 min']);
  assert.match(new Bar('reading', 10).text(5), /^reading \[#{12} {12}\] 5 of 10$/);
});
