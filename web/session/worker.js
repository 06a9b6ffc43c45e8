/** The worker in browsers. What it is sent and answers stands in serve.js. */
import { serve } from './serve.js';
import { sourceOf } from '../models/sources/index.js';

/** Bundlers make a classic script of this file, or a module: further threads are started as what this one is. @returns {WorkerType} */
function ownType() {
  try {
    const { importScripts: load } = self; // not by its name: some bundlers refuse to see that in a module
    load.call(self); // only classic scripts may
    return 'classic';
  } catch {
    return 'module';
  }
}

/** @param {string} name */
const another = name => new Worker(self.location.href, { type: ownType(), name });

/** @type {import('../engine/instance.js').SpawnThread} */
function spawn(start) {
  const worker = another('clip-thread');
  const started = new Promise((onmessage, onerror) => Object.assign(worker, { onmessage, onerror }));
  worker.postMessage({ thread: start });
  return { started: started.then(() => {}), terminate: () => worker.terminate() };
}

/** @type {import('../engine/aside.js').StartAside} */
function aside(hear) {
  const worker = another('clip-pictures');
  Object.assign(worker, { onmessage: (/** @type {MessageEvent} */ { data }) => hear(data), onerror: () => hear() });
  return { post: (message, transfer = []) => worker.postMessage(message, transfer), terminate: () => worker.terminate() };
}

const hear = serve({ post: (message, transfer = []) => self.postMessage(message, { transfer }), spawn, aside, sourceOf });
self.onmessage = ({ data }) => hear(data);
