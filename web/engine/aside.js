/**
 * Large pictures are read in a worker of their own, which is ended when none has come for a while: a module's memory never shrinks, and
 * what a garbage collector has not found yet is not given back either.
 *
 *     in   { pictures: WebAssembly.Module }      first
 *          { id, method, args }                  of Pictures
 *     out  { id, result } or { id, error }
 */
import { ClipError, fromPlain, toPlain } from '../error.js';
import { Instance } from './instance.js';
import { Pictures } from './pictures.js';

/** Starts such a worker; `hear` is called with what it answers, or with nothing when it has failed.
 * @typedef {(hear: (answer?: any) => void) => { post: (message: any, transfer?: Transferable[]) => void, terminate: () => void }} StartAside */

/** ms without a picture until the worker is ended. */
const IDLE = 500;

export class Aside {
  /** @param {WebAssembly.Module} module @param {StartAside} [start] without it they are read here, in an instance of their own */
  constructor(module, start) {
    this.module = module;
    this.start = start;
    /** @type {ReturnType<StartAside> | null} */
    this.worker = null;
    this.count = 0;
    /** @type {Map<number, { resolve: (value: any) => void, reject: (error: unknown) => void }>} */
    this.calls = new Map();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** @param {Parameters<Pictures['probe']>} args @returns {Promise<ReturnType<Pictures['probe']>>} */
  probe(...args) {
    return this.#ask('probe', args);
  }

  /** @param {Parameters<Pictures['crop']>} args @returns {Promise<Uint8Array>} */
  crop(...args) {
    return this.#ask('crop', args);
  }

  /** The pixels are given away. @param {Parameters<Pictures['cropPixels']>} args @returns {Promise<Uint8Array>} */
  cropPixels(...args) {
    const { buffer } = args[0].data;
    return this.#ask('cropPixels', args, buffer instanceof ArrayBuffer ? [buffer] : []);
  }

  /** @param {'probe' | 'crop' | 'cropPixels'} method @param {any[]} args @param {Transferable[]} [transfer] @returns {Promise<any>} */
  async #ask(method, args, transfer = []) {
    if (!this.start) return perform(new Pictures(await Instance.create(this.module)), method, args);
    const worker = this.worker ?? this.#launch(this.start);
    clearTimeout(this.timer);
    const id = ++this.count;
    try {
      return await new Promise((resolve, reject) => {
        this.calls.set(id, { resolve, reject });
        worker.post({ id, method, args }, transfer);
      });
    } finally {
      this.calls.delete(id);
      if (!this.calls.size && this.worker) {
        this.timer = setTimeout(() => this.end(), IDLE);
        /** @type {any} */ (this.timer).unref?.(); // in Node it is no reason to stay
      }
    }
  }

  /** @param {StartAside} start */
  #launch(start) {
    const worker = start(answer => {
      if (!answer) return this.#fail();
      const call = this.calls.get(answer.id);
      if (answer.error) call?.reject(fromPlain(answer.error));
      else call?.resolve(answer.result);
    });
    this.worker = worker;
    worker.post({ pictures: this.module });
    return worker;
  }

  #fail() {
    this.end();
    for (const { reject } of this.calls.values())
      reject(new ClipError('out-of-memory', 'The worker that reads large pictures has failed.'));
  }

  end() {
    clearTimeout(this.timer);
    this.worker?.terminate();
    this.worker = null;
  }
}

/** @param {Pictures} pictures @param {'probe' | 'crop' | 'cropPixels'} method @param {any[]} args */
const perform = (pictures, method, args) => /** @type {(...all: any[]) => any} */ (pictures[method]).apply(pictures, args);

/** The worker's side. @param {WebAssembly.Module} module @param {(answer: any) => void} post */
export function serveAside(module, post) {
  /** @type {Promise<Pictures> | undefined} */
  let pictures;
  return async (/** @type {{ id: number, method: 'probe' | 'crop' | 'cropPixels', args: any[] }} */ { id, method, args }) => {
    try {
      pictures ??= Instance.create(module).then(instance => new Pictures(instance));
      post({ id, result: perform(await pictures, method, args) });
    } catch (error) {
      post({ id, error: toPlain(error) });
    }
  };
}
