/** This package installed beside another one, as users have them. */
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** @param {string} to an empty folder @param {string} folder whose node_modules has the other one @param {string} name @returns {string} this one's */
export function installBeside(to, folder, name) {
  const own = join(to, 'node_modules', 'clip-wasm');
  mkdirSync(own, { recursive: true });
  for (const part of ['web', 'package.json']) cpSync(join(ROOT, part), join(own, part), { recursive: true });
  symlinkSync(join(folder, 'node_modules', name), join(to, 'node_modules', name));
  return own;
}
