/** The package as a page uses it: worker, threads, store, aborts, under a strict Content-Security-Policy. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { Clip } from '../../web/node.js';
import { makeOwnModel, makePicture } from '../js/helpers/model.js';
import { serve as serveModel } from '../js/helpers/server.js';
import { startChromium, startSite } from './helpers/chromium.js';

const LABELS = ['a dog', 'cat', 'photo'];
const photo = makePicture(50, 40, 1);

/** @type {Awaited<ReturnType<typeof startChromium>>} */
let browser;
/** @type {string} */
let folder;
/** What Node answers; its plain SIMD kernels round activations otherwise than the relaxed ones. */
let expected;
/** @type {Awaited<ReturnType<typeof startSite>>[]} */
const sites = [];
before(async () => {
  browser = await startChromium();
  folder = await makeOwnModel();
  const clip = await Clip.load(folder);
  expected = await clip.classify(photo, LABELS);
  clip.dispose();
});
after(async () => {
  await browser?.close();
  for (const site of sites) await site.close();
});
afterEach(async () => {
  for (const page of browser.context.pages().slice(1)) await page.close();
});
/** @param {Parameters<typeof startSite>[0]} [options] */
async function site(options) {
  const started = await startSite({ mounts: { '/model/': folder }, ...options });
  sites.push(started);
  return started;
}
const input = { photo: Array.from(photo), labels: LABELS };
/** @param {any[]} scores @param {number} [tolerance] */
const matches = (scores, tolerance = 0.03) => {
  assert.equal(scores.length, expected.length);
  for (const { label, score } of scores) {
    assert.ok(Math.abs(score - expected.find(e => e.label === label).score) < tolerance, `${label} ${score}`);
  }
};
/** Loads and classifies in the page. @param {any} page @param {any} [options] @param {string} [model] */
const classify = (page, options = {}, model = '/model/') =>
  page.evaluate(
    async ([{ photo, labels }, options, model]) => {
      const clip = await window.Clip.load(model, options);
      const scores = await clip.classify(new Uint8Array(photo), labels);
      const { info, warnings } = clip;
      clip.dispose();
      return { scores, info, warnings: warnings.map(w => w.code) };
    },
    [input, options, model],
  );

describe('a page', () => {
  test('classifies in a worker, under a strict Content-Security-Policy, without complaints', async () => {
    const page = await browser.page(await site());
    const { scores, info, warnings } = await classify(page, { threads: 1 });
    matches(scores);
    assert.equal(info.threads, 1);
    assert.deepEqual(warnings, []);
    assert.deepEqual(page.complaints, []);
    for (let i = 0; page.workers().length && i < 50; i++) await page.waitForTimeout(20);
    assert.equal(page.workers().length, 0, 'dispose ends the worker');
  });

  test('with COOP and COEP it has threads', async () => {
    const page = await browser.page(await site());
    assert.equal(await page.evaluate(() => crossOriginIsolated), true);
    const { scores, info } = await classify(page, { threads: 3 });
    matches(scores);
    assert.equal(info.threads, 3);
    assert.deepEqual(page.complaints, []);
  });

  test('without them it works with one', async () => {
    const page = await browser.page(await site({ isolated: false }));
    assert.equal(await page.evaluate(() => crossOriginIsolated), false);
    const { scores, info } = await classify(page, { threads: 3 });
    matches(scores);
    assert.equal(info.threads, 1);
    assert.deepEqual(page.complaints, []);
  });

  test('asks nobody but its own server for anything', async () => {
    const page = await browser.page(await site());
    const asked = [];
    page.on('request', request => asked.push(request.url()));
    await classify(page);
    assert.ok(asked.length > 0);
    for (const url of asked) assert.match(url, /^http:\/\/localhost:\d+\//);
  });

  test('worker: false runs on the spot; a given worker and module are used', async () => {
    const home = await site();
    const page = await browser.page(home);
    matches((await classify(page, { worker: false })).scores);
    matches((await classify(page, { worker: '/web/session/worker.js?mine', wasm: '/web/wasm/clip-simd.wasm?mine', threads: 1 })).scores);
    assert.ok(home.log.includes('/web/session/worker.js?mine'));
    assert.ok(home.log.includes('/web/wasm/clip-simd.wasm?mine'));
  });

  test('a worker or module that cannot be had is a typed error', async () => {
    const page = await browser.page(await site());
    const failing = options =>
      page.evaluate(async options => {
        return window.Clip.load('/model/', options).then(
          () => 'loaded',
          error => error.code,
        );
      }, options);
    assert.equal(await failing({ worker: '/nowhere.js' }), 'worker');
    assert.equal(await failing({ wasm: '/nowhere.wasm', threads: 1 }), 'not-found');
    assert.equal(await failing({ wasm: '/web/index.js', threads: 1 }), 'no-wasm');
  });

  test('files that were chosen or dropped are a model', async () => {
    const page = await browser.page(await site());
    const scores = await page.evaluate(async ({ photo, labels }) => {
      const files = await Promise.all(
        ['clip.json', 'vision.q8.safetensors', 'text.q8.safetensors'].map(
          async name => new File([await (await fetch(`/model/${name}`)).blob()], name),
        ),
      );
      const clip = await window.Clip.load(files);
      return clip.classify(new Uint8Array(photo), labels);
    }, input);
    matches(scores);
  });
});

describe('the store', () => {
  test('after a reload no weights are asked for, and the model’s server may be gone', async () => {
    const home = await site({ csp: '' });
    const model = await serveModel(folder, {
      headers: { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' },
    });
    const page = await browser.page(home);
    const first = await classify(page, {}, model.url);
    matches(first.scores);
    assert.deepEqual(first.warnings, []);
    const { length } = model.log;
    assert.ok(model.sent('.safetensors') > 0);
    await page.reload();
    await page.evaluate(async () => Object.assign(window, await import('/web/index.js')));
    assert.deepEqual((await classify(page, {}, model.url)).scores, first.scores);
    assert.equal(model.log.length, length, 'nothing at all was asked for');
    await model.close();
    const other = await page.evaluate(
      async ([{ photo }, url]) => {
        const clip = await window.Clip.load(url);
        return clip.classify(new Uint8Array(photo), ['labels', 'never', 'seen before']);
      },
      [input, model.url],
    );
    assert.equal(other.length, 3);
    const list = await page.evaluate(() => window.Clip.cache.list());
    assert.equal(list.find(m => m.id === model.url).files.length, 2);
    assert.equal(await page.evaluate(url => window.Clip.cache.delete(url), model.url), true);
  });

  test('when the quota is exceeded it works from memory, and says so', async () => {
    const home = await site();
    const page = await browser.page(home);
    const session = await browser.context.newCDPSession(page);
    const origin = home.url.replace(/\/$/, '');
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 10_000 });
    const { scores, warnings } = await classify(page);
    await session.send('Storage.overrideQuotaForOrigin', { origin });
    matches(scores);
    assert.deepEqual(warnings, ['not-cached']);
  });

  test('where IndexedDB is forbidden it works from memory, and says so', async () => {
    // as Firefox does in some private windows
    const home = await site({
      onRequest(request, response) {
        if (request.url !== '/web/session/worker.js?private') return false;
        response.writeHead(200, { 'Content-Type': 'text/javascript' });
        response.end("indexedDB.open = () => { throw new DOMException('forbidden', 'SecurityError'); };\nimport '/web/session/worker.js';");
        return true;
      },
    });
    const page = await browser.page(home);
    const { scores, warnings } = await classify(page, { worker: '/web/session/worker.js?private' });
    matches(scores);
    assert.deepEqual(warnings, ['not-cached']);
  });
});

describe('an abort', () => {
  test('while the engine computes ends the worker; the next call starts from kept bytes', async () => {
    const home = await site();
    const page = await browser.page(home);
    const { code, name, waited } = await page.evaluate(async () => {
      const clip = (window.clip = await window.Clip.load('/model/', { threads: 1 }));
      await clip.prepare();
      const control = new AbortController();
      const huge = new Uint8Array(20_000 * 4_000 * 3 + 18); // takes some seconds to resize
      huge.set(new TextEncoder().encode('P6\n20000 4000\n255\n'));
      const run = clip.encode(huge, { signal: control.signal }).then(
        () => ({}),
        error => error,
      );
      setTimeout(() => control.abort(), 150);
      await new Promise(resolve => control.signal.addEventListener('abort', resolve));
      const start = performance.now();
      const { code, name } = await run;
      return { code, name, waited: performance.now() - start };
    });
    assert.equal(code, 'aborted');
    assert.equal(name, 'AbortError');
    assert.ok(waited < 1000, `${waited} ms`);
    home.log.length = 0;
    const scores = await page.evaluate(({ photo, labels }) => window.clip.classify(new Uint8Array(photo), labels), input);
    matches(scores);
    assert.deepEqual(
      home.log.filter(url => url.endsWith('.safetensors')),
      [],
    );
  });

  test('of a download stops it', async () => {
    const page = await browser.page(await site({ csp: '' }));
    const model = await serveModel(folder, {
      delay: 50,
      headers: { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' },
    });
    const code = await page.evaluate(
      async ([{ photo }, url]) => {
        const clip = await window.Clip.load(url);
        return clip.encode(new Uint8Array(photo), { signal: AbortSignal.timeout(150) }).then(
          () => 'encoded',
          error => error.code,
        );
      },
      [input, model.url],
    );
    assert.equal(code, 'aborted');
    const sent = model.sent('.safetensors');
    await new Promise(resolve => setTimeout(resolve, 300));
    assert.ok(model.sent('.safetensors') <= sent + 3 * 16384);
    await model.close();
  });

  test('calls that wait their turn are carried out by the next worker', async () => {
    const page = await browser.page(await site());
    const scores = await page.evaluate(async ({ photo, labels }) => {
      const clip = await window.Clip.load('/model/');
      const control = new AbortController();
      const doomed = clip
        .encode(
          Array.from({ length: 5000 }, (_, i) => `text ${i}`),
          { signal: control.signal },
        )
        .catch(error => error.code);
      const waiting = clip.classify(new Uint8Array(photo), labels);
      setTimeout(() => control.abort(), 50);
      return [await doomed, await waiting];
    }, input);
    assert.equal(scores[0], 'aborted');
    matches(scores[1]);
  });
});

test('dispose rejects what still runs', async () => {
  const page = await browser.page(await site());
  const code = await page.evaluate(async () => {
    const clip = await window.Clip.load('/model/');
    const run = clip.encode(Array.from({ length: 5000 }, (_, i) => `text ${i}`)).catch(error => error.code);
    setTimeout(() => clip.dispose(), 20);
    return run;
  });
  assert.equal(code, 'disposed');
});

test('disposing or aborting while the module is still on its way is a typed error', async () => {
  const home = await site();
  const page = await browser.page(home);
  const codes = await page.evaluate(async () => {
    const never = new Promise(() => {});
    const codeOf = promise =>
      promise.then(
        () => 'loaded',
        error => error.code,
      );
    const control = new AbortController();
    const loading = codeOf(window.Clip.load('/model/', { wasm: never, threads: 1, signal: control.signal }));
    setTimeout(() => control.abort(), 50);
    const client = await window.Clip.connect({}, { threads: 1, wasm: new Promise(done => setTimeout(done, 100)) }, () => {});
    const opening = codeOf(client.request(null, []));
    setTimeout(() => client.dispose(), 20);
    return [await loading, await opening];
  });
  assert.deepEqual(codes, ['aborted', 'disposed']);
});
