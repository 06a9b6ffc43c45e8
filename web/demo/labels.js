/** Labels as people type and paste them: split where they mean to, cleaned, each once. */

/** @typedef {{ name: string, examples: any[] | null }} Label a word; or, with examples, what those photos have in common */

/** Commas, semicolons, tabs and new lines, and the commas of Chinese, Japanese and Korean keyboards. */
const BETWEEN = /[,;\t\n\r、，；]/;

/** Whether a text holds more than one label, or one that is finished. An open quotation mark holds its commas back. @param {string} text */
export function isFinished(text) {
  let quoted = false;
  for (const letter of text) {
    if (letter === '"') quoted = !quoted;
    else if (!quoted && BETWEEN.test(letter)) return true;
  }
  return false;
}

/** Parts of a list; "dog, big" in quotation marks is one of them. @param {string} text @returns {string[]} */
export function split(text) {
  const parts = [];
  let part = '';
  let quoted = false;
  const closes = text.split('"').length % 2 === 1; // an odd mark, as in 12" records, quotes nothing
  for (let i = 0; i < text.length; i++) {
    const letter = text[i];
    if (letter === '"' && closes && (quoted || !part.trim())) {
      if (quoted && text[i + 1] === '"') part += text[++i];
      else quoted = !quoted;
    } else if (!quoted && BETWEEN.test(letter)) {
      parts.push(part);
      part = '';
    } else part += letter;
  }
  return [...parts, part].map(clean).filter(Boolean);
}

export const clean = text =>
  text
    .replace(/\p{Surrogate}/gu, '')
    .replace(/\s+/g, ' ')
    .trim();

/** @param {string} name what is the same label in another case is the same label */
export const keyOf = name => name.normalize('NFC').toLowerCase();
