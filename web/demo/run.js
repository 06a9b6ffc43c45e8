/**
 * A run over photos that can be steered: which comes next is asked anew each time (what is in view goes first), and it can be stopped and
 * resumed. A photo that cannot be read does not stop it.
 */

/** Photos from which the rate is told. */
const RECENT = 48;

export class Run {
  stopped = false;
  #active = false;
  /** What is being read now, by its file. @type {Map<Blob, any>} */
  #flying = new Map();
  #times = [];

  /**
   * @param {{ next: (flying: (photo: any) => boolean) => any, recall: (photo: any) => Promise<boolean>,
   *  encodeEach: (files: AsyncIterable<Blob>) => AsyncIterable<{ input: Blob, embedding?: Float32Array, error?: any }>,
   *  onRead: (photo: any, embedding: Float32Array | undefined, error: any) => void, onFail: (error: any) => void, onTurn: () => void,
   *  onChange: () => void }} parts next: the photo to read next, undefined when there is none; recall: whether it is known already; onTurn:
   *   it begins, stops, goes on or ends; onChange: it has come further
   */
  constructor(parts) {
    Object.assign(this, parts);
  }

  get running() {
    return this.#active && !this.stopped;
  }

  /** So many photos a second lately; 0 while too little is known. */
  get rate() {
    const times = this.#times;
    return times.length < 4 ? 0 : ((times.length - 1) * 1000) / (times.at(-1) - times[0]);
  }

  stop() {
    this.stopped = true;
    this.#times = [];
    this.#turned();
  }

  resume() {
    this.stopped = false;
    this.#turned();
    this.go();
  }

  /** Begins, if there is something to do and nobody has stopped it. */
  async go() {
    if (this.#active || this.stopped || !this.next(() => false)) return this.onChange();
    this.#active = true;
    this.#turned();
    try {
      for await (const { input, embedding, error } of this.encodeEach(this.#source())) {
        const photo = this.#flying.get(input);
        this.#flying.delete(input);
        if (photo) this.#landed(photo, embedding, error);
      }
    } catch (error) {
      this.#active = false;
      this.#flying.clear();
      this.onFail(error);
      return this.#turned();
    }
    this.#active = false;
    this.#flying.clear();
    if (!this.stopped && this.next(() => false)) return this.go(); // added, or resumed, while the last were being read
    this.#times = [];
    this.#turned();
  }

  #turned() {
    this.onTurn();
    this.onChange();
  }

  async *#source() {
    while (!this.stopped) {
      const flying = new Set(this.#flying.values());
      const photo = this.next(one => flying.has(one));
      if (!photo) return;
      if (await this.recall(photo)) this.#landed(photo, undefined, null);
      else {
        this.#flying.set(photo.file, photo);
        yield photo.file;
      }
    }
  }

  #landed(photo, embedding, error) {
    this.#times.push(performance.now());
    if (this.#times.length > RECENT) this.#times.shift();
    this.onRead(photo, embedding, error);
    this.onChange();
  }
}
