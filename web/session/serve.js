/**
 * The worker's side of the way between: hands messages to a Session, and its answers back. Browsers' workers (worker.js) and Node's
 * (node-worker.js) differ only in how they send and start.
 *
 *     in   { id, call: 'open', args: { source: SourceSpec, wasm, readers, dtype, threads, cache, snapshot } }    the first
 *          { id, call, args }                     a method of Session, and its arguments but the last
 *          { abort: id }                          takes effect between two steps of long work
 *     out  { id, progress }, { warning }          meanwhile
 *          { info }                               what is known now that was not when the model was opened
 *          { id, result } or { id, error }        at the end; errors are { code, message }
 *
 * Calls may overlap: while one waits for a picture's bytes another computes.
 *
 * The same file serves as the engine's further threads: then the first and only message is { thread: ThreadStart }, the answer
 * { started: true }, and the worker works until it is terminated. And as what reads large pictures: engine/aside.js says how.
 */
import { ClipError, toPlain } from '../error.js';
import { serveAside } from '../engine/aside.js';
import { runThread } from '../engine/instance.js';
import { Session } from './session.js';

/**
 * @typedef {object} Host
 * @property {(message: any, transfer?: Transferable[]) => void} post
 * @property {import('../engine/instance.js').SpawnThread} spawn
 * @property {import('../engine/aside.js').StartAside} [aside]
 * @property {(spec: any) => import('../models/sources/source.js').Source} sourceOf
 * @property {import('./session.js').SessionOptions['readFile']} [readFile]
 * @property {import('./session.js').SessionOptions['decode']} [decode]
 * @property {import('./session.js').SessionOptions['readers']} [readers] where the caller says none
 */

/** What hears the messages. @param {Host} host */
export function serve({ post, spawn, aside, sourceOf, readFile, decode, readers }) {
  let session = /** @type {Session | undefined} */ (undefined);
  const running = /** @type {Map<number, AbortController>} */ (new Map());
  let told = '';
  const tell = (/** @type {Session} */ { info }) => {
    const now = JSON.stringify([info.logitScale, info.logitBias, info.fingerprint, info.preprocess]);
    if (told && now !== told) post({ info });
    told = now;
  };
  let large = /** @type {ReturnType<typeof serveAside> | undefined} */ (undefined);
  return async (/** @type {any} */ { id, call, args, abort, thread, pictures, method }) => {
    if (pictures) {
      large = serveAside(pictures, post);
      return;
    }
    if (method) return large?.({ id, method, args });
    if (thread) return runThread(thread, () => post({ started: true }));
    if (abort !== undefined) return running.get(abort)?.abort();
    const control = new AbortController();
    running.set(id, control);
    const watch = {
      signal: control.signal,
      onProgress: (/** @type {any} */ progress) => post({ id, progress }),
      onWarning: (/** @type {any} */ warning) => post({ warning }),
    };
    try {
      if (call === 'open') {
        const host = { source: sourceOf(args.source), readers: args.readers ?? readers, spawn, aside, readFile, decode };
        session = await Session.open({ ...args, ...host }, watch);
      } else if (!session) throw new ClipError('worker', 'No model is open.');
      const result = call === 'open' ? session.info : await session.call(call, args, watch);
      tell(session);
      post({ id, result }, call === 'snapshot' && result ? [result.memory] : []);
    } catch (error) {
      post({ id, error: toPlain(error) });
    } finally {
      running.delete(id);
    }
  };
}
