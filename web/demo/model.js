/**
 * The model at work for the page: what the page needs of Clip, with what was computed once kept: vectors of labels and sentences by
 * their text, and how logits become scores.
 */
import { Clip } from '../index.js';
import { boundTo } from './bound-worker.js';
import { logSumExp } from './judge.js';
import { addressOf, placesOf } from './model-source.js';
import { Vectors } from './vectors.js';

/** Against these a label is set that is asked by itself, where the model has no calibrated scores (a bias) of its own. */
const BROAD = ['thing', 'place', 'person', 'animal', 'plant', 'food', 'vehicle', 'building', 'tool', 'text'];
/** Texts a request: between two the run can be stopped, and photos get their turn. */
const BATCH = 64;

/** Why a model could not be fetched. An isolated page cannot ask whether a server answers that does not let its files be read.
 *  @param {any} source @param {{ answers: (url: string) => Promise<boolean> }} bound */
async function whyNot(source, bound) {
  if (!navigator.onLine) return 'offline';
  if (typeof source !== 'string') return 'network';
  const address = addressOf(source);
  if (crossOriginIsolated && placesOf(source)[0] === new URL(address).origin && !/^https:\/\/huggingface\.co\//.test(address))
    return 'unreachable';
  return (await bound.answers(address)) ? 'blocked' : 'network';
}

export class Model {
  /** Of the photos. */
  vectors = new Vectors();
  /** @type {Map<string, Float32Array>} */
  #texts = new Map();
  #unknown = new Map();

  /**
   * @param {any} source as Clip.load takes it @param {{ dtype: any, signal: AbortSignal, onProgress: (progress: any) => void }} options
   * @returns {Promise<Model>} with both towers loaded
   */
  static async load(source, options) {
    const bound = await boundTo(source);
    try {
      // a small model is quicker with a photo on each core than with all cores on one photo
      const threads = source === undefined ? 1 : undefined;
      const clip = await Clip.load(source, { ...options, threads, worker: bound.start });
      try {
        await clip.prepare(['vision', 'text'], { signal: options.signal, onProgress: options.onProgress });
        return new Model(clip, bound);
      } catch (error) {
        clip.dispose();
        throw error;
      }
    } catch (error) {
      if (error?.code === 'network') error.code = await whyNot(source, bound);
      bound.remove();
      throw error;
    }
  }

  /** @param {Clip} clip @param {{ remove: () => void }} bound */
  constructor(clip, bound) {
    this.clip = clip;
    this.bound = bound;
    const { logitScale, logitBias } = clip.info;
    this.scale = logitScale;
    this.bias = logitBias;
  }

  get info() {
    return this.clip.info;
  }

  /** Tells what it computes from what others do. */
  get fingerprint() {
    const { id, dtype, fingerprint } = this.info;
    return `${fingerprint || id} ${dtype}`;
  }

  /** Whether a label is nothing that the model was taught; no, as long as it was not asked. @param {string} name */
  isUnknown(name) {
    return this.#unknown.get(name) ?? false;
  }

  /** Asks the model which labels it was not taught. @param {string[]} names @returns {Promise<boolean>} whether there are more of them now */
  async ask(names) {
    let more = false;
    for (const name of names) {
      if (this.#unknown.has(name)) continue;
      const unknown = await this.clip.isUnknown(name);
      this.#unknown.set(name, unknown);
      more ||= unknown;
    }
    return more;
  }

  /** Vectors of texts that were computed already. @param {string} text */
  known(text) {
    return this.#texts.get(text) ?? null;
  }

  /** Computes the vectors of texts that are not known yet. @param {string[]} texts @param {(done: number, all: number) => boolean} onProgress
   *  false ends it */
  async read(texts, onProgress) {
    const missing = [...new Set(texts)].filter(text => !this.#texts.has(text));
    for (let at = 0; at < missing.length; at += BATCH) {
      if (!onProgress(at, missing.length)) return;
      const some = missing.slice(at, at + BATCH);
      const vectors = await this.clip.encode(some, { normalize: true });
      some.forEach((text, i) => this.#texts.set(text, vectors[i]));
    }
    onProgress(missing.length, missing.length);
  }

  /** Sentences for the broad words, but for those that are labels. @param {string} template @param {string[]} labels */
  broad(template, labels) {
    if (this.bias !== null) return [];
    const { concepts } = this.info;
    const words = concepts?.length ? concepts.filter((_, i) => i % Math.ceil(concepts.length / 24) === 0) : BROAD;
    const taken = new Set(labels.map(label => label.toLowerCase()));
    return words.filter(word => !taken.has(word.toLowerCase())).map(word => template.split('{}').join(word));
  }

  /** Log-odds that a label fits by itself. @param {number} logit @param {ArrayLike<number>} broad logits of the broad words */
  odds(logit, broad) {
    return this.bias !== null ? logit + this.bias : logit - logSumExp(broad);
  }

  /** Results as they come, in any order. @param {AsyncIterable<Blob>} files */
  encodeEach(files) {
    return this.clip.encodeEach(files, { ordered: false });
  }

  dispose() {
    this.vectors.dispose();
    this.clip.dispose();
    this.bound.remove();
  }
}
