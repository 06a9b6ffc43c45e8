/** A long life (helpers/soak.js) in Node. CLIP_CALLS=n, and CLIP_ALL=1 or `npm test -- --all` 20,000, of which alone memory is measured. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Clip } from '../../web/node.js';
import { makeOwnModel, makePicture } from './helpers/model.js';
import { growth, soak } from './helpers/soak.js';

const CALLS = Number(process.env.CLIP_CALLS ?? (process.env.CLIP_ALL ? 20_000 : 200));
const SEED = Number(process.env.CLIP_SEED ?? 1);
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

test(`${CALLS} calls, right and wrong, on models that come and go`, { timeout: 3_000_000 }, async t => {
  const models = [await makeOwnModel({ seed: 1 }), await makeOwnModel({ seed: 2, dtype: 'f32' })];
  const samples = [];
  const sample = async () => {
    for (let i = 0; i < 3; i++) {
      await new Promise(resolve => setTimeout(resolve, 300));
      collect();
    }
    samples.push(Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1000);
  };
  const counts = await soak(Clip, { models, photo: makePicture(), calls: CALLS, seed: SEED, sample });
  const grown = growth(samples);
  t.diagnostic(
    `seed ${SEED}: ${Object.entries(counts)
      .map(entry => entry.join(' '))
      .join(', ')}`,
  );
  t.diagnostic(`MB: ${samples.map(mb => mb.toFixed(0)).join(' ')}, ${(100 * grown).toFixed(1)} %`);
  if (CALLS >= 20_000) assert.ok(grown <= 0.05, `${(100 * grown).toFixed(1)} %`);
});
