/**
 * A running instance of the module: memory, strings, calls. Views of the memory are made anew at each use, since the memory
 * may have grown (and moved) in between.
 */
import { ClipError, codeOf } from '../error.js';

/** Pages of 64 KiB that a shared memory begins with, and may grow to; some phones refuse to set aside 4 GiB of addresses. */
const INITIAL_PAGES = 256;
const MAXIMUM_PAGES = [65536, 32768, 16384];
const STACK = 1 << 18;

/** The threaded modules import their memory, the others export it. @param {WebAssembly.Module} module */
const isThreaded = module => WebAssembly.Module.imports(module).some(({ kind }) => kind === 'memory');

function sharedMemory() {
  for (const maximum of MAXIMUM_PAGES) {
    try {
      return new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum, shared: true });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  throw new ClipError('out-of-memory', 'There is no room for the WebAssembly memory.');
}

/** What the worker of a thread is sent; `block` is memory for its stack and thread-local storage (see emcc.mk).
 * @typedef {{ module: WebAssembly.Module, memory: WebAssembly.Memory, engine: number, index: number, block: number }} ThreadStart */
/** @typedef {{ started: Promise<void>, terminate: () => void }} ThreadHandle */
/** Starts a worker that calls runThread(start). @typedef {(start: ThreadStart) => ThreadHandle} SpawnThread */

/** @typedef {import('./exports.js').Exports & import('./exports.js').ReaderExports} Exports */
/** Those that answer a clip_status, or a pointer or number like one. @typedef {{ [N in keyof Exports]: Exports[N] extends (...args: any) => number ? N : never }[keyof Exports]} Answering */

/** The life of a thread; returns when the engine is destroyed. @param {ThreadStart} start @param {() => void} ready */
export function runThread({ module, memory, engine, index, block }, ready) {
  const exports = /** @type {any} */ (new WebAssembly.Instance(module, { env: { memory } }).exports);
  const align = exports.__tls_align.value;
  exports.__stack_pointer.value = block + STACK;
  exports.__wasm_init_tls(Math.ceil((block + STACK) / align) * align);
  ready();
  exports.engine_work(engine, index);
}

export class Instance {
  /** @param {WebAssembly.Module} module */
  static async create(module) {
    const memory = isThreaded(module) ? sharedMemory() : undefined;
    try {
      const { exports } = await WebAssembly.instantiate(module, memory ? { env: { memory } } : {});
      return new Instance(module, /** @type {any} */ (exports), memory);
    } catch (error) {
      if (error instanceof RangeError) throw new ClipError('out-of-memory', 'There is no room for the WebAssembly memory.', error);
      throw new ClipError('no-wasm', `The WebAssembly module cannot be started: ${/** @type {any} */ (error)?.message}`, error);
    }
  }

  /** @param {WebAssembly.Module} module @param {any} exports @param {WebAssembly.Memory} [shared] */
  constructor(module, exports, shared) {
    this.module = module;
    this.exports = exports;
    /** @type {WebAssembly.Memory} */
    this.memory = shared ?? exports.memory;
    this.threaded = shared !== undefined;
    /** After a trap nothing in the memory can be trusted any more. */
    this.crashed = false;
    exports._initialize();
  }

  /** Calls an exported function. @template {keyof Exports} N @param {N} name @param {Parameters<Exports[N]>} args
   *  @returns {ReturnType<Exports[N]>} */
  call(name, ...args) {
    if (this.crashed) throw new ClipError('crashed', 'The engine has crashed before; make a new one.');
    try {
      return this.exports[name](...args);
    } catch (error) {
      this.crashed = true;
      throw new ClipError('crashed', `The engine crashed in ${name}: ${/** @type {any} */ (error)?.message}`, error);
    }
  }

  /** Calls a function that answers a clip_status; `what` begins the message of its failure. @param {() => string} what
   *  @template {Answering} N @param {N} name @param {Parameters<Exports[N]>} args */
  run(what, name, ...args) {
    this.check(what, this.call(name, ...args));
  }

  /** @param {() => string} what @param {number} status */
  check(what, status) {
    if (status < 0) throw new ClipError(codeOf(status), `${what()}: ${this.string(this.call('status_text', status))}`);
  }

  /** @param {number} bytes */
  malloc(bytes) {
    const pointer = this.call('malloc', bytes);
    if (!pointer) throw new ClipError('out-of-memory', `There is no room for ${bytes} bytes.`);
    return pointer >>> 0;
  }

  /** @param {number} pointer */
  free(pointer) {
    if (pointer && !this.crashed) this.call('free', pointer);
  }

  /**
   * Runs `work` with an allocator whose memory is freed afterwards.
   * @template T @param {(alloc: (bytes: number) => number) => T} work @returns {T}
   */
  scope(work) {
    /** @type {number[]} */
    const pointers = [];
    try {
      return work(bytes => {
        pointers.push(this.malloc(bytes));
        return pointers[pointers.length - 1];
      });
    } finally {
      for (const pointer of pointers) this.free(pointer);
    }
  }

  /** @param {number} pointer @param {number} length */
  u8(pointer, length) {
    return new Uint8Array(this.memory.buffer, pointer, length);
  }
  /** @param {number} pointer @param {number} length */
  u32(pointer, length) {
    return new Uint32Array(this.memory.buffer, pointer, length);
  }
  /** @param {number} pointer @param {number} length */
  f32(pointer, length) {
    return new Float32Array(this.memory.buffer, pointer, length);
  }
  /** @param {number} pointer @param {number} length */
  f64(pointer, length) {
    return new Float64Array(this.memory.buffer, pointer, length);
  }

  /** The C string at a pointer. @param {number} pointer */
  string(pointer) {
    const bytes = new Uint8Array(this.memory.buffer);
    // slice copies: TextDecoder refuses views of shared memory
    return new TextDecoder().decode(bytes.slice(pointer, bytes.indexOf(0, pointer)));
  }

  /** Makes the memory what another instance of the same module had. The stack is empty between calls, so that memory is all there is.
   *  @param {ArrayBuffer} bytes */
  restore(bytes) {
    const missing = bytes.byteLength - this.memory.buffer.byteLength;
    try {
      if (missing > 0) this.memory.grow(Math.ceil(missing / 65536));
    } catch (error) {
      throw new ClipError('out-of-memory', `There is no room for ${bytes.byteLength} bytes.`, error);
    }
    new Uint8Array(this.memory.buffer).set(new Uint8Array(bytes));
  }

  /**
   * Starts the engine's other threads and waits until each has begun; one that does not start, or does not answer in time, is done without.
   * @param {number} engine @param {number} threads @param {SpawnThread} spawn
   */
  async startThreads(engine, threads, spawn) {
    const { __tls_size: size, __tls_align: align } = this.exports;
    /** @type {ThreadHandle[]} */
    const handles = [];
    /** @type {Promise<unknown>[]} */
    const answers = [];
    let timer;
    const late = new Promise(resolve => (timer = setTimeout(resolve, 10_000)));
    for (let index = 1; index < threads; index++) {
      const block = this.malloc(STACK + size.value + align.value);
      try {
        const handle = spawn({ module: this.module, memory: this.memory, engine, index, block });
        const started = handle.started.then(
          () => handles.push(handle),
          () => handle.terminate(),
        );
        answers.push(Promise.race([started, late.then(() => handles.includes(handle) || handle.terminate())]));
      } catch {
        // the policy of the page, say, allows no worker here
      }
    }
    await Promise.all(answers);
    clearTimeout(timer);
    return handles;
  }
}
