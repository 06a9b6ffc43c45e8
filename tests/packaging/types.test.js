/** The types, as apps with TypeScript 5 and 7 see them: with `dom`, `webworker` or neither, with Node's types or without, under each way of resolving. */
import assert from 'node:assert/strict';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { makeApp } from './apps.js';
import { ROOT, must, tool } from './helpers.js';
import { toolFolder } from './tools.js';

const all = Boolean(process.env.CLIP_ALL);

const USE = `
import { Clip, ClipError, pipeline, type ClipErrorCode, type EmbeddingIndex, type Match, type Score } from 'clip-wasm';
import { Clip as Core, type LoadOptions } from 'clip-wasm/core';
import { Clip as Bare } from 'clip-wasm/bare';
import { Engine } from 'clip-wasm/engine';

const labels = ['a', 'b'] as const;
using clip: Clip = await Clip.load(undefined, { dtype: 'q8', onProgress: p => { if (p.phase === 'warning') p.code; else p.loaded; } });
await using other = await Core.load('x/y');
const bytes = new Uint8Array(3);
const one: Score[] = await clip.classify(bytes, labels, { template: 'a photo of {}', top: 1 });
const many: Score[][] = await clip.classify([bytes] as const, ['a']);
const groups: { animal: Score[]; place: Score[] } = await clip.classify(bytes, { animal: ['cat'], place: labels });
for await (const { ranking, error, input } of clip.classifyEach([bytes], labels)) {
  if (error) error.code satisfies ClipErrorCode;
  else ranking satisfies Score[];
  input.byteLength;
}
const vector: Float32Array = await clip.encode('a dog');
const vectors: Float32Array[] = await clip.encode(['a dog', bytes] as const);
const rows: Float32Array[] = Clip.similarity(vector, vectors);
using index: EmbeddingIndex = await Clip.index(vectors, { dtype: 'q8' });
const found: Match[] = await index.topK(vector, 3);
const file: Uint8Array = await Clip.exportEmbeddings(index, 'npy');
const read: Float32Array | Int8Array = (await Clip.importEmbeddings(file)).data;
try { clip.dispose(); } catch (error) { if (error instanceof ClipError && error.code === 'aborted') error.message; }
// @ts-expect-error there is no such dtype
await Clip.load('x/y', { dtype: 'q5' });
const run = await pipeline('zero-shot-image-classification', 'x/y', { dtype: 'fp32' });
const single: { label: string; score: number }[] = await run(bytes, labels);
const batch: { label: string; score: number }[][] = await run([bytes], ['a']);
export const given: LoadOptions = {};
export { one, many, groups, rows, found, read, single, batch, other, Bare, Engine };
`;

const ELEMENT = `
import { ClipClassifier, type ClipClassifierEventMap } from 'clip-wasm/element';
const element = document.createElement('clip-classifier');
element.labels = ['a'] as const;
element.addEventListener('clip-ranking', ({ detail }) => detail.ranking[0].score.toFixed());
element.addEventListener('clip-error', event => event.detail.code satisfies string);
element.addEventListener('click', event => event.clientX);
element.addEventListener('something', () => {});
const other: ClipClassifier = document.querySelector('clip-classifier')!;
export const names: keyof ClipClassifierEventMap = 'clip-progress';
export { other };
`;

/** @type {string} */
let app;
before(async () => {
  app = await makeApp(null, { 'use.ts': USE, 'element.ts': ELEMENT });
  for (const name of ['@types', 'undici-types']) symlinkSync(join(ROOT, 'node_modules', name), join(app, 'node_modules', name));
});

/** @param {string} tsc @param {string} resolution @param {string[]} lib @param {string[]} types @param {string[]} files */
function check(tsc, resolution, lib, types, files) {
  const module = resolution === 'bundler' ? 'esnext' : resolution;
  const options = { noEmit: true, strict: true, skipLibCheck: false, target: 'es2022', module, moduleResolution: resolution, lib, types };
  writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files }));
  must(tsc, ['-p', '.'], app);
}

const COMBINATIONS = [['es2022'], ['es2023', 'dom'], ['es2022', 'webworker']].flatMap(lib =>
  [[], ['node']].flatMap(types => ['node16', 'nodenext', 'bundler'].map(resolution => ({ lib, types, resolution }))),
);

// TypeScript 7 is quick
for (const [name, tsc, some] of /** @type {const} */ ([
  ['TypeScript 7', () => join(toolFolder('typescript7'), 'node_modules/.bin/tsc'), COMBINATIONS],
  ['TypeScript 5', () => tool('tsc'), all ? COMBINATIONS : [COMBINATIONS[0], COMBINATIONS[11]]],
]))
  test(`${name} takes them, in ${some.length} ways`, () => {
    for (const { lib, types, resolution } of some) check(tsc(), resolution, lib, types, ['use.ts']);
    check(tsc(), 'nodenext', ['es2022', 'dom'], [], ['use.ts', 'element.ts']);
    writeFileSync(join(app, 'wrong.ts'), "import { Clip } from 'clip-wasm';\nawait Clip.load('x/y', { dtype: 'q5' });\nexport {};\n");
    assert.throws(() => check(tsc(), 'nodenext', ['es2022'], [], ['wrong.ts']), /wrong.ts.*Dtype/);
  });
