// One list of what the modules export, web/engine/exports.js: it types the calls on the one side, and here the modules, that is
// src/wasm.c, are held to it on the other.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const file = name => fileURLToPath(new URL(`../../web/${name}`, import.meta.url));

/** Exported functions of a module and their signatures, such as "(i32, f64) => i32". @param {Uint8Array} bytes */
function functionsOf(bytes) {
  let at = 8;
  const number = () => {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
  };
  const name = () => {
    const length = number();
    at += length;
    return new TextDecoder().decode(bytes.slice(at - length, at));
  };
  const list = item => Array.from({ length: number() }, item);
  const TYPES = { 127: 'i32', 126: 'i64', 125: 'f32', 124: 'f64' };
  const type = () => TYPES[bytes[at++]];
  let types = [];
  let functions = [];
  let exported = [];
  while (at < bytes.length) {
    const id = bytes[at++];
    const end = number() + at;
    if (id === 1)
      types = list(() => {
        at++; // a function type
        return `(${list(type).join(', ')}) => ${list(type)[0] ?? 'void'}`;
      });
    if (id === 3) functions = list(number);
    if (id === 7) exported = list(() => ({ name: name(), kind: bytes[at++], index: number() }));
    at = end; // the memory is the only import, so that functions count from 0
  }
  return Object.fromEntries(exported.filter(({ kind }) => kind === 0).map(({ name, index }) => [name, types[functions[index]]]));
}

const LINKER = ['_initialize', '__wasm_init_tls']; // the toolchain's own

/** Functions that a script lists, and their signatures. @param {string} text */
const listedIn = text =>
  Object.fromEntries(
    [...text.matchAll(/@property \{\(([^)]*)\) => (\w+)\} (\w+)/g)].map(([, args, result, name]) => [
      name,
      `(${args.replace(/\w+: /g, '')}) => ${result}`,
    ]),
  );
const [core, readers] = readFileSync(file('engine/exports.js'), 'utf8').split('@typedef {object} ReaderExports').map(listedIn);

for (const name of ['simd', 'relaxed', 'simd-threads', 'relaxed-threads', 'readers'])
  it(`${name} exports what web/engine/exports.js lists`, () => {
    const found = functionsOf(readFileSync(file(`wasm/clip-${name}.wasm`)));
    for (const own of LINKER) delete found[own];
    assert.deepEqual(found, name === 'readers' ? readers : core);
  });

it('the search module exports what web/engine/search.js lists', () => {
  const [, text] = readFileSync(file('wasm/search.js'), 'utf8').match(/'([^']+)'/) ?? [];
  const listed = listedIn(readFileSync(file('engine/search.js'), 'utf8').replaceAll(/(: |=> )number/g, '$1i32')); // all of its numbers are
  assert.deepEqual(functionsOf(Buffer.from(text, 'base64')), listed);
});

it('every exported function is called by web/engine/', () => {
  const code = ['catalog', 'engine', 'instance', 'pictures', 'readers', 'token-table', 'tower']
    .map(name => readFileSync(file(`engine/${name}.js`), 'utf8'))
    .join('');
  const parts = ['tower', 'converter', 'catalog']
    .map(prefix => code.replaceAll(/this\.#?run\('/g, `'${prefix}_`).replaceAll(/\$\{this\.prefix\}/g, prefix))
    .join('');
  const idle = Object.keys({ ...core, ...readers }).filter(name => !new RegExp(`['\`.]${name}\\b`).test(parts));
  assert.deepEqual(idle, []);
});
