/** Words in the reader's language: which one, how a message is filled in, numbers, sizes, shares. The words themselves are in words/. */
import en from './words/en.js';

/** English comes along, others when they are wanted. @type {Record<string, () => Promise<{ default: any }>>} */
const LANGUAGES = { en: async () => ({ default: en }), ko: () => import('./words/ko.js') };

/** The first of the reader's languages that there are words in. `?lang=` goes before, so that links can say. */
export const language =
  [new URLSearchParams(location.search).get('lang'), ...navigator.languages]
    .map(tag => tag?.slice(0, 2).toLowerCase())
    .find(tag => tag in LANGUAGES) ?? 'en';

const { default: words } = await LANGUAGES[language]();
const plurals = new Intl.PluralRules(language);
const grouped = new Intl.NumberFormat(language);
const short = new Intl.NumberFormat(language, { maximumSignificantDigits: 2 });

export const number = count => grouped.format(count);

/** @param {Record<string, string | number>} values numbers are set as the language sets them */
const fill = (text, values) =>
  text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === 'number' ? number(value) : value;
  });

/** A message; one that is an object is chosen from by the plural of `n`. @param {string} key @param {Record<string, any>} [values] */
export function t(key, values = {}) {
  const message = words[key];
  if (message === undefined) throw new Error(`There are no words for ${key}.`);
  return fill(typeof message === 'string' ? message : (message[plurals.select(values.n)] ?? message.other), values);
}

/** Fills in what index.html leaves open: data-t for text, data-t-NAME for the attribute of that name. @param {ParentNode} root */
export function fillIn(root) {
  for (const element of root.querySelectorAll('[data-t]')) element.textContent = t(element.dataset.t);
  for (const name of ['aria-label', 'placeholder', 'title'])
    for (const element of root.querySelectorAll(`[data-t-${name}]`)) element.setAttribute(name, t(element.getAttribute(`data-t-${name}`)));
}

const unit = (value, unit, digits = 0) =>
  new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: digits }).format(value);

export function bytes(count) {
  if (count < 1e6) return unit(Math.max(1, Math.round(count / 1e3)), 'kilobyte');
  if (count < 1e9) return unit(count / 1e6, 'megabyte', count < 1e7 ? 1 : 0);
  return unit(count / 1e9, 'gigabyte', 1);
}

const shares = [0, 1].map(
  digits => new Intl.NumberFormat(language, { style: 'percent', minimumFractionDigits: digits, maximumFractionDigits: digits }),
);

export function percent(score) {
  if (score > 0 && score < 0.001) return `< ${shares[1].format(0.001)}`;
  const fine = (score > 0 && score < 0.1) || (score >= 0.99 && score < 0.9995);
  return shares[fine ? 1 : 0].format(score);
}

/** Where there is little room. Never 100 % of what is not. @param {number} score */
export const roughly = score => shares[0].format(score > 0.99 && score < 0.9995 ? 0.99 : score);

/** @param {number} value to two digits */
export const about = value => short.format(value);

/** @param {number} seconds rounded to what a person can use */
export function duration(seconds) {
  if (seconds >= 90) return t('minutes', { n: Math.round(seconds / 60) });
  return t('seconds', { n: seconds > 20 ? Math.round(seconds / 5) * 5 : Math.max(1, Math.ceil(seconds)) });
}

/** Cuts a long name in the middle, where file names differ least. */
export function shorten(text, length = 40) {
  const letters = [...text];
  if (letters.length <= length) return text;
  const half = Math.floor(length / 2) - 1;
  return `${letters.slice(0, half).join('')}…${letters.slice(-half).join('')}`;
}

export const quote = text => t('quote', { text: shorten(text) });

/** Says what is wrong and what to do. @param {any} error @param {string} [picture] name of the photo it may be about */
export function explain(error, picture) {
  const { picture: pictures, labels, model, running } = words.errors;
  const code = error?.code;
  if (picture !== undefined && pictures[code]) return fill(pictures[code], { name: quote(picture) });
  const message = error?.message ?? String(error);
  const known = labels[code] ?? model[code] ?? running[code];
  return known === undefined ? t('wrong', { message }) : fill(known, { message });
}

/** Whose fault it is: that decides where the message stands. @returns {'photo' | 'labels' | 'model'} */
export function blame(error) {
  if (words.errors.labels[error?.code]) return 'labels';
  return words.errors.picture[error?.code] ? 'photo' : 'model';
}
