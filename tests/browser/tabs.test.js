// Several pages of one browser that need the same model, which none has: it travels once.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Clip } from '../../web/node.js';
import { makeLargeModel, makeOwnModel, makePicture } from '../js/helpers/model.js';
import { serve } from '../js/helpers/server.js';
import { STRICT_CSP, smallChunks, startChromium, startSite } from './helpers/chromium.js';

const LABELS = ['a dog', 'cat'];
const photo = makePicture();
const CORS = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'ETag, Content-Range, Accept-Ranges' };

describe('two pages, one model that neither has', () => {
  let site;
  let browser;
  before(async () => {
    site = await startSite({
      csp: STRICT_CSP.replace("connect-src 'self'", "connect-src 'self' http://127.0.0.1:*"),
      onRequest: smallChunks(),
    });
    browser = await startChromium();
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  for (const [form, make, files] of [
    ['our own', makeOwnModel, ['vision.q8.safetensors', 'text.q8.safetensors']],
    ['Hugging Face’s', makeLargeModel, ['model.safetensors']],
  ]) {
    test(`of ${form} form: its bytes travel once`, async t => {
      const folder = await make({});
      const local = await Clip.load(folder, { worker: false });
      const expected = await local.classify(photo, LABELS);
      local.dispose();
      const server = await serve(folder, { delay: 2, headers: CORS });
      const pages = await Promise.all([browser.page(site), browser.page(site)]);
      try {
        const answers = await Promise.all(
          pages.map(page =>
            page.evaluate(
              async ({ url, labels, bytes }) => {
                const clip = await window.Clip.load(url);
                const scores = await clip.classify(new Uint8Array(bytes), labels);
                clip.dispose();
                return scores;
              },
              { url: server.url, labels: LABELS, bytes: [...photo] },
            ),
          ),
        );
        for (const scores of answers) {
          assert.deepEqual(
            scores.map(({ label }) => label),
            expected.map(({ label }) => label),
          );
          // other kernels than Node's round a little otherwise
          scores.forEach(({ score }, i) => assert.ok(Math.abs(score - expected[i].score) < 0.06, JSON.stringify([scores, expected])));
        }
        let whole = 0;
        for (const file of files) whole += (await stat(join(folder, file))).size;
        if (process.env.VERBOSE) for (const e of server.log) console.log(e.method, e.name, e.range, e.sent);
        const share = server.sent('.safetensors') / whole;
        t.diagnostic(`${share.toFixed(3)} of its ${whole} bytes`);
        assert.ok(share <= 1.05, `${share} of its bytes`);
      } finally {
        for (const page of pages) await page.close();
        await server.close();
      }
    });
  }
});
