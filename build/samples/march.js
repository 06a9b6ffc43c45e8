// A small ray marcher: signed distances in, a photo-like picture out. One sun with soft shadows, light from the sky, occlusion,
// a thin lens (so that what is far goes soft), several rays a pixel. Everything is deterministic: the "random" numbers are hashes.

export const mix = (a, b, t) => a + (b - a) * t;
export const clamp = (x, low = 0, high = 1) => Math.min(high, Math.max(low, x));
export const smooth = (from, to, x) => {
  const t = clamp((x - from) / (to - from));
  return t * t * (3 - 2 * t);
};
export const blend = (a, b, t) => [mix(a[0], b[0], t), mix(a[1], b[1], t), mix(a[2], b[2], t)];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
export const unit = v => {
  const n = Math.hypot(...v);
  return [v[0] / n, v[1] / n, v[2] / n];
};

/** 0..1 from three whole numbers. */
export function hash(x, y, z) {
  let h = Math.imul(x | 0, 0x27d4eb2d) ^ Math.imul(y | 0, 0x165667b1) ^ Math.imul(z | 0, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 4294967296;
}

const ease = t => t * t * (3 - 2 * t);

/** Smooth noise, 0..1. */
export function noise(x, y, z) {
  const i = Math.floor(x);
  const j = Math.floor(y);
  const k = Math.floor(z);
  const u = ease(x - i);
  const v = ease(y - j);
  const near = mix(mix(hash(i, j, k), hash(i + 1, j, k), u), mix(hash(i, j + 1, k), hash(i + 1, j + 1, k), u), v);
  const far = mix(mix(hash(i, j, k + 1), hash(i + 1, j, k + 1), u), mix(hash(i, j + 1, k + 1), hash(i + 1, j + 1, k + 1), u), v);
  return mix(near, far, ease(z - k));
}

/** Noise on several scales, about 0..1. */
export function cloud(x, y, z, octaves = 4) {
  let sum = 0;
  let weight = 0.5;
  for (let i = 0; i < octaves; i++, weight /= 2) sum += weight * noise(x * 2 ** i + 17 * i, y * 2 ** i, z * 2 ** i);
  return sum;
}

// ---- distances ----

export const sphere = (x, y, z, r) => Math.sqrt(x * x + y * y + z * z) - r;
export const ellipsoid = (x, y, z, a, b, c) => {
  const k = Math.hypot(x / a, y / b, z / c);
  const g = Math.hypot(x / (a * a), y / (b * b), z / (c * c));
  return g > 0 ? (k * (k - 1)) / g : -Math.min(a, b, c);
};
export const box = (x, y, z, a, b, c, round = 0) => {
  const [u, v, w] = [Math.abs(x) - a + round, Math.abs(y) - b + round, Math.abs(z) - c + round];
  return Math.hypot(Math.max(u, 0), Math.max(v, 0), Math.max(w, 0)) + Math.min(Math.max(u, v, w), 0) - round;
};
/** Along y, from -h to h. */
export const cylinder = (x, y, z, r, h, round = 0) => {
  const [u, v] = [Math.hypot(x, z) - r + round, Math.abs(y) - h + round];
  return Math.hypot(Math.max(u, 0), Math.max(v, 0)) + Math.min(Math.max(u, v), 0) - round;
};
export const torus = (x, y, z, R, r) => Math.hypot(Math.hypot(x, z) - R, y) - r;
/** A rod from a to b whose radius goes from r to s. */
export const rod = (x, y, z, a, b, r, s = r) => {
  const [p, q] = [
    [x - a[0], y - a[1], z - a[2]],
    [b[0] - a[0], b[1] - a[1], b[2] - a[2]],
  ];
  const t = clamp(dot(p, q) / dot(q, q));
  return Math.hypot(p[0] - q[0] * t, p[1] - q[1] * t, p[2] - q[2] * t) - mix(r, s, t);
};
export const join = (a, b, k) => {
  const h = clamp(0.5 + (0.5 * (b - a)) / k);
  return mix(b, a, h) - k * h * (1 - h);
};
export const turn = (a, b, angle) => [a * Math.cos(angle) - b * Math.sin(angle), a * Math.sin(angle) + b * Math.cos(angle)];

/**
 * @typedef {object} Scene
 * @property {{ eye: number[], at: number[], angle: number, blur?: number, focus?: number }} camera angle: of view, vertical, degrees;
 *   blur: the lens's radius; focus: distance, by default that of `at`
 * @property {{ toward: number[], color: number[], size?: number }} sun size: softness of its shadows
 * @property {(direction: number[]) => number[]} sky color in a direction; also the light from there
 * @property {(x: number, y: number, z: number) => [number, string]} map distance to the nearest thing, and its name
 * @property {(name: string, p: number[], n: number[]) => Material} material
 * @property {number} [ambient] how much of the sky's light counts
 * @property {(color: number[], distance: number, direction: number[]) => number[]} [air] haze between the eye and a thing
 * @property {number} [far]
 *
 * @typedef {{ color: number[], gloss?: number, hard?: number, glow?: number[], through?: number }} Material gloss: strength of
 *   highlights; hard: how small they are; through: how much of the sun comes through from behind (leaves, jelly)
 */

const EPSILON = 1e-3;

function march(scene, origin, d) {
  const far = scene.far ?? 60;
  let t = 0.02;
  for (let i = 0; i < 160 && t < far; i++) {
    const [distance, name] = scene.map(origin[0] + d[0] * t, origin[1] + d[1] * t, origin[2] + d[2] * t);
    if (distance < EPSILON * (0.3 + 0.2 * t)) return [t, name];
    t += distance * 0.8;
  }
  return null;
}

function normalAt(scene, [x, y, z]) {
  const e = 0.002;
  const at = (a, b, c) => scene.map(x + a * e, y + b * e, z + c * e)[0];
  const [p, q, r, s] = [at(1, -1, -1), at(-1, -1, 1), at(-1, 1, -1), at(1, 1, 1)];
  return unit([p - q - r + s, -p - q + r + s, -p + q - r + s]);
}

/** 0 in the shadow to 1 in the sun (Quilez's penumbra from the nearest miss). */
function sunlight(scene, p, toward, size) {
  let light = 1;
  for (let t = 0.03, i = 0; t < 12 && i < 120; i++) {
    const [distance] = scene.map(p[0] + toward[0] * t, p[1] + toward[1] * t, p[2] + toward[2] * t);
    if (distance < 5e-4) return 0;
    light = Math.min(light, distance / (size * t));
    t += clamp(distance * 0.7, 0.012, 0.4);
  }
  return smooth(0, 1, light);
}

function openness(scene, p, n) {
  let hidden = 0;
  for (let i = 1; i <= 5; i++) {
    const h = 0.05 * i * i * 0.5;
    hidden += (h - scene.map(p[0] + n[0] * h, p[1] + n[1] * h, p[2] + n[2] * h)[0]) / 2 ** i / (0.05 + h * 0.4);
  }
  return clamp(1 - 0.3 * hidden);
}

function shade(scene, origin, d) {
  const found = march(scene, origin, d);
  if (!found) return scene.sky(d);
  const [t, name] = found;
  const p = [origin[0] + d[0] * t, origin[1] + d[1] * t, origin[2] + d[2] * t];
  const n = normalAt(scene, p);
  const { color, gloss = 0.2, hard = 24, glow = [0, 0, 0], through = 0 } = scene.material(name, p, n);
  const { toward: sun, color: sunColor, size = 0.12 } = scene.sun;
  const facing = dot(n, sun);
  const lit = facing > 0 ? facing * sunlight(scene, [p[0] + n[0] * 0.01, p[1] + n[1] * 0.01, p[2] + n[2] * 0.01], sun, size) : 0;
  const open = openness(scene, p, n);
  const above = scene.sky(unit([n[0], Math.abs(n[1]) + 0.3, n[2]]));
  const half = unit([sun[0] - d[0], sun[1] - d[1], sun[2] - d[2]]);
  const edge = (1 - clamp(-dot(n, d))) ** 5;
  const mirror = unit([d[0] - 2 * dot(n, d) * n[0], Math.abs(d[1] - 2 * dot(n, d) * n[1]), d[2] - 2 * dot(n, d) * n[2]]);
  const reflected = scene.sky(mirror);
  const shine = gloss * Math.max(0, dot(n, half)) ** hard * (lit > 0 ? lit / Math.max(facing, 0.05) : 0) * (hard + 8) * 0.03;
  const behind = through * Math.max(0, -facing) * 0.7;
  const out = color.map(
    (c, i) =>
      c * (sunColor[i] * (lit + behind) + above[i] * open * (scene.ambient ?? 0.5)) +
      sunColor[i] * shine +
      reflected[i] * open * gloss * (0.05 + 0.6 * edge) +
      glow[i],
  );
  return scene.air ? scene.air(out, t, d) : out;
}

const EXPOSURE = 0.62;
/** Narkowicz's approximation of the ACES film curve. */
const film = x => clamp((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14));

/** @param {Scene} scene @param {number} width @param {number} height @param {number} rays a pixel's, along each side
 *  @returns {Uint8Array} (height, width, 3) sRGB */
export function render(scene, width, height, rays) {
  const { eye, at, angle, blur = 0, focus = Math.hypot(at[0] - eye[0], at[1] - eye[1], at[2] - eye[2]) } = scene.camera;
  scene = { ...scene, sun: { ...scene.sun, toward: unit(scene.sun.toward) } };
  const forward = unit([at[0] - eye[0], at[1] - eye[1], at[2] - eye[2]]);
  const right = unit(cross(forward, [0, 1, 0]));
  const up = cross(right, forward);
  const span = Math.tan((angle * Math.PI) / 360);
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sum = [0, 0, 0];
      for (let s = 0; s < rays * rays; s++) {
        const u = (((x + ((s % rays) + hash(x, y, s)) / rays) / width) * 2 - 1) * span * (width / height);
        const v = (1 - ((y + (Math.floor(s / rays) + hash(y, s, x)) / rays) / height) * 2) * span;
        const aim = [0, 1, 2].map(i => (forward[i] + right[i] * u + up[i] * v) * focus);
        const [r, a] = [blur * Math.sqrt(hash(s, x, y)), 2 * Math.PI * hash(s, y, x)];
        const lens = [0, 1, 2].map(i => (right[i] * Math.cos(a) + up[i] * Math.sin(a)) * r);
        const color = shade(
          scene,
          [0, 1, 2].map(i => eye[i] + lens[i]),
          unit([0, 1, 2].map(i => aim[i] - lens[i])),
        );
        for (let i = 0; i < 3; i++) sum[i] += clamp(color[i], 0, 4);
      }
      const grain = 1 + 0.02 * (hash(x, y, 99) - 0.5);
      const vignette = 1 - 0.16 * (((x / width - 0.5) * 2) ** 2 + ((y / height - 0.5) * 2) ** 2) * 0.6;
      // half on each channel, half on the brightness alone, so that vivid things stay so in the light
      const linear = sum.map(c => (c / (rays * rays)) * vignette * EXPOSURE);
      const bright = Math.max(1e-4, 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]);
      for (let i = 0; i < 3; i++) {
        const developed = 0.5 * film(linear[i]) + (0.5 * linear[i] * film(bright)) / bright;
        rgb[(y * width + x) * 3 + i] = Math.round(255 * clamp(clamp(developed) ** (1 / 2.2) * grain));
      }
    }
  }
  return rgb;
}
