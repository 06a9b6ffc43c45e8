/** A long life (tests/js/helpers/soak.js) in a page. CLIP_CALLS=n, and CLIP_ALL=1 or `npm test -- --all` 20,000, of which alone memory is
 *  measured: what the page's processes have by the kernel's word. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { makeOwnModel, makePicture } from '../js/helpers/model.js';
import { growth } from '../js/helpers/soak.js';
import { startSite } from './helpers/chromium.js';
import { startKillable } from './helpers/killable.js';

const CALLS = Number(process.env.CLIP_CALLS ?? (process.env.CLIP_ALL ? 20_000 : 200));
const SEED = Number(process.env.CLIP_SEED ?? 1);

test(`${CALLS} calls in a page, right and wrong, on models that come and go`, { timeout: 3_000_000 }, async t => {
  const mounts = { '/model-1/': await makeOwnModel({ seed: 1 }), '/model-2/': await makeOwnModel({ seed: 2, dtype: 'f32' }) };
  const site = await startSite({ mounts, isolated: false });
  const browser = await startKillable();
  try {
    const page = await browser.page(`${site.url}blank.html`);
    const session = await page.context().newCDPSession(page);
    const samples = [];
    await page.exposeFunction('sample', async () => {
      for (let i = 0; i < 3; i++) {
        await new Promise(resolve => setTimeout(resolve, 300));
        await session.send('HeapProfiler.collectGarbage');
      }
      let kB = 0;
      for (const pid of await browser.renderers()) {
        const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''); // it may have ended meanwhile
        kB += Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0);
      }
      samples.push(kB / 1000);
    });
    const counts = await page.evaluate(
      async ({ bytes, ...what }) => {
        const [{ Clip }, { soak }] = await Promise.all([import('/web/index.js'), import('/tests/js/helpers/soak.js')]);
        return soak(Clip, { ...what, photo: new Uint8Array(bytes), sample: window.sample });
      },
      { models: ['/model-1/', '/model-2/'], bytes: [...makePicture()], calls: CALLS, seed: SEED },
    );
    const grown = growth(samples);
    t.diagnostic(
      `seed ${SEED}: ${Object.entries(counts)
        .map(entry => entry.join(' '))
        .join(', ')}`,
    );
    t.diagnostic(`MB: ${samples.map(mb => mb.toFixed(0)).join(' ')}, ${(100 * grown).toFixed(1)} %`);
    if (CALLS >= 20_000) assert.ok(grown <= 0.05, `${(100 * grown).toFixed(1)} %`);
  } finally {
    await browser.close();
    await site.close();
  }
});
