/** The ranked bars. Rows keep their elements from one ranking to the next, so that they move instead of jumping. */
import { make } from './dom.js';
import { t } from './words.js';

/** Rows beyond this many are only counted. */
const SHOWN = 40;
const calm = matchMedia('(prefers-reduced-motion: reduce)');

/**
 * @typedef {object} Entry
 * @property {string} key @property {string} label @property {string} text
 * @property {number | null} share length of the bar from 0 to 1, null where it is not known yet
 * @property {boolean} [unknown] @property {boolean} [quiet] set small: a group that is no label
 * @property {(() => void)} [onPress] with it the row is a button @property {boolean} [pressed]
 */

function makeRow(pressable) {
  const parts = [
    make('span', { className: 'label' }),
    ' ',
    make('span', { className: 'score' }),
    make('span', { className: 'bar', ariaHidden: 'true' }, make('span')),
  ];
  const row = make('li');
  row.append(pressable ? make('button', { type: 'button', className: 'row-button' }, ...parts) : make('div', {}, ...parts));
  return row;
}

export class Ranking {
  #rows = new Map();

  /** @param {HTMLElement} list */
  constructor(list) {
    this.list = list;
  }

  /** @param {Entry[]} entries in the order to show @param {'sure' | 'unsure' | 'waiting' | 'counts'} kind of the first row */
  show(entries, kind) {
    const rows = new Map();
    const tail = entries.filter(entry => entry.quiet);
    const head = entries.filter(entry => !entry.quiet);
    for (const { key, label, share, text, unknown, quiet, onPress, pressed } of [...head.slice(0, SHOWN), ...tail]) {
      const id = `${onPress ? 'button' : 'row'} ${key}`;
      const row = this.#rows.get(id) ?? makeRow(Boolean(onPress));
      const box = row.firstChild;
      const [name, score, bar] = box.children;
      if (name.textContent !== label) name.textContent = label;
      if (score.textContent !== text) score.textContent = text;
      row.classList.toggle('unknown', Boolean(unknown));
      row.classList.toggle('quiet', Boolean(quiet));
      bar.style.setProperty('--share', String(share ?? 0));
      if (onPress) {
        box.onclick = onPress;
        box.setAttribute('aria-pressed', String(Boolean(pressed)));
      }
      rows.set(id, row);
    }
    // looking where rows are costs a layout: only where they are about to move
    const moves = !calm.matches && this.#rows.size > 0 && [...rows.keys()].join('\n') !== [...this.#rows.keys()].join('\n');
    const before = moves ? new Map([...this.#rows].map(([key, row]) => [key, row.offsetTop])) : new Map();
    this.#rows = rows;
    const rest = head.length - SHOWN;
    const more = rest > 0 ? [make('li', { className: 'more', textContent: t('andMore', { n: rest }) })] : [];
    const wanted = [...rows.values()]
      .slice(0, Math.min(SHOWN, head.length))
      .concat(more, [...rows.values()].slice(Math.min(SHOWN, head.length)));
    // rows that stay are not taken out: the focus would be lost
    for (const row of [...this.list.children]) if (!wanted.includes(row)) row.remove();
    wanted.forEach((row, i) => {
      if (this.list.children[i] !== row) this.list.insertBefore(row, this.list.children[i] ?? null);
    });
    this.list.dataset.kind = kind;
    if (!moves) return;
    for (const [key, row] of rows) {
      const from = before.get(key);
      const way = from === undefined ? 0 : from - row.offsetTop;
      if (way)
        row.animate([{ transform: `translateY(${way}px)` }, { transform: 'none' }], { duration: 320, easing: 'cubic-bezier(.2,.8,.2,1)' });
    }
  }
}
