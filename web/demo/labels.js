/** Labels as people type and paste them: split where they mean to, cleaned, each once. */
import { isBetween, splitLabels } from '../api/labels.js';

/** @typedef {{ name: string, examples: any[] | null }} Label a word; or, with examples, what those photos have in common */

/** Whether a text holds more than one label, or one that is finished. An open quotation mark holds its commas back. @param {string} text */
export function isFinished(text) {
  let quoted = false;
  for (const letter of text) {
    if (letter === '"') quoted = !quoted;
    else if (!quoted && isBetween(letter)) return true;
  }
  return false;
}

/** Parts of a list; "dog, big" in quotation marks is one of them. @param {string} text @returns {string[]} */
export const split = text => splitLabels(text).map(clean).filter(Boolean);

export const clean = text =>
  text
    .replace(/\p{Surrogate}/gu, '')
    .replace(/\s+/g, ' ')
    .trim();

/** @param {string} name what is the same label in another case is the same label */
export const keyOf = name => name.normalize('NFC').toLowerCase();
