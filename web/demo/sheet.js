/**
 * The sheet of photos: tiles of one size, of which only those near the screen exist. One list box with one place for the focus, which
 * stays where it is whatever is drawn: arrow keys move the cursor, Enter opens, Space selects; with the mouse the tick in the corner.
 */
import { make } from './dom.js';
import { Thumbs } from './thumbs.js';

const GAP = 10;
/** CSS pixels below a tile's picture. */
const TEXT = 36;
/** Rows beyond the screen. */
const SPARE = 2;

export class Sheet {
  thumbs = new Thumbs();
  /** @type {any[]} */
  photos = [];
  /** @type {Set<any>} */
  selected = new Set();
  #tiles = new Map();
  #cursor = 0;
  #anchor = 0;
  #columns = 1;
  #row = 1;
  #side = 0;
  #frame = 0;

  /** @param {HTMLElement} list
   *  @param {{ describe: (photo: any) => { text: string, score: string, kind: string, spoken: string, title: string }, onOpen: (photo: any) => void,
   *   onSelect: () => void, onView: () => void }} parts */
  constructor(list, parts) {
    Object.assign(this, parts);
    this.list = list;
    list.addEventListener('click', event => this.#onClick(event));
    list.addEventListener('keydown', event => this.#onKey(event));
    list.addEventListener('focus', () => this.#draw());
    addEventListener('scroll', () => this.#soon(), { passive: true });
    new ResizeObserver(() => {
      this.#measure();
      this.#soon();
    }).observe(list);
    addEventListener('resize', () => this.#soon());
  }

  /** @param {any[]} photos in the order to show */
  show(photos) {
    const at = this.photos[this.#cursor];
    this.photos = photos;
    const place = at ? photos.indexOf(at) : 0;
    this.#cursor = place < 0 ? Math.min(this.#cursor, Math.max(0, photos.length - 1)) : place;
    this.#draw();
  }

  /** Shows what is known of the photos in view now. */
  refresh() {
    for (const [photo, tile] of this.#tiles) this.#fill(photo, tile);
  }

  /** Photos on the screen, top first. */
  get inView() {
    return [...this.#tiles.keys()];
  }

  /** Puts the cursor and the focus on a photo. */
  focus(photo) {
    const at = this.photos.indexOf(photo);
    if (at >= 0) this.#cursor = at;
    this.list.focus({ preventScroll: true });
    this.#reveal();
  }

  /** @param {Iterable<any>} photos */
  select(photos) {
    this.selected = new Set(photos);
    this.refresh();
    this.onSelect();
  }

  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
      this.onView();
    });
  }

  #measure() {
    const width = this.list.clientWidth;
    if (!width) return; // it is not shown
    const least = width < 900 ? 140 : 160; // room for a label of two words and its score
    this.#columns = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
    this.#side = Math.floor((width - GAP * (this.#columns - 1)) / this.#columns);
    this.#row = this.#side + TEXT + GAP;
  }

  #draw() {
    const { list, photos } = this;
    if (!this.#side) this.#measure(); // from then on whenever its width changes
    if (!this.#side) return;
    const rows = Math.ceil(photos.length / this.#columns);
    list.style.height = `${Math.max(0, rows * this.#row - GAP)}px`;
    const top = -list.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / this.#row) - SPARE);
    const last = Math.min(rows, Math.ceil((top + innerHeight) / this.#row) + SPARE);
    const wanted = photos.slice(first * this.#columns, last * this.#columns);
    const gone = new Set(this.#tiles.keys());
    for (const photo of wanted) gone.delete(photo);
    const spare = [...gone].map(photo => {
      const tile = this.#tiles.get(photo);
      this.#tiles.delete(photo);
      return tile;
    });
    const before = new Map(this.#tiles);
    this.#tiles.clear();
    wanted.forEach((photo, i) => {
      const tile = before.get(photo) ?? spare.pop() ?? this.#make();
      this.#tiles.set(photo, tile);
      const at = first * this.#columns + i;
      if (tile.photo !== photo) {
        tile.photo = photo;
        tile.firstChild.replaceChildren(this.thumbs.of(photo));
      }
      tile.id = `tile-${at}`;
      tile.setAttribute('aria-posinset', at + 1);
      tile.setAttribute('aria-setsize', photos.length);
      tile.style.width = `${this.#side}px`;
      tile.style.height = `${this.#side + TEXT}px`;
      const [x, y] = [(at % this.#columns) * (this.#side + GAP), Math.floor(at / this.#columns) * this.#row];
      tile.style.translate = `${x}px ${y}px`;
      tile.classList.toggle('cursor', at === this.#cursor);
      this.#fill(photo, tile);
      if (list.children[i] !== tile) list.insertBefore(tile, list.children[i] ?? null); // read in order
    });
    for (const tile of spare) tile.remove();
    const cursor = this.#tiles.get(photos[this.#cursor]);
    if (cursor) list.setAttribute('aria-activedescendant', cursor.id);
    else list.removeAttribute('aria-activedescendant');
    this.thumbs.trim(wanted.length);
  }

  #make() {
    const tile = make('div', { className: 'tile' });
    tile.setAttribute('role', 'option');
    tile.append(
      make('span', { className: 'tile-picture' }),
      make('span', { className: 'tile-tick' }),
      make('span', { className: 'tile-text' }, make('span', { className: 'tile-label' }), ' ', make('span', { className: 'tile-score' })),
    );
    return tile;
  }

  #fill(photo, tile) {
    const { text, score, kind, spoken, title } = this.describe(photo);
    const [label, value] = tile.lastChild.querySelectorAll('span');
    const selected = this.selected.has(photo);
    if (label.textContent !== text) label.textContent = text;
    if (value.textContent !== score) value.textContent = score;
    if (tile.title !== title) tile.title = title;
    tile.dataset.kind = kind;
    tile.setAttribute('aria-label', spoken);
    tile.setAttribute('aria-selected', selected);
  }

  #onClick(event) {
    const tile = event.target.closest('.tile');
    if (!tile) return;
    const at = this.photos.indexOf(tile.photo);
    this.list.focus({ preventScroll: true });
    const tick = event.target.classList.contains('tile-tick');
    if (event.shiftKey) this.#range(at);
    else if (tick || event.ctrlKey || event.metaKey) this.#toggle(at);
    else {
      this.#cursor = at;
      this.onOpen(tile.photo);
    }
  }

  #toggle(at) {
    const photo = this.photos[at];
    if (!photo) return;
    this.#cursor = this.#anchor = at;
    if (!this.selected.delete(photo)) this.selected.add(photo);
    this.#draw();
    this.onSelect();
  }

  #range(at) {
    const [from, to] = [Math.min(this.#anchor, at), Math.max(this.#anchor, at)];
    for (const photo of this.photos.slice(from, to + 1)) this.selected.add(photo);
    this.#cursor = at;
    this.#draw();
    this.onSelect();
  }

  #onKey(event) {
    const { key, ctrlKey, metaKey, shiftKey, altKey } = event;
    if (altKey) return;
    const page = Math.max(1, Math.floor(innerHeight / this.#row) - 1) * this.#columns;
    const way = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.#columns, ArrowDown: this.#columns, PageUp: -page, PageDown: page }[key];
    const last = this.photos.length - 1;
    if (way !== undefined || key === 'Home' || key === 'End') {
      const to = key === 'Home' ? 0 : key === 'End' ? last : Math.max(0, Math.min(last, this.#cursor + way));
      if (shiftKey) this.#range(to);
      this.#cursor = to;
      if (!shiftKey) this.#anchor = to;
      this.#reveal();
    } else if (key === 'Enter') this.photos[this.#cursor] && this.onOpen(this.photos[this.#cursor]);
    else if (key === ' ') this.#toggle(this.#cursor);
    else if (key === 'a' && (ctrlKey || metaKey)) this.select(this.photos);
    else if (key === 'Escape' && this.selected.size) this.select([]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Scrolls so that the cursor's tile is on the screen, clear of what sticks to its edges. */
  #reveal() {
    this.#measure();
    const y = this.list.getBoundingClientRect().top + Math.floor(this.#cursor / this.#columns) * this.#row;
    const [above, below] = [120, 90];
    if (y < above) scrollBy(0, y - above);
    else if (y + this.#row > innerHeight - below) scrollBy(0, y + this.#row - innerHeight + below);
    this.#draw();
  }
}
