/**
 * Requests with a clock: whoever is asked and says nothing for a while is given up on, and whoever says "later" is asked later, if that
 * is soon enough. Nothing here waits longer than that while.
 */
import { ClipError, throwIfAborted } from '../../error.js';

/** ms without a byte after which a request is given up. */
export const PATIENCE = 30_000;
const ATTEMPTS = 3;
const BACKOFF = 400;

/** An address as it may be shown and kept: what follows the question mark may be a signature. @param {string} url */
export const shown = url => (url.startsWith('data:') ? url.slice(0, 40) : url.replace(/[?#].*$/s, ''));

/** @param {number} ms @param {AbortSignal} [signal] @returns {Promise<void>} ends early when aborted */
export const pause = (ms, signal) =>
  new Promise(resolve => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    if (signal?.aborted) done();
    else signal?.addEventListener('abort', done, { once: true });
  });

/** @param {string} url @param {number} patience */
const silent = (url, patience) => new ClipError('network', `${shown(url)} sent nothing for ${Number((patience / 1000).toFixed(1))} s.`);

/** A promise, or an error after a while. @template T @param {Promise<T>} promise @param {string} url @param {number} patience
 *  @param {() => void} giveUp called then @returns {Promise<T>} */
export function within(promise, url, patience, giveUp) {
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  const late = new Promise((_, reject) => {
    const end = () => {
      reject(silent(url, patience)); // before a read that is cancelled says that it is done
      giveUp();
    };
    timer = setTimeout(() => (timer = setTimeout(end, 20)), patience); // a thread that was busy itself hears first what came meanwhile
  });
  return /** @type {Promise<T>} */ (Promise.race([promise, late])).finally(() => clearTimeout(timer));
}

/**
 * fetch, as far as the headers; data: URLs (bundlers inline small files so) are read without it: a page's Content-Security-Policy need
 * not allow them.
 * @param {string} url @param {RequestInit & { signal?: AbortSignal }} init @param {number} patience
 */
async function request(url, { signal, ...init }, patience) {
  const data = /^data:([^,]*?)(;base64)?,(.*)$/s.exec(url);
  if (data) {
    const text = decodeURIComponent(data[3]);
    return new Response(data[2] ? Uint8Array.from(atob(text), c => c.charCodeAt(0)) : text);
  }
  const control = new AbortController();
  const abort = () => control.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) abort();
  try {
    return await within(fetch(url, { ...init, signal: control.signal }), url, patience, () => control.abort());
  } catch (error) {
    throwIfAborted(signal);
    if (error instanceof ClipError) throw error;
    throw new ClipError('network', `${shown(url)} cannot be reached: ${/** @type {Error} */ (error).message}`, error);
  } finally {
    // a body that is still read is cancelled by its reader
    signal?.removeEventListener('abort', abort);
  }
}

/** @param {Response} response @returns {number | null} ms, where the server says when to come again */
function retryAfter(response) {
  const value = response.headers.get('retry-after');
  if (!value) return null;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}

/** How long a server may be waited for, over several requests without a byte of what is wanted. */
export class Patience {
  /** @param {number} ms @param {number} [attempts] */
  constructor(ms = PATIENCE, attempts = ATTEMPTS) {
    this.ms = ms;
    this.attempts = attempts;
    this.until = performance.now() + ms;
    this.failures = 0;
  }

  /** Something came. */
  renew() {
    this.until = performance.now() + this.ms;
    this.failures = 0;
  }

  get left() {
    return Math.max(1, this.until - performance.now());
  }

  /** Waits before another attempt, or throws where that makes no sense. @param {ClipError} error @param {AbortSignal} [signal]
   *  @param {number | null} [asked] ms that the server asks for */
  async again(error, signal, asked = null) {
    throwIfAborted(signal);
    const wait = asked ?? BACKOFF * ++this.failures;
    if (asked !== null) this.failures++;
    if (this.failures >= this.attempts || performance.now() + wait >= this.until) throw error;
    await pause(wait, signal);
    throwIfAborted(signal);
  }
}

/**
 * A response that is no "later": 429 and 5xx, and connections that fail, are tried again as long as patience allows.
 * @param {string} url @param {RequestInit & { signal?: AbortSignal }} init @param {Patience} patience
 */
export async function ask(url, init, patience) {
  for (;;) {
    try {
      const response = await request(url, init, patience.left);
      if (response.status < 500 && response.status !== 429) return response;
      response.body?.cancel().catch(() => {});
      const asked = retryAfter(response);
      const when = asked === null ? '' : ` It asks to wait ${Math.ceil(asked / 1000)} s.`;
      await patience.again(new ClipError('network', `${shown(url)} answered ${response.status}.${when}`), init.signal, asked ?? undefined);
    } catch (error) {
      if (!(error instanceof ClipError) || error.code !== 'network' || !error.cause) throw error;
      await patience.again(error, init.signal);
    }
  }
}

/** All of a body, as long as it is no longer than it may be. @param {Response} response @param {string} url @param {number} limit bytes
 *  @param {number} patience ms without a byte @param {AbortSignal} [signal] @returns {Promise<Uint8Array>} */
export async function bodyOf(response, url, limit, patience, signal) {
  const tooLong = () => new ClipError('wrong-size', `${shown(url)} has more than ${limit} bytes, which make no sense.`);
  if (Number(response.headers.get('content-length') ?? 0) > limit) {
    response.body?.cancel().catch(() => {});
    throw tooLong();
  }
  if (!response.body) return new Uint8Array(0);
  const reader = response.body.getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  signal?.addEventListener('abort', cancel, { once: true });
  /** @type {Uint8Array[]} */
  const pieces = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), url, patience, cancel);
      throwIfAborted(signal);
      if (done) break;
      length += value.length;
      if (length > limit) throw tooLong();
      pieces.push(value);
    }
  } catch (error) {
    throwIfAborted(signal);
    if (error instanceof ClipError) throw error;
    throw new ClipError('network', `${shown(url)} broke off: ${/** @type {Error} */ (error).message}`, error);
  } finally {
    signal?.removeEventListener('abort', cancel);
    cancel();
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
