/** What the commands about photos have in common: the model, the photos one after the other, and what befalls them. */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { EMBEDDED } from '../embedded.js';
import { ClipError } from '../error.js';
import { DTYPES } from '../models/model.js';
import { Clip, nodeSpec } from '../node.js';
import { stampOf } from './kept.js';
import { isAddress } from './photos.js';
import { Bar } from './progress.js';
import { finishProgress, interruptible, oneOf, say, showProgress, wholeNumber } from './terminal.js';

/** @typedef {import('./kept.js').Kept} Kept */
/** @typedef {{ model?: string, dtype?: string, threads?: string, workers?: string }} ModelValues */

/** @param {ModelValues} values */
export const load = ({ model, dtype, threads, workers }) =>
  Clip.load(model, {
    dtype: oneOf(dtype, '--dtype', DTYPES, 'q8'),
    threads: wholeNumber(threads, '--threads', 16),
    .../** @type {{}} */ ({ workers: wholeNumber(workers, '--workers', 16) }),
    onProgress: showProgress,
  });

/**
 * What tells a model's embeddings from another's: for a folder, what is in it, since it may be made anew under the same name.
 * @param {ModelValues} values
 */
export function identityOf({ model = EMBEDDED, dtype = 'q8' }) {
  const spec = nodeSpec(model);
  const hash = createHash('sha256').update(dtype);
  if (spec.type !== 'folder') return hash.update(JSON.stringify(spec)).digest('hex');
  for (const name of readdirSync(spec.path).sort()) {
    if (/^(clip|config|open_clip_config|preprocessor_config)\.json$/.test(name))
      hash.update(name).update(readFileSync(join(spec.path, name)));
    else if (/\.safetensors$/.test(name)) hash.update(`${name} ${statSync(join(spec.path, name)).size}`);
  }
  return hash.digest('hex');
}

/** Strings would be texts. @param {string} photo */
export const asUrl = photo => (isAddress(photo) ? new URL(photo) : pathToFileURL(photo));

/** Status of a program that was interrupted, as shells have it. */
export const INTERRUPTED = 130;

/**
 * Does something with each photo's result, in their order, with a bar. One that fails is named and the others go on; an interruption
 * leaves what is done.
 * @template {{ index: number, error?: ClipError }} R
 * @param {string} verb @param {string[]} photos @param {(signal: AbortSignal) => AsyncIterable<R>} results
 * @param {(result: R, photo: string) => void | Promise<void>} then @param {(error: ClipError, result: R, photo: string) => void} [failed]
 * @returns {Promise<number>} exit status
 */
export async function forEach(verb, photos, results, then, failed) {
  const { signal, done: ended } = interruptible();
  const bar = new Bar(verb, photos.length);
  let status = 0;
  let done = 0;
  try {
    for await (const result of results(signal)) {
      if (photos.length > 1) finishProgress();
      if (result.error) {
        say(result.error.message);
        status = 1;
        failed?.(result.error, result, photos[result.index]);
      } else {
        await then(result, photos[result.index]);
      }
      done++;
      if (photos.length > 1) bar.at(done);
    }
  } catch (error) {
    if (!(error instanceof ClipError) || error.code !== 'aborted' || !signal.aborted) throw error;
    say(`stopped after ${done} of ${photos.length}`);
    status = INTERRUPTED;
  } finally {
    ended();
    finishProgress();
  }
  return status;
}

/** What a photo will still be tomorrow; that its format is not known may change. */
const LASTING = ['bad-image', 'bad-image-size'];

/**
 * Embeds those photos of which `kept` does not have what they are now.
 * @param {() => Promise<Clip>} loaded @param {Kept} kept @param {string[]} photos
 * @returns {Promise<{ status: number, encoded: number }>}
 */
export async function bringUpToDate(loaded, kept, photos) {
  const none = { size: -1, time: 0 }; // of addresses, which are taken to stay what they are
  const todo = photos.flatMap(photo => {
    const stamp = isAddress(photo) ? none : stampOf(photo);
    return stamp && kept.has(photo, stamp) ? [] : [{ photo, stamp: stamp ?? none }];
  });
  if (!todo.length) return { status: 0, encoded: 0 };
  const clip = await loaded();
  let encoded = 0;
  const names = todo.map(({ photo }) => photo);
  const status = await forEach(
    'reading',
    names,
    signal => clip.encodeEach(names.map(asUrl), { signal }),
    ({ index, embedding }, photo) => {
      kept.put(photo, todo[index].stamp, /** @type {Float32Array} */ (embedding));
      encoded++;
    },
    ({ code, message }, { index }, photo) => {
      if (LASTING.includes(code)) kept.putError(photo, todo[index].stamp, message);
      else if (kept.entries.has(photo)) kept.forget(photo);
    },
  );
  return { status, encoded };
}
