/**
 * What a Clip speaks to: a Session in a worker, or one in the same thread. Calls are carried out one after the other.
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
/** @typedef {{ signal?: AbortSignal | null, onProgress?: (progress: Progress) => void, transfer?: Transferable[] }} CallOptions */

/** How long an aborted call may take to end by itself, in ms. */
const GRACE = 60;
/** After these a session is of no use any more, or holds memory that it will not give back. */
const FATAL = ['crashed', 'out-of-memory', 'worker'];

/** @param {unknown} error */
const isFatal = error => error instanceof ClipError && FATAL.includes(error.code);

export class Client {
  /** @param {(warning: PlainError) => void} onWarning */
  constructor(onWarning) {
    this.onWarning = onWarning;
    this.disposed = false;
    /** The end of the last call. @type {Promise<unknown>} */
    this.last = Promise.resolve();
  }

  /** Does a call; at most one at a time. @param {Call | null} _call @param {any[]} _args @param {CallOptions} _options @returns {Promise<any>} */
  async perform(_call, _args, _options) {
    throw new Error('not implemented by this client');
  }

  /** Ends whatever runs. */
  end() {}

  /** A method of Session, or null to only open it; then the answer is its info. @param {Call | null} call @param {any[]} args
   *  @param {CallOptions} [options] @returns {Promise<any>} rejects at once when the signal aborts */
  request(call, args, options = {}) {
    const { signal } = options;
    const turn = this.last.then(() => {
      throwIfAborted(signal);
      if (this.disposed) throw new ClipError('disposed', 'This model was disposed of.');
      return this.perform(call, args, options);
    });
    this.last = turn.catch(() => {});
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

export class WorkerClient extends Client {
  /** @param {() => Worker} start @param {{ wasm: any }} open what the worker's open needs; wasm may be a promise @param {(warning: PlainError) => void} onWarning */
  constructor(start, open, onWarning) {
    super(onWarning);
    this.start = start;
    this.open = open;
    /** @type {Worker | null} */
    this.worker = null;
    /** @type {SessionInfo | null} */
    this.info = null;
    this.count = 0;
    /** Ends the call that runs. @type {((error: ClipError) => void) | null} */
    this.fail = null;
    /** What befell the worker. @type {ClipError | null} */
    this.failed = null;
  }

  /** @override @param {Call | null} call @param {any[]} args @param {CallOptions} options */
  async perform(call, args, options) {
    try {
      if (!this.worker) {
        this.#launch();
        const open = { ...this.open, wasm: await this.open.wasm };
        throwIfAborted(options.signal);
        if (!this.worker) throw this.#ended(); // meanwhile
        this.info = await this.#send('open', open, { ...options, transfer: [] });
      }
      return call ? await this.#send(call, args, options) : this.info;
    } catch (error) {
      if (isFatal(error) || !this.info) this.end();
      throw error;
    }
  }

  #launch() {
    this.info = null;
    try {
      this.worker = this.start();
    } catch (error) {
      throw new ClipError('worker', `The worker cannot be started: ${/** @type {Error} */ (error).message}`, error);
    }
    this.failed = null;
    this.worker.onerror = event => {
      event.preventDefault();
      const where = event.filename ? ` (${event.filename}:${event.lineno})` : '';
      const why = event.message || 'its script cannot be loaded';
      this.failed = new ClipError('worker', `The worker failed: ${why}${where}.`);
      this.fail?.(this.failed);
    };
  }

  /** @param {Call | 'open'} call @param {any} args @param {CallOptions} options @returns {Promise<any>} */
  #send(call, args, { signal, onProgress, transfer = [] }) {
    const worker = /** @type {Worker} */ (this.worker);
    const id = ++this.count;
    /** @type {ReturnType<typeof setTimeout>} */
    let timer;
    const abort = () => {
      worker.postMessage({ abort: id });
      timer = setTimeout(() => this.end(), GRACE);
    };
    return new Promise((resolve, reject) => {
      this.fail = reject;
      if (this.failed) reject(this.failed); // while the module was still being compiled
      worker.onmessage = ({ data }) => {
        if (data.warning) return this.onWarning(data.warning);
        if (data.id !== id) return;
        if (data.progress) onProgress?.(data.progress);
        else if (data.error) reject(fromPlain(data.error));
        else resolve(data.result);
      };
      worker.onmessageerror = () => reject(new ClipError('worker', 'The worker sent what cannot be read.'));
      signal?.addEventListener('abort', abort, { once: true });
      try {
        worker.postMessage({ id, call, args }, transfer);
      } catch (error) {
        reject(cannotSend(error));
      }
    }).finally(() => {
      clearTimeout(timer);
      this.fail = null;
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
    this.info = null;
    this.fail?.(this.#ended());
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
    const watch = { signal: signal ?? undefined, onProgress, onWarning: this.onWarning };
    try {
      this.session ??= await this.open(watch);
      return call ? await this.session.call(call, args, watch) : this.session.info;
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
