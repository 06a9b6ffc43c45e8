/** clip-wasm in Node: the same API as index.js, with Node's workers; models may be folders, pictures may be paths. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LocalClient } from './session/client.js';
import { ClipError } from './error.js';
import { pipelineOf } from './api/pipeline.js';
import { Clip as Base, EMBEDDED } from './api/clip.js';
import { nodeSource, spawnThread, startAside, startNodeWorker } from './session/node-host.js';
import { decodeBySharp } from './pictures/sharp.js';
import { Pool } from './session/pool.js';
import { Session } from './session/session.js';
import { specOf } from './models/sources/spec.js';
import { chooseModule, compile } from './engine/wasm.js';

export { ClipError, nodeSource, spawnThread };
export { DEFAULT_TEMPLATE } from './api/clip.js';

/** Bytes of one of the modules. @param {import('./engine/wasm.js').ModuleName | 'readers'} name */
export const readModule = name => readFile(new URL(`./wasm/clip-${name}.wasm`, import.meta.url));

/** @param {any} model @param {{ revision?: string, hub?: string }} [options] @returns {import('./models/sources/spec.js').SourceSpec} */
export function nodeSpec(model, options = {}) {
  if (model === EMBEDDED)
    return { type: 'folder', path: dirname(fileURLToPath(new URL('../weights/clip-mini/clip.manifest', import.meta.url))) };
  const path = model instanceof URL && model.protocol === 'file:' ? fileURLToPath(model) : model;
  if (typeof path === 'string' && !/^https?:/.test(path) && (existsSync(path) || /^[./]/.test(path))) {
    if (!existsSync(path)) throw new ClipError('not-found', `There is no folder ${path}.`);
    return { type: 'folder', path };
  }
  return specOf(model, options);
}

export class Clip extends Base {
  /** @protected @override @param {any} model @param {import('./api/options.js').LoadOptions} options */
  static async locate(model, options) {
    return nodeSpec(model, options);
  }

  /** @protected @override @param {import('./models/sources/spec.js').SourceSpec} source @param {import('./api/options.js').LoadOptions} options
   *  @param {(warning: import('./error.js').PlainError) => void} warn @returns {Promise<Pool>} */
  static async connect(
    source,
    { dtype, threads = 1, cache, vocabulary, wasm, readers, worker, workers, maxPixels: pixels, maxMemory: memory },
    warn,
  ) {
    const chosen = chooseModule(threads);
    const where = wasm ?? readModule(chosen.name);
    const open = { dtype, cache, vocabulary, bounds: { pixels, memory }, threads: chosen.threads, source, readers };
    if (worker === false) {
      const local = {
        ...open,
        wasm: where,
        readers: readers ?? (() => readModule('readers')),
        source: nodeSource(source),
        spawn: spawnThread,
        aside: startAside,
        readFile,
        decode: decodeBySharp,
      };
      return new Pool(new LocalClient(watch => Session.open(local, watch), warn));
    }
    const compiled = compile(where);
    compiled.catch(() => {}); // it is awaited when the worker opens
    const start = typeof worker === 'function' ? worker : startNodeWorker;
    const limit = workers ?? Math.min(8, availableParallelism());
    return Pool.ofWorkers(start, async () => ({ ...open, wasm: await compiled }), warn, limit, workers ? undefined : totalmem() / 4);
  }

  /** @protected @override @param {import('./pictures/input.js').ImageInput} input @param {string} label */
  static async picture(input, label) {
    const path = input instanceof URL && input.protocol === 'file:' ? fileURLToPath(input) : input;
    if (typeof path !== 'string' || /^(https?|data|blob):/i.test(path)) return Base.picture(input, label);
    const name = path.length > 300 ? `${path.slice(0, 297)}…` : path;
    return { picture: { label: name, path: resolve(path) } }; // the worker reads it
  }
}

/** @type {import('./api/pipeline.js').Pipeline} */
export const pipeline = (task, model, options) => pipelineOf(Clip, task, model, options);
