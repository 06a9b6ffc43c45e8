/** convert: a model in any form to our own, as it streams: memory does not grow with the model. */
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { LARGE_TABLE, SUM, readForeign, readOwn, rowsOfBlock, sumsOf } from '../models/rows.js';
import { F32, TokenTable } from '../engine/token-table.js';
import { Chunks } from '../models/download.js';
import { isPacked } from '../engine/readers.js';
import { Engine } from '../engine/engine.js';
import { ClipError } from '../error.js';
import { ChunkSink } from '../models/loader.js';
import { readModel } from '../models/forms/repository.js';
import { View, feedView } from '../models/forms/view.js';
import { CHUNK, DTYPES, checkManifest, configOf } from '../models/model.js';
import { nodeSource, nodeSpec, readModule } from '../node.js';
import { readHeader } from '../models/safetensors.js';
import { findTokenizer } from '../models/tokenizer-files.js';
import { chooseModule } from '../engine/wasm.js';
import { Usage, finishProgress, oneOf, showProgress } from './terminal.js';

/** @typedef {import('../models/model.js').Manifest} Manifest */
/** @typedef {import('../engine/tower.js').TowerKind} TowerKind */
/** @typedef {import('../models/rows.js').RowReader} RowReader */
/** A table of token embeddings in a file of its own. @typedef {{ source: import('../models/sources/source.js').Source,
 *  entry: Extract<import('../models/rows.js').RowsEntry, { file: string }> }} Apart */

/** Bytes of a tokenizer that travels packed. */
const LARGE_TOKENIZER = 4 << 20;

/** @param {import('../models/sources/source.js').Source} source @param {string} name */
async function mergesInside(source, name) {
  const bytes = await source.bytes(name);
  if (!bytes) return null;
  const { entries, start } = readHeader(bytes, name);
  const offsets = entries['tokenizer.merges']?.data_offsets;
  return offsets ? bytes.slice(start + offsets[0], start + offsets[1]) : null;
}

/**
 * Reads what is to be converted: what could never load is not converted.
 * @param {Engine} engine @param {View} view @param {string} config @param {TowerKind} kind @param {Apart | null} apart
 * @returns {Promise<RowReader | null>} what the table of token embeddings is read from
 */
async function look(engine, view, config, kind, apart) {
  const sketch = engine.sketchTower(kind, config);
  try {
    const table = kind === 'text' ? new TokenTable(sketch) : null;
    if (apart) table?.defer();
    sketch.open(view.bytes, view.label);
    view.pushHeader(sketch);
    if (table && apart) return await readOwn(apart.source, apart.entry, { rows: table.rows, rowBytes: table.width * 4, dtype: F32 });
    return table?.place ? readForeign(view, table.place) : null;
  } finally {
    sketch.free();
  }
}

/** Writes the table of token embeddings into a file of its own, see rows.js.
 * @param {import('../engine/tower.js').Tower} tower of the wanted precision @param {RowReader} reader @param {string} path */
async function convertTable(tower, reader, path) {
  const table = new TokenTable(tower);
  table.defer();
  const block = rowsOfBlock(table.rowBytes);
  const sums = [];
  const head = Math.ceil(table.rows / block) * SUM;
  const output = await open(`${path}.part`, 'w');
  const step = Math.ceil((4 << 20) / table.rowBytes / block) * block;
  try {
    for (let first = 0; first < table.rows; first += step) {
      const count = Math.min(step, table.rows - first);
      table.set(reader.dtype, first, count, await reader.read(first, count));
      const rows = table.get(first, count);
      sums.push(/** @type {Uint8Array} */ (await sumsOf(rows, block * table.rowBytes)));
      await output.write(rows, 0, rows.length, head + first * table.rowBytes);
    }
    const all = Buffer.concat(sums);
    await output.write(all, 0, head, 0);
    await output.close();
    await rename(`${path}.part`, path);
    const sha256 = createHash('sha256').update(all).digest('hex');
    return { block, file: basename(path), bytes: head + table.rows * table.rowBytes, sha256 };
  } finally {
    await output.close().catch(() => {});
    await rm(`${path}.part`, { force: true });
  }
}

/**
 * @param {Engine} engine @param {View} view @param {string} config @param {TowerKind} kind
 * @param {import('../engine/engine.js').Dtype} dtype @param {Uint8Array | null} merges @param {string} path
 * @param {Apart | null} apart
 */
async function convertTower(engine, view, config, kind, dtype, merges, path, apart) {
  const reader = await look(engine, view, config, kind, apart);
  let rows;
  if (reader) {
    const tower = engine.openTower(kind, config, dtype);
    try {
      const table = new TokenTable(tower);
      if (apart || table.rows * table.rowBytes >= LARGE_TABLE)
        rows = await convertTable(tower, reader, path.replace(/\.safetensors$/, '.rows'));
    } finally {
      tower.free();
    }
  }
  const sink = new ChunkSink(CHUNK);
  /** @type {string[]} */
  const hashes = [];
  const converter = engine.openConverter(kind, dtype, merges, bytes => sink.write(bytes));
  const output = await open(`${path}.part`, 'w');
  /** @param {boolean} [end] */
  const flush = async end => {
    for (const bytes of sink.take(end)) {
      hashes.push(createHash('sha256').update(bytes).digest('hex'));
      await output.write(bytes);
    }
  };
  try {
    if (rows) converter.leaveTable();
    converter.open(view.bytes, view.label);
    await feedView(
      converter,
      view,
      ({ name, file }) =>
        new Chunks({ name, bytes: file.bytes, chunk: CHUNK, sha256: null, key: String, open: async () => file }, null, {
          onProgress: p => showProgress({ ...p, phase: 'convert', file: `${kind} tower` }),
        }),
      flush,
    );
    await flush(true);
    if (sink.total !== converter.bytes) throw new ClipError('missing-tensor', `${view.label}: the ${kind} tower is not complete.`);
    await output.close();
    await rename(`${path}.part`, path);
    const made = { bytes: sink.total, chunk: CHUNK, sha256: hashes, ...(rows && { rows }) };
    return { ...made, logitScale: converter.logitScale, logitBias: converter.logitBias };
  } finally {
    await output.close().catch(() => {});
    await rm(`${path}.part`, { force: true });
    converter.free();
    finishProgress();
  }
}

/**
 * What the model knows, if concepts.json beside it says so: a list of names, or { concepts } with more about them.
 * @param {import('../models/sources/source.js').Source} source
 */
async function conceptsOf(source) {
  const text = await source.text('concepts.json');
  if (!text) return undefined;
  const json = JSON.parse(text);
  return json.concepts ?? json;
}

/** @param {{ dtype?: string, output?: string, name?: string, license?: string, origin?: string }} values @param {string[]} positionals */
export async function convert(values, [folder, ...more]) {
  const { output } = values;
  if (!folder || more.length) throw new Usage('convert takes one model');
  if (!output) throw new Usage('convert needs -o with the name of a folder');
  const dtype = oneOf(values.dtype, '--dtype', DTYPES, 'q8');
  const source = nodeSource(nodeSpec(folder));
  const { manifest, config, weights, folder: inside, clean } = await readModel(source, { dtype });
  const engine = await Engine.create({ wasm: await readModule(chooseModule(1).name), readers: () => readModule('readers') });
  const foreign = weights && (await findTokenizer(engine, source, { folder: inside, clean, config: manifest.config }));
  await mkdir(output, { recursive: true });
  let logitScale = weights ? 0 : manifest.logit_scale;
  let logitBias = weights ? 0 : (manifest.logit_bias ?? 0);
  /** @type {Manifest['towers']} */
  const towers = {};
  for (const kind of manifest.kinds ?? /** @type {TowerKind[]} */ (['vision', 'text'])) {
    const own = manifest.towers[kind]?.f32?.file;
    const from = weights ? weights[kind] : own ? { form: /** @type {const} */ ('safetensors'), files: [own] } : null;
    if (!from) throw new ClipError('no-weights', `${folder} has no weights of the ${kind} tower to convert from (f32).`);
    const list = kind === 'text' ? (foreign ?? (own ? await mergesInside(source, own) : null)) : null;
    // what a visitor fetches once is unpacked at each visit: worth it for hundreds of thousands of pieces only
    const merges = list && list.length > LARGE_TOKENIZER && !isPacked(list) ? gzipSync(list) : list;
    const view = await View.open(engine, source, from);
    const file = `${kind}.${dtype}.safetensors`;
    const rows = weights ? undefined : manifest.towers[kind]?.f32?.rows;
    const apart = rows && 'file' in rows ? { source, entry: rows } : null;
    const {
      logitScale: scale,
      logitBias: bias,
      ...made
    } = await convertTower(engine, view, config, kind, dtype, merges || null, join(output, file), apart);
    view.free();
    logitScale ||= scale;
    logitBias ||= bias;
    towers[kind] = { [dtype]: { file, ...made } };
  }
  const path = join(output, 'clip.json');
  const before = await readFile(path, 'utf8').then(
    text => checkManifest(JSON.parse(text), path),
    () => null,
  );
  const { name = manifest.name, license = manifest.license, origin = weights ? undefined : manifest.origin } = values;
  /** @type {Manifest} */
  const made = {
    ...manifest,
    name,
    license,
    origin,
    logit_scale: logitScale || 100,
    logit_bias: logitBias || undefined,
    concepts: manifest.concepts ?? (await conceptsOf(source)),
    towers,
  };
  if (before && configOf(before) === configOf(made)) {
    // other dtypes of the same model, made before, stay
    for (const kind of /** @type {TowerKind[]} */ (['vision', 'text']))
      if (before.towers[kind] || towers[kind]) made.towers[kind] = { ...before.towers[kind], ...towers[kind] };
  }
  await writeFile(path, JSON.stringify(checkManifest(made, path), null, 1) + '\n');
}
