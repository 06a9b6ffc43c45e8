import { startChromium, startSite } from './helpers/chromium.js';
const b = await startChromium(); const s = await startSite({ mounts: { '/m/': '/tmp/b32/q8' } });
const go = async threads => { const p = await b.page(s);
 console.log(await p.evaluate(async threads => {
  let worst = 0, last = performance.now(), on = true; const ch = new MessageChannel(); ch.port1.onmessage = () => { const n = performance.now(); worst = Math.max(worst, n - last); last = n; if (on) ch.port2.postMessage(0); }; ch.port2.postMessage(0);
  const t0 = performance.now(); const clip = await Clip.load('/m/', { threads }); const t1 = performance.now();
  await clip.prepare(['vision']); const t2 = performance.now(); await clip.prepare(['text']); const t3 = performance.now();
  const img = new ImageData(640, 480); const times = []; const labels = Array.from({ length: 10 }, (_, i) => 'thing ' + i);
  for (let i = 0; i < 12; i++) { const t = performance.now(); await clip.classify(img, labels); times.push(Math.round(performance.now() - t)); }
  on = false; return { load: t1 - t0, vision: t2 - t1, text: t3 - t2, times, worst, info: clip.info.kernels, threads: clip.info.threads };
 }, threads)); await p.close(); };
await go(1); await go(1); await go(2);
await b.close(); await s.close();
