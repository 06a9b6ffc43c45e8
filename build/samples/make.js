// Renders the sample pictures into weights/samples/, with the list of them that the page and `npm start` read.
// usage: node build/samples/make.js [NAME...]      all by default; takes some 12 minutes of one core
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeJpeg } from './jpeg.js';
import { render } from './march.js';
import { SAMPLES } from './scenes.js';

const OUT = process.env.SAMPLES_OUT ?? fileURLToPath(new URL('../../weights/samples/', import.meta.url));
const [WIDTH, HEIGHT] = [480, 360];
const RAYS = Number(process.env.SAMPLES_RAYS ?? 3);
const QUALITY = 82;

mkdirSync(OUT, { recursive: true });
const wanted = process.argv.slice(2);
for (const { name, scene } of SAMPLES) {
  if (wanted.length && !wanted.includes(name)) continue;
  const jpeg = encodeJpeg(render(scene, WIDTH, HEIGHT, RAYS), WIDTH, HEIGHT, QUALITY);
  writeFileSync(join(OUT, `${name}.jpg`), jpeg);
  console.log(`${name}.jpg ${jpeg.length} bytes`);
}
const index = SAMPLES.map(({ name, title, labels, alt, ko }) => ({ file: `${name}.jpg`, title, labels, alt, ko }));
writeFileSync(join(OUT, 'index.json'), `${JSON.stringify(index, null, 1)}\n`);
