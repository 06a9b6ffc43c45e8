/** The sample pictures: offered once, and put away as soon as somebody has photos of their own. */
import { $, make, say } from './dom.js';
import { folder, listOf, strip } from './sample-source.js';
import { t } from './words.js';

/** @typedef {{ file: string, title: string, labels: string[], alt: string }} Sample */

/** What a sample says in the reader's language. @param {any} sample @param {string} language @returns {Sample} */
const inLanguage = (sample, language) => ({ ...sample, ...sample[language] });

export class Samples {
  /** @type {Sample[]} */
  list = [];
  #wish = 0;

  /** @param {{ language: string, onPick: (sample: Sample, photo: Blob) => void }} parts */
  constructor(parts) {
    Object.assign(this, parts);
  }

  /** Shows the strip, and the first sample unless something else was wished for meanwhile. */
  async offer() {
    const wish = this.#wish;
    this.list = await listOf()
      .then(all => all.map(sample => inLanguage(sample, this.language)))
      .catch(() => []);
    const buttons = this.list.map((sample, i) => {
      const button = make('button', { type: 'button', title: sample.title, onclick: () => this.pick(sample) }, this.#small(sample, i));
      button.dataset.name = sample.title;
      button.setAttribute('aria-pressed', 'false');
      return make('li', {}, button);
    });
    $('samples').replaceChildren(...buttons);
    $('samples-box').hidden = !buttons.length;
    if (wish === this.#wish && this.list.length) await this.pick(this.list[0]);
  }

  /** The small picture of a sample: its own file, or its place in the strip. @param {Sample} sample @param {number} i */
  #small(sample, i) {
    const picture = Object.assign(new Image(96, 96), { src: strip ?? new URL(sample.file, folder).href, alt: sample.title });
    if (strip) picture.style.objectPosition = `${(100 * i) / (this.list.length - 1)}% 0`;
    return picture;
  }

  /** @param {Sample} sample */
  async pick(sample) {
    const wish = ++this.#wish;
    const photo = await fetch(new URL(sample.file, folder))
      .then(answer => (answer.ok ? answer.blob() : null))
      .catch(() => null);
    if (wish !== this.#wish) return; // something else was wished for meanwhile
    if (!photo) return say('photo-trouble', t('sampleFailed'));
    this.#mark(sample.title);
    this.onPick(sample, photo);
  }

  /** Somebody has chosen photos: what is still on its way is not wanted any more. */
  leave() {
    this.#wish++;
    this.#mark('');
  }

  #mark(title) {
    for (const button of $('samples').querySelectorAll('button'))
      button.setAttribute('aria-pressed', String(button.dataset.name === title));
  }
}
