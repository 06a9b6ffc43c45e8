import { blend, cloud, clamp, ellipsoid, join, mix, noise, rod, smooth, sphere, turn, unit } from '../march.js';

const nearest = (...things) => things.reduce((a, b) => (b[0] < a[0] ? b : a));

// ---- a jellyfish in deep water ----

const TENTACLES = Array.from({ length: 11 }, (_, i) => {
  const angle = (i / 11) * 2 * Math.PI;
  return [0.72 * Math.cos(angle), 0.72 * Math.sin(angle), 2.2 + 1.1 * Math.abs(Math.sin(i * 5.1)), i];
});

export const jellyfish = {
  camera: { eye: [0, -0.5, 6.4], at: [0.1, -0.55, 0], angle: 38 },
  sun: { toward: [-0.2, 1, 0.25], color: [1.1, 1.25, 1.5] },
  ambient: 0.5,
  sky: ([x, y, z]) => {
    const beams = smooth(0.35, 0.8, noise(x * 5 + y * 1.5, 2, 1)) * smooth(-0.3, 0.5, y) * 0.25;
    return blend([0.0, 0.02, 0.12], [0.02, 0.3, 0.85], smooth(-0.5, 0.5, y) + beams);
  },
  map(x, y, z) {
    const [u, v] = turn(x, y, 0.22);
    const r = Math.hypot(u, z);
    const angle = Math.atan2(z, u);
    const flute = 0.035 * Math.cos(angle * 16) * smooth(0.3, 1, r);
    const dome = Math.max(
      ellipsoid(u, v, z, 1.2 + flute, 1.0, 1.2 + flute),
      -(v + 0.12 + flute),
      -ellipsoid(u, v + 0.2, z, 1.05, 0.85, 1.05),
    );
    let d = [dome * 0.7, 'bell'];
    for (const [a, c, length, i] of TENTACLES) {
      const t = clamp((-v - 0.1) / length);
      const wave = 0.16 * t * Math.sin(7 * t + i * 1.9);
      const [p, q] = [u - a * mix(1, 0.75, t) - wave, z - c * mix(1, 0.75, t) - wave * 0.6];
      d = nearest(d, [Math.max(Math.hypot(p, q) - mix(0.035, 0.012, t), v, -v - length) * 0.7, 'tentacle']);
    }
    for (let i = 0; i < 4; i++) {
      const t = clamp(-v / 1.9);
      const [a, c] = [Math.cos(i * 1.57 + 0.6 + t * 1.6) * 0.24, Math.sin(i * 1.57 + 0.6 + t * 1.6) * 0.24];
      const frill = 0.17 * (1 - 0.6 * t) + 0.07 * Math.sin(v * 22 + i * 2) * Math.sin(v * 9 + i);
      d = nearest(d, [Math.max(Math.hypot(u - a, z - c) - frill, v - 0.1, -v - 1.9) * 0.5, 'arm']);
    }
    return d;
  },
  material(name, p, n) {
    const rim = (1 - Math.abs(n[2])) ** 1.5;
    if (name === 'bell')
      return { color: [0.5, 0.55, 0.75], gloss: 0.5, hard: 30, through: 0.8, glow: blend([0.12, 0.16, 0.42], [0.85, 0.75, 0.95], rim) };
    if (name === 'arm') return { color: [0.9, 0.7, 0.75], gloss: 0.1, through: 0.6, glow: blend([0.35, 0.22, 0.38], [0.7, 0.5, 0.6], rim) };
    return { color: [0.7, 0.6, 0.8], gloss: 0.1, glow: [0.3, 0.3, 0.5] };
  },
  air: (color, t) => blend(color, [0.01, 0.14, 0.45], smooth(5, 12, t) * 0.7),
};

// ---- a goldfish ----

function fish(x, y, z) {
  const taper = mix(1, 0.32, smooth(0.1, 1.35, x));
  const body = ellipsoid(x - 0.1, y / taper, z / (taper * 0.85), 1.35, 0.66, 0.5) * 0.6;
  return body;
}
/** A fin: a thin fan in the plane z = 0 from the origin, opening towards +x. */
const fin = (x, y, z, length, spread, ripple) => {
  const r = Math.hypot(x, y);
  const angle = Math.atan2(y, x);
  const wave = ripple * r * Math.sin(angle * 7 + r * 3);
  return Math.max(Math.abs(z - wave) - 0.02, r - length * (1 + 0.06 * Math.cos(angle * 24)), Math.abs(angle) * r - spread * r) * 0.55;
};

export const goldfish = {
  camera: { eye: [-0.5, 0.5, 6.2], at: [0.25, 0.0, 0], angle: 31, blur: 0.04 },
  sun: { toward: [-0.35, 1, 0.6], color: [2.5, 2.4, 2.1], size: 0.1 },
  ambient: 0.55,
  sky: ([x, y, z]) => blend([0.02, 0.12, 0.13], [0.2, 0.55, 0.62], smooth(-0.35, 0.4, y + 0.08 * noise(x * 5, y * 5, z * 5))),
  map(x, y, z) {
    let d = [join(fish(x, y, z), sphere(x + 0.85, y - 0.02, z, 0.42), 0.25), 'body'];
    d = nearest(
      d,
      [fin(x - 1.15, y - 0.12, z, 1.15, 0.75, 0.1), 'fin'],
      [fin(...turn(x - 1.15, y + 0.08, 0.55), z, 1.1, 0.5, -0.1), 'fin'],
      [fin(...turn(x + 0.1, y - 0.5, -0.9), z, 0.75, 0.75, 0.04), 'fin'],
      [fin(...turn(x + 0.25, y + 0.45, 1.1), z - 0.25 - 0.25 * (0.45 + y), 0.6, 0.45, 0.05), 'fin'],
      [fin(...turn(x - 0.6, y + 0.3, 0.9), z, 0.55, 0.4, 0.05), 'fin'],
      [sphere(x + 0.95, y - 0.14, Math.abs(z) - 0.36, 0.12), 'eye'],
    );
    const ground = y > -0.8 ? y + 1.1 : y + 1.35 - 0.08 * noise(x * 9, 1, z * 9) - 0.2 * noise(x, 3, z);
    const weed = Math.hypot(((x + 9 + 0.3 * Math.sin(y * 2)) % 0.9) - 0.45, z + 3.2) - 0.08;
    return nearest(d, [ground * 0.8, 'gravel'], [Math.max(weed, y - 0.9 - Math.sin(x * 3)) * 0.6, 'weed']);
  },
  material(name, p) {
    const [x, y, z] = p;
    if (name === 'gravel') return { color: blend([0.16, 0.13, 0.09], [0.5, 0.42, 0.3], noise(x * 14, 2, z * 14)) };
    if (name === 'weed') return { color: [0.03, 0.2, 0.04], through: 0.5 };
    if (name === 'eye')
      return Math.hypot(x + 0.98, y - 0.15) < 0.065
        ? { color: [0.01, 0.01, 0.01], gloss: 0.9, hard: 80 }
        : { color: [0.9, 0.75, 0.3], gloss: 0.8, hard: 60 };
    if (name === 'fin')
      return { color: blend([1.0, 0.3, 0.02], [1.0, 0.6, 0.3], noise(x * 2, y * 14, 1)), through: 0.8, gloss: 0.2, glow: [0.1, 0.025, 0] };
    const scales = Math.abs(Math.sin(x * 22 + Math.round(y * 12) * 1.57)) * smooth(-0.7, -0.3, x);
    const belly = smooth(0, -0.6, y) * 0.6;
    return {
      color: blend(blend([1.0, 0.24, 0.01], [1.0, 0.38, 0.03], scales), [1.0, 0.7, 0.35], belly),
      gloss: 0.7,
      hard: 22,
      glow: [0.05, 0.01, 0],
    };
  },
  air: (color, t) => blend(color, [0.1, 0.4, 0.46], smooth(6.5, 13, t) * 0.85),
};

// ---- a ladybug on a leaf ----

const SPOTS = [
  [0.75, 0.45],
  [0.2, 0.75],
  [-0.45, 0.5],
  [0.1, 0.28],
  [-0.75, 0.22],
  [0.7, 0],
].map(([x, z]) => unit([x, Math.sqrt(Math.max(0, 1.05 - x * x - z * z)), z]));

export const ladybug = {
  camera: { eye: [-2.3, 2.6, 4.9], at: [-0.15, 0.35, 0.05], angle: 30, blur: 0.12 },
  sun: { toward: [-0.4, 0.9, 0.45], color: [2.5, 2.35, 2.0], size: 0.1 },
  sky: ([x, y, z]) =>
    blend(
      [0.05, 0.14, 0.02],
      [0.5, 0.75, 0.3],
      smooth(0.35, 0.75, noise(x * 3.5 + 2, y * 3.5, z * 3.5)) * 0.6 + 0.3 * smooth(-0.3, 0.6, y),
    ),
  map(x, y, z) {
    const bend = y + 0.06 * x * x * 0.5 + 0.12 * z * z * 0.6;
    const vein = Math.min(Math.abs(z + 0.3), Math.abs(((((x * 0.8 - Math.abs(z + 0.3) * 0.7) % 1) + 1) % 1) - 0.5) * 0.9);
    let d = [Math.max(Math.abs(bend) - 0.03, Math.abs(z + 0.3) - 2.4 * (1 - (x / 5.5) ** 2)) + 0.015 * smooth(0.06, 0, vein), 'leaf'];
    const shell = Math.max(ellipsoid(x, y - 0.12, z, 1.0, 0.85, 0.85), 0.14 - y) + 0.02 * smooth(0.03, 0, Math.abs(z));
    d = nearest(
      d,
      [shell, 'shell'],
      [Math.max(ellipsoid(x + 0.88, y - 0.22, z, 0.36, 0.4, 0.55), 0.12 - y), 'collar'],
      [ellipsoid(x + 1.17, y - 0.22, z, 0.22, 0.22, 0.3), 'head'],
    );
    for (const s of [-1, 1]) {
      d = nearest(d, [rod(x, y, z, [-1.3, 0.35, 0.12 * s], [-1.62, 0.5, 0.3 * s], 0.025), 'head']);
      for (const a of [-0.65, -0.05, 0.5])
        d = nearest(
          d,
          [rod(x, y, z, [a, 0.2, 0.6 * s], [a - 0.1, 0.3, 1.0 * s], 0.05), 'head'],
          [rod(x, y, z, [a - 0.1, 0.3, 1.0 * s], [a - 0.2, 0.02, 1.2 * s], 0.045, 0.03), 'head'],
        );
    }
    return d;
  },
  material(name, p) {
    const [x, y, z] = p;
    if (name === 'leaf') return { color: blend([0.07, 0.24, 0.02], [0.16, 0.38, 0.05], cloud(x * 3, 1, z * 3)), gloss: 0.25, hard: 16 };
    if (name === 'head') return { color: [0.012, 0.012, 0.012], gloss: 0.6, hard: 40 };
    if (name === 'collar')
      return Math.abs(Math.abs(z) - 0.36) < 0.13 && x < -0.85
        ? { color: [0.8, 0.78, 0.7], gloss: 0.5 }
        : { color: [0.012, 0.012, 0.012], gloss: 0.7, hard: 40 };
    const q = unit([x, (y - 0.12) / 0.85, z / 0.85]);
    const spot = SPOTS.some(([a, b, c]) => Math.hypot(q[0] - a, q[1] - b, Math.abs(q[2]) - c) < 0.21);
    return { color: spot ? [0.012, 0.01, 0.01] : [0.72, 0.035, 0.012], gloss: 0.9, hard: 70 };
  },
};
