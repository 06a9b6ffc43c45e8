import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { f32Of, f32Tensor, readSafetensors, writeSafetensors } from '../../web/models/safetensors.js';
import { run } from './helpers/cli.js';
import { MERGES, SIZES, makeFolder, makeModel, makeOwnModel, makePicture, random, temporaryFolder } from './helpers/model.js';

/** @type {string} */
let model;
/** @type {string} */
let photo;
before(async () => {
  model = await makeModel({});
  photo = join(await makeFolder({ 'photo.ppm': makePicture(60, 40) }), 'photo.ppm');
});

test('--help is on stdout with status 0; no command, or an unknown one, is bad usage', async () => {
  const help = await run(['--help']);
  assert.equal(help.status, 0);
  for (const command of ['classify', 'embed', 'tokenize', 'preprocess', 'convert', 'verify', 'bench']) {
    assert.match(help.out, new RegExp(`^  ${command} `, 'm'));
    const one = await run([command, '--help']);
    assert.equal(one.status, 0);
    assert.match(one.out, new RegExp(`^Usage: clip-wasm ${command} `));
  }
  for (const args of [
    [],
    ['frobnicate'],
    ['classify', '--frobnicate'],
    ['classify'],
    ['classify', photo],
    ['embed'],
    ['convert'],
    ['convert', model],
    ['verify'],
    ['preprocess', photo],
    ['preprocess', photo, '-o', 'x.gif'],
    ['tokenize', 'x'],
    ['classify', photo, '--labels', 'a', '--dtype', 'q9'],
    ['classify', photo, '--labels', 'a', '--top', '0'],
    ['verify', model, '--module', 'mmx'],
    ['bench', '--threads', '99'],
  ]) {
    const { status, out, err } = await run(args);
    assert.equal(status, 2, args.join(' '));
    assert.equal(out, '');
    assert.ok(err.length > 0);
  }
});

test('classify', async () => {
  const { status, out } = await run(['classify', photo, '--model', model, '--labels', 'a dog, cat', '--labels', 'photo', '--json']);
  assert.equal(status, 0);
  const [{ file, labels }] = JSON.parse(out);
  assert.equal(file, photo);
  assert.deepEqual(labels.map(l => l.label).sort(), ['a dog', 'cat', 'photo']);
  assert.ok(labels[0].score >= labels[1].score);
  const text = await run(['classify', photo, '--model', model, '--labels', 'a dog,cat,photo', '--top', '1']);
  assert.equal(text.out, `${photo}\n  ${labels[0].score.toFixed(4)}  ${labels[0].label}\n`);
  const whole = await run(['classify', photo, '--model', model, '--labels', 'a dog, or a cat', '--no-split', '--json']);
  assert.deepEqual(JSON.parse(whole.out)[0].labels, [{ label: 'a dog, or a cat', score: 1, unknown: false }]);
});

describe('classify: what the model was never taught', () => {
  /** @type {string} */
  let small;
  before(async () => {
    small = await makeOwnModel();
    const path = join(small, 'clip.json');
    const manifest = JSON.parse(await readFile(path, 'utf8'));
    manifest.concepts = ['cat', 'The Eiffel  Tower', 'school bus', 'cherry', 'café', 'glasses'];
    await writeFile(path, JSON.stringify(manifest));
  });
  const ask = (labels, ...more) => run(['classify', photo, '--model', small, '--labels', labels, ...more]);

  test('is marked, and explained once', async () => {
    const { status, out, err } = await ask('cat,democracy', photo);
    assert.equal(status, 0);
    assert.equal(out.match(/^ {2}0\.\d{4} {2}democracy {2}\(not among the words this model knows\)$/gm)?.length, 2);
    assert.equal(out.match(/^ {2}0\.\d{4} {2}cat$/gm)?.length, 2);
    assert.equal(err, 'clip-wasm: "democracy" is not among the 6 words that little was taught: its score is a guess, not knowledge.\n');
    assert.match((await ask('a,b,c,cat,d,e')).err, /^clip-wasm: "a", "b", "c" and 2 more are not among .*their scores/);
  });

  test('--json says so of each label, and has nothing else on stdout', async () => {
    const { out, err } = await ask('cat,democracy', '--json');
    const [{ labels }] = JSON.parse(out);
    assert.deepEqual(Object.fromEntries(labels.map(l => [l.label, l.unknown])), { cat: false, democracy: true });
    assert.match(err, /^clip-wasm: "democracy" is not/);
    // what --top cuts off took its share of the scores all the same
    assert.match((await ask('cat,democracy', '--top', '1')).err, /^clip-wasm: "democracy" is not/);
  });

  test('case, space, articles, plurals and the form of an accent make no difference', async () => {
    const known = [
      'Cat',
      'cats',
      ' a  cat ',
      'THE CAT',
      'an eiffel tower',
      'school buses',
      'School\tBus',
      'the cherries',
      'cafe\u0301',
      'glasses',
    ];
    const quiet = await run(['classify', photo, '--model', small, '--no-split', ...known.flatMap(l => ['--labels', l])]);
    assert.equal(quiet.status, 0);
    assert.equal(quiet.err, '');
    assert.doesNotMatch(quiet.out, /not among/);
    const unknown = ['ca', 'catss', 'a a cat', 'bus', 'theater', 'a', 'cafe'];
    const { out } = await ask(unknown.join(), '--json');
    for (const label of JSON.parse(out)[0].labels) assert.ok(label.unknown, label.label);
  });

  test('a model without a list knows no bounds', async () => {
    const { out, err } = await run(['classify', photo, '--model', model, '--labels', 'democracy,cat']);
    assert.doesNotMatch(out, /not among/);
    assert.equal(err, '');
  });
});

test('classify: a picture that fails is reported, the others are answered, the status is 1', async () => {
  const { status, out, err } = await run(['classify', photo, '/no/such.png', photo, '--model', model, '--labels', 'a,b', '--json']);
  assert.equal(status, 1);
  assert.equal(JSON.parse(out).length, 2);
  assert.match(err, /^clip-wasm: \/no\/such\.png/m);
});

test('failures have status 1, a message, and no stack', async () => {
  for (const args of [
    ['classify', '/no/such.png', '--labels', 'a', '--model', model],
    ['classify', photo, '--labels', 'a', '--model', './no-such'],
    ['classify', photo, '--labels', ' , ', '--model', model],
    ['verify', model],
    ['convert', '/no/such', '-o', '/tmp/x'],
    ['preprocess', '/no/such', '-o', '/tmp/x.png'],
  ]) {
    const { status, out, err } = await run(args);
    assert.equal(status, 1, args.join(' '));
    assert.equal(out, '');
    assert.match(err, /^clip-wasm: /);
    assert.doesNotMatch(err, /\n {4}at /);
  }
});

test('embed', async () => {
  const { status, out } = await run(['embed', photo, '--text', 'a dog', '--text', 'cat', '--model', model, '--json']);
  assert.equal(status, 0);
  const results = JSON.parse(out);
  assert.deepEqual(
    results.map(r => r.file ?? r.text),
    [photo, 'a dog', 'cat'],
  );
  for (const { embedding } of results) assert.equal(embedding.length, SIZES.embedding);
});

test('tokenize', async () => {
  const input = '"a dog"\n"cat\\ncat"\n""\n';
  for (const folder of [model, await makeFolder({ 'merges.txt': MERGES })]) {
    const { status, out } = await run(['tokenize', '--model', folder], { input });
    assert.equal(status, 0);
    // a</w> is 320 in every CLIP vocabulary; the six merges begin at 512
    assert.deepEqual(
      out
        .trim()
        .split('\n')
        .map(line => JSON.parse(line)),
      [
        [518, 320, 514, 519],
        [518, ...catIds, ...catIds, 519],
        [518, 519],
      ],
    );
  }
  assert.equal((await run(['tokenize', '--model', model], { input: 'not json\n' })).status, 1);
});
// "cat" with the merge "c at</w>" before "a t</w>" has made at</w>
const catIds = [515];

test('preprocess writes PPM and PNG of the same crop', async () => {
  const folder = await temporaryFolder();
  for (const name of ['a.ppm', 'a.png'])
    assert.equal((await run(['preprocess', photo, '--size', '32', '-o', join(folder, name)])).status, 0);
  const ppm = await readFile(join(folder, 'a.ppm'));
  assert.equal(ppm.subarray(0, 13).toString(), 'P6\n32 32\n255\n');
  assert.equal(ppm.length, 13 + 32 * 32 * 3);
  // a crop of its own size is the picture itself
  assert.equal((await run(['preprocess', join(folder, 'a.png'), '--size', '32', '-o', join(folder, 'b.ppm')])).status, 0);
  assert.deepEqual(await readFile(join(folder, 'b.ppm')), ppm);
});

describe('convert', () => {
  test('makes a folder that answers as its source, and keeps other dtypes there', async () => {
    const output = await temporaryFolder();
    for (const dtype of ['f32', 'q8']) {
      assert.equal((await run(['convert', model, '--dtype', dtype, '-o', output, '--name', 'little', '--license', 'MIT'])).status, 0);
    }
    const manifest = JSON.parse(await readFile(join(output, 'clip.json'), 'utf8'));
    assert.deepEqual([manifest.name, manifest.license, Math.round(manifest.logit_scale)], ['little', 'MIT', 20]);
    assert.deepEqual(Object.keys(manifest.towers.vision), ['f32', 'q8']);
    const { size } = await stat(join(output, 'vision.q8.safetensors'));
    assert.equal(size, manifest.towers.vision.q8.bytes);
    const args = ['--labels', 'a dog,cat', '--json', photo];
    for (const dtype of ['f32', 'q8']) {
      const [a, b] = await Promise.all([
        run(['classify', '--model', model, '--dtype', dtype, ...args]),
        run(['classify', '--model', output, '--dtype', dtype, ...args]),
      ]);
      const [x, y] = [a, b].map(r => JSON.parse(r.out)[0].labels);
      x.forEach((s, i) => assert.ok(Math.abs(s.score - y[i].score) < 1e-4 && s.label === y[i].label));
    }
    // any safetensors reader can open it
    const tensors = readSafetensors(await readFile(join(output, 'vision.q8.safetensors')), 'vision');
    const weight = Object.entries(tensors).find(([name, t]) => /mlp/.test(name) && t.dtype === 'I8');
    assert.ok(weight, Object.keys(tensors).join());
  });

  test('from our own f32 it makes what it makes from the source', async () => {
    const [direct, f32, again] = await Promise.all([temporaryFolder(), temporaryFolder(), temporaryFolder()]);
    await run(['convert', model, '-o', direct]);
    await run(['convert', model, '--dtype', 'f32', '-o', f32]);
    assert.equal((await run(['convert', f32, '-o', again])).status, 0);
    for (const name of ['vision.q8.safetensors', 'text.q8.safetensors']) {
      assert.deepEqual(await readFile(join(again, name)), await readFile(join(direct, name)), name);
    }
  });

  test('leaves nothing half-made behind', async () => {
    const output = await temporaryFolder();
    const broken = await makeModel({
      change: tensors => new DataView(tensors['visual_projection.weight'].data.buffer).setFloat32(0, NaN, true),
    });
    const { status, err } = await run(['convert', broken, '-o', output]);
    assert.equal(status, 1);
    assert.match(err, /not a number|NaN|infinite|visual/i);
    await assert.rejects(stat(join(output, 'clip.json')));
    await assert.rejects(stat(join(output, 'vision.q8.safetensors')));
    await assert.rejects(stat(join(output, 'vision.q8.safetensors.part')));
  });
});

test('verify finds a model that is right, and one that is not', async () => {
  const folder = await makeModel({});
  const next = random(9);
  const shape = [2, 3, SIZES.image, SIZES.image];
  const pixels = f32Tensor(
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => next() * 4 - 2),
  );
  const empty = f32Tensor([2, SIZES.embedding], new Float32Array(2 * SIZES.embedding));
  const expected = { pixel_values: pixels, image_embeds: empty, text_embeds: empty };
  await writeFile(join(folder, 'expected.safetensors'), writeSafetensors(expected));
  await writeFile(
    join(folder, 'expected-ids.json'),
    JSON.stringify({
      input_ids: [
        [518, 320, 519],
        [518, 320, 514, 519],
      ],
    }),
  );
  const made = join(folder, 'made.safetensors');
  const first = await run(['verify', folder, '-o', made]);
  assert.equal(first.status, 1, 'zeros are not what it computes');
  assert.match(first.out, /image_embeds: BAD/);
  const own = readSafetensors(await readFile(made), made);
  assert.deepEqual(own.text_embeds.shape, [2, SIZES.embedding]);
  assert.ok(f32Of(own.text_embeds, 'text_embeds').every(Number.isFinite));
  await writeFile(join(folder, 'expected.safetensors'), writeSafetensors({ ...expected, ...own }));
  for (const options of [[], ['--dtype', 'q8'], ['--module', 'simd'], ['--module', 'simd-threads', '--threads', '3']]) {
    const { status, out } = await run(['verify', folder, ...options]);
    assert.equal(status, 0, out);
    assert.match(out, /image_embeds: good.*\ntext_embeds: good/);
  }
});

test('bench', async () => {
  const { status, out } = await run(['bench', '--model', model, '--json']);
  assert.equal(status, 0);
  const result = JSON.parse(out);
  assert.ok(result.image_ms > 0 && result.ten_labels_ms > 0);
});
