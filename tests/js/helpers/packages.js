/** Packages that the product can do without and tests use: each installed once, in a folder of its own beside the toolchain. */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'clip-wasm', 'packages');

/**
 * The folder whose node_modules holds a package. @param {string} name @param {string} version exact @returns {Promise<string>}
 */
export async function installed(name, version) {
  const folder = join(CACHE, `${name.replaceAll('/', '+')}-${version}`);
  if (existsSync(folder)) return folder;
  const making = `${folder}.${process.pid}`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  writeFileSync(join(making, 'package.json'), '{ "private": true }');
  await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '--save-exact', `${name}@${version}`], { cwd: making });
  try {
    renameSync(making, folder);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    if (!existsSync(folder)) throw error; // else somebody was faster
  }
  return folder;
}

/** A folder in which this package is installed beside another one. @param {string} to an empty folder @param {string} folder installed's */
export function installBeside(to, folder) {
  const own = join(to, 'node_modules', 'clip-wasm');
  mkdirSync(own, { recursive: true });
  for (const name of ['web', 'package.json', 'weights/clip-mini']) cpSync(join(ROOT, name), join(own, name), { recursive: true });
  for (const name of ['sharp']) symlinkSync(join(folder, 'node_modules', name), join(to, 'node_modules', name));
  return own;
}
