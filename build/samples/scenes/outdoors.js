import { blend, box, clamp, cloud, cylinder, hash, mix, noise, smooth, sphere } from '../march.js';
import { OUTDOORS, daySky } from './common.js';

const nearest = (...things) => things.reduce((a, b) => (b[0] < a[0] ? b : a));

// ---- a lighthouse on a headland ----

export const lighthouse = {
  camera: { eye: [3.5, 1.6, 13], at: [0.4, 2.9, 0], angle: 36 },
  sun: { ...OUTDOORS, toward: [-0.65, 0.55, 0.55] },
  sky: daySky,
  far: 120,
  map(x, y, z) {
    if (y > 7) return [y - 6.5, 'roof'];
    const hill = y - 0.6 + 0.055 * ((x + 0.8) ** 2 * 0.6 + z * z) + 0.4;
    let d = [(hill > 2 ? hill - 0.9 : hill - 0.9 * cloud(x * 0.6 + 4, y * 0.6, z * 0.6)) * 0.6, 'rock'];
    d = nearest(d, [y > -0.7 ? y + 0.95 : y + 1.0 - 0.05 * cloud(x * 0.8, 1, z * 1.6, 3), 'sea']);
    const r = mix(0.85, 0.5, clamp((y - 0.3) / 4.6));
    d = nearest(
      d,
      [Math.max(Math.hypot(x, z) - r, y - 4.9) * 0.9, 'tower'],
      [cylinder(x, y - 4.95, z, 0.78, 0.08), 'iron'],
      [cylinder(x, y - 5.4, z, 0.36, 0.42), 'lamp'],
      [Math.max(Math.hypot(x, z) - mix(0.55, 0.02, clamp((y - 5.8) / 0.6)), 5.8 - y, y - 6.4) * 0.7, 'roof'],
      [sphere(x, y - 6.42, z, 0.08), 'roof'],
      [Math.abs(Math.hypot(Math.hypot(x, z) - 0.74, y - 5.28)) - 0.025, 'iron'],
      [box(x + 1.9, y - 0.95, z + 0.2, 0.8, 0.55, 0.6), 'house'],
      [Math.max(box(x + 1.9, y - 1.75, z + 0.2, 0.95, 0.45, 0.75), Math.abs(z + 0.2) * 0.62 + y - 2.0) * 0.8, 'tiles'],
    );
    return d;
  },
  material(name, [x, y, z], n) {
    const stain = cloud(x * 3, y * 1.2, z * 3);
    if (name === 'tower') {
      const band = Math.floor((y + 0.35) / 0.95) % 2 === 0;
      const window = Math.abs(x - 0.05) < 0.1 && z > 0 && Math.abs(((y + 0.1) % 1.4) - 0.7) < 0.17;
      if (window) return { color: [0.03, 0.04, 0.05], gloss: 0.8 };
      return { color: blend(band ? [0.62, 0.04, 0.03] : [0.86, 0.85, 0.82], [0.3, 0.28, 0.25], stain * 0.25), gloss: 0.1 };
    }
    if (name === 'lamp') return { color: [0.5, 0.6, 0.6], gloss: 1, hard: 60, glow: [0.5, 0.42, 0.2] };
    if (name === 'roof' || name === 'tiles') return { color: [0.45, 0.06, 0.04], gloss: 0.2 };
    if (name === 'iron') return { color: [0.12, 0.12, 0.13], gloss: 0.3 };
    if (name === 'house') return { color: Math.abs(x + 1.9) < 0.14 && y < 1.2 ? [0.15, 0.09, 0.05] : [0.85, 0.83, 0.78] };
    if (name === 'sea')
      return { color: blend([0.01, 0.06, 0.1], [0.06, 0.2, 0.26], smooth(0.4, 0.65, cloud(x * 0.9, 2, z * 2.2))), gloss: 0.75, hard: 40 };
    const grass = smooth(0.6, 0.85, n[1]) * smooth(-0.3, 0.5, y);
    return { color: blend(blend([0.15, 0.12, 0.1], [0.42, 0.36, 0.29], cloud(x * 2.2, y * 4, z * 2.2)), [0.13, 0.24, 0.05], grass) };
  },
  air: (color, t) => blend(color, [0.72, 0.84, 0.98], 1 - Math.exp(-Math.max(0, t - 10) * 0.012)),
};

// ---- a school bus ----

const WHEELS = [-1.75, 1.95];

export const schoolBus = {
  camera: { eye: [5.2, 2.2, 8.2], at: [0.55, 1.2, 0], angle: 31 },
  sun: { ...OUTDOORS, toward: [0.35, 0.8, 0.6] },
  sky: daySky,
  far: 90,
  map(x, y, z) {
    let d = [y, 'ground'];
    const wells = Math.min(...WHEELS.map(a => Math.max(Math.hypot(x - a, y - 0.42) - 0.5, 0.5 - Math.abs(z))));
    const body = Math.max(box(x + 0.45, y - 1.42, z, 2.75, 1.02, 0.98, 0.2), -wells);
    const hood = Math.max(box(x - 2.7, y - 0.98, z, 0.75, 0.48, 0.85, 0.15), -wells);
    d = nearest(
      d,
      [Math.min(body, hood), 'bus'],
      [box(x - 3.45, y - 0.5, z, 0.1, 0.13, 0.95, 0.04), 'black'],
      [sphere((x - 3.4) * 2, y - 0.95, Math.abs(z) - 0.6, 0.17), 'light'],
    );
    for (const h of [0.78, 1.02, 1.42]) d = nearest(d, [box(x + 0.45, y - h, z, 2.6, 0.035, 1.0, 0.01), 'black']);
    for (const a of WHEELS)
      d = nearest(
        d,
        [Math.max(Math.hypot(Math.hypot(x - a, y - 0.42) - 0.3, (Math.abs(z) - 0.86) * 0.9) - 0.13, 0), 'tyre'],
        [Math.max(Math.hypot(x - a, y - 0.42) - 0.22, Math.abs(Math.abs(z) - 0.88) - 0.06), 'hub'],
      );
    // far from the trees, the distance to the wall of them does
    const edge = z > -6 ? z + 7 : Math.max(z + 9, y - 3.2 - 2.0 * noise(x * 0.35 + 7, 1, 3) - 0.8 * cloud(x * 1.4, y * 1.4, 2));
    return nearest(d, [edge * 0.5, 'tree']);
  },
  material(name, [x, y, z], n) {
    if (name === 'ground') {
      if (z < -3.2) return { color: blend([0.1, 0.22, 0.04], [0.2, 0.33, 0.08], cloud(x * 2, 1, z * 2)) };
      if (z < -2.6) return { color: [0.42, 0.41, 0.39] };
      const line = Math.abs(z - 2.6) < 0.08 && (((x / 2) % 1) + 1) % 1 < 0.6;
      return { color: line ? [0.75, 0.72, 0.6] : [0.09, 0.09, 0.095].map(c => c * (0.8 + 0.5 * noise(x * 12, 1, z * 12))) };
    }
    if (name === 'tree') return { color: blend([0.02, 0.07, 0.01], [0.12, 0.25, 0.05], cloud(x * 3, y * 3, z * 3)) };
    if (name === 'tyre') return { color: [0.02, 0.02, 0.02] };
    if (name === 'hub') return { color: [0.45, 0.1, 0.05], gloss: 0.3 };
    if (name === 'black') return { color: [0.02, 0.02, 0.02], gloss: 0.3 };
    if (name === 'light') return { color: [0.9, 0.9, 0.85], gloss: 0.9, hard: 60 };
    const side = Math.abs(n[2]) > 0.7 && y > 1.5 && y < 2.08 && x > -2.95 && x < 1.9;
    const pane = ((((x + 2.95) / 0.69) % 1) + 1) % 1;
    if (side && pane > 0.09 && pane < 0.91) return { color: [0.02, 0.03, 0.035], gloss: 1, hard: 60 };
    if (n[0] > 0.7 && x > 2 && y > 1.5 && y < 2.1 && Math.abs(z) < 0.85 && Math.abs(z) > 0.04)
      return { color: [0.02, 0.03, 0.035], gloss: 1, hard: 60 };
    if (n[0] > 0.7 && x > 3.3 && y > 0.75 && y < 1.2 && Math.abs(z) < 0.42) return { color: [0.03, 0.03, 0.03], gloss: 0.4 };
    if (n[1] > 0.85 && y > 2.3) return { color: [0.85, 0.72, 0.4] };
    const sign = Math.abs(n[2]) > 0.7 && Math.abs(y - 2.22) < 0.05 && Math.abs(x + 0.5) < 1.1 && hash(Math.floor(x * 14), 3, 3) > 0.3;
    return { color: sign ? [0.04, 0.03, 0.02] : [1.0, 0.5, 0.01], gloss: 0.4, hard: 30 };
  },
  air: (color, t) => blend(color, [0.72, 0.84, 0.98], 1 - Math.exp(-Math.max(0, t - 9) * 0.012)),
};
