/**
 * A browser, or what runs its pages, is killed (SIGKILL) at any moment of a first visit: while a model's chunks are fetched and kept, or
 * while a foreign one is converted. Opened again it answers right, and once more without a server, from what was kept. A seed makes the
 * moments: CLIP_SEED=7 begins with another. CLIP_ALL=1, and `npm test -- --all`, kill 100 times; CLIP_KILLS=n says how often.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Clip } from '../../web/node.js';
import { makeModel, makeOwnModel, makePicture, random } from '../js/helpers/model.js';
import { serve } from '../js/helpers/server.js';
import { STRICT_CSP, smallChunks, startSite } from './helpers/chromium.js';
import { startKillable } from './helpers/killable.js';

const KILLS = Number(process.env.CLIP_KILLS ?? (process.env.CLIP_ALL ? 100 : 4));
const SEED = Number(process.env.CLIP_SEED ?? 1);
const LABELS = ['a dog', 'cat'];
const photo = makePicture();
const CORS = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'ETag, Content-Range, Accept-Ranges' };

let site;
let browser;
before(async () => {
  const csp = STRICT_CSP.replace("connect-src 'self'", "connect-src 'self' http://127.0.0.1:*");
  site = await startSite({ csp, onRequest: smallChunks() });
  browser = await startKillable();
});
after(async () => {
  await browser?.close();
  await site?.close();
});

/** Loads and asks in a page. @param {import('playwright-core').Page} page @param {string} url */
const visit = (page, url) =>
  page.evaluate(
    async ({ url, labels, bytes }) => {
      const { Clip } = await import('/web/index.js');
      const clip = await Clip.load(url, { timeout: 10_000 });
      try {
        const scores = await clip.classify(new Uint8Array(bytes), labels);
        return { scores, warnings: clip.warnings.map(({ code, message }) => `${code} ${message}`) };
      } finally {
        clip.dispose();
      }
    },
    { url, labels: LABELS, bytes: [...photo] },
  );

test(`killed ${KILLS} times while a model comes: all right when opened again`, { timeout: 3_000_000 }, async t => {
  const next = random(SEED);
  const forms = [];
  for (const make of [makeOwnModel, makeModel]) {
    const folder = await make({});
    const clip = await Clip.load(folder, { worker: false });
    // bytes of a first visit: of a foreign file, where the halves are not apart, some come twice
    forms.push({ folder, expected: await clip.classify(photo, LABELS), whole: make === makeModel ? 1_200_000 : 290_000 });
    clip.dispose();
  }
  const counts = { browser: 0, renderer: 0, 'too late': 0, resumed: 0 };
  for (let kill = 1; kill <= KILLS; kill++) {
    const { folder, expected, whole } = forms[kill % 2];
    const server = await serve(folder, { delay: 4, headers: CORS });
    const check = ({ scores }) => {
      assert.deepEqual(
        scores.map(({ label }) => label),
        expected.map(({ label }) => label),
      );
      // other kernels than Node's round a little otherwise
      scores.forEach(({ score }, i) => assert.ok(Math.abs(score - expected[i].score) < 0.06, JSON.stringify([scores, expected])));
    };
    const where = `kill ${kill}, seed ${SEED}`;
    try {
      let page = await browser.page(`${site.url}blank.html`);
      // the moment: after so many of the bytes that a whole visit brings, and a little more
      const bytes = next() * whole;
      const late = next() * 30;
      let over = false;
      const first = visit(page, server.url).then(
        () => (over = true),
        () => (over = true),
      );
      while (!over && server.sent('.safetensors') < bytes) await new Promise(resolve => setTimeout(resolve, 2));
      await new Promise(resolve => setTimeout(resolve, late));
      const finished = over;
      if (finished) counts['too late']++;
      if (next() < 0.4) {
        counts.browser++;
        await browser.killAll();
      } else {
        counts.renderer++;
        await browser.killRenderers();
      }
      await first;
      await page.close().catch(() => {});
      page = await browser.page(`${site.url}blank.html`);
      const before = server.sent('.safetensors');
      check(await visit(page, server.url));
      if (!finished && server.sent('.safetensors') - before < 0.9 * whole) counts.resumed++;
      server.mood.down = true;
      check(await visit(page, server.url));
      await page.evaluate(async () => (await import('/web/index.js')).Clip.cache.clear());
      await page.close();
    } catch (error) {
      throw new Error(`${where}: ${error.message}`, { cause: error });
    } finally {
      await server.close();
    }
  }
  t.diagnostic(
    `seed ${SEED}: ${Object.entries(counts)
      .map(([what, count]) => `${what} ${count}`)
      .join(', ')}`,
  );
  assert.ok(counts['too late'] <= KILLS / 2, 'they come in the middle');
});
