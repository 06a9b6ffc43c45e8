/** The sample pictures: offered once, and put away as soon as somebody has photos of their own. */
import { $, make, say } from './dom.js';
import { t } from './words.js';

const FOLDER = new URL('../weights/samples/', document.baseURI);

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
    this.list = await fetch(new URL('index.json', FOLDER))
      .then(answer => (answer.ok ? answer.json() : []))
      .then(all => all.map(sample => inLanguage(sample, this.language)))
      .catch(() => []);
    const buttons = this.list.map(sample => {
      const picture = Object.assign(new Image(96, 96), { src: new URL(sample.file, FOLDER).href, alt: sample.title, title: sample.title });
      const button = make('button', { type: 'button', onclick: () => this.pick(sample) }, picture);
      button.dataset.name = sample.title;
      button.setAttribute('aria-pressed', 'false');
      return make('li', {}, button);
    });
    $('samples').replaceChildren(...buttons);
    $('samples-box').hidden = !buttons.length;
    if (wish === this.#wish && this.list.length) await this.pick(this.list[0]);
  }

  /** @param {Sample} sample */
  async pick(sample) {
    const wish = ++this.#wish;
    const photo = await fetch(new URL(sample.file, FOLDER))
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
