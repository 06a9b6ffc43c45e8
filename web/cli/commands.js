/**
 * The commands, their options and their help.
 *
 * The room cli/: the command line, on top of the faces. It may use engine/, models/, pictures/ and session/.
 */
import { classify, embed, preprocess, tokenize } from './run.js';
import { convert } from './convert.js';
import { verify } from './verify.js';
import { bench } from './bench.js';

/** @typedef {{ usage: string, about: string, options: import('node:util').ParseArgsConfig['options'],
 *  run: (values: any, positionals: string[]) => Promise<number | void> }} Command */

const string = /** @type {const} */ ({ type: 'string' });
const flag = /** @type {const} */ ({ type: 'boolean' });
const output = /** @type {const} */ ({ type: 'string', short: 'o' });

/** @type {Record<string, Command>} */
export const COMMANDS = {
  classify: {
    usage:
      'classify PHOTO... --labels "cat,dog" [--template "a photo of a {}"] [--model MODEL] [--dtype DTYPE] [--top K] [--threads N] [--json]',
    about:
      'Rank labels for photos. --labels may be repeated; a label with a comma needs --labels of its own with --no-split. Labels that\n' +
      'a small model was never taught are marked, since their scores mean nothing: with --json, by "unknown": true.',
    options: {
      labels: { type: 'string', multiple: true },
      'no-split': flag,
      template: { type: 'string', multiple: true },
      model: string,
      dtype: string,
      top: string,
      threads: string,
      json: flag,
    },
    run: classify,
  },
  embed: {
    usage: 'embed PHOTO...|--text "..." [--model MODEL] [--dtype DTYPE] [--threads N] [--json]',
    about: 'Print embeddings of photos or texts, not normalised.',
    options: { text: { type: 'string', multiple: true }, model: string, dtype: string, threads: string, json: flag },
    run: embed,
  },
  tokenize: {
    usage: 'tokenize [--model MODEL] < LINES',
    about: 'Each input line is a JSON string; each output line is the JSON array of its token ids.',
    options: { model: string },
    run: tokenize,
  },
  preprocess: {
    usage: 'preprocess PHOTO [--size 224] -o OUT.png|OUT.ppm',
    about: 'Write the square crop that a model sees.',
    options: { size: string, output },
    run: preprocess,
  },
  convert: {
    usage: 'convert SOURCE_DIR [--dtype DTYPE] -o OUT_DIR [--name NAME] [--license LICENSE] [--origin TEXT]',
    about: 'Turn a model in Hugging Face or OpenCLIP form into our own form.',
    options: { dtype: string, output, name: string, license: string, origin: string },
    run: convert,
  },
  verify: {
    usage: 'verify MODEL_DIR [--dtype DTYPE] [--module simd|relaxed|simd-threads|relaxed-threads] [--threads N] [-o OUT.safetensors]',
    about: 'Compare the model with MODEL_DIR/expected.safetensors and expected-ids.json; f32 by default.',
    options: { dtype: string, module: string, threads: string, output },
    run: verify,
  },
  bench: {
    usage: 'bench [--model MODEL] [--dtype DTYPE] [--module NAME] [--threads N] [--json]',
    about: 'Measure how long an image and ten labels take, on this machine.',
    options: { model: string, dtype: string, module: string, threads: string, json: flag },
    run: bench,
  },
};
