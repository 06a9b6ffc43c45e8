/**
 * Lists of labels as people have them: typed, pasted from a table or a text, or in a file.
 *
 * Between labels stand a comma (also the Chinese and Japanese ones), a semicolon, a tab, or a new line. Quotes keep them together, as
 * in CSV: "Washington, D.C.", cat
 */

const BETWEEN = /[,;\t\n\r\v\f\u0085\u2028\u2029，、；;﹐﹑﹔､]/;
/** Where quotes may begin a label. */
const QUOTES = /** @type {Record<string, string>} */ ({ '"': '"', '“': '”', '„': '“', '«': '»', '「': '」' });

/** @param {string} letter */
export const isBetween = letter => BETWEEN.test(letter);

/** @param {string} text @returns {string[]} without the empty ones; not without those that are there twice */
export function splitLabels(text) {
  /** @type {string[]} */
  const labels = [];
  let label = '';
  let blank = true; // the label, so far
  let end = ''; // of the quotes that we are in
  /** Where each kind of quotes ends last. @type {Record<string, number>} */
  const last = {};
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if (end && letter === end) {
      if (end === '"' && text[at + 1] === '"') {
        label += text[++at]; // CSV doubles them
        blank = false;
      } else end = '';
    } else if (!end && blank && QUOTES[letter] && (last[letter] ??= text.lastIndexOf(QUOTES[letter])) > at) {
      end = QUOTES[letter];
      label = '';
      blank = true;
    } else if (!end && BETWEEN.test(letter)) {
      labels.push(label);
      label = '';
      blank = true;
    } else {
      label += letter;
      blank &&= !letter.trim();
    }
  }
  labels.push(label);
  return labels.map(one => one.trim()).filter(Boolean);
}

/** The opposite: what splitLabels gives back. @param {string[]} labels */
export const joinLabels = labels =>
  labels.map(label => (BETWEEN.test(label) || QUOTES[label[0]] ? `"${label.replaceAll('"', '""')}"` : label)).join(', ');
