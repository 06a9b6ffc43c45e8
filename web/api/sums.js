/** The options `integrity` and `sha256`, checked; what they do stands in models/sums.js. Loaded where one of them is given. */
import { ClipError } from '../error.js';

/** @typedef {import('../models/sums.js').Known} Known */

/** Hexadecimal, also of what SRI writes ("sha256-" and base64). @param {unknown} value @returns {string | null} */
function hexOf(value) {
  if (typeof value !== 'string') return null;
  if (/^[0-9a-f]{64}$/i.test(value)) return value.toLowerCase();
  const [, text] = /^sha256-([A-Za-z0-9+/]{43}=)$/.exec(value) ?? [];
  return text ? Array.from(atob(text), c => c.charCodeAt(0).toString(16).padStart(2, '0')).join('') : null;
}

/** Throws unless the options make sense; answers them with all sums in hexadecimal. @param {Known} known @returns {Known} */
export function knownSums({ integrity, sha256 }) {
  const need = (/** @type {unknown} */ value, /** @type {string} */ what) => {
    const hex = hexOf(value);
    if (!hex) throw new ClipError('bad-argument', `${what} is a sha256, in hexadecimal or as "sha256-…" in base64.`);
    return hex;
  };
  if (integrity !== undefined && sha256 !== undefined) {
    throw new ClipError('bad-argument', 'integrity is for models of our own form, sha256 for others: a model has one of them.');
  }
  if (integrity !== undefined) return { integrity: need(integrity, 'integrity') };
  if (sha256 === 'hub') return { sha256 };
  if (typeof sha256 !== 'object' || sha256 === null || Array.isArray(sha256)) {
    throw new ClipError('bad-argument', "sha256 is 'hub', or an object with a sum for each file.");
  }
  return { sha256: Object.fromEntries(Object.entries(sha256).map(([name, sum]) => [name, need(sum, `sha256 of ${name}`)])) };
}
