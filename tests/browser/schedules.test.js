/**
 * Schedules of faults (tests/js/helpers/schedules.js) in a page, with the browser's own network and IndexedDB. CLIP_SEED=7 runs one,
 * CLIP_SCHEDULES=n so many; CLIP_ALL=1, and `npm test -- --all`, 200.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeForms, photo, runSchedules } from '../js/helpers/schedules.js';
import { STRICT_CSP, startChromium, startSite } from './helpers/chromium.js';

const COUNT = Number(process.env.CLIP_SCHEDULES ?? (process.env.CLIP_ALL ? 200 : 6));
const first = Number(process.env.CLIP_SEED ?? 1);
const one = process.env.CLIP_SEED !== undefined && process.env.CLIP_SCHEDULES === undefined;
const headers = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'ETag, Content-Range, Accept-Ranges' };

let site;
let browser;
let page;
before(async () => {
  site = await startSite({ csp: STRICT_CSP.replace("connect-src 'self'", "connect-src 'self' http://127.0.0.1:*") });
  browser = await startChromium();
  page = await browser.page(site);
});
after(async () => {
  await browser?.close();
  await site?.close();
});

test(`${COUNT} schedules of faults in a page: none wrong, none stuck, none untyped`, { timeout: 3_000_000 }, async t => {
  const where = {
    clear: () => page.evaluate(() => window.Clip.cache.clear()),
    visit: what =>
      page.evaluate(
        async ({ bytes, ...what }) => {
          const { visit } = await import('/tests/js/helpers/visits.js');
          return visit(window.Clip, { ...what, photo: new Uint8Array(bytes) });
        },
        { ...what, bytes: [...photo] },
      ),
    damage: seed =>
      page.evaluate(async seed => {
        const [{ damage }, { Store }] = await Promise.all([import('/tests/js/helpers/visits.js'), import('/web/models/store.js')]);
        await damage(Store, seed);
      }, seed),
    headers,
    tolerance: 0.06, // other kernels than Node's round a little otherwise
  };
  const { summary, failures } = await runSchedules({ first, count: one ? 1 : COUNT, forms: await makeForms(), where });
  t.diagnostic(summary);
  assert.deepEqual(failures, []);
});
