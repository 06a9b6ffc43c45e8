/**
 * What a Clip speaks to: a Session in a worker, or one in the same thread. Calls are carried out one after the other, but for those of
 * a pool, which give the worker the next picture while it computes one.
 *
 * A call that is aborted while the engine computes cannot be stopped from within: its worker is ended, and the next call starts
 * another, which finds the model's bytes in the store. The same happens after a crash.
 */
import { ClipError, fromPlain, throwIfAborted, toPlain } from '../error.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./session.js').SessionInfo} SessionInfo */
/** @typedef {import('./session.js').Call} Call */
/** @typedef {import('../error.js').PlainError} PlainError */
/** @typedef {import('../models/download.js').Progress} Progress */
/**
 * @typedef {object} CallOptions
 * @property {AbortSignal | null} [signal]
 * @property {(progress: Progress) => void} [onProgress]
 * @property {Transferable[]} [transfer]
 * @property {boolean} [beside] does not wait for the calls before, nor those after for it: a pool's (pool.js)
 * @property {number} [grace] how long it may take to end by itself when it is aborted, in ms, before its worker is ended
 */

/** How long an aborted call may take to end by itself, in ms. */
const GRACE = 60;
/** After these a session is of no use any more, or holds memory that it will not give back. */
const FATAL = ['crashed', 'out-of-memory', 'worker'];

/** @param {unknown} error */
const isFatal = error => error instanceof ClipError && FATAL.includes(error.code);

/** A caller's error ends the caller's call, and nothing else. @template T @param {(value: T) => void} onProgress @param {T} value */
export function callBack(onProgress, value) {
  try {
    onProgress(value);
  } catch (error) {
    throw new ClipError('bad-argument', `onProgress failed: ${error instanceof Error ? error.message : error}`, error);
  }
}

export class Client {
  /** @param {(warning: PlainError) => void} onWarning */
  constructor(onWarning) {
    this.onWarning = onWarning;
    this.disposed = false;
    /** What the session said about itself when it was opened last. @type {SessionInfo | null} */
    this.info = null;
    /** The end of the last call. @type {Promise<unknown>} */
    this.last = Promise.resolve();
  }

  /** Does a call. @param {Call | null} _call @param {any[]} _args @param {CallOptions} _options @returns {Promise<any>} */
  async perform(_call, _args, _options) {
    throw new Error('not implemented by this client');
  }

  /** Ends whatever runs. */
  end() {}

  /** Another one each time the session had to be made anew. @returns {unknown} */
  get life() {
    return null;
  }

  /** A method of Session, or null to only open it; then the answer is its info. @param {Call | null} call @param {any[]} args
   *  @param {CallOptions} [options] @returns {Promise<any>} rejects at once when the signal aborts */
  request(call, args, options = {}) {
    const { signal } = options;
    const turn = (options.beside ? Promise.resolve() : this.last).then(() => {
      throwIfAborted(signal);
      if (this.disposed) throw new ClipError('disposed', 'This model was disposed of.');
      return this.perform(call, args, options);
    });
    if (!options.beside) this.last = turn.catch(() => {});
    if (!signal) return turn;
    return new Promise((resolve, reject) => {
      const abort = () => reject(new ClipError('aborted', 'The operation was aborted.', signal.reason));
      if (signal.aborted) abort();
      signal.addEventListener('abort', abort, { once: true });
      turn.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
    });
  }

  dispose() {
    this.disposed = true;
    this.end();
  }
}

/** Anything that posts messages like a browser's Worker. In Node, `ref` and `unref` say whether it keeps the process alive.
 * @typedef {Pick<Worker, 'postMessage' | 'terminate'> & { onmessage: any, onerror: any, onmessageerror: any, ref?: () => void, unref?: () => void }} WorkerLike */
/** What a worker's open needs, and what of it moves there. @typedef {{ message: any, transfer?: Transferable[] }} Opening */

export class WorkerClient extends Client {
  /** @param {() => WorkerLike} start @param {() => Promise<Opening>} opening asked for each time a worker is started
   *  @param {(warning: PlainError) => void} onWarning */
  constructor(start, opening, onWarning) {
    super(onWarning);
    this.start = start;
    this.opening = opening;
    /** @type {WorkerLike | null} */
    this.worker = null;
    /** The answer of a worker that is being opened, or is open. @type {Promise<SessionInfo> | null} */
    this.opened = null;
    this.count = 0;
    /** The calls that the worker has. @type {Map<number, { resolve: (value: any) => void, reject: (error: ClipError) => void, onProgress?: CallOptions['onProgress'] }>} */
    this.calls = new Map();
    /** What befell the worker. @type {ClipError | null} */
    this.failed = null;
  }

  /** @override */
  get life() {
    return this.opened;
  }

  /** @override @param {Call | null} call @param {any[]} args @param {CallOptions} options */
  async perform(call, args, options) {
    this.info = await (this.opened ??= this.#open(options));
    if (!call) return this.info;
    const { worker } = this;
    try {
      return await this.#send(call, args, options);
    } catch (error) {
      if (isFatal(error) && this.worker === worker) this.end();
      throw error;
    }
  }

  /** @param {CallOptions} options @returns {Promise<SessionInfo>} */
  async #open(options) {
    const worker = this.#launch();
    try {
      const { message, transfer } = await this.opening();
      throwIfAborted(options.signal);
      if (this.worker !== worker) throw this.#ended(); // meanwhile
      return await this.#send('open', message, { ...options, transfer });
    } catch (error) {
      this.end();
      throw error;
    }
  }

  #launch() {
    this.failed = null;
    /** @type {WorkerLike} */
    let worker;
    try {
      worker = this.worker = this.start();
    } catch (error) {
      throw new ClipError('worker', `The worker cannot be started: ${/** @type {Error} */ (error).message}`, error);
    }
    worker.onmessage = (/** @type {MessageEvent} */ { data }) => this.#hear(data);
    worker.onmessageerror = () => this.#fail(new ClipError('worker', 'The worker sent what cannot be read.'));
    worker.onerror = (/** @type {ErrorEvent} */ event) => {
      event.preventDefault?.();
      const where = event.filename ? ` (${event.filename}:${event.lineno})` : '';
      const why = event.message || 'its script cannot be loaded';
      this.failed = new ClipError('worker', `The worker failed: ${why}${where}.`);
      this.#fail(this.failed);
    };
    return worker;
  }

  /** @param {any} data */
  #hear(data) {
    if (data.warning) return this.onWarning(data.warning);
    if (data.info) return void Object.assign(this.info ?? {}, data.info);
    const running = this.calls.get(data.id);
    if (!running) return;
    if (data.error) running.reject(fromPlain(data.error));
    else if (!data.progress) running.resolve(data.result);
    else {
      try {
        if (running.onProgress) callBack(running.onProgress, data.progress);
      } catch (error) {
        running.reject(/** @type {ClipError} */ (error));
      }
    }
  }

  /** Ends all calls that run. @param {ClipError} error */
  #fail(error) {
    for (const { reject } of this.calls.values()) reject(error);
  }

  /** @param {Call | 'open'} call @param {any} args @param {CallOptions} options @returns {Promise<any>} */
  #send(call, args, { signal, onProgress, transfer = [], grace = GRACE }) {
    const worker = /** @type {WorkerLike} */ (this.worker);
    const id = ++this.count;
    /** @type {ReturnType<typeof setTimeout>} */
    let timer;
    const abort = () => {
      worker.postMessage({ abort: id });
      // others' calls are not ended for it; then it ends when it has computed what it computes
      timer = setTimeout(() => this.worker === worker && this.calls.size === 1 && this.calls.has(id) && this.end(), grace);
    };
    return new Promise((resolve, reject) => {
      if (!worker) return reject(this.#ended()); // meanwhile
      this.calls.set(id, { resolve, reject, onProgress });
      if (this.calls.size === 1) worker.ref?.();
      if (this.failed) reject(this.failed); // while the module was still being compiled
      signal?.addEventListener('abort', abort, { once: true });
      try {
        worker.postMessage({ id, call, args }, transfer);
      } catch (error) {
        reject(cannotSend(error));
      }
    }).finally(() => {
      clearTimeout(timer);
      this.calls.delete(id);
      if (!this.calls.size) worker?.unref?.();
      signal?.removeEventListener('abort', abort);
    });
  }

  #ended() {
    return this.disposed
      ? new ClipError('disposed', 'This model was disposed of.')
      : new ClipError('aborted', 'The operation was aborted.');
  }

  /** @override */
  end() {
    this.worker?.terminate();
    this.worker = null;
    this.opened = null;
    this.#fail(this.#ended());
  }
}

/** Bitmaps of foreign pictures do not cross to workers. @param {unknown} error */
function cannotSend(error) {
  const { name, message } = /** @type {DOMException} */ (error);
  return name === 'DataCloneError' && /ImageBitmap|origin/i.test(message)
    ? new ClipError('tainted-image', 'The picture comes from another origin, which does not allow its pixels to be read.', error)
    : new ClipError('bad-input', `The input cannot be sent to the worker: ${message}`, error);
}

export class LocalClient extends Client {
  /** @param {(watch: import('./session.js').SessionWatch) => Promise<Session>} open @param {(warning: PlainError) => void} onWarning */
  constructor(open, onWarning) {
    super(onWarning);
    this.open = open;
    /** @type {Session | null} */
    this.session = null;
  }

  /** @override @param {Call | null} call @param {any[]} args @param {CallOptions} options */
  async perform(call, args, { signal, onProgress }) {
    const hear = onProgress && ((/** @type {Progress} */ progress) => callBack(onProgress, progress));
    const watch = { signal: signal ?? undefined, onProgress: hear, onWarning: this.onWarning };
    try {
      this.session ??= await this.open(watch);
      const result = call ? await this.session.call(call, args, watch) : this.session.info;
      if (this.session) this.info = this.session.info; // a model knows more of itself when its towers are loaded
      return result;
    } catch (error) {
      const typed = error instanceof ClipError ? error : fromPlain(toPlain(error));
      if (isFatal(typed)) this.end();
      throw typed;
    }
  }

  /** @override */
  end() {
    this.session?.dispose();
    this.session = null;
  }
}
