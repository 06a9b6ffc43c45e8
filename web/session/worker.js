/**
 * The worker: hands messages to a Session, and its answers back.
 *
 *     in   { id, call: 'open', args: { source: SourceSpec, wasm, dtype, threads, cache } }    the first
 *          { id, call, args }                     a method of Session, and its arguments but the last
 *          { abort: id }                          takes effect between two steps of long work
 *     out  { id, progress }, { warning }          meanwhile
 *          { id, result } or { id, error }        at the end; errors are { code, message }
 *
 * The same file serves as the engine's further threads: then the first and only message is { thread: ThreadStart }, the answer
 * { started: true }, and the worker works until it is terminated.
 */
import { ClipError, toPlain } from '../error.js';
import { runThread } from '../engine/instance.js';
import { Session } from './session.js';
import { sourceOf } from '../models/sources/index.js';

let session = /** @type {Session | undefined} */ (undefined);
const running = /** @type {Map<number, AbortController>} */ (new Map());

/** @type {import('../engine/instance.js').SpawnThread} */
function spawn(start) {
  const worker = new Worker(self.location.href, { type: 'module', name: 'clip-thread' });
  const started = new Promise((onmessage, onerror) => Object.assign(worker, { onmessage, onerror }));
  worker.postMessage({ thread: start });
  return { started: started.then(() => {}), terminate: () => worker.terminate() };
}

self.onmessage = async ({ data: { id, call, args, abort, thread } }) => {
  if (thread) return runThread(thread, () => self.postMessage({ started: true }));
  if (abort !== undefined) return running.get(abort)?.abort();
  const control = new AbortController();
  running.set(id, control);
  const watch = {
    signal: control.signal,
    onProgress: (/** @type {any} */ progress) => self.postMessage({ id, progress }),
    onWarning: (/** @type {any} */ warning) => self.postMessage({ warning }),
  };
  try {
    if (call === 'open') session = await Session.open({ ...args, source: sourceOf(args.source), spawn }, watch);
    else if (!session) throw new ClipError('worker', 'No model is open.');
    self.postMessage({ id, result: call === 'open' ? session.info : await session.call(call, args, watch) });
  } catch (error) {
    self.postMessage({ id, error: toPlain(error) });
  } finally {
    running.delete(id);
  }
};
