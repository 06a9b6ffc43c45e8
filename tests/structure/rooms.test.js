// The floor order: each room's main file says which rooms it may use ("The room NAME/: … It may use A/, B/ and C/."), and nothing
// includes or imports past that. The faces (files directly in src/ and web/) use every room and are used by none, but for the ground.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = file => readFileSync(join(ROOT, file), 'utf8');

/** Files of the repository below `folder`, made or ignored ones left out. */
const filesOf = folder =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', folder], { cwd: ROOT, encoding: 'utf8' })
    .split('\n')
    .filter(file => /\.(c|h|js)$/.test(file) && existsSync(join(ROOT, file)));

/** C: names are from src/ on. */
const included = file => [...read(file).matchAll(/^#include "([^"]+)"/gm)].map(([, name]) => `src/${name}`);

/** JavaScript: imports, static and not, and those of types. Those of packages and of Node are nobody's room. */
const imported = file =>
  [...read(file).matchAll(/(?:\bfrom |\bimport\(|^import )'(\.[^']+)'/gm)].map(([, name]) => normalize(join(dirname(file), name)));

const STRUCTURES = [
  { root: 'src', uses: included, ground: ['src/status.h', 'src/arena.h'] },
  { root: 'web', uses: imported, ground: ['web/error.js'] },
];

/** The room of a file, '' for a face. */
const roomOf = (root, file) => file.slice(root.length + 1).match(/^([^/]+)\//)?.[1] ?? '';

for (const { root, uses, ground } of STRUCTURES)
  describe(`the rooms of ${root}/`, () => {
    const files = filesOf(root);
    const rooms = [...new Set(files.map(file => roomOf(root, file)))].filter(Boolean);
    /** @type {Map<string, string[]>} */
    const allowed = new Map();
    for (const file of files) {
      const text = read(file).replace(/\n \*(?!\/) ?/g, ' ');
      const match = text.match(/The room ([a-z]+)\/: (.*?)(?: {2}|\s*\*\/)/);
      if (!match || match[1] !== roomOf(root, file)) continue;
      const sentence = match[2].match(/It may use ([^.]*)\./)?.[1] ?? '';
      allowed.set(
        match[1],
        [...sentence.matchAll(/([a-z]+)\//g)].map(([, name]) => name),
      );
    }

    it('each says what it is for and what it may use', () => assert.deepEqual([...allowed.keys()].sort(), rooms.sort()));

    it('what they may use makes no circle', () => {
      const below = (room, path = []) => {
        assert.ok(!path.includes(room), `${[...path, room].join(' uses ')}`);
        for (const next of allowed.get(room) ?? []) below(next, [...path, room]);
      };
      rooms.forEach(room => below(room));
    });

    it('nothing reaches past it', () => {
      const wrong = [];
      for (const file of files) {
        const room = roomOf(root, file);
        if (room === '') continue;
        for (const used of uses(file)) {
          const to = roomOf(root, used);
          if (to === room || ground.includes(used)) continue;
          const faces = root === 'web' && to === '' && ['cli', 'demo'].includes(room);
          if (!faces && used.startsWith(`${root}/`) && existsSync(join(ROOT, used)) && !(to && allowed.get(room)?.includes(to)))
            wrong.push(`${file} uses ${used}`);
        }
      }
      assert.deepEqual(wrong, []);
    });

    it('no file uses, directly or not, one that uses it', () => {
      const state = new Map();
      const walk = (file, path) => {
        if (state.get(file) === 'done') return;
        assert.notEqual(state.get(file), 'open', `${[...path, file].join(' -> ')}`);
        state.set(file, 'open');
        const code = read(file).replace(/\/\*[\s\S]*?\*\//g, ''); // types may name each other
        for (const used of uses(file)) {
          const name = used.split('/').at(-1);
          if (files.includes(used) && code.includes(name)) walk(used, [...path, file]);
        }
        state.set(file, 'done');
      };
      files.forEach(file => walk(file, []));
    });

    it('the faces are few', () => {
      const faces = readdirSync(join(ROOT, root), { withFileTypes: true }).filter(entry => entry.isFile());
      assert.ok(faces.length <= 8, faces.map(({ name }) => name).join(' '));
    });
  });
