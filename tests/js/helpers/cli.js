/** Runs the command line as a person would. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../../web/cli.js', import.meta.url));

/** Data that is not in the repository; tests that need it are skipped where it is missing. */
export const SHARED = fileURLToPath(new URL('../../../../shared/', import.meta.url));
export const needsShared = existsSync(SHARED) ? {} : { skip: 'no ../shared folder here' };

/** @param {string[]} args @param {{ input?: string, binary?: boolean }} [options] */
export function run(args, { input = '' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, ...args]);
    const out = /** @type {Buffer[]} */ ([]);
    const err = /** @type {Buffer[]} */ ([]);
    child.stdout.on('data', data => out.push(data));
    child.stderr.on('data', data => err.push(data));
    child.on('error', reject);
    child.on('close', status => resolve({ status, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }));
    child.stdin.on('error', () => {}); // it may end before it has read everything
    child.stdin.end(input);
  });
}
