// What several scenes share: daylight, a table.
import { blend, clamp, cloud, noise, smooth } from '../march.js';

/** Light of a window behind the camera's shoulder. */
export const INDOORS = { toward: [-0.55, 0.75, 0.5], color: [2.0, 1.85, 1.6], size: 0.2 };
export const OUTDOORS = { toward: [-0.5, 0.7, 0.5], color: [2.6, 2.4, 2.1], size: 0.05 };

/** A soft, out-of-focus room: one color above, one below, a few blurred lights and darks. */
export const room =
  (high, low) =>
  ([x, y, z]) => {
    const spots = smooth(0.45, 0.75, noise(x * 3 + 5, y * 3, z * 3));
    const base = blend(low, high, smooth(-0.4, 0.6, y));
    return base.map(c => c * (0.8 + 0.5 * spots));
  };

/** Blue with clouds towards the horizon. */
export const daySky = ([x, y, z]) => {
  const up = Math.max(y, 0.02);
  const cover = smooth(0.42, 0.68, cloud((x / up) * 0.35 + 3, 1.7, (z / up) * 0.35, 5)) * smooth(0.02, 0.2, y);
  const blue = blend([0.72, 0.86, 1.02], [0.16, 0.4, 0.85], smooth(0, 0.55, y));
  return blend(blue, [1.15, 1.15, 1.18], cover * 0.9);
};

/** Planks of wood, seen from above. */
export function wood(x, z) {
  const plank = Math.floor(z * 0.9);
  const rings = noise(x * 0.7 + plank * 9, plank * 3.1, z * 9);
  const fibre = noise(x * 3, 5, z * 60);
  const gap = clamp(Math.abs(((((z * 0.9) % 1) + 1) % 1) - 0.5) * 60 - 29.2);
  const color = blend([0.1, 0.045, 0.018], [0.24, 0.12, 0.05], rings * 0.7 + fibre * 0.3);
  return color.map(c => c * (1 - 0.6 * gap));
}
