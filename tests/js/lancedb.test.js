/**
 * Past one machine: embeddings made in pieces, loaded into LanceDB, and searched by words. What LanceDB keeps is a folder (here, or on
 * object storage) that its servers open as it is.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Clip } from '../../web/node.js';
import { toolFolder } from '../packaging/tools.js';
import { run } from './helpers/cli.js';
import { temporaryFolder } from './helpers/model.js';

const samples = fileURLToPath(new URL('../../weights/samples/', import.meta.url));
const PIECES = 3;

test('pieces of embed, in LanceDB, are found by words', async () => {
  const folder = await temporaryFolder();
  const lancedb = createRequire(join(toolFolder('lancedb'), 'package.json'))('@lancedb/lancedb');

  const db = await lancedb.connect(join(folder, 'photos.lance'));
  let table;
  for (let i = 1; i <= PIECES; i++) {
    const output = join(folder, `${i}.jsonl`);
    const { status, err } = await run(['embed', samples, '-o', output, '--shard', `${i}/${PIECES}`, '--resume']);
    assert.equal(status, 0, err);
    const rows = (await readFile(output, 'utf8'))
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
      .map(({ file, embedding }) => ({ file, vector: embedding }));
    if (table) await table.add(rows);
    else table = await db.createTable('photos', rows);
  }
  assert.equal(await table.countRows(), 8);

  // what is on disk is opened by another connection, as a server would
  const opened = await (await lancedb.connect(join(folder, 'photos.lance'))).openTable('photos');
  const clip = await Clip.load();
  for (const [words, name] of [
    ['a photo of a pizza', 'pizza.jpg'],
    ['a photo of a school bus', 'school-bus.jpg'],
    ['a photo of a jellyfish', 'jellyfish.jpg'],
  ]) {
    const query = await clip.encode(words);
    const found = await opened.search(Array.from(query)).distanceType('cosine').limit(3).toArray();
    assert.equal(found.length, 3);
    assert.equal(found[0].file, join(samples, name));
    const [[cosine]] = Clip.similarity(query, Float32Array.from(found[0].vector));
    assert.ok(Math.abs(1 - found[0]._distance - cosine) < 1e-4, `${1 - found[0]._distance} is not ${cosine}`);
  }
  // the same words by the command that needs no database
  const { out } = await run(['search', samples, 'a photo of a pizza', '--top', '1', '--index', join(folder, 'index')]);
  assert.match(out, /pizza\.jpg\n$/);
  clip.dispose();
});
