// What the build's Node scripts share: running commands, and telling how far they are. Node's own modules only, since
// they run before any package is installed.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** A failure that is told to the user without a stack trace. */
export class BuildError extends Error {}

/** Runs `body`, saying what is being done before and how long it took after. */
export async function step(name, body) {
  console.log(`> ${name}`);
  const begin = performance.now();
  const result = await body();
  console.log(`  done: ${name} (${((performance.now() - begin) / 1000).toFixed(1)} s)`);
  return result;
}

/** Runs a command in the repository's root with its output shown; resolves with its exit status. */
export function run(command, args, { env = {}, onOutput } = {}) {
  return new Promise((resolve, reject) => {
    const stdio = onOutput ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'];
    const child = spawn(command, args, { cwd: ROOT, env: { ...process.env, ...env }, stdio });
    if (onOutput) for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', onOutput);
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
}

/** Like run, but anything else than success throws. */
export async function must(command, args, options) {
  const status = await run(command, args, options);
  if (status !== 0) throw new BuildError(`${command} ${args.join(' ')} failed with ${status} (see above)`);
}

/**
 * Runs make, and shows how far it is: each of its rules says "  cc FILE" and the like. On a terminal that is one line that
 * changes, elsewhere a line every hundred files.
 */
export async function make(makefile, ...targets) {
  const args = ['-f', makefile, '--silent', '--no-print-directory', ...targets];
  const isRule = line => /^ {2}(cc|ld|opt) /.test(line);
  // Goals that are makefiles must be left out: make -n would start over for ever, waiting for them to be made.
  const plan = targets.some(target => target.endsWith('.mk')) ? '' : (output('make', ['-n', ...args]) ?? '');
  const todo = plan.split('\n').filter(line => line.startsWith("echo '  ")).length;
  const terminal = process.stdout.isTTY;
  let done = 0;
  let rest = '';
  const show = line => {
    if (!isRule(line)) return console.log(terminal && done ? `\r\x1b[K${line}` : line);
    done++;
    if (terminal) process.stdout.write(`\r\x1b[K  ${done} of ${todo}  ${line.split('/').at(-1)}`);
    else if (done % 100 === 0) console.log(`  ${done} of ${todo} files`);
  };
  const status = await run('make', [`-j${availableParallelism()}`, ...args], {
    onOutput: text => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      lines.forEach(show);
    },
  });
  if (terminal && done) process.stdout.write('\r\x1b[K');
  if (rest) console.log(rest);
  if (status !== 0) throw new BuildError(`make -f ${makefile} ${targets.join(' ')} failed (see above)`);
}

/** The path of the first of `names` that is on PATH, or undefined. */
export function which(...names) {
  for (const name of names)
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // not there
      }
    }
}

/**
 * Makes sure of commands, given as [command, Debian package] pairs. Missing ones are installed where this process may
 * (root on a system with apt); otherwise it says how to.
 */
export async function ensureCommands(pairs) {
  const missing = pairs.filter(([command]) => !which(...command.split('|')));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(([, name]) => name))];
  const names = missing.map(([command]) => command.replaceAll('|', ' or ')).join(', ');
  if (process.getuid?.() !== 0 || !which('apt-get'))
    throw new BuildError(`missing: ${names}\n       on Debian: apt-get install ${packages.join(' ')}`);
  await step(`install ${packages.join(', ')}`, () => aptInstall(packages));
}

export async function aptInstall(packages) {
  const quiet = { env: { DEBIAN_FRONTEND: 'noninteractive' } };
  await must('apt-get', ['-qq', 'update'], quiet);
  let log = '';
  const args = ['-qq', 'install', '-y', '--no-install-recommends', ...packages];
  if ((await run('apt-get', args, { ...quiet, onOutput: text => (log += text) })) !== 0) {
    console.error(log);
    throw new BuildError(`apt-get could not install ${packages.join(', ')} (see above)`);
  }
}

/** The output of a command, trimmed; undefined if it failed. */
export function output(command, args) {
  const { status, stdout } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/** Runs a script's main function; a BuildError ends it with a message, not a stack trace. */
export async function main(body) {
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(`\nerror: ${error.message}`);
    process.exitCode = 1;
  }
}
