/**
 * The commands, their options and their help.
 *
 * The room cli/: the command line, on top of the faces. It may use api/, engine/, models/, pictures/ and session/.
 */
import { classify } from './classify.js';
import { embed } from './embed.js';
import { preprocess, tokenize } from './given.js';
import { search } from './search.js';
import { convert } from './convert.js';
import { copy } from './copy.js';
import { models } from './models.js';
import { verify } from './verify.js';
import { bench } from './bench.js';

/** @typedef {{ usage: string, about: string, options: import('node:util').ParseArgsConfig['options'],
 *  run: (values: any, positionals: string[]) => Promise<number | void> }} Command */

const string = /** @type {const} */ ({ type: 'string' });
const flag = /** @type {const} */ ({ type: 'boolean' });
const output = /** @type {const} */ ({ type: 'string', short: 'o' });

/** Where photos come from, and which model looks at them. */
const photos = { from: /** @type {const} */ ({ type: 'string', multiple: true }) };
const model = { model: string, dtype: string, threads: string, workers: string };

/** @type {Record<string, Command>} */
export const COMMANDS = {
  classify: {
    usage:
      'classify PHOTO... --labels "cat,dog" [--template "a photo of a {}"] [--top K] [--threshold T] [--json|--jsonl|--csv]\n' +
      '           [--sort-into DIR [--link]] [--xmp] [--no-split] [MODEL OPTIONS]',
    about:
      'Rank labels for photos. --labels may be repeated; a label with a comma needs quotes, or --labels of its own with --no-split. Labels\n' +
      'that a small model was never taught are marked, since their scores mean nothing: with --json, by "unknown": true. --jsonl and --csv\n' +
      'write each photo as it comes. --threshold leaves out labels with a lower score, from 0 to 1. --sort-into copies each photo into a\n' +
      'folder of DIR named as its best label, or links it there. --xmp writes the best label, or with --threshold all those, as keywords\n' +
      'into PHOTO.xmp, beside what such a sidecar has already.',
    options: {
      labels: { type: 'string', multiple: true },
      'no-split': flag,
      template: { type: 'string', multiple: true },
      top: string,
      threshold: string,
      json: flag,
      jsonl: flag,
      csv: flag,
      'sort-into': string,
      link: flag,
      xmp: flag,
      ...photos,
      ...model,
    },
    run: classify,
  },
  search: {
    usage: 'search FOLDER QUERY... [--minus QUERY]... [--top K] [--json] [--template "{}"] [--index FILE] [--no-update] [MODEL OPTIONS]',
    about:
      'Photos of a folder that are most like the queries together, and least like what --minus takes away. A query is words, or a photo.\n' +
      'What is found out about the photos is kept in the folder for caches, or in FILE, and brought up to date by what has changed.',
    options: {
      minus: { type: 'string', multiple: true },
      top: string,
      json: flag,
      template: string,
      index: string,
      'no-update': flag,
      ...model,
    },
    run: search,
  },
  embed: {
    usage:
      'embed PHOTO...|--text "..." [--json] [MODEL OPTIONS]\n' +
      '  embed PHOTO... -o OUT.safetensors|OUT.npy|OUT.jsonl [--shard I/N] [--resume] [MODEL OPTIONS]',
    about:
      'Print embeddings of photos or texts, not normalised; or write those of photos to a file. --shard takes the I-th of N equal pieces of\n' +
      'the list; --resume goes on where a run was killed. The names are in the file too: of OUT.npy in OUT.npy.files.jsonl.',
    options: {
      text: { type: 'string', multiple: true },
      json: flag,
      output,
      shard: string,
      resume: flag,
      ...photos,
      ...model,
    },
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
  models: {
    usage: 'models [--json]',
    about:
      'List models that are known to load by their names on the hub: what has to be fetched for one in q8, its published accuracy on\n' +
      'ImageNet (zero-shot), the languages of labels, its licence. Models of the same forms by other names load likewise.',
    options: { json: flag },
    run: models,
  },
  copy: {
    usage: 'copy DIR [--no-weights]',
    about: "Copy the package's worker, modules and embedded model to DIR, for bundlers that take nothing along; see the option assets.",
    options: { 'no-weights': flag },
    run: copy,
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
