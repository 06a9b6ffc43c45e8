/**
 * embed: embeddings of photos or texts, to the terminal or into a file for other programs.
 *
 * Into a file it is made for many machines: --shard I/N takes the I-th of N equal pieces of the list, and --resume goes on where a
 * run was killed. What a run has done is in OUT.part (kept.js) until the file is whole; the same photos give the same bytes, however
 * often it was killed, and the pieces one after the other are what one run writes.
 */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { npyHeader, safetensorsHeader } from '../api/embedding-file.js';
import { Kept } from './kept.js';
import { findPhotos } from './photos.js';
import { Usage, finishProgress, say } from './terminal.js';
import { asUrl, bringUpToDate, forEach, identityOf, load } from './work.js';

/** @typedef {{ photo: string, embedding: () => Float32Array }} Row */
/** @typedef {{ rows: Row[], width: number, model: string }} Table */

/** As short as tells one f32 from the next. @param {Float32Array} embedding */
const numbersOf = embedding => Array.from(embedding, x => Number(x.toPrecision(9)));

/** @param {Float32Array} values */
const bytesOf = values => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** One JSON object a line. @param {Table} table */
function* jsonl({ rows }) {
  for (const { photo, embedding } of rows) yield Buffer.from(`${JSON.stringify({ file: photo, embedding: numbersOf(embedding()) })}\n`);
}

/** The photos' names are in a file beside it. @param {Table} table */
function* npy({ rows, width }) {
  yield npyHeader(rows.length, width);
  for (const { embedding } of rows) yield bytesOf(embedding());
}

/** @param {Table} table */
function* safetensors({ rows, width, model }) {
  yield safetensorsHeader(rows.length, width, { names: rows.map(({ photo }) => photo), model });
  for (const { embedding } of rows) yield bytesOf(embedding());
}

/** @type {Record<string, (table: Table) => Generator<Uint8Array>>} */
const FORMATS = { jsonl, npy, safetensors };

/** Under another name until it is whole. @param {string} path @param {Iterable<Uint8Array>} pieces */
function writeWhole(path, pieces) {
  const file = openSync(`${path}.new`, 'w');
  try {
    for (const piece of pieces) for (let done = 0; done < piece.length; ) done += writeSync(file, piece, done);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
}

/** @template T @param {T[]} list @param {string | undefined} shard such as 2/4 @returns {T[]} */
export function pieceOf(list, shard) {
  if (shard === undefined) return list;
  const [, i, n] = (/^(\d+)\/(\d+)$/.exec(shard) ?? []).map(Number);
  if (!(i >= 1 && i <= n)) throw new Usage(`--shard is I/N with I from 1 to N, not ${JSON.stringify(shard)}`);
  return list.slice(Math.floor((list.length * (i - 1)) / n), Math.floor((list.length * i) / n));
}

/** @param {any} values @param {string[]} photos @param {string} output */
async function toFile(values, photos, output) {
  const ending = /\.([a-z]+)$/.exec(output)?.[1] ?? '';
  const format = FORMATS[ending];
  if (!format) throw new Usage(`-o is a name that ends in ${Object.keys(FORMATS).join(', ')}`);
  const part = `${output}.part`;
  if (values.resume && existsSync(output) && !existsSync(part)) return void say(`${output} is there already`);
  const model = identityOf(values);
  const kept = Kept.open(part, model, !values.resume);
  if (!kept.writable) throw new Usage(`${output} is just being written by another process`);
  /** @type {Promise<import('../node.js').Clip> | undefined} */
  let loading;
  try {
    const broken = photos.flatMap(photo => kept.entries.get(photo)?.error ?? []); // known from before
    const { status } = await bringUpToDate(() => (loading ??= load(values)), kept, photos);
    if (status > 1) return status; // interrupted: what is done is in OUT.part
    broken.forEach(say);
    const here = new Set(kept.photos);
    const rows = photos.filter(photo => here.has(photo)).map(photo => ({ photo, embedding: () => kept.embedding(photo) }));
    if (ending === 'npy')
      writeWhole(
        `${output}.files.jsonl`,
        rows.map(({ photo }) => Buffer.from(`${JSON.stringify(photo)}\n`)),
      );
    writeWhole(output, format({ rows, width: kept.width, model }));
    kept.close();
    rmSync(part, { force: true });
    return status || Math.sign(broken.length);
  } finally {
    kept.close();
    await loading?.then(
      clip => clip.dispose(),
      () => {},
    );
  }
}

/**
 * @param {{ text?: string[], json?: boolean, output?: string, shard?: string, resume?: boolean, from?: string[], model?: string,
 *  dtype?: string, threads?: string, workers?: string }} values @param {string[]} names
 */
export async function embed(values, names) {
  const { text: texts = [], json, output, from = [] } = values;
  if (!names.length && !texts.length && !from.length) throw new Usage('embed needs a photo, a folder, a list or --text');
  if (!output && (values.shard !== undefined || values.resume)) throw new Usage('--shard and --resume go with -o');
  if (output && texts.length) throw new Usage('-o is for photos; --text prints');
  let problems = 0;
  const all = findPhotos(names, from, problem => {
    say(problem);
    problems = 1;
  });
  const photos = pieceOf(all, values.shard);
  if (output) return (await toFile(values, photos, output)) || problems;

  const clip = await load(values);
  /** @type {({ file: string, embedding: number[] } | { text: string, embedding: number[] })[]} */
  const results = [];
  const show = (/** @type {(typeof results)[number]} */ result) => {
    if (json) results.push(result);
    else process.stdout.write(`${result.embedding.join(' ')}\n`);
  };
  const status = await forEach(
    'reading',
    photos,
    signal => clip.encodeEach(photos.map(asUrl), { signal }),
    ({ embedding }, file) => show({ file, embedding: Array.from(/** @type {Float32Array} */ (embedding)) }),
  );
  const embeddings = await clip.encode(texts);
  finishProgress();
  texts.forEach((text, i) => show({ text, embedding: Array.from(embeddings[i]) }));
  if (json) process.stdout.write(`${JSON.stringify(results)}\n`);
  clip.dispose();
  return status || problems;
}
