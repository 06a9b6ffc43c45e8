/** The ranked bars. Rows keep their elements from one ranking to the next, so that they move instead of jumping. */

import { number } from './words.js';

/** Rows beyond this many are only counted. */
const SHOWN = 40;
const calm = matchMedia('(prefers-reduced-motion: reduce)');

function makeRow() {
  const row = document.createElement('li');
  row.innerHTML = '<span class="label"></span> <span class="score"></span><span class="bar" aria-hidden="true"><span></span></span>';
  return row;
}

export class Ranking {
  #rows = new Map();

  /** @param {HTMLElement} list */
  constructor(list) {
    this.list = list;
  }

  /**
   * @param {{ label: string, share: number | null, text: string, unknown: boolean }[]} entries in the order to show; share: length of
   *   the bar from 0 to 1, null where it is not known yet
   */
  show(entries) {
    const before = new Map([...this.#rows].map(([label, row]) => [label, row.offsetTop]));
    const rows = new Map();
    for (const { label, share, text, unknown } of entries.slice(0, SHOWN)) {
      const row = this.#rows.get(label) ?? makeRow();
      const [name, score, bar] = row.children;
      name.textContent = label;
      score.textContent = text;
      row.classList.toggle('unknown', unknown);
      bar.style.setProperty('--share', share ?? 0);
      rows.set(label, row);
    }
    this.#rows = rows;
    const rest = entries.length - SHOWN;
    const more =
      rest > 0 ? [Object.assign(document.createElement('li'), { className: 'more', textContent: `and ${number(rest)} more` })] : [];
    this.list.replaceChildren(...rows.values(), ...more);
    this.list.classList.toggle('waiting', entries[0]?.share === null);
    if (calm.matches) return;
    for (const [label, row] of rows) {
      const from = before.get(label);
      const way = from === undefined ? 0 : from - row.offsetTop;
      if (way)
        row.animate([{ transform: `translateY(${way}px)` }, { transform: 'none' }], { duration: 320, easing: 'cubic-bezier(.2,.8,.2,1)' });
    }
  }
}
