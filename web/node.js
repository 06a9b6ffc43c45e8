/** clip-wasm in Node: the same API as index.js, without a worker; models may be folders, pictures may be paths. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { LocalClient } from './session/client.js';
import { EMBEDDED } from './embedded.js';
import { ClipError } from './error.js';
import { Clip as Base, pipelineOf } from './index.js';
import { Session } from './session/session.js';
import { FolderSource } from './models/sources/folder.js';
import { sourceOf } from './models/sources/index.js';
import { specOf } from './models/sources/spec.js';
import { chooseModule } from './engine/wasm.js';

export { ClipError };
export { DEFAULT_TEMPLATE } from './index.js';

/** Bytes of one of the four modules. @param {import('./engine/wasm.js').ModuleName} name */
export const readModule = name => readFile(new URL(`./wasm/clip-${name}.wasm`, import.meta.url));

/** @type {import('./engine/instance.js').SpawnThread} */
export function spawnThread(start) {
  const worker = new Worker(new URL('./engine/node-thread.js', import.meta.url), { workerData: start });
  worker.unref();
  const started = new Promise((resolve, reject) => worker.once('message', () => resolve(undefined)).once('error', reject));
  return { started, terminate: () => void worker.terminate() };
}

/** @param {import('./models/sources/spec.js').SourceSpec} spec */
export function nodeSource(spec) {
  if (spec.type === 'folder') return new FolderSource(spec.path);
  return sourceOf(spec);
}

/** @param {any} model @param {{ revision?: string, hub?: string }} [options] @returns {import('./models/sources/spec.js').SourceSpec} */
export function nodeSpec(model, options = {}) {
  if (model === EMBEDDED) return { type: 'folder', path: fileURLToPath(new URL(`../weights/${EMBEDDED}/`, import.meta.url)) };
  const path = model instanceof URL && model.protocol === 'file:' ? fileURLToPath(model) : model;
  if (typeof path === 'string' && !/^https?:/.test(path) && (existsSync(path) || /^[./]/.test(path))) {
    if (!existsSync(path)) throw new ClipError('not-found', `There is no folder ${path}.`);
    return { type: 'folder', path };
  }
  return specOf(model, options);
}

export class Clip extends Base {
  /** @protected @override @param {any} model @param {import('./index.js').LoadOptions} options */
  static async locate(model, options) {
    return nodeSpec(model, options);
  }

  /** @protected @override @param {import('./models/sources/spec.js').SourceSpec} source @param {import('./index.js').LoadOptions} options
   *  @param {(warning: import('./error.js').PlainError) => void} warn @returns {Promise<import('./session/client.js').Client>} */
  static async connect(source, { dtype, threads = 1, cache, wasm }, warn) {
    const chosen = chooseModule(threads);
    const open = async (/** @type {import('./session/session.js').SessionWatch} */ watch) =>
      Session.open(
        {
          dtype,
          cache,
          threads: chosen.threads,
          spawn: spawnThread,
          wasm: wasm ?? (await readModule(chosen.name)),
          source: nodeSource(source),
        },
        watch,
      );
    return new LocalClient(open, warn);
  }

  /** @protected @override @param {import('./pictures/input.js').ImageInput} input @param {string} label */
  static async picture(input, label) {
    const path = input instanceof URL && input.protocol === 'file:' ? fileURLToPath(input) : input;
    if (typeof path !== 'string' || /^(https?|data|blob):/.test(path)) return Base.picture(input, label);
    try {
      return { picture: { label: path, bytes: new Uint8Array(await readFile(path)) } };
    } catch (error) {
      throw new ClipError('not-found', `${path} cannot be read: ${/** @type {Error} */ (error).message}`, error);
    }
  }
}

/** @type {typeof import('./index.js').pipeline} */
export const pipeline = (task, model, options) => pipelineOf(Clip, task, model, options);
