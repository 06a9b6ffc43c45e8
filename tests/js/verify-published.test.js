// npm run verify:published, against a hub of our own: the fixtures, with what their own libraries answered as what was published.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startHub } from './helpers/hub.js';
import { temporaryFolder } from './helpers/model.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const fixture = name => join(ROOT, 'tests/models/fixtures', name);
const json = path => JSON.parse(readFileSync(path, 'utf8'));
const { texts: labels } = json(fixture('inputs.json'));
const NAMES = { 'openai/clip-vit-base-patch32': 'transformers-bin', 'Xenova/clip-vit-base-patch32': 'xenova' };

/** softmax(scale * cosines) of what the library answered about the fixtures' picture. */
function probabilities(name) {
  const {
    picture_embeds: [image],
    text_embeds: texts,
    logit_scale: scale,
  } = json(join(fixture(name), 'expected.json'));
  const length = v => Math.hypot(...v);
  const logits = texts.map(text => (scale * text.reduce((sum, x, i) => sum + x * image[i], 0)) / (length(text) * length(image)));
  const powers = logits.map(Math.exp);
  return powers.map(power => power / powers.reduce((a, b) => a + b));
}

let hub;
let folder;
before(async () => {
  folder = await temporaryFolder();
  hub = await startHub(Object.fromEntries(Object.entries(NAMES).map(([id, name]) => [id, { folder: fixture(name) }])));
  for (const label of ['one', 'two']) {
    mkdirSync(join(folder, 'photos', label), { recursive: true });
    cpSync(fixture('picture.png'), join(folder, 'photos', label, 'picture.png'));
  }
});
after(() => hub.close());

/** @param {any} list @param {...string} args */
function run(list, ...args) {
  const path = join(folder, 'list.json');
  writeFileSync(path, JSON.stringify({ picture: fixture('picture.png'), models: list }));
  const command = ['tests/models/verify-published.mjs', '--list', path, '--hub', hub.url, '--photos', join(folder, 'photos'), ...args];
  return new Promise(resolve =>
    execFile(process.execPath, command, { cwd: ROOT }, (error, stdout) => resolve({ status: error?.code ?? 0, stdout })),
  );
}

test('what the libraries answered counts as published: every model is good, in f32 and in q8', async () => {
  const list = Object.entries(NAMES).map(([source, name]) => ({ source, published: { labels, probabilities: probabilities(name) } }));
  for (const dtype of ['f32', 'q8']) {
    const { status, stdout } = await run(list, '--dtype', dtype);
    assert.match(stdout, /good {2}openai\/clip-vit-base-patch32 +largest difference 0\.00\d+ {2}1 of 2 photos right/);
    assert.match(stdout, new RegExp(`2 of 2 models are as published \\(${dtype}`));
    assert.equal(status, 0, stdout);
  }
});

test('another answer is found, and a model that does not load is named, after which the others are tried', async () => {
  const [first] = Object.keys(NAMES);
  const right = probabilities(NAMES[first]);
  const list = [
    { source: 'nobody/nothing' },
    { source: first, published: { labels, probabilities: [right[0] + 0.02, ...right.slice(1)] } },
    { source: first, published: { labels, probabilities: right } },
  ];
  const { status, stdout } = await run(list);
  assert.match(stdout, /^BAD {3}nobody\/nothing .*401/m);
  assert.match(stdout, /^BAD {3}openai.*\n^good {2}openai/m);
  assert.match(stdout, /1 of 3 models/);
  assert.equal(status, 1);
});

test('its own list names models that are known to load', () => {
  const { models: known } = json(join(ROOT, 'weights/models.json'));
  for (const { source } of json(join(ROOT, 'tests/models/published.json')).models)
    assert.ok(
      known.some(one => one.source === source),
      source,
    );
});
