/**
 * The bundlers, runtimes and packages that this one is tried with, at the versions of tools.json. Each is installed once, into the project's
 * cache folder (CLIP_WASM_CACHE), apart from the others: they want different versions of the same things.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** @type {Record<string, Record<string, string>>} */
export const TOOLS = JSON.parse(readFileSync(new URL('tools.json', import.meta.url), 'utf8'));
const CACHE = process.env.CLIP_WASM_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'clip-wasm');

/** The folder whose node_modules has a tool; installed if need be. @param {string} name @returns {string} */
export function toolFolder(name) {
  const text = JSON.stringify({ private: true, type: 'module', dependencies: TOOLS[name] });
  const folder = join(CACHE, 'setups', `${name}-${createHash('sha256').update(text).digest('hex').slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  const half = `${folder}.${process.pid}`; // a half-installed one is never seen
  mkdirSync(half, { recursive: true });
  writeFileSync(join(half, 'package.json'), text);
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, stderr, error } = spawnSync('npm', ['install', ...options], { cwd: half, encoding: 'utf8' });
  if (status !== 0) throw error ?? new Error(`npm could not install ${name}:\n${stderr}`);
  try {
    renameSync(half, folder);
  } catch {
    rmSync(half, { recursive: true, force: true }); // another process was quicker
  }
  return folder;
}

if (process.argv[1] === new URL(import.meta.url).pathname)
  for (const name of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(TOOLS)) console.log(toolFolder(name));
