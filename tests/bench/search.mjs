/**
 * Search: the ten best of many embeddings, and all cosines with many labels, beside the same in plain JavaScript, in one run.
 *
 *   node tests/bench/search.mjs [--n 1000000] [--width 512] [--chromium]
 *
 * In int8 over n embeddings; in f32, and with 100 labels, over a tenth of them. Times are the best of some rounds: wall, and of this process's
 * CPU, which says more where other things run. With --chromium, in a page instead, where there is no CPU time.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    n: { type: 'string', default: '1000000' },
    width: { type: 'string', default: '512' },
    chromium: { type: 'boolean', default: false },
  },
});

/** All of it, so that a page can run it too. @param {typeof import('../../web/index.js').Clip} Clip @param {number} n @param {number} width */
async function measure(Clip, n, width) {
  const cpu = () => (globalThis.process?.cpuUsage ? globalThis.process.cpuUsage().user / 1000 : Number.NaN);
  const rows = [];
  const time = async (what, rounds, work) => {
    let [wall, own] = [Infinity, Infinity];
    for (let i = 0; i < rounds; i++) {
      const [begin, used] = [performance.now(), cpu()];
      await work();
      [wall, own] = [Math.min(wall, performance.now() - begin), Math.min(own, cpu() - used)];
    }
    rows.push({ what, wall, own });
    return { wall, own };
  };
  const against = (what, ours, plain) => rows.push({ what, ratio: plain.own ? plain.own / ours.own : plain.wall / ours.wall });

  let seed = 1;
  const next = () => (seed = (seed * 48271) % 2147483647) / 1073741823.5 - 1;
  const numbers = new Int8Array(n * width);
  for (let i = 0; i < 65536; i++) numbers[i] = 127 * next();
  for (let at = 65536; at < numbers.length; at += 65536) numbers.set(numbers.subarray(0, Math.min(65536, numbers.length - at)), at);
  const query = Float32Array.from({ length: width }, next);

  let index = await Clip.index(numbers, { width });
  const int8 = await time(`ten best of ${n} x ${width}, int8`, 9, () => index.topK(query, 10));
  index.dispose();
  const plain = await time('the same, plain JavaScript', 2, () => {
    const scores = new Float32Array(n);
    for (let i = 0; i < n; i++) {
      let [sum, squares] = [0, 0];
      for (let k = 0, at = i * width; k < width; k++, at++) {
        sum += numbers[at] * query[k];
        squares += numbers[at] * numbers[at];
      }
      scores[i] = sum / Math.sqrt(squares);
    }
    return Array.from(scores.keys())
      .sort((a, b) => scores[b] - scores[a])
      .slice(0, 10);
  });
  against('plain JavaScript against it', int8, plain);

  const few = Math.floor(n / 10);
  const floats = Float32Array.from(numbers.subarray(0, few * width));
  index = await Clip.index(floats, { width });
  await time(`ten best of ${few} x ${width}, f32`, 9, () => index.topK(query, 10));
  const labels = Array.from({ length: 100 }, () => Float32Array.from({ length: width }, next));
  const all = await time(`${few} embeddings with 100 labels, f32`, 3, () => index.similarity(labels));
  index.dispose();
  const plainAll = await time('a tenth of it, plain JavaScript', 1, () => {
    for (const label of labels) {
      const out = new Float32Array(few / 10);
      for (let i = 0; i < out.length; i++) {
        let sum = 0;
        for (let k = 0, at = i * width; k < width; k++, at++) sum += floats[at] * label[k];
        out[i] = sum;
      }
    }
  });
  against('plain JavaScript against it', all, { wall: plainAll.wall * 10, own: plainAll.own * 10 });
  return rows;
}

/** @param {any[]} rows */
function print(rows) {
  for (const { what, wall, own, ratio } of rows) {
    const value = ratio ? `${ratio.toFixed(1)}x` : `${wall.toFixed(0)} ms${Number.isFinite(own) ? `, ${own.toFixed(0)} ms CPU` : ''}`;
    console.log(`${what.padEnd(48)} ${value}`);
  }
}

const [n, width] = [Number(values.n), Number(values.width)];
if (!values.chromium) print(await measure((await import('../../web/node.js')).Clip, n, width));
else {
  const [{ chromium }, { serve }] = await Promise.all([import('playwright-core'), import('../../build/serve.mjs')]);
  const site = await serve({
    root: fileURLToPath(new URL('../../', import.meta.url)),
    headers: {},
    onRequest(request, response) {
      if (request.url !== '/blank.html') return false;
      response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>bench</title>');
      return true;
    },
  });
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  try {
    const page = await browser.newPage();
    await page.goto(`${site.url}blank.html`);
    const rows = await page.evaluate(`(async () => (${measure})((await import('/web/index.js')).Clip, ${n}, ${width}))()`);
    print(rows.map(row => ({ ...row, own: Number.NaN })));
  } finally {
    await browser.close();
    await site.close();
  }
}
