/**
 * Reads a configuration that somebody else's program wrote, key by key. A key that nobody asked for may change what a model answers, so
 * it is refused by name, unless it is known to make no difference here.
 */
import { ClipError } from '../../error.js';

/** @param {unknown} value @returns {value is Record<string, any>} */
export const isObject = value => typeof value === 'object' && value !== null && !Array.isArray(value);

/** @param {unknown} value */
const shown = value => {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
};

/** @param {string} message */
export const unsupported = message => new ClipError('unsupported', message);

/** Whether a value says no more than that the default holds. @param {unknown} value */
const saysNothing = value => value === null || value === false || value === '' || (isObject(value) && !Object.keys(value).length);

export class Keys {
  /** @param {unknown} object @param {string} where for messages: the file, and the part of it */
  constructor(object, where) {
    if (object !== undefined && object !== null && !isObject(object))
      throw new ClipError('bad-config', `${where} is ${shown(object)}, not an object.`);
    /** @type {Record<string, any>} */
    this.object = /** @type {any} */ (object) ?? {};
    this.where = where;
    /** @type {Set<string>} */
    this.seen = new Set();
  }

  /** Its value; null and absent are undefined. @param {string} key @returns {any} */
  get(key) {
    this.seen.add(key);
    return (Object.hasOwn(this.object, key) ? this.object[key] : undefined) ?? undefined;
  }

  /** @param {string} key @param {unknown} value @param {string} supported @returns {ClipError} */
  refusal(key, value, supported) {
    return unsupported(`${this.where}: "${key}" is ${shown(value)}; supported is ${supported}.`);
  }

  /** A whole number from 1. @param {string} key @param {number} otherwise @returns {number} */
  size(key, otherwise) {
    const value = this.get(key) ?? otherwise;
    if (!Number.isSafeInteger(value) || value < 1 || value > 2 ** 31)
      throw new ClipError('bad-config', `${this.where}: "${key}" is ${shown(value)}, which is no size.`);
    return value;
  }

  /** A size of pixels, which may be written as two equal ones. @param {string} key @param {number} otherwise @returns {number} */
  square(key, otherwise) {
    const value = this.get(key);
    if (!Array.isArray(value)) return this.size(key, otherwise);
    if (value.length !== 2 || value[0] !== value[1]) throw this.refusal(key, value, 'a square');
    return new Keys({ [key]: value[0] }, this.where).size(key, otherwise);
  }

  /** @param {string} key @param {number} otherwise @returns {number} */
  number(key, otherwise) {
    const value = this.get(key) ?? otherwise;
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw new ClipError('bad-config', `${this.where}: "${key}" is ${shown(value)}, which is no number.`);
    return value;
  }

  /** @param {string} key @param {boolean} otherwise @returns {boolean} */
  flag(key, otherwise) {
    const value = this.get(key) ?? otherwise;
    if (typeof value !== 'boolean') throw new ClipError('bad-config', `${this.where}: "${key}" is ${shown(value)}, not true or false.`);
    return value;
  }

  /** @template T @param {string} key @param {readonly T[]} values @param {T} otherwise @returns {T} */
  oneOf(key, values, otherwise) {
    const value = this.get(key) ?? otherwise;
    if (!values.includes(value)) throw this.refusal(key, value, values.map(shown).join(', '));
    return value;
  }

  /** Refuses whatever other keys there are, unless they are of no consequence or say nothing. @param {RegExp} [inert] */
  end(inert = /^_/) {
    for (const [key, value] of Object.entries(this.object))
      if (!this.seen.has(key) && !inert.test(key) && !saysNothing(value))
        throw unsupported(`${this.where}: "${key}" (${shown(value)}) is not known here, and might change the model's answers.`);
  }
}
