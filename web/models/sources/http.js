/**
 * A model folder behind HTTP: any address, or a repository of a hub.
 *
 * Ranges are asked for, so that only what is wanted travels; a server that knows no ranges answers with the whole file, which
 * is then read once through. A connection that breaks is taken up where it broke.
 */
import { ClipError, throwIfAborted } from '../../error.js';
import { Source } from './source.js';

/** @typedef {import('./source.js').SourceFile} SourceFile */

export const HUB = 'https://huggingface.co';
const ATTEMPTS = 3;
const BACKOFF = 400;

/** Whether bytes begin a web page. No safetensors file does: bytes 4 to 7 of its header's length are zero. @param {Uint8Array} b */
const looksLikeHtml = b => b.length >= 8 && b[0] === 0x3c && (b[4] | b[5] | b[6] | b[7]) !== 0;

/** @param {Response} response */
const isHtml = response => /^\s*text\/html\b/i.test(response.headers.get('content-type') ?? '');

/** @param {number} ms @param {AbortSignal} [signal] @returns {Promise<void>} */
const pause = (ms, signal) =>
  new Promise(resolve => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });

/**
 * fetch, with data: URLs (bundlers inline small files so) read without it: a page's Content-Security-Policy need not allow them.
 * @param {string} url @param {RequestInit} [init]
 */
async function request(url, init) {
  const data = /^data:([^,]*?)(;base64)?,(.*)$/s.exec(url);
  if (!data) {
    try {
      return await fetch(url, init);
    } catch (error) {
      throwIfAborted(init?.signal);
      throw new ClipError('network', `${url} cannot be reached: ${/** @type {Error} */ (error).message}`, error);
    }
  }
  const text = decodeURIComponent(data[3]);
  return new Response(data[2] ? Uint8Array.from(atob(text), c => c.charCodeAt(0)) : text);
}

/** A response's body, read in turn. */
class Cursor {
  /** @param {ReadableStream<Uint8Array>} body @param {number} position of its first byte in the file */
  constructor(body, position) {
    this.reader = body.getReader();
    this.position = position;
    /** @type {Uint8Array} */
    this.rest = new Uint8Array(0);
  }

  /** The next piece, up to `end` of the file; null at the body's end. @param {number} end */
  async next(end) {
    if (!this.rest.length) {
      const { done, value } = await this.reader.read();
      if (done) return null;
      this.rest = value;
    }
    const piece = this.rest.subarray(0, end - this.position);
    this.rest = this.rest.subarray(piece.length);
    this.position += piece.length;
    return piece;
  }

  close() {
    this.reader.cancel().catch(() => {});
  }
}

/** @implements {SourceFile} */
class HttpFile {
  /** @param {HttpSource} source @param {string} name @param {number} bytes @param {string} version */
  constructor(source, name, bytes, version) {
    this.source = source;
    this.url = source.url(name);
    this.bytes = bytes;
    this.version = version;
    /** What a server without ranges is still sending. @type {Cursor | null} */
    this.whole = null;
  }

  /** @param {number} offset @param {number} end @param {AbortSignal} [signal] */
  async *stream(offset, end, signal) {
    for (let failures = 0; offset < end; ) {
      throwIfAborted(signal);
      /** @type {Cursor | null} */
      let cursor = null;
      try {
        cursor = await this.#cursorAt(offset, end, signal);
        while (offset < end) {
          const piece = await cursor.next(cursor.position < offset ? offset : end);
          throwIfAborted(signal);
          if (!piece) throw new ClipError('network', `${this.url} ended at byte ${cursor.position} of ${this.bytes}.`);
          if (cursor.position <= offset) continue; // before what is wanted
          if (offset === 0 && looksLikeHtml(piece)) throw this.#html();
          offset += piece.length;
          failures = 0;
          yield piece;
        }
      } catch (error) {
        throwIfAborted(signal);
        this.close();
        if (error instanceof ClipError && error.code !== 'network') throw error;
        if (++failures >= ATTEMPTS) {
          if (error instanceof ClipError) throw error;
          const { message } = /** @type {Error} */ (error);
          throw new ClipError('network', `${this.url} broke off at byte ${offset} of ${this.bytes}: ${message}`, error);
        }
        await pause(BACKOFF * failures, signal);
      } finally {
        if (cursor !== this.whole) cursor?.close();
      }
    }
  }

  #html() {
    this.source.sawHtml = true;
    return new ClipError('not-a-model', `${this.url} answers with an HTML page instead of a model's file.`);
  }

  /** @param {number} offset @param {number} end @param {AbortSignal} [signal] */
  async #cursorAt(offset, end, signal) {
    if (this.whole && this.whole.position <= offset) return this.whole;
    const part = offset > 0 || end < this.bytes;
    const response = await request(this.url, { signal, headers: part ? { Range: `bytes=${offset}-${end - 1}` } : {} });
    if (response.status === 404 || response.status === 410) throw new ClipError('not-found', `${this.url} does not exist.`);
    if (response.status >= 500 || response.status === 429) throw new ClipError('network', `${this.url} answered ${response.status}.`);
    if (!response.ok) throw new ClipError('not-found', `${this.url} answered ${response.status}.`);
    if (isHtml(response)) throw this.#html();
    const length = Number(response.headers.get('content-length') ?? NaN);
    const packed = response.headers.has('content-encoding');
    const expected = response.status === 206 ? end - offset : this.bytes;
    if (!packed && Number.isFinite(length) && length !== expected) {
      response.body?.cancel().catch(() => {});
      throw new ClipError('wrong-size', `${this.url} has ${length} bytes where ${expected} were expected.`);
    }
    const given = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1]; // hidden from pages of other origins
    if (response.status === 206 && given !== undefined && Number(given) !== offset) {
      throw new ClipError('wrong-size', `${this.url} answered with bytes from ${given} on instead of from ${offset}.`);
    }
    if (!response.body) throw new ClipError('network', `${this.url} answered without a body.`);
    if (response.status === 206) return new Cursor(response.body, offset);
    return (this.whole = new Cursor(response.body, 0));
  }

  /** Ends what is still being sent. */
  close() {
    this.whole?.close();
    this.whole = null;
  }
}

export class HttpSource extends Source {
  /**
   * @param {string} base address of the folder
   * @param {{ id?: string, name?: string, files?: Record<string, string> }} [options] files: addresses of single files, where a
   *   bundler gave them new names
   */
  constructor(base, { id, name, files } = {}) {
    const folder = base.replace(/[?#].*$/, '').replace(/\/(clip\.json)?$/, '');
    super(id ?? base, name ?? decodeURIComponent(folder.split('/').pop() || folder));
    this.base = folder + '/';
    this.files = files;
    this.remote = true;
  }

  /** @param {string} name */
  url(name) {
    return this.files?.[name] ?? this.base + name.split('/').map(encodeURIComponent).join('/');
  }

  /** @param {string} name @param {RequestInit} [init] @returns {Promise<Response | null>} null where there is no such file */
  async #get(name, init) {
    if (this.files && !(name in this.files)) return null;
    const url = this.url(name);
    const response = await request(url, init);
    if (response.status === 404 || response.status === 410) return null;
    if (!response.ok) {
      const why = response.status === 401 || response.status === 403 ? ' (it does not exist, or is not public)' : '';
      throw new ClipError(response.status >= 500 ? 'network' : 'not-found', `${url} answered ${response.status}${why}.`);
    }
    if (isHtml(response)) this.sawHtml = true; // a server that answers everything with its start page
    return isHtml(response) ? null : response;
  }

  /** @override @param {string} name @param {{ signal?: AbortSignal, bytes?: number }} [options] */
  async open(name, { signal, bytes } = {}) {
    if (bytes !== undefined) return new HttpFile(this, name, bytes, `${bytes}`);
    const head = await this.#get(name, { method: 'HEAD', signal });
    if (!head) return null;
    const length = Number(head.headers.get('content-length') ?? NaN);
    if (!Number.isSafeInteger(length)) throw new ClipError('network', `${this.url(name)} does not tell its size.`);
    return new HttpFile(this, name, length, `${length} ${head.headers.get('etag') ?? ''}`);
  }

  /** @override @param {string} name @param {import('./source.js').ReadOptions} [options] */
  async bytes(name, { signal, limit = 2 ** 30 } = {}) {
    const response = await this.#get(name, { signal });
    if (!response) return null;
    const length = Number(response.headers.get('content-length') ?? 0);
    if (length > limit) {
      response.body?.cancel().catch(() => {});
      throw new ClipError('wrong-size', `${this.url(name)} has ${length} bytes; at most ${limit} make sense.`);
    }
    const bytes = new Uint8Array(
      await response.arrayBuffer().catch(error => {
        throwIfAborted(signal);
        throw new ClipError('network', `${this.url(name)} broke off: ${error.message}`, error);
      }),
    );
    if (bytes[0] !== 0x3c) return bytes;
    this.sawHtml = true; // neither JSON nor merges begin with <
    return null;
  }
}

/** A repository of a hub. @param {string} repo "owner/name" @param {{ host?: string, revision?: string }} [options] */
export function hubSource(repo, { host = HUB, revision = 'main' } = {}) {
  const base = `${host.replace(/\/$/, '')}/${repo}/resolve/${encodeURIComponent(revision)}`;
  return new HttpSource(base, { id: revision === 'main' ? repo : `${repo}@${revision}`, name: repo });
}
