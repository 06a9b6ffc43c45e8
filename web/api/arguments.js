/**
 * What callers hand in, checked before anything is sent, in one place for every public call; and copied, since the proxies of reactive
 * stores cannot be sent to a worker. null is taken where undefined is. What is wrong is said by name, in a ClipError.
 */
import { ClipError, isWellFormed } from '../error.js';

/** @param {unknown} value as it is said in messages */
const said = value => {
  if (typeof value === 'string') return JSON.stringify(value.length > 50 ? `${value.slice(0, 50)}…` : value);
  if (value === null || typeof value !== 'object') return typeof value === 'function' ? 'a function' : String(value);
  return Array.isArray(value) ? 'an array' : 'an object';
};
export const bad = (/** @type {string} */ message) => new ClipError('bad-argument', message);

/** @typedef {(value: any, name: string) => any} Check answers the value, copied if need be */

/** @param {string} what @param {(value: any) => boolean} is @returns {Check} */
const kind = (what, is) => (value, name) => {
  if (!is(value)) throw bad(`${name} is ${what}, not ${said(value)}.`);
  return value;
};
/** @param {number} most @returns {Check} */
export const whole = most =>
  kind(most < Number.MAX_SAFE_INTEGER ? `a whole number from 1 to ${most}` : 'a whole number above 0', value =>
    Boolean(Number.isSafeInteger(value) && value >= 1 && value <= most),
  );
const yesOrNo = kind('true or false', value => typeof value === 'boolean');
const text = kind('a string', value => typeof value === 'string');
/** @type {Check} */
const strings = (value, name) => [
  ...kind('an array of strings', all => Array.isArray(all) && all.every(one => typeof one === 'string'))(value, name),
];
const number = kind('a number', value => typeof value === 'number' && !Number.isNaN(value));
const callback = kind('a function', value => typeof value === 'function');
const signal = kind('an AbortSignal', value => typeof value?.aborted === 'boolean' && typeof value.addEventListener === 'function');
/** @param {readonly string[]} names @returns {Check} */
const oneOf = names => kind(names.map(name => `'${name}'`).join(' or '), value => names.includes(value));

const place = kind('a whole number, 0 or more', value => Number.isSafeInteger(value) && value >= 0);

const RUN = { signal, onProgress: callback };
const EACH = { ...RUN, ordered: yesOrNo, total: place };
/** @type {Check} */
const template = value => value; // see templatesOf
const isAddress = (/** @type {any} */ value) => typeof value === 'string' || value instanceof URL;

/** The options of each public call. @type {Record<string, Record<string, Check>>} */
const OPTIONS = {
  load: {
    ...RUN,
    dtype: oneOf(['f32', 'q8', 'q4']),
    threads: whole(16),
    workers: whole(16),
    cache: kind("true, false or 'refresh'", value => typeof value === 'boolean' || value === 'refresh'),
    vocabulary: oneOf(['needed', 'idle', 'all']),
    worker: kind('an address, a function or false', value => isAddress(value) || typeof value === 'function' || value === false),
    wasm: kind('an address, bytes or a WebAssembly.Module', value => isAddress(value) || (typeof value === 'object' && value !== null)),
    assets: kind('an address', isAddress),
    maxPixels: whole(1 << 28),
    maxMemory: whole(Number.MAX_SAFE_INTEGER),
    integrity: text,
    sha256: value => value, // see knownSums
    revision: text,
    hub: text,
    timeout: kind('a number of ms above 0', value => Number.isFinite(value) && value > 0),
  },
  prepare: RUN,
  tokenize: RUN,
  classify: { ...RUN, template, top: whole(Number.MAX_SAFE_INTEGER), scores: oneOf(['softmax', 'sigmoid', 'cosine']), threshold: number },
  encode: { ...RUN, normalize: yesOrNo },
  index: { signal, width: whole(65536), dtype: oneOf(['f32', 'q8']) },
  add: { signal },
  exportEmbeddings: { names: strings, model: text, width: whole(65536) },
  importEmbeddings: { tensor: text },
  topK: { signal },
  similarity: { signal, from: place, to: place },
};
OPTIONS.classifyEach = { ...OPTIONS.classify, ...EACH };
OPTIONS.encodeEach = { ...OPTIONS.encode, ...EACH };

/** @template {keyof typeof OPTIONS} C @param {C} call @param {any} options @returns {Record<string, any>} those that were given, copied */
export function optionsOf(call, options) {
  if (options === undefined || options === null) return {};
  if (typeof options !== 'object') throw bad(`The options of ${call} are an object, not ${said(options)}.`);
  /** @type {Record<string, any>} */
  const given = {};
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(OPTIONS[call], name)) {
      throw bad(`${call} has no option ${said(name)}; it has ${Object.keys(OPTIONS[call]).join(', ')}.`);
    }
    const value = options[name];
    if (value !== undefined && value !== null) given[name] = OPTIONS[call][name](value, name);
  }
  return given;
}

/** Whether several are meant. @param {any} value */
export const isList = value => Array.isArray(value) || (typeof FileList === 'function' && value instanceof FileList);

/** @param {any} value @param {string} what @param {import('../error.js').ClipErrorCode} code @returns {any[]} */
function listed(value, what, code) {
  if (typeof value !== 'object' || value === null || typeof value[Symbol.iterator] !== 'function') {
    throw new ClipError(code, `${what} are an array of strings, not ${said(value)}.`);
  }
  return [...value];
}

/** @param {any} labels @param {string} [group] its name @returns {string[]} */
function labelList(labels, group) {
  const where = group === undefined ? '' : ` of the group ${said(group)}`;
  const all = labels === undefined || labels === null ? [] : listed(labels, `Labels${where}`, 'bad-label');
  if (!all.length) throw new ClipError('no-labels', `There are no labels${where} to choose from.`);
  all.forEach((label, i) => {
    if (typeof label !== 'string') throw new ClipError('bad-label', `Label ${i + 1}${where} is no string.`);
    if (!label.trim()) throw new ClipError('bad-label', `Label ${i + 1}${where} is empty.`);
    if (!isWellFormed(label)) throw new ClipError('bad-label', `Label ${i + 1}${where} (${said(label)}) is not well-formed UTF-16.`);
  });
  return all;
}

/** A list, or an object that has a list for each group. @param {any} labels
 *  @returns {{ labels: string[], groups?: string[][], names?: string[] }} all labels, and the groups with their names */
export function labelsOf(labels) {
  const isObject = typeof labels === 'object' && labels !== null && typeof labels[Symbol.iterator] !== 'function';
  const names = isObject ? Object.keys(labels) : [];
  if (!names.length) return { labels: labelList(isObject ? [] : labels) };
  const groups = names.map(name => labelList(labels[name], name));
  return { labels: groups.flat(), groups, names };
}

/** @param {any} templates one or several @param {string} otherwise @returns {string[]} */
export function templatesOf(templates, otherwise) {
  const all = templates === undefined || templates === null ? [otherwise] : Array.isArray(templates) ? [...templates] : [templates];
  if (!all.length) throw new ClipError('bad-template', 'There is no template.');
  for (const one of all) {
    if (typeof one !== 'string' || !one.includes('{}') || !isWellFormed(one)) {
      throw new ClipError('bad-template', `Template ${said(one)} has no {} for the label.`);
    }
  }
  return all;
}

/** @param {any} texts @returns {string[]} */
export function textsOf(texts) {
  const all = typeof texts === 'string' ? [texts] : listed(texts, 'Texts', 'bad-text');
  all.forEach((one, i) => {
    if (typeof one !== 'string') throw new ClipError('bad-text', `Text ${i + 1} is no string.`);
    if (!isWellFormed(one)) throw new ClipError('bad-text', `Text ${i + 1} (${said(one)}) is not well-formed UTF-16.`);
  });
  return all;
}

/** @param {any} towers @returns {('vision' | 'text')[]} */
export function towersOf(towers) {
  if (towers === undefined || towers === null) return ['vision', 'text'];
  const all = typeof towers === 'string' ? [towers] : listed(towers, 'Towers', 'bad-argument');
  for (const one of all) if (one !== 'vision' && one !== 'text') throw bad(`Towers are 'vision' and 'text', not ${said(one)}.`);
  return all;
}

/** Things to go through one after the other. @param {any} inputs @param {string} call */
export function eachOf(inputs, call) {
  if (typeof inputs === 'object' && inputs !== null && (inputs[Symbol.asyncIterator] || inputs[Symbol.iterator])) return inputs;
  throw bad(`${call} takes an array or another iterable, not ${said(inputs)}.`);
}

const isNumbers = (/** @type {any} */ one) => ArrayBuffer.isView(one) || (Array.isArray(one) && one.every(x => typeof x === 'number'));

/** An embedding, as it was or as it came back from JSON. @param {any} one @param {number} i its place @returns {Float32Array} */
export function embeddingOf(one, i) {
  if (one instanceof Float32Array) return one;
  if (isNumbers(one) && !(one instanceof DataView)) return Float32Array.from(/** @type {any} */ (one), Number); // of bigints too
  // JSON makes objects of typed arrays, { "0": 0.1, … }
  const numbers = typeof one === 'object' && one !== null ? Object.values(one) : [];
  if (numbers.length && numbers.every(x => typeof x === 'number')) return Float32Array.from(numbers);
  throw bad(`Embedding ${i + 1} is ${said(one)}, not an array of numbers.`);
}

/** One or several, in an array. @param {any} value @returns {any[]} not yet looked at one by one */
export const embeddingList = value => (Array.isArray(value) && !(value.length && isNumbers(value)) ? value : [value]);

/** @param {any} value @returns {Float32Array[]} */
export const embeddingsOf = value => embeddingList(value).map(embeddingOf);

/** @param {unknown} error anybody's: a getter's or a proxy's of the caller's, say @returns {ClipError} */
function typed(error) {
  if (error instanceof ClipError) return error;
  return new ClipError('bad-argument', `What was handed in failed: ${error instanceof Error ? error.message : typeof error}`, error);
}

/** @template T @param {AsyncGenerator<T, void, void>} results @returns {AsyncGenerator<T, void, void>} */
async function* guardedEach(results) {
  try {
    yield* results;
  } catch (error) {
    throw typed(error);
  }
}

/** The same function, which throws nothing but ClipErrors. @template {(...args: any[]) => any} F @param {F} call @returns {F} */
export const guarded = call =>
  /** @type {F} */ (
    (...args) => {
      try {
        const result = call(...args);
        if (result instanceof Promise) {
          return result.catch(error => {
            throw typed(error);
          });
        }
        return typeof result?.[Symbol.asyncIterator] === 'function' ? guardedEach(result) : result;
      } catch (error) {
        throw typed(error);
      }
    }
  );
