/** When photos are answered: all of them anew when labels or rules change, new ones as they were read. A newer wish overtakes an older. */
import { Answers } from './answers.js';

/** Labels that are read without a word about it. */
const FEW = 64;
/** Milliseconds between two rounds over photos that were read. */
const ROUND = 200;

/**
 * @typedef {object} Wish what is to be asked
 * @property {import('./model.js').Model | null} model @property {import('./labels.js').Label[]} labels
 * @property {import('./answers.js').Rules} rules @property {any[]} photos
 */

export class Asking {
  /** Whether all photos are being answered anew. */
  updating = false;
  /** How many labels were read, while many are. @type {{ done: number, all: number } | null} */
  reading = null;
  /** Photos that were read and not answered yet. @type {any[]} */
  #fresh = [];
  #turn = 0;
  /** @type {any} */
  #timer = 0;

  /**
   * @param {{ answers: Answers, wish: () => Wish, onBegin: () => void, onProgress: () => void, onStrangers: () => void,
   *  onUpdated: (error: any) => void, onExtended: (photos: any[]) => void }} parts onStrangers: there are more words that the model was not taught;
   *   onUpdated: all are answered, or with an error none is
   */
  constructor(parts) {
    Object.assign(this, parts);
  }

  /** Whether there are photos that were read and wait for their answer. */
  get pending() {
    return this.#fresh.length > 0;
  }

  /** Answers everything anew: labels, template, rules or the model changed. No photo is encoded for it. */
  async update() {
    const mine = ++this.#turn;
    const overtaken = () => mine !== this.#turn;
    const { model, labels, rules } = this.wish();
    this.reading = null;
    this.updating = Boolean(model) && labels.length > 0;
    if (!labels.length) this.answers.clear();
    this.onBegin();
    if (!this.updating) return;
    let failed = null;
    try {
      if (!rules.template.includes('{}')) throw Object.assign(new Error(), { code: 'bad-template' });
      const { words, broad } = Answers.textsOf(model, labels, rules);
      await model.read([...words, ...broad], (done, all) => {
        if (overtaken()) return false;
        this.reading = done < all && all > FEW ? { done, all } : null;
        this.onProgress();
        return true;
      });
      if (overtaken()) return;
      if (await model.ask(labels.filter(({ examples }) => !examples).map(({ name }) => name))) this.onStrangers();
      if (overtaken()) return;
      this.#fresh = []; // they are among all
      if (!(await this.answers.update(model, labels, rules, this.wish().photos))) return;
    } catch (error) {
      if (overtaken() || error.code === 'disposed') return;
      this.reading = null;
      this.answers.clear();
      failed = error;
    }
    this.updating = false;
    this.onUpdated(failed);
    if (this.pending) this.#extend(); // read while the others were being answered
  }

  /** A photo was read, or cannot be. @param {any} photo @param {boolean} now somebody looks at it */
  add(photo, now) {
    this.#fresh.push(photo);
    if (now) this.#extend();
    else this.#timer ||= setTimeout(() => this.#extend(), ROUND);
  }

  async #extend() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.updating) return; // comes at its end
    const photos = this.#fresh;
    this.#fresh = [];
    try {
      await this.answers.extend(photos);
      this.onExtended(photos);
    } catch (error) {
      if (error.code !== 'disposed') throw error; // the model changed: all are answered anew
    }
  }
}
