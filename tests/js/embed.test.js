/** embed into files, in pieces, killed and resumed; search over what is kept. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, copyFile, mkdir, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pieceOf } from '../../web/cli/embed.js';
import { Kept } from '../../web/cli/kept.js';
import { f32Of, readSafetensors } from '../../web/models/safetensors.js';
import { Clip } from '../../web/node.js';
import { run } from './helpers/cli.js';
import { SIZES, makeOwnModel, makePicture, random, temporaryFolder } from './helpers/model.js';

const CLI = fileURLToPath(new URL('../../web/cli.js', import.meta.url));
const COUNT = 120;
/** @type {string} */
let model;
/** @type {string} */
let root;
/** @type {string} */
let out;
/** Whole, of one run. @type {Buffer} */
let whole;
before(async () => {
  model = await makeOwnModel();
  root = join(await temporaryFolder(), 'photos');
  out = await temporaryFolder();
  await mkdir(join(root, 'more'), { recursive: true });
  for (let i = 0; i < COUNT; i++) await writeFile(join(root, i % 3 ? '' : 'more', `${i}.ppm`), makePicture(160, 120, i));
  const { status, err } = await run(['embed', root, '--model', model, '-o', join(out, 'whole.jsonl')]);
  assert.equal(status, 0, err);
  whole = await readFile(join(out, 'whole.jsonl'));
});
const embed = (name, ...more) => run(['embed', root, '--model', model, '-o', join(out, name), ...more]);
const linesOf = bytes =>
  bytes
    .toString()
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));

describe('embed -o', () => {
  test('JSON lines, NumPy and safetensors hold the same, which is what encode gives', async () => {
    const rows = linesOf(whole);
    assert.equal(rows.length, COUNT);
    const clip = await Clip.load(model);
    const { pathToFileURL } = await import('node:url');
    const expected = await clip.encode(rows.map(({ file }) => pathToFileURL(file)));
    clip.dispose();
    const flat = Float32Array.from(expected.flatMap(row => [...row]));
    assert.deepEqual(Float32Array.from(rows.flatMap(({ embedding }) => embedding)), flat);

    await embed('x.npy');
    const npy = await readFile(join(out, 'x.npy'));
    assert.equal(npy.subarray(0, 8).toString('latin1'), '\x93NUMPY\x01\0');
    const header = npy.readUInt16LE(8);
    assert.equal((10 + header) % 64, 0);
    assert.match(npy.subarray(10, 10 + header).toString(), /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(120, 16\), \} *\n$/);
    assert.deepEqual(new Float32Array(Uint8Array.from(npy.subarray(10 + header)).buffer), flat);
    const files = linesOf(await readFile(join(out, 'x.npy.files.jsonl')));
    assert.deepEqual(
      files,
      rows.map(({ file }) => file),
    );

    await embed('x.safetensors');
    const bytes = await readFile(join(out, 'x.safetensors'));
    const { image_embeds: tensor } = readSafetensors(bytes, 'x');
    assert.deepEqual(tensor.shape, [COUNT, SIZES.embedding]);
    assert.deepEqual(f32Of(tensor, 'x'), flat);
    const metadata = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE())).toString()).__metadata__;
    assert.deepEqual(JSON.parse(metadata.files), files);
    assert.deepEqual(
      (await readdir(out)).filter(name => /part|new|lock/.test(name)),
      [],
    );
  });

  test('four pieces, one after the other, are the bytes of one run', async () => {
    const pieces = [];
    for (const i of [1, 2, 3, 4]) {
      assert.equal((await embed(`piece-${i}.jsonl`, '--shard', `${i}/4`)).status, 0);
      pieces.push(await readFile(join(out, `piece-${i}.jsonl`)));
    }
    assert.ok(Buffer.concat(pieces).equals(whole));
    for (const [count, n] of [
      [10, 3],
      [2, 5],
      [0, 2],
    ]) {
      const list = Array.from({ length: count }, (_, i) => i);
      assert.deepEqual(Array.from({ length: n }, (_, i) => pieceOf(list, `${i + 1}/${n}`)).flat(), list);
    }
    for (const shard of ['0/4', '5/4', '1', 'a/b', '1/0']) assert.equal((await embed('x.jsonl', '--shard', shard)).status, 2, shard);
  });

  test('killed at 20 random moments and resumed, the bytes are the same', async () => {
    const next = random(Date.now());
    const output = join(out, 'killed.jsonl');
    const args = [CLI, 'embed', root, '--model', model, '-o', output, '--resume', '--workers', '1'];
    let kills = 0;
    let longest = 400;
    while (kills < 20) {
      const start = performance.now();
      const child = spawn(process.execPath, args, { stdio: 'ignore' });
      const timer = setTimeout(() => child.kill('SIGKILL'), next() * longest);
      const killed = await new Promise(resolve => child.on('close', (_, signal) => resolve(signal === 'SIGKILL')));
      clearTimeout(timer);
      if (killed) {
        kills++;
        longest += 20;
        continue;
      }
      longest = Math.max(400, performance.now() - start);
      assert.ok((await readFile(output)).equals(whole), 'finished between two kills');
      await rm(output);
    }
    assert.equal((await run(args.slice(1))).status, 0);
    assert.ok((await readFile(output)).equals(whole));
    assert.deepEqual(
      (await readdir(out)).filter(name => name.startsWith('killed')),
      ['killed.jsonl'],
    );
  });

  test('what is broken at the end of the part is written again; another model’s part is not taken', async () => {
    const output = join(out, 'torn.jsonl');
    const args = ['embed', root, '--model', model, '-o', output, '--resume'];
    const part = `${output}.part`;
    // one that was interrupted
    const child = spawn(process.execPath, [CLI, ...args]);
    const closed = new Promise(resolve => child.on('close', resolve));
    while (!existsSync(part) || (await readFile(part)).length < 2000) await new Promise(resolve => setTimeout(resolve, 5));
    child.kill('SIGKILL');
    await closed;
    const { size } = await import('node:fs').then(fs => fs.statSync(part));
    await truncate(part, size - 7);
    await appendFile(part, Buffer.alloc(3000, 0xee));
    assert.equal((await run(args)).status, 0);
    assert.ok((await readFile(output)).equals(whole));
    const kept = Kept.open(part, 'another model');
    kept.put(join(root, '1.ppm'), { size: 1, time: 1 }, new Float32Array(SIZES.embedding));
    kept.close();
    await rm(output);
    assert.equal((await run(args)).status, 0);
    assert.ok((await readFile(output)).equals(whole));
  });

  test('a photo that cannot be read is named, left out, and named again when the run is resumed', async () => {
    const bad = join(root, 'bad.ppm');
    await writeFile(bad, 'P6 2 2 255\nno');
    const { status, err } = await embed('bad.jsonl');
    await rm(bad);
    assert.equal(status, 1);
    assert.match(err, /bad\.ppm: image is damaged/);
    assert.ok((await readFile(join(out, 'bad.jsonl'))).equals(whole));
    assert.match((await embed('bad.jsonl', '--resume')).err, /is there already/);
  });
});

describe('search', () => {
  const search = (...args) => run(['search', root, ...args, '--model', model, '--index', join(out, 'index'), '--json']);

  test('finds the photo that is given, and reads photos once', async () => {
    const photo = join(root, '7.ppm');
    const first = await search(photo, '--top', '3');
    assert.equal(first.status, 0, first.err);
    assert.match(first.err, /120 of 120 photos read, 0 forgotten/);
    const found = linesOf(first.out);
    assert.equal(found.length, 3);
    assert.equal(found[0].file, photo);
    assert.ok(Math.abs(found[0].score - 1) < 1e-5 && found[1].score < found[0].score);
    const second = await search(photo, '--top', '3');
    assert.equal(second.err, '');
    assert.equal(second.out, first.out);
  });

  test('words, and what is taken away, are as encode and cosines say', async () => {
    const { out: text } = await search('a dog', '--minus', 'a cat', '--top', '120');
    const found = linesOf(text);
    assert.equal(found.length, COUNT);
    const clip = await Clip.load(model);
    const [plus, minus] = await clip.encode(['a dog', 'a cat'], { normalize: true });
    clip.dispose();
    const query = plus.map((x, i) => x - minus[i]);
    const by = new Map(linesOf(whole).map(({ file, embedding }) => [file, Float32Array.from(embedding)]));
    for (const { file, score } of found) assert.ok(Math.abs(Clip.similarity(query, by.get(file))[0][0] - score) < 1e-5, file);
    assert.ok(found.every(({ score }, i) => i === 0 || score <= found[i - 1].score));
  });

  test('what has changed is read again, and nothing else; what is gone is forgotten', async () => {
    const [changed, gone, added] = ['8.ppm', '10.ppm', 'more/new.ppm'].map(name => join(root, name));
    const kept = [await readFile(changed), await readFile(gone)];
    await writeFile(changed, makePicture(161, 120, 1000));
    await copyFile(gone, added);
    await rm(gone);
    const { err, out: text } = await search(added, '--top', '200');
    assert.match(err, /2 of 120 photos read, 1 forgotten/);
    const files = linesOf(text).map(({ file }) => file);
    assert.ok(files[0] === added && !files.includes(gone) && files.includes(changed));
    await rm(added);
    await writeFile(changed, kept[0]);
    await writeFile(gone, kept[1]);
    assert.match((await search('a')).err, /2 of 120 photos read, 1 forgotten/);
    assert.equal((await search('a')).err, '');
  });

  test('photos that are broken are named once', async () => {
    const bad = join(root, 'bad.ppm');
    await writeFile(bad, 'P6 2 2 255\nno');
    const first = await search('a');
    const second = await search('a');
    await rm(bad);
    assert.deepEqual([first.status, second.status], [1, 0]);
    assert.match(first.err, /bad\.ppm: image is damaged/);
    assert.equal(second.err, '');
  });

  test('killed while it reads, it goes on there', async () => {
    const index = join(out, 'killed-index');
    const args = ['search', root, 'a dog', '--model', model, '--index', index, '--workers', '1'];
    const child = spawn(process.execPath, [CLI, ...args]);
    const closed = new Promise(resolve => child.on('close', resolve));
    while (!existsSync(index) || (await readFile(index)).length < 3000) await new Promise(resolve => setTimeout(resolve, 5));
    child.kill('SIGKILL');
    await closed;
    const { status, err } = await run(args);
    assert.equal(status, 0, err);
    const read = Number(/(\d+) of 120 photos read/.exec(err)?.[1]);
    assert.ok(read > 0 && read < COUNT, err);
  });

  test('an index in which most is forgotten is written anew', async () => {
    const index = join(out, 'old-index');
    const kept = Kept.open(index, 'm');
    for (let round = 0; round < 30; round++)
      for (let i = 0; i < 50; i++) kept.put(`${i}`, { size: round, time: 0 }, Float32Array.of(round, i, 0.5));
    kept.putError('bad', { size: 1, time: 1 }, 'why');
    kept.close();
    const before = (await readFile(index)).length;
    const again = Kept.open(index, 'm');
    assert.ok((await readFile(index)).length < before / 10);
    assert.equal(again.photos.length, 50);
    assert.deepEqual([...again.embedding('7')], [29, 7, 0.5]);
    assert.equal(again.entries.get('bad').error, 'why');
    const reader = Kept.open(index, 'm');
    assert.equal(reader.writable, false, 'one writes at a time');
    assert.deepEqual([...reader.embedding('7')], [29, 7, 0.5]);
    reader.close();
    again.close();
  });

  test('bad usage', async () => {
    for (const args of [['search'], ['search', root], ['search', root, 'a', '--template', 'none']])
      assert.equal((await run(args)).status, 2, args.join(' '));
    assert.equal((await run(['search', '/no/such/folder', 'a', '--model', model])).status, 1);
  });
});
