/**
 * What lies on the desk: the state of the page, one for all its parts. app.js puts the parts there and says what happens between them;
 * the others look at it.
 */
import { Answers } from './answers.js';
import { $ } from './dom.js';
import { Library } from './library.js';
import { Memory } from './memory.js';

/** @typedef {import('./library.js').Photo} Photo */

export const desk = {
  library: new Library(),
  answers: new Answers(),
  memory: new Memory(),
  /** What somebody wants to see. filter: a label's name; group: of photos without a sure label, or that cannot be read */
  view: {
    /** @type {string | null} */ filter: null,
    /** @type {'unsure' | 'failed' | null} */ group: null,
    /** @type {{ words: string, vector: Float32Array } | null} */ search: null,
    sort: 'added',
    least: 0.5,
    several: false,
  },
  /** The photo that is shown large; null while the sheet of several is. @type {Photo | null} */
  current: null,
  /** @type {import('./models.js').Models} */ models: /** @type {any} */ (null),
  /** @type {import('./chips.js').Chips} */ chips: /** @type {any} */ (null),
  /** @type {import('./sheet.js').Sheet} */ sheet: /** @type {any} */ (null),
  /** @type {import('./asking.js').Asking} */ asking: /** @type {any} */ (null),
  /** @type {import('./run.js').Run} */ run: /** @type {any} */ (null),
};

/** Whether there are several photos. */
export const many = () => desk.library.photos.length > 1;

export const rules = () => ({ template: $('template').value, least: desk.view.least, several: desk.view.several });

/** @param {Photo} photo @returns {'failed' | 'waiting' | 'sure' | 'unsure'} */
export function groupOf(photo) {
  if (photo.error) return 'failed';
  const answer = desk.answers.of(photo);
  return !answer ? 'waiting' : answer.kind === 'sure' ? 'sure' : 'unsure';
}

/** Labels that are words, without those made of photos. */
export const wordsOf = labels => labels.filter(({ examples }) => !examples).map(({ name }) => name);
