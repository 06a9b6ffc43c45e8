/** The page's words: the same in every language, none that nobody says, and none missing. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const DEMO = fileURLToPath(new URL('../../web/demo/', import.meta.url));
const LANGUAGES = readdirSync(`${DEMO}words`).map(name => name.slice(0, -3));
const words = Object.fromEntries(
  await Promise.all(LANGUAGES.map(async name => [name, (await import(`../../web/demo/words/${name}.js`)).default])),
);
const sources = readdirSync(DEMO)
  .filter(name => /\.(js|html)$/.test(name))
  .map(name => readFileSync(DEMO + name, 'utf8'))
  .join('\n');

/** Paths of all messages, those of plurals as one. */
const keysOf = (object, path = '') =>
  Object.entries(object).flatMap(([key, value]) =>
    typeof value === 'string' || 'other' in value ? [path + key] : keysOf(value, `${path}${key}.`),
  );
const at = (object, path) => path.split('.').reduce((one, key) => one[key], object);
const texts = message => (typeof message === 'string' ? [message] : Object.values(message));
const placesOf = message => [...new Set(texts(message).flatMap(text => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)))].sort();

test('every language says the same, with the same places to fill in', () => {
  for (const language of LANGUAGES) {
    assert.deepEqual(keysOf(words[language]).sort(), keysOf(words.en).sort(), language);
    for (const key of keysOf(words.en)) {
      const here = placesOf(at(words[language], key));
      assert.deepEqual(here, placesOf(at(words.en, key)), `${language} ${key}`);
      assert.ok(texts(at(words[language], key)).every(text => text.trim()));
    }
  }
});

test('every word is said somewhere, and what is said there are words for', () => {
  const own = Object.keys(words.en).filter(key => key !== 'errors');
  assert.deepEqual(
    own.filter(key => !new RegExp(`['"\`]${key}['"\`]`).test(sources)),
    [],
  );
  const said = [...sources.matchAll(/(?:\bt\(|data-t(?:-[\w-]+)?=)['"](\w+)['"]/g)].map(([, key]) => key);
  assert.deepEqual(
    said.filter(key => !own.includes(key)),
    [],
  );
});

test('every error of the package is explained', () => {
  const text = readFileSync(fileURLToPath(new URL('../../web/error.js', import.meta.url)), 'utf8');
  const codes = [...text.match(/@typedef \{('[\s\S]*?)\} ClipErrorCode/)[1].matchAll(/'([\w-]+)'/g)].map(([, code]) => code);
  const explained = Object.values(words.en.errors).flatMap(group => Object.keys(group));
  const elsewhere = ['aborted', 'bad-argument', 'not-cached', 'not-verified', 'not-refreshed']; // said by who hears of them; a fault of ours
  assert.ok(codes.length > 30);
  assert.deepEqual(
    codes.filter(code => !explained.includes(code) && !elsewhere.includes(code)),
    [],
  );
});
