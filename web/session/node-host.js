/** What Node does otherwise than browsers: folders are models, and worker_threads are workers. */
import { Worker } from 'node:worker_threads';
import { FolderSource } from '../models/sources/folder.js';
import { sourceOf } from '../models/sources/index.js';

/** @param {import('../models/sources/spec.js').SourceSpec} spec */
export const nodeSource = spec => (spec.type === 'folder' ? new FolderSource(spec.path).require(spec.sums) : sourceOf(spec));

/** @type {import('../engine/instance.js').SpawnThread} */
export function spawnThread(start) {
  const worker = new Worker(new URL('../engine/node-thread.js', import.meta.url), { workerData: start });
  worker.unref();
  const started = new Promise((resolve, reject) => worker.once('message', () => resolve(undefined)).once('error', reject));
  return { started, terminate: () => void worker.terminate() };
}

/** @type {import('../engine/aside.js').StartAside} */
export function startAside(hear) {
  const worker = new Worker(new URL('./node-worker.js', import.meta.url), { name: 'clip-pictures' });
  worker.on('message', hear);
  worker.on('error', () => hear());
  return {
    post: (message, transfer = []) => worker.postMessage(message, /** @type {any} */ (transfer)),
    terminate: () => void worker.terminate(),
  };
}

/** A worker thread that speaks like a browser's worker; it keeps the process alive only while it has something to do.
 *  @returns {import('./client.js').WorkerLike} */
export function startNodeWorker() {
  const worker = new Worker(new URL('./node-worker.js', import.meta.url), { name: 'clip-wasm' });
  worker.unref();
  /** @type {import('./client.js').WorkerLike} */
  const like = {
    onmessage: null,
    onerror: null,
    onmessageerror: null,
    postMessage: (/** @type {any} */ message, /** @type {any} */ transfer) => worker.postMessage(message, transfer),
    terminate: () => void worker.terminate(),
    ref: () => worker.ref(),
    unref: () => worker.unref(),
  };
  worker.on('message', data => like.onmessage?.({ data }));
  worker.on('messageerror', () => like.onmessageerror?.());
  worker.on('error', error => like.onerror?.(error));
  return like;
}
