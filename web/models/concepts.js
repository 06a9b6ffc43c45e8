/** What a small model knows: one that lists the words it was taught (`concepts` in clip.json) knows only those. */

/** @param {string} label one name for "Cat", " the  cat" and "cat" */
const nameOf = label =>
  label
    .normalize('NFC') // as the tokenizer reads it
    .toLowerCase()
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/^(an?|the) /, '');

/** A label as the list may have it: people write labels in the plural, too. @param {string} label */
function formsOf(label) {
  const name = nameOf(label);
  return [name, name.replace(/s$/, ''), name.replace(/es$/, ''), name.replace(/ies$/, 'y')];
}

/**
 * Makes the question whether a label is none of the words that a model was taught, so that its score means nothing.
 * @param {string[] | undefined} concepts the model's list; without one every label is as good as another, and the answer is no
 * @returns {(label: string) => boolean}
 */
export function unknownTo(concepts) {
  if (!concepts?.length) return () => false;
  const names = new Set(concepts.map(nameOf));
  return label => !formsOf(label).some(form => names.has(form));
}
