/** A bar for thousands of photos, on a terminal only: how many, how fast, how much longer. */
import { drawLine } from './terminal.js';

const WIDTH = 24;
/** ms between two drawings. */
const PAUSE = 100;

/** @param {number} seconds */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return '';
  if (seconds < 100) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/**
 * How long is left, of work whose pieces differ. The mean of everything is slow to tell that the rest is different, the last piece
 * jumps about: so it is the mean of the last third.
 */
export class Rate {
  /** @type {{ time: number, done: number }[]} */
  #marks = [];

  /** @param {number} done pieces @param {number} time in ms */
  mark(done, time) {
    this.#marks.push({ time, done });
    if (this.#marks.length > 3000) this.#marks = this.#marks.filter((_, i) => i % 2 === 0);
  }

  /** Pieces a second; 0 before there is anything to tell it by. */
  get perSecond() {
    const last = this.#marks.at(-1);
    if (!last || this.#marks.length < 2) return 0;
    const first = this.#marks.find(({ done }) => done >= last.done / 3) ?? this.#marks[0];
    const from = first === last ? this.#marks[0] : first;
    return last.time > from.time ? ((last.done - from.done) * 1000) / (last.time - from.time) : 0;
  }

  /** @param {number} total @returns {number} seconds */
  left(total) {
    const done = this.#marks.at(-1)?.done ?? 0;
    return done >= total ? 0 : (total - done) / this.perSecond;
  }
}

export class Bar {
  #rate = new Rate();
  #drawn = 0;

  /** @param {string} verb @param {number} total */
  constructor(verb, total) {
    this.verb = verb;
    this.total = total;
  }

  /** @param {number} done */
  at(done) {
    const now = performance.now();
    this.#rate.mark(done, now);
    if (now - this.#drawn < PAUSE && done < this.total) return;
    this.#drawn = now;
    drawLine(this.text(done));
  }

  /** @param {number} done */
  text(done) {
    const { total } = this;
    const filled = Math.round((done / total) * WIDTH);
    const rate = this.#rate.perSecond;
    const speed = rate ? `  ${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s  ${duration(this.#rate.left(total))} left` : '';
    return `${this.verb} [${'#'.repeat(filled)}${' '.repeat(WIDTH - filled)}] ${done} of ${total}${speed}`;
  }
}
