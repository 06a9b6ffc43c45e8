/**
 * Loading a model while the network and the store fail, by schedules that seeds make: two visits with faults, and a third with a healthy
 * server, on which all must be right.
 */
import { Clip } from '../../../web/node.js';
import { NETWORK, SILENT, STALLS, serveFaults } from './faults.js';
import { makeModel, makeOwnModel, makePicture, random } from './model.js';
import { STORE, answersOf } from './visits.js';

/** ms, after which a visit counts as stuck. */
export const LIMIT = 35_000;
export const photo = makePicture();
export const LABELS = ['a dog', 'cat'];

/** Two versions of each form, with what they answer in Node. */
export async function makeForms() {
  const forms = {};
  for (const [form, make] of Object.entries({ own: makeOwnModel, foreign: makeModel })) {
    forms[form] = [];
    for (const seed of [1, 2]) {
      const folder = await make({ seed });
      const clip = await Clip.load(folder, { worker: false });
      forms[form].push({ folder, answers: await answersOf(clip, photo, LABELS) });
      clip.dispose();
    }
  }
  return forms;
}

/**
 * @param {number} seed @param {Awaited<ReturnType<typeof makeForms>>} forms
 * @param {{ clear: () => Promise<void>, visit: (visit: any) => Promise<string>, damage: (seed: number) => Promise<void>, headers?: Record<string, string>,
 *  tolerance: number, stalls?: boolean }} where stalls: only faults in which nothing comes
 * @returns {Promise<string[]>} how each visit ended
 */
export async function runSchedule(seed, forms, { clear, visit, damage, headers, tolerance, stalls = false }) {
  const next = random(seed);
  const form = next() < 0.5 ? 'own' : 'foreign';
  const versions = forms[form];
  const pick = object => Object.entries(object)[Math.floor(next() * Object.keys(object).length)];
  const kinds = stalls ? STALLS : form === 'own' ? { ...NETWORK, ...SILENT } : NETWORK;
  await clear();
  const server = await serveFaults(versions[0].folder, headers);
  const { state } = server;
  state.next = random(seed + 0x10000);
  const log = [form];
  /** @param {boolean} healthy @param {string | null} fault */
  const go = async (healthy, fault) => {
    const begin = performance.now();
    const options = { timeout: healthy ? 30_000 : stalls ? 1000 : 300, cache: next() < 0.2 ? 'refresh' : true };
    const allowed = versions.map(({ answers }) => answers);
    const result = await visit({
      url: server.url,
      options,
      labels: LABELS,
      versions: allowed,
      healthy,
      tolerance,
      fault,
      seed: Math.floor(next() * 2 ** 31),
    });
    log.push(result);
    if (result === 'wrong' || result.startsWith('untyped') || (healthy && result !== 'right')) throw new Error(result);
    const took = performance.now() - begin;
    if (took > LIMIT) throw new Error(`stuck: ${took} ms`);
  };
  try {
    for (let round = 0; round < 2; round++) {
      state.chance = [0, 0.1, 0.3, 1][Math.floor(next() * 4)];
      state.kinds = Array.from({ length: 1 + Math.floor(next() * 3) }, () => pick(kinds));
      const fault = next() < 0.3 ? pick(STORE)[0] : null;
      /** The server that is healthy at the end has one version for as long as the visit takes. @type {unknown} */
      let changed;
      if (next() < 0.2) {
        // another version of the model, now or in the middle
        const change = () => (state.folder = versions[1].folder);
        if (next() < 0.5) change();
        else changed = new Promise(resolve => setTimeout(() => resolve(change()), next() * 60));
      }
      await go(false, fault);
      await changed;
      if (next() < 0.3) await damage(Math.floor(next() * 2 ** 31));
    }
    state.chance = 0;
    await new Promise(resolve => setTimeout(resolve, 0));
    await go(true, null);
  } catch (error) {
    throw new Error(`schedule ${seed} (${log.join(', ')}; ${state.log.join('; ')}): ${error.message}`, { cause: error });
  } finally {
    await server.close();
  }
  return log;
}

/**
 * Runs schedules one after the other. @param {{ first: number, count: number, forms: any, where: Parameters<typeof runSchedule>[2] }} what
 * @returns {Promise<{ summary: string, failures: string[] }>}
 */
export async function runSchedules({ first, count, forms, where }) {
  const codes = new Map();
  const failures = [];
  let longest = 0;
  for (let seed = first; seed < first + count && failures.length <= 20; seed++) {
    const begin = performance.now();
    try {
      for (const word of await runSchedule(seed, forms, where)) codes.set(word, (codes.get(word) ?? 0) + 1);
    } catch (error) {
      failures.push(error.message);
    }
    longest = Math.max(longest, performance.now() - begin);
    if (process.env.VERBOSE) console.log(`schedule ${seed}: ${failures.length} failures so far`);
  }
  const all = [...codes].map(([code, times]) => `${code} ${times}`).join(', ');
  return { summary: `seeds from ${first}, ${count}: ${all}; the longest took ${(longest / 1000).toFixed(1)} s`, failures };
}
