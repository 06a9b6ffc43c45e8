import { blend, cloud, ellipsoid, hash, join, noise, rod, smooth, sphere, turn } from '../march.js';
import { INDOORS, room, wood } from './common.js';

const table = (x, y, z) => [y, 'table'];
const tableMaterial = ([x, , z]) => ({ color: wood(x, z), gloss: 0.25, hard: 30 });
const nearest = (...things) => things.reduce((a, b) => (b[0] < a[0] ? b : a));

// ---- oranges ----

const ORANGES = [
  [0.25, 0.95, 0.1, 0.95],
  [1.85, 0.86, -1.2, 0.86],
  [-1.5, 0.88, -0.85, 0.88],
];
const pores = (x, y, z) => 0.006 * noise(x * 32, y * 32, z * 32);

export const oranges = {
  camera: { eye: [0.5, 3.1, 7.2], at: [0.15, 0.72, -0.3], angle: 30, blur: 0.05, focus: 7.1 },
  sun: INDOORS,
  sky: room([0.85, 0.88, 0.85], [0.3, 0.27, 0.22]),
  map(x, y, z) {
    let d = table(x, y, z);
    for (const [a, b, c, r] of ORANGES) {
      const [u, v, w] = [x - a, y - b, z - c];
      const ball = sphere(u, v * 1.04, w, r);
      if (ball > 0.3) {
        d = nearest(d, [ball - 0.1, 'peel']); // the skin's detail only matters close by
        continue;
      }
      const dimple = 0.1 * Math.exp(-((u + 0.1) ** 2 + (w - 0.25) ** 2) * 40) * smooth(0, r, v);
      d = nearest(d, [ball + dimple + pores(x, y, z), 'peel']);
    }
    const [u, w] = turn(x - 0.2, z - 0.3, -0.55);
    const along = (u - 0.55) / 0.55;
    const width = 0.24 * Math.sqrt(Math.max(0, 1 - along * along)) * (1 - 0.25 * along);
    const leaf = Math.max(
      Math.abs(y - 1.98 + 0.14 * along * along - 0.35 * w * w) - 0.012,
      Math.abs(w) - width,
      Math.abs(along) * 0.55 - 0.55,
    );
    return nearest(d, [leaf * 0.6, 'leaf'], [rod(x, y, z, [0.18, 1.8, 0.3], [0.2, 1.97, 0.31], 0.05, 0.035), 'stem']);
  },
  material(name, p) {
    if (name === 'table') return tableMaterial(p);
    if (name === 'leaf') return { color: [0.05, 0.19, 0.02], gloss: 0.25, hard: 20, through: 0.5 };
    if (name === 'stem') return { color: [0.2, 0.17, 0.05] };
    return { color: blend([0.95, 0.2, 0.005], [1.0, 0.27, 0.01], cloud(p[0] * 2, p[1] * 2, p[2] * 2)), gloss: 0.35, hard: 30 };
  },
};

// ---- lemons ----

const LEMONS = [
  [-0.3, 0.72, 0.2, 0.5],
  [1.45, 0.7, -0.9, -0.7],
  [-2.0, 0.7, -1.2, 2.0],
];

function lemon(x, y, z) {
  const body = ellipsoid(x, y, z, 1.02, 0.74, 0.74);
  const tips = Math.min(ellipsoid(x - 0.98, y, z, 0.28, 0.2, 0.2), ellipsoid(x + 0.96, y, z, 0.2, 0.17, 0.17));
  const whole = join(body, tips, 0.22);
  return whole > 0.2 ? whole - 0.05 : whole + 0.007 * noise(x * 22, y * 22, z * 22);
}

export const lemons = {
  camera: { eye: [0.2, 3.1, 7.6], at: [-0.2, 0.55, -0.5], angle: 29, blur: 0.05 },
  sun: INDOORS,
  sky: room([0.8, 0.9, 0.95], [0.25, 0.3, 0.3]),
  map(x, y, z) {
    let d = table(x, y, z);
    for (const [a, b, c, angle] of LEMONS) {
      const [u, w] = turn(x - a, z - c, angle);
      d = nearest(d, [lemon(u, y - b, w), 'lemon']);
    }
    return d;
  },
  material(name, p) {
    if (name === 'table') return tableMaterial(p);
    return { color: blend([0.95, 0.6, 0.02], [1.0, 0.7, 0.04], cloud(p[0] * 2, p[1] * 2, p[2] * 2)), gloss: 0.5, hard: 22 };
  },
};

// ---- a pizza ----

const SLICES = Array.from({ length: 15 }, (_, i) => {
  const [angle, r] = [i * 2.4, 2.05 * Math.sqrt((i + 0.5) / 15)];
  return [r * Math.cos(angle), r * Math.sin(angle), 0.3 + 0.06 * hash(i, 1, 2)];
});
const LEAVES = Array.from({ length: 9 }, (_, i) => {
  const [angle, r] = [i * 2.4 + 1.1, 1.9 * Math.sqrt((i + 0.7) / 9)];
  return [r * Math.cos(angle), r * Math.sin(angle), hash(i, 5, 5) * 6];
});

export const pizza = {
  camera: { eye: [0, 5.4, 5.0], at: [0, 0.1, 0.1], angle: 37, blur: 0.05 },
  sun: INDOORS,
  sky: room([0.9, 0.85, 0.8], [0.3, 0.25, 0.2]),
  map(x, y, z) {
    const r = Math.hypot(x, z);
    let d = table(x, y, z);
    if (y > 0.8) return [Math.min(d[0], Math.max(y - 0.7, r - 2.9)), 'crust']; // nothing reaches higher
    const lumps = 0.06 * cloud(x * 3, 1, z * 3);
    d = nearest(
      d,
      [Math.max(r - 2.4, Math.abs(y - 0.12) - 0.12 - lumps) * 0.8, 'cheese'],
      [Math.hypot(r - 2.45, (y - 0.2) * 1.1) - 0.28 - 0.08 * cloud(x * 2, 2, z * 2), 'crust'],
    );
    for (const [a, c, s] of SLICES) d = nearest(d, [ellipsoid(x - a, y - 0.27, z - c, s, 0.06, s), 'salami']);
    for (const [a, c, angle] of LEAVES) {
      const [u, w] = turn(x - a, z - c, angle);
      d = nearest(d, [ellipsoid(u, y - 0.34 + 0.6 * u * u, w, 0.26, 0.03, 0.13), 'basil']);
    }
    return d;
  },
  material(name, p) {
    const n = cloud(p[0] * 3, 1, p[2] * 3);
    if (name === 'table') return tableMaterial(p);
    if (name === 'crust') return { color: blend([0.75, 0.42, 0.14], [0.35, 0.15, 0.04], smooth(0.4, 0.75, n)), gloss: 0.1 };
    if (name === 'salami')
      return { color: blend([0.5, 0.06, 0.03], [0.65, 0.16, 0.08], noise(p[0] * 18, p[1], p[2] * 18)), gloss: 0.5, hard: 18 };
    if (name === 'basil') return { color: [0.05, 0.2, 0.03], gloss: 0.4 };
    return { color: blend([0.62, 0.12, 0.03], [0.95, 0.72, 0.28], smooth(0.32, 0.5, n)), gloss: 0.4, hard: 14 };
  },
};
