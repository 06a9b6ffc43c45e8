/**
 * A model folder behind HTTP: any address, or a repository of a hub.
 *
 * Ranges are asked for, so that only what is wanted travels; a server that knows no ranges answers with the whole file, which
 * is then read once through. A connection that breaks is taken up where it broke, as long as the file is still the same: each answer's
 * ETag or Last-Modified is compared with the first one's. Files of a hub are all read at the commit that the first of them came from.
 */
import { ClipError, throwIfAborted } from '../../error.js';
import { sumOf } from '../sum.js';
import { Source, changed } from './source.js';
import { PATIENCE, Patience, ask, bodyOf, shown, within } from './wire.js';

/** @typedef {import('./source.js').SourceFile} SourceFile */

export const HUB = 'https://huggingface.co';
/** ms that a server is waited for where what is kept serves as well. */
const BRIEF = 5000;
/** The name under which a hub's commit stands among the versions of files. */
const COMMIT = '@commit';
/** Parameters of addresses that say who may read, not what: Amazon's, Google's, Azure's, CloudFront's, and whoever calls it a token. */
const CREDENTIAL =
  /^(x-amz-.*|x-goog-.*|signature|expires|key-pair-id|policy|googleaccessid|awsaccesskeyid|s[a-z]{1,2}|sig|sk[a-z]+|.*token|key|apikey|api_key|auth.*|hash|hmac|md5)$/i;

/** Whether bytes begin a web page. No safetensors file does: bytes 4 to 7 of its header's length are zero. @param {Uint8Array} b */
const looksLikeHtml = b => b.length >= 8 && b[0] === 0x3c && (b[4] | b[5] | b[6] | b[7]) !== 0;

/** @param {Response} response */
const isHtml = response => /^\s*text\/html\b/i.test(response.headers.get('content-type') ?? '');

/** What tells a response's file from another of its name. Servers that pack what they send mark that in its ETag.
 * @typedef {{ etag: string | null, modified: string | null, total: number | null }} Validator
 * @param {Response} response @returns {Validator} */
function validatorOf(response) {
  const etag = response.headers.get('etag');
  const total = /^bytes \d+-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1];
  return {
    etag: etag?.replace(/^W\//, '').replace(/[-;](gzip|br|df|zstd)"$/, '"') ?? null,
    modified: response.headers.get('last-modified'),
    total: total === undefined ? null : Number(total),
  };
}

/** @param {Validator} a @param {Validator} b */
const isSame = (a, b) => (a.etag && b.etag ? a.etag === b.etag : !a.modified || !b.modified || a.modified === b.modified);

/** A response's body, read in turn. */
class Cursor {
  /** @param {ReadableStream<Uint8Array>} body @param {number} position of its first byte in the file @param {string} url */
  constructor(body, position, url) {
    this.reader = body.getReader();
    this.position = position;
    this.url = url;
    /** @type {Uint8Array} */
    this.rest = new Uint8Array(0);
  }

  /** The next piece, up to `end` of the file; null at the body's end. @param {number} end @param {number} patience ms
   *  @param {AbortSignal} [signal] */
  async next(end, patience, signal) {
    if (!this.rest.length) {
      const close = () => this.close();
      signal?.addEventListener('abort', close, { once: true });
      const { done, value } = await within(this.reader.read(), this.url, patience, close).finally(() =>
        signal?.removeEventListener('abort', close),
      );
      throwIfAborted(signal);
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
  /** @param {HttpSource} source @param {string} name @param {number} bytes @param {Validator | null} validator of the answer that told
   *  the size; null where the size was known before, and so are the sums of what comes */
  constructor(source, name, bytes, validator) {
    this.source = source;
    this.url = source.url(name);
    this.bytes = bytes;
    this.validator = validator;
    /** Whether each piece is compared with a sum known before, so that nothing else need tell. */
    this.summed = validator === null && globalThis.crypto?.subtle !== undefined;
    /** Where a server tells neither, only what comes in one answer is known to belong together. */
    this.fleeting = validator !== null && !validator.etag && !validator.modified;
    this.version = `${bytes} ${validator?.etag ?? validator?.modified ?? ''}`;
    /** Whether the server gives ranges, once it was asked for one. @type {boolean | undefined} */
    this.ranged = undefined;
    /** What a server without ranges is still sending. @type {Cursor | null} */
    this.whole = null;
  }

  /** @param {number} offset @param {number} end @param {AbortSignal} [signal] */
  async *stream(offset, end, signal) {
    const patience = this.source.patience();
    while (offset < end) {
      throwIfAborted(signal);
      /** @type {Cursor | null} */
      let cursor = null;
      try {
        cursor = await this.#cursorAt(offset, end, patience, signal);
        while (offset < end) {
          const piece = await cursor.next(cursor.position < offset ? offset : end, patience.ms, signal);
          if (!piece) throw new Error(`it ended at byte ${cursor.position} of ${this.bytes}`);
          if (cursor.position <= offset) continue; // before what is wanted
          if (offset === 0 && looksLikeHtml(piece)) throw this.#html();
          offset += piece.length;
          patience.renew();
          yield piece;
        }
      } catch (error) {
        throwIfAborted(signal);
        this.close();
        if (error instanceof ClipError) throw error;
        const { message } = /** @type {Error} */ (error);
        const failure = new ClipError('network', `${shown(this.url)} broke off at byte ${offset} of ${this.bytes}: ${message}`, error);
        if (this.fleeting && offset > 0) throw failure;
        await patience.again(failure, signal);
      } finally {
        if (cursor !== this.whole) cursor?.close();
      }
    }
  }

  #html() {
    this.source.sawHtml = true;
    return new ClipError('not-a-model', `${shown(this.url)} answers with an HTML page instead of a model's file.`);
  }

  /** @param {number} offset @param {number} end @param {Patience} patience @param {AbortSignal} [signal] */
  async #cursorAt(offset, end, patience, signal) {
    if (this.whole && this.whole.position <= offset) return this.whole;
    // Chromium answers ranges of an extension's files with the part, and the status of the whole
    const part = (offset > 0 || end < this.bytes) && !this.fleeting && /^https?:/.test(this.url);
    /** @type {Record<string, string>} */
    const headers = part ? { Range: `bytes=${offset}-${end - 1}` } : {};
    if (part && this.validator?.etag && this.source.isOwn) headers['If-Range'] = this.validator.etag;
    const response = await ask(this.url, { signal, headers }, patience);
    this.source.check(response, this.url);
    if (response.status === 404 || response.status === 410) throw new ClipError('not-found', `${shown(this.url)} does not exist.`);
    if (response.status === 416 || response.status === 412) throw changed(shown(this.url));
    if (!response.ok) throw new ClipError('not-found', `${shown(this.url)} answered ${response.status}.`);
    if (isHtml(response)) throw this.#html();
    const given = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1]; // hidden from pages of other origins
    if (response.status === 206 && given !== undefined && Number(given) !== offset) {
      throw new ClipError('wrong-size', `${shown(this.url)} answered with bytes from ${given} on instead of from ${offset}.`);
    }
    if (!this.summed) this.#compare(response);
    const length = Number(response.headers.get('content-length') ?? NaN);
    const packed = response.headers.has('content-encoding');
    const expected = response.status === 206 ? end - offset : this.bytes;
    if (!packed && Number.isFinite(length) && length !== expected) {
      response.body?.cancel().catch(() => {});
      throw new ClipError('wrong-size', `${shown(this.url)} has ${length} bytes where ${expected} were expected.`);
    }
    if (!response.body) throw new Error('it answered without a body');
    if (part || this.fleeting) this.ranged = response.status === 206;
    if (response.status === 206) return new Cursor(response.body, offset, this.url);
    return (this.whole = new Cursor(response.body, 0, this.url));
  }

  /** Throws where this is another file than before. @param {Response} response */
  #compare(response) {
    const validator = validatorOf(response);
    const first = (this.validator ??= validator);
    if (isSame(first, validator) && (validator.total ?? this.bytes) === this.bytes) return;
    response.body?.cancel().catch(() => {});
    throw changed(shown(this.url));
  }

  /** Ends what is still being sent. */
  close() {
    this.whole?.close();
    this.whole = null;
  }
}

/** What of an address's parameters says which model it is; the address alone where that is all. @param {string} base */
function identityOf(base) {
  const [, address, query] = /^([^?#]*)\??([^#]*)/s.exec(base) ?? [];
  const naming = [...new URLSearchParams(query)].filter(([key]) => !CREDENTIAL.test(key));
  return naming.length ? `${address}#${sumOf(new TextEncoder().encode(JSON.stringify(naming)))}` : address;
}

export class HttpSource extends Source {
  /**
   * @param {string} base address of the folder; what follows a question mark goes to each of its files
   * @param {{ id?: string, name?: string, files?: Record<string, string>, timeout?: number, pin?: (commit: string) => string }} [options]
   *   files: addresses of single files, where a bundler gave them new names. pin: the address of the folder at a commit, at a hub
   */
  constructor(base, { id, name, files, timeout, pin } = {}) {
    const folder = base.replace(/[?#].*$/s, '').replace(/\/(clip\.json)?$/, '');
    super(id ?? identityOf(base), name ?? decodeURIComponent(folder.split('/').pop() || folder));
    this.base = folder + '/';
    this.query = /\?[^#]*/s.exec(base)?.[0] ?? '';
    this.files = files;
    this.pin = pin;
    this.timeout = timeout;
    this.remote = true;
    /** Whether requests may carry headers that other origins would have to allow first. */
    this.isOwn = typeof location === 'undefined' || base.startsWith(location.origin + '/');
  }

  /** @param {string} name */
  url(name) {
    if (this.files && Object.hasOwn(this.files, name)) return this.files[name];
    const commit = this.versions.get(COMMIT);
    return (commit && this.pin ? this.pin(commit) : this.base) + name.split('/').map(encodeURIComponent).join('/') + this.query;
  }

  /** @override */
  get isPinned() {
    return this.pin !== undefined && this.versions.has(COMMIT);
  }

  patience() {
    return this.brief ? new Patience(Math.min(this.timeout ?? PATIENCE, BRIEF), 1) : new Patience(this.timeout);
  }

  /** Notes the commit that a hub names. @param {Response} response @param {string} url */
  check(response, url) {
    const commit = response.headers.get('x-repo-commit');
    if (commit && this.pin && /^[0-9a-f]{6,64}$/i.test(commit)) this.note(COMMIT, commit, shown(url));
  }

  /** @param {string} name @param {RequestInit & { signal?: AbortSignal }} init @param {Patience} patience
   *  @returns {Promise<{ response: Response, url: string } | null>} null where there is no such file */
  async #get(name, init, patience) {
    if (this.files && !Object.hasOwn(this.files, name)) return null;
    const url = this.url(name);
    const response = await ask(url, init, patience);
    this.check(response, url);
    if (response.status === 404 || response.status === 410) return null;
    if (!response.ok) {
      const why = response.status === 401 || response.status === 403 ? ' (it does not exist, or is not public)' : '';
      throw new ClipError('not-found', `${shown(url)} answered ${response.status}${why}.`);
    }
    if (!isHtml(response)) return { response, url };
    this.sawHtml = true; // a server that answers everything with its start page
    response.body?.cancel().catch(() => {});
    return null;
  }

  /** @override @param {string} name @param {{ signal?: AbortSignal, bytes?: number }} [options] */
  async open(name, { signal, bytes } = {}) {
    if (bytes !== undefined) return new HttpFile(this, name, bytes, null);
    const head = await this.#get(name, { method: 'HEAD', signal }, this.patience());
    if (!head) {
      this.note(name, null);
      return null;
    }
    const length = Number(head.response.headers.get('content-length') ?? NaN);
    if (!Number.isSafeInteger(length)) throw new ClipError('network', `${shown(head.url)} does not tell its size.`);
    const file = new HttpFile(this, name, length, validatorOf(head.response));
    this.note(name, file.version);
    return file;
  }

  /** @override @param {string} name @param {import('./source.js').ReadOptions} [options] */
  async bytes(name, { signal, limit = 2 ** 30 } = {}) {
    const bytes = await this.#read(name, limit, signal);
    await this.sums?.check(name, bytes, signal);
    this.note(name, bytes && sumOf(bytes));
    return bytes;
  }

  /** @param {string} name @param {number} limit @param {AbortSignal} [signal] */
  async #read(name, limit, signal) {
    const patience = this.patience();
    for (;;) {
      const found = await this.#get(name, { signal }, patience);
      if (!found) return null;
      try {
        const bytes = await bodyOf(found.response, found.url, limit, patience.ms, signal);
        if (bytes[0] !== 0x3c) return bytes;
        this.sawHtml = true; // neither JSON nor merges begin with <
        return null;
      } catch (error) {
        if (!(error instanceof ClipError) || error.code !== 'network' || !error.cause) throw error;
        await patience.again(error, signal);
      }
    }
  }
}
