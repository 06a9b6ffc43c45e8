import { spawnSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../js/helpers/model.js';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Runs a command to its end; throws with its output if it fails. @param {string} command @param {string[]} args @param {string} [cwd] */
export function must(command, args, cwd = ROOT) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, npm_config_loglevel: 'error' },
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}\n${stderr}`);
  return stdout;
}

/** A program of the repository's development tools. @param {string} name */
export const tool = name => join(ROOT, 'node_modules/.bin', name);

/** The package as npm would publish it, in a folder of its own. @returns {Promise<string>} path of the tarball */
export async function pack() {
  const folder = await temporaryFolder('clip-pack-');
  must(process.execPath, ['build/types.mjs', '--if-older']);
  must('npm', ['pack', '--ignore-scripts', '--pack-destination', folder]);
  const [name] = await readdir(folder);
  return join(folder, name);
}
