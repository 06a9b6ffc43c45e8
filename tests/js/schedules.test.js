/**
 * Schedules of faults (helpers/schedules.js) in Node: whatever happens, an answer is right or a typed error, and with a healthy server it
 * is right. CLIP_SEED=7 runs one schedule; CLIP_SCHEDULES=n so many; CLIP_ALL=1, and `npm test -- --all`, 2,000.
 */
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Store } from '../../web/models/store.js';
import { Clip } from '../../web/node.js';
import { makeForms, photo, runSchedules } from './helpers/schedules.js';
import { damage, visit } from './helpers/visits.js';

const ALL = process.env.CLIP_ALL === '1';
const COUNT = Number(process.env.CLIP_SCHEDULES ?? (ALL ? 2000 : 20));
const forms = await makeForms();
const where = {
  clear: () => Clip.cache.clear(),
  visit: what => visit(Clip, { ...what, photo }),
  damage: seed => damage(Store, seed),
  tolerance: 1e-3,
};
const first = Number(process.env.CLIP_SEED ?? 1);
const one = process.env.CLIP_SEED !== undefined && process.env.CLIP_SCHEDULES === undefined;

test(`${COUNT} schedules of faults: none wrong, none stuck, none untyped`, { timeout: 6_000_000 }, async t => {
  const { summary, failures } = await runSchedules({ first, count: one ? 1 : COUNT, forms, where });
  t.diagnostic(summary);
  assert.deepEqual(failures, []);
});

test('schedules in which the server falls silent: none pending after 35 s', { timeout: 3_000_000 }, async t => {
  const { summary, failures } = await runSchedules({ first, count: one ? 1 : ALL ? 200 : 4, forms, where: { ...where, stalls: true } });
  t.diagnostic(summary);
  assert.deepEqual(failures, []);
});
