/**
 * Several workers with one model, for batches. The first is there from the beginning and does all single calls; the others are started
 * when a batch turns out to be more than a few pictures, as copies of the first one's memory: nothing is fetched, read or converted
 * again. Each holds the model once more, so they are let go when no batch has come for a while. Where the first has threads, those rest
 * during a batch: a picture for each core is done sooner than each picture by all of them (tests/bench/batches.mjs).
 *
 * Each worker has two pictures at a time: while it computes one, the bytes of the other are read, or the browser decodes it.
 */
import { ClipError, throwIfAborted } from '../error.js';
import { WorkerClient, callBack } from './client.js';

/** @typedef {import('./client.js').Client} Client */
/** @typedef {import('./client.js').CallOptions} CallOptions */
/** @typedef {import('./session.js').Call} Call */
/** One of a batch, as a worker is asked for it; `first`: only the first worker has what it needs.
 * @typedef {{ call: Call, args: any[], transfer?: Transferable[], first?: boolean }} Task */
/** @typedef {{ phase: 'pictures', loaded: number, total: number | undefined }} BatchProgress `total` where it is known */
/**
 * @typedef {object} BatchOptions
 * @property {AbortSignal | null} [signal] what is done by then still comes
 * @property {boolean} [ordered] whether results come in the order of the inputs (the default), or each as soon as it is there
 * @property {(progress: BatchProgress) => void} [onProgress]
 * @property {number} [total] how many inputs there are, where they do not say so themselves
 */
/** @template I, R @typedef {{ index: number, input: I, value?: R, error?: ClipError }} Done */

/** Batches up to this many pictures are not worth another worker. */
export const FEW = 3;
const DEPTH = 2;
/** Results that wait for an earlier one, or for the caller, as a multiple of what runs. */
const BACKLOG = 4;
/** A picture that is being computed when its batch is aborted may end, in ms. */
const GRACE = 1000;
const IDLE = 30_000;
/** After these the worker is another one: what it did not answer is asked for once more. */
const LOST = ['aborted', 'crashed', 'out-of-memory', 'worker'];

/** @param {any} inputs */
const lengthOf = inputs => (Number.isInteger(inputs?.length) ? inputs.length : Number.isInteger(inputs?.size) ? inputs.size : undefined);

export class Pool {
  /** @param {Client} first @param {(() => Client) | null} [more] makes another, opened with its first call @param {number} [limit] of all */
  constructor(first, more = null, limit = 1) {
    this.first = first;
    this.more = more;
    this.limit = more ? limit : 1;
    /** @type {Client[]} */
    this.others = [];
    /** The one that is being started. @type {Promise<void> | null} */
    this.growing = null;
    this.batches = 0;
    /** Address of the worker's script, for messages. @type {string | undefined} */
    this.script = undefined;
    /** What takes the first worker's place if that does not start. @type {(() => Client) | undefined} */
    this.otherwise = undefined;
    /** A timer. @type {any} */
    this.idle = undefined;
  }

  /**
   * @param {() => import('./client.js').WorkerLike} start @param {() => Promise<any>} message what a worker's open needs
   * @param {(warning: import('../error.js').PlainError) => void} warn @param {number} limit of workers @param {number} [room] bytes that
   *   all workers' memories may have together
   */
  static ofWorkers(start, message, warn, limit, room = Number.POSITIVE_INFINITY) {
    const first = new WorkerClient(start, async () => ({ message: await message() }), warn);
    const copy = async () => {
      /** @type {import('./session.js').Snapshot} */
      const snapshot = await first.request('snapshot', [], { beside: true });
      const workers = 2 + pool.others.length;
      if (snapshot.memory.byteLength * workers > room) throw new ClipError('out-of-memory', 'There is no room for another worker.');
      return { message: { ...(await message()), snapshot }, transfer: [snapshot.memory] };
    };
    const pool = new Pool(first, () => new WorkerClient(start, copy, warn), limit);
    return pool;
  }

  /** Opens the model. @param {CallOptions} [options] */
  async open(options) {
    try {
      return await this.first.request(null, [], options);
    } catch (error) {
      if (!this.otherwise || !(error instanceof ClipError) || error.code !== 'worker') throw error;
      this.first.dispose();
      this.first = this.otherwise();
      this.limit = 1;
      return this.first.request(null, [], options);
    }
  }

  /** A call that the first worker does. @param {Call | null} call @param {any[]} args @param {CallOptions} [options] @returns {Promise<any>} */
  request(call, args, options) {
    return this.first.request(call, args, options);
  }

  /** @returns {import('./session.js').SessionInfo & { workers: number }} */
  get info() {
    return { .../** @type {any} */ (this.first.info), workers: 1 + this.others.length };
  }

  dispose() {
    clearTimeout(this.idle);
    this.first.dispose();
    this.#shrink();
    this.limit = 1;
  }

  #shrink() {
    for (const other of this.others.splice(0)) other.dispose();
  }

  /** Whether the first one's threads rest. @param {boolean} is */
  #alone(is) {
    if (/** @type {any} */ (this.first.info)?.threads > 1) this.first.request('alone', [is], { beside: true }).catch(() => {});
  }

  /** Starts another worker, if there may be one and none is being started; `then` is called when it is there. @param {() => void} then */
  #grow(then) {
    const { more } = this;
    if (!more || this.growing || 1 + this.others.length >= this.limit) return;
    const other = more();
    this.growing = other
      .request(null, [])
      .then(() => {
        if (this.first.disposed) return other.dispose();
        this.others.push(other);
        this.#alone(true);
      })
      .catch(() => {
        other.dispose();
        this.limit = 1 + this.others.length; // no room, or no leave: it goes with those that are there
      })
      .finally(() => {
        this.growing = null;
        then();
      });
  }

  /**
   * Asks the workers for each of some inputs. Never has more of them at a time than the workers need, however many there are.
   * @template I, R
   * @param {Iterable<I> | AsyncIterable<I>} inputs
   * @param {(input: I, index: number) => Promise<Task>} taskOf its errors, like the worker's, are the input's
   * @param {BatchOptions & { begin?: (input: I) => Promise<unknown>, setUp?: (client: Client) => Promise<unknown> }} options begin: before
   *   a task; its errors end the batch. setUp: before the first task of a worker but the first
   * @returns {AsyncGenerator<Done<I, R>, void, void>}
   */
  async *each(inputs, taskOf, { signal, ordered = true, onProgress, total = lengthOf(inputs), begin, setUp }) {
    throwIfAborted(signal);
    /** @type {Iterator<I> | AsyncIterator<I>} */
    const source = /** @type {any} */ (inputs)[Symbol.asyncIterator]?.() ?? /** @type {any} */ (inputs)[Symbol.iterator]();
    const control = new AbortController();
    /** Of what runs, each by itself: a signal with many listeners makes Node warn. @type {Set<AbortController>} */
    const controls = new Set();
    const stop = () => {
      control.abort();
      for (const one of controls) one.abort();
    };
    signal?.addEventListener('abort', stop, { once: true });
    /** @type {Map<Client, { load: number, ready?: Promise<unknown>, of?: unknown }>} */
    const lanes = new Map();
    const done = /** @type {Map<number, Done<I, R>>} */ (new Map());
    let [count, running, loaded, ended] = [0, 0, 0, false];
    let failure = /** @type {unknown} */ (undefined);
    let wake = () => {};
    const changed = () => wake();
    control.signal.addEventListener('abort', changed);

    const lane = (/** @type {Client} */ client) => {
      if (!lanes.has(client)) lanes.set(client, { load: 0 });
      return /** @type {{ load: number, ready?: Promise<unknown>, of?: unknown }} */ (lanes.get(client));
    };
    const clients = () => [this.first, ...this.others];
    const hasRoom = () => {
      const most = clients().length * DEPTH;
      return running < most && running + done.size < most * BACKLOG;
    };

    /** @param {I} input @param {number} index @returns {Promise<R>} */
    const ask = async (input, index) => {
      const { call, args, transfer, first } = await taskOf(input, index);
      const client = first ? this.first : clients().reduce((a, b) => (lane(b).load < lane(a).load ? b : a));
      const its = lane(client);
      const own = new AbortController();
      if (control.signal.aborted) own.abort();
      controls.add(own);
      its.load++;
      try {
        const options = { beside: true, signal: own.signal, grace: GRACE };
        if (setUp && client !== this.first) {
          if (its.of !== client.life) its.ready = setUp(client); // it is new, or had to be started anew
          its.of = client.life;
          await its.ready;
        }
        return await client.request(call, args, { ...options, transfer });
      } finally {
        controls.delete(own);
        its.load--;
      }
    };

    /** @param {I} input @param {number} index */
    const work = async (input, index) => {
      /** @type {Done<I, R>} */
      const result = { index, input };
      try {
        await begin?.(input);
      } catch (error) {
        failure ??= error;
        running--;
        return changed();
      }
      try {
        result.value = await ask(input, index).catch(error => {
          if (control.signal.aborted || this.first.disposed || !LOST.includes(error?.code)) throw error;
          return ask(input, index);
        });
      } catch (error) {
        result.error = error instanceof ClipError ? error : new ClipError('bad-input', `Input ${index + 1}: ${error}`, error);
      }
      running--;
      if (result.error?.code === 'disposed') failure ??= result.error;
      else if (!control.signal.aborted) {
        done.set(index, result);
        loaded++;
        try {
          if (onProgress) callBack(onProgress, { phase: 'pictures', loaded, total });
        } catch (error) {
          failure ??= error;
        }
      }
      changed();
    };

    /** Reads inputs while there is room for them. */
    let reading = false;
    const read = async () => {
      reading = true;
      try {
        while (!ended && !control.signal.aborted && hasRoom()) {
          const { done: last, value } = await source.next();
          const input = await value;
          if (last) ended = true;
          else if (!control.signal.aborted) {
            running++;
            work(input, count++);
          }
        }
      } catch (error) {
        ended = true;
        failure ??= error instanceof ClipError ? error : new ClipError('bad-input', `The inputs end with an error: ${error}`, error);
      }
      reading = false;
      if ((total ?? count) > FEW && !ended) this.#grow(changed);
      changed();
    };

    if (!this.batches++ && this.others.length) this.#alone(true);
    clearTimeout(this.idle);
    try {
      for (let next = 0; ; ) {
        const index = ordered && !control.signal.aborted && !failure ? next : Math.min(...done.keys());
        const result = done.get(index);
        if (result) {
          done.delete(index);
          next = index + 1;
          yield result;
          continue;
        }
        throwIfAborted(signal);
        if (failure && (!running || this.first.disposed)) throw failure;
        if (ended && !running && !done.size) return;
        const more = !reading && !ended && !failure && hasRoom();
        const news = new Promise(resolve => (wake = () => resolve(undefined)));
        if (more) read();
        await news;
      }
    } finally {
      stop();
      signal?.removeEventListener('abort', stop);
      if (!ended) Promise.resolve(source.return?.()).catch(() => {});
      if (--this.batches === 0) {
        if (this.others.length && !this.first.disposed) this.#alone(false);
        this.idle = setTimeout(() => this.#shrink(), IDLE);
        this.idle.unref?.(); // in Node it is no reason to stay
      }
    }
  }
}
