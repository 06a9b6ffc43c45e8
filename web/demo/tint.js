/** The page takes its accent from the photo: the hue that most of the photo's colour agrees on. */

/** Pixels a side that are looked at. */
export const SIDE = 32;
const BINS = 24;

/** OKLab (Ottosson 2020) of an sRGB colour. @returns {[number, number, number]} lightness, a, b */
function oklab(red, green, blue) {
  const [r, g, b] = [red, green, blue].map(x => ((x /= 255) <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

/** @param {Uint8ClampedArray} pixels RGBA @returns {{ hue: number, chroma: number }} degrees; OKLCH chroma, 0 for a gray photo */
export function accentOf(pixels) {
  const bins = Array.from({ length: BINS }, () => ({ weight: 0, a: 0, b: 0 }));
  for (let i = 0; i < pixels.length; i += 4) {
    const [, a, b] = oklab(pixels[i], pixels[i + 1], pixels[i + 2]);
    const chroma = Math.hypot(a, b);
    if (chroma < 0.03) continue;
    const weight = chroma * chroma; // a small vivid thing says more than a large dull wall
    const bin = bins[Math.floor(((Math.atan2(b, a) / (2 * Math.PI) + 1) % 1) * BINS)];
    bin.weight += weight;
    bin.a += weight * a;
    bin.b += weight * b;
  }
  const best = bins.reduce((x, y) => (y.weight > x.weight ? y : x));
  if (best.weight === 0) return { hue: 0, chroma: 0 };
  const [a, b] = [best.a / best.weight, best.b / best.weight];
  return { hue: (Math.atan2(b, a) * 180) / Math.PI, chroma: Math.hypot(a, b) };
}

/** @param {CanvasImageSource} picture that is drawn already @param {HTMLElement} root whose custom properties --hue and --chroma are set */
export function tint(picture, root) {
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(picture, 0, 0, SIDE, SIDE);
  const { hue, chroma } = accentOf(context.getImageData(0, 0, SIDE, SIDE).data);
  root.style.setProperty('--hue', hue.toFixed(1));
  root.style.setProperty('--chroma', Math.min(0.15, Math.max(chroma > 0 ? 0.05 : 0, chroma)).toFixed(3));
}
