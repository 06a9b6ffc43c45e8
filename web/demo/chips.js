/** The editable list of labels: chips before a text input. Enter, a comma or leaving the field adds; × or Backspace removes. */

import { number } from './words.js';

/** More chips than this are only counted: thousands of labels may be pasted. */
const SHOWN = 120;

const clean = text =>
  text
    .replace(/\p{Surrogate}/gu, '')
    .replace(/\s+/g, ' ')
    .trim();
const keyOf = label => label.toLowerCase();

export class Chips {
  #labels = [];

  /** @param {{ list: HTMLElement, input: HTMLInputElement, field: HTMLElement, announce: (text: string) => void,
   *  onChange: (labels: string[]) => void, isUnknown: (label: string) => boolean }} parts */
  constructor(parts) {
    Object.assign(this, parts);
    const { input, field, list } = this;
    input.addEventListener('keydown', event => this.#onKey(event));
    input.addEventListener('input', event => {
      if (!event.isComposing && /[,;\n]/.test(input.value)) this.commit();
    });
    input.addEventListener('paste', event => this.#onPaste(event));
    input.addEventListener('blur', () => this.commit());
    field.addEventListener('pointerdown', event => {
      if (event.target !== field && event.target !== list) return;
      event.preventDefault();
      input.focus();
    });
    list.addEventListener('click', event => {
      const button = event.target.closest('button');
      if (button) this.#remove(Number(button.dataset.at));
    });
    list.addEventListener('keydown', event => this.#onChipKey(event));
  }

  get labels() {
    return [...this.#labels];
  }

  set labels(labels) {
    this.#labels = [];
    this.#take(labels);
    this.#changed();
  }

  /** Adds what is typed. */
  commit() {
    const parts = this.input.value.split(/[,;\n]/);
    this.input.value = '';
    if (this.#take(parts)) this.#changed();
  }

  clear() {
    this.#labels = [];
    this.#changed();
    this.announce('All labels removed.');
    this.input.focus();
  }

  /** Draws anew, for when the model and what it knows has changed. */
  draw() {
    const items = this.#labels.slice(0, SHOWN).map((label, at) => {
      const item = document.createElement('li');
      const button = document.createElement('button');
      const unknown = this.isUnknown(label);
      item.className = unknown ? 'chip unknown' : 'chip';
      item.append(
        Object.assign(document.createElement('span'), {
          textContent: label,
          title: unknown ? 'Not among the words this model was taught' : label,
        }),
      );
      Object.assign(button, { type: 'button', textContent: '×' });
      button.setAttribute('aria-label', `Remove ${label}`);
      button.dataset.at = at;
      item.append(button);
      return item;
    });
    if (this.#labels.length > SHOWN) {
      const more = number(this.#labels.length - SHOWN);
      items.push(Object.assign(document.createElement('li'), { className: 'chip more', textContent: `and ${more} more` }));
    }
    this.list.replaceChildren(...items);
    this.list.hidden = !items.length;
    this.input.placeholder = items.length ? 'Add a label' : 'Type labels, such as: cat, dog, bird';
  }

  #take(parts) {
    const have = new Set(this.#labels.map(keyOf));
    let added = 0;
    for (const label of parts.map(clean)) {
      if (!label) continue;
      if (have.has(keyOf(label))) {
        this.announce(`${label} is already there.`);
        continue;
      }
      have.add(keyOf(label));
      this.#labels.push(label);
      added++;
    }
    return added;
  }

  #remove(at) {
    const [label] = this.#labels.splice(at, 1);
    this.#changed();
    this.announce(`${label} removed.`);
    const buttons = this.list.querySelectorAll('button');
    (buttons[Math.min(at, buttons.length - 1)] ?? this.input).focus();
  }

  #changed() {
    this.draw();
    this.onChange(this.labels);
  }

  #onKey(event) {
    if (event.isComposing) return;
    if (event.key === 'Enter') {
      event.preventDefault();
      this.commit();
    } else if (event.key === 'Backspace' && !this.input.value && this.#labels.length) {
      event.preventDefault();
      this.#remove(this.#labels.length - 1);
      this.input.focus();
    } else if (event.key === 'ArrowLeft' && !this.input.selectionStart && !this.input.selectionEnd) {
      [...this.list.querySelectorAll('button')].at(-1)?.focus();
    }
  }

  #onChipKey(event) {
    const buttons = [...this.list.querySelectorAll('button')];
    const at = buttons.indexOf(event.target);
    if (event.key === 'ArrowLeft') buttons[at - 1]?.focus();
    else if (event.key === 'ArrowRight') (buttons[at + 1] ?? this.input).focus();
    else if (event.key === 'Backspace' || event.key === 'Delete') this.#remove(Number(event.target.dataset.at));
    else return;
    event.preventDefault();
  }

  #onPaste(event) {
    const text = event.clipboardData.getData('text');
    if (event.clipboardData.files.length || !/[,;\n]/.test(text.trim())) return;
    event.preventDefault();
    if (this.#take(`${this.input.value},${text}`.split(/[,;\n]/))) {
      this.input.value = '';
      this.#changed();
    }
  }
}
