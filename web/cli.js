#!/usr/bin/env node
/** The command line. Results go to stdout, everything else to stderr; the status is 0, 1 (failed) or 2 (bad usage). */
import { parseArgs } from 'node:util';
import { COMMANDS } from './cli/commands.js';
import { Usage, finishProgress } from './cli/terminal.js';
import { ClipError } from './error.js';

const HELP = `Usage: clip-wasm COMMAND [OPTIONS]

${Object.values(COMMANDS)
  .map(({ usage, about }) => `  ${usage}\n${about.replace(/^/gm, '      ')}`)
  .join('\n')}

PHOTO is a file, an address, a folder with all photos that are in it, or a list of those: a .txt file with one on each line, - for
the standard input. --from LIST takes any file for a list. One photo that cannot be read is named, and the others go on; the status
is 1 then. Ctrl-C leaves what is done.

MODEL OPTIONS are --model MODEL, --dtype DTYPE, --workers N (how many photos at a time; as many as there are cores by default) and
--threads N (for each). MODEL is the embedded model's name, a folder (our own form, Hugging Face's or OpenCLIP's), an address, or owner/name of the
hub; the embedded model by default. DTYPE is f32, q8 (the default) or q4.
`;

/** @param {string[]} argv @returns {Promise<number>} */
async function main(argv) {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    (name === undefined ? process.stderr : process.stdout).write(HELP);
    return name === undefined ? 2 : 0;
  }
  if (!Object.hasOwn(COMMANDS, name)) throw new Usage(`there is no command ${JSON.stringify(name)}; see clip-wasm --help`);
  const command = COMMANDS[name];
  let parsed;
  try {
    parsed = parseArgs({
      args: rest,
      options: { ...command.options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    });
  } catch (error) {
    throw new Usage(`${/** @type {Error} */ (error).message}\nUsage: clip-wasm ${command.usage}`);
  }
  if (parsed.values.help) {
    process.stdout.write(`Usage: clip-wasm ${command.usage}\n\n${command.about}\n`);
    return 0;
  }
  return (await command.run(/** @type {any} */ (parsed.values), parsed.positionals)) ?? 0;
}

process.stdout.on('error', error => {
  if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EPIPE') process.exit(0); // head has seen enough
  throw error;
});
main(process.argv.slice(2)).then(
  status => (process.exitCode = status),
  error => {
    finishProgress();
    const typed = error instanceof ClipError || error instanceof Usage || error?.code?.startsWith?.('E');
    process.stderr.write(`clip-wasm: ${typed ? error.message : (error?.stack ?? error)}\n`);
    process.exitCode = error instanceof Usage ? 2 : 1;
  },
);
