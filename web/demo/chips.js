/** The editable list of labels: chips before a text input. Enter, a comma or leaving the field adds; × or Backspace removes. */
import { announce, make } from './dom.js';
import { clean, isFinished, keyOf, split } from './labels.js';
import { t } from './words.js';

/** @typedef {import('./labels.js').Label} Label */

/** More chips than this are only counted: thousands of labels may be pasted. */
const SHOWN = 120;

export class Chips {
  /** @type {Label[]} */
  #labels = [];
  /** Whether these are a sample's, as they came. */
  untouched = true;

  /** @param {{ list: HTMLElement, input: HTMLInputElement, field: HTMLElement, onChange: () => void, isUnknown: (label: Label) => boolean }} parts */
  constructor(parts) {
    Object.assign(this, parts);
    const { input, field, list } = this;
    input.addEventListener('keydown', event => this.#onKey(event));
    input.addEventListener('input', event => {
      if (!event.isComposing && isFinished(input.value)) this.commit();
    });
    input.addEventListener('paste', event => this.#onPaste(event));
    input.addEventListener('blur', () => this.commit());
    field.addEventListener('pointerdown', event => {
      if (event.target === input) return;
      event.preventDefault(); // the input keeps the focus: leaving it would add what is typed and redraw what is being pressed
      if (event.target === field || event.target === list) input.focus();
    });
    list.addEventListener('click', event => {
      const button = event.target.closest('button');
      if (button) this.#remove(button.dataset.name);
    });
    list.addEventListener('keydown', event => this.#onChipKey(event));
  }

  /** @returns {Label[]} */
  get labels() {
    return [...this.#labels];
  }

  /** A sample's labels, instead of those that are there. @param {string[]} names */
  suggest(names) {
    this.#labels = [];
    this.#take(names);
    this.#changed(true);
  }

  /** @param {string[]} names */
  add(names) {
    if (this.#take(names)) this.#changed();
  }

  /** A label made of photos; it takes the place of one of that name. @param {string} name @param {any[]} examples */
  addExamples(name, examples) {
    const label = { name: clean(name), examples };
    const at = this.#labels.findIndex(one => keyOf(one.name) === keyOf(label.name));
    if (at < 0) this.#labels.push(label);
    else this.#labels[at] = label;
    this.#changed();
  }

  /** Adds what is typed. */
  commit() {
    const parts = split(this.input.value);
    this.input.value = '';
    this.add(parts);
  }

  clear() {
    this.#labels = [];
    this.#changed();
    announce(t('allRemoved'));
    this.input.focus();
  }

  /** Draws anew, for when the model and what it knows has changed. */
  draw() {
    const items = this.#labels.slice(0, SHOWN).map(label => {
      const { name, examples } = label;
      const unknown = this.isUnknown(label);
      const text = make('span', { textContent: name, title: unknown ? t('unknownChip') : name });
      const remove = make('button', { type: 'button', textContent: '×' });
      remove.setAttribute('aria-label', t('removeLabel', { label: name }));
      remove.dataset.name = name;
      const item = make('li', { className: 'chip' }, text, remove);
      item.classList.toggle('unknown', unknown);
      if (examples) {
        item.classList.add('examples');
        text.title = t('madeOf', { n: examples.length });
      }
      return item;
    });
    if (this.#labels.length > SHOWN)
      items.push(make('li', { className: 'chip more', textContent: t('andMore', { n: this.#labels.length - SHOWN }) }));
    this.list.replaceChildren(...items);
    this.list.hidden = !items.length;
    this.input.placeholder = t(items.length ? 'addLabel' : 'typeLabels');
  }

  /** @param {string[]} names @returns {number} of those that are new */
  #take(names) {
    const have = new Set(this.#labels.map(label => keyOf(label.name)));
    const before = have.size;
    for (const name of names.map(clean)) {
      if (!name) continue;
      if (have.has(keyOf(name))) announce(t('already', { label: name }));
      else {
        have.add(keyOf(name));
        this.#labels.push({ name, examples: null });
      }
    }
    return have.size - before;
  }

  #remove(name) {
    const at = this.#labels.findIndex(label => label.name === name);
    if (at < 0) return;
    const had = this.list.contains(document.activeElement);
    this.#labels.splice(at, 1);
    this.#changed();
    announce(t('removedLabel', { label: name }));
    if (!had) return;
    const buttons = this.list.querySelectorAll('button');
    (buttons[Math.min(at, buttons.length - 1)] ?? this.input).focus();
  }

  #changed(untouched = false) {
    this.untouched = untouched;
    this.draw();
    this.onChange();
  }

  #onKey(event) {
    if (event.isComposing) return;
    const { input } = this;
    if (event.key === 'Enter') {
      event.preventDefault();
      this.commit();
    } else if (event.key === 'Backspace' && !input.value && this.#labels.length) {
      event.preventDefault();
      this.#remove(this.#labels.at(-1).name);
    } else if (event.key === 'ArrowLeft' && !input.selectionStart && !input.selectionEnd) {
      [...this.list.querySelectorAll('button')].at(-1)?.focus();
    }
  }

  #onChipKey(event) {
    const buttons = [...this.list.querySelectorAll('button')];
    const at = buttons.indexOf(event.target);
    if (event.key === 'ArrowLeft') buttons[at - 1]?.focus();
    else if (event.key === 'ArrowRight') (buttons[at + 1] ?? this.input).focus();
    else if (event.key === 'Backspace' || event.key === 'Delete') this.#remove(event.target.dataset.name);
    else return;
    event.preventDefault();
  }

  #onPaste(event) {
    const text = event.clipboardData.getData('text');
    if (event.clipboardData.files.length || !isFinished(text.trim())) return;
    event.preventDefault();
    const typed = split(this.input.value);
    this.input.value = '';
    this.add([...typed, ...split(text)]);
  }
}
