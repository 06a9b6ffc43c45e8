/** What a person at a terminal sees besides results. */

/** A command that was called wrongly. */
export class Usage extends Error {}

let shown = false;

/** A bar on a terminal, nothing elsewhere. @param {import('../index.js').Progress} progress */
export function showProgress(progress) {
  if (progress.phase === 'warning') say(progress.message);
  if (!process.stderr.isTTY || progress.phase === 'warning') return;
  const { phase, file, loaded, total } = progress;
  const part = total > 0 ? Math.min(1, loaded / total) : 0;
  const filled = Math.round(part * 30);
  drawLine(`${phase} ${file} [${'#'.repeat(filled)}${' '.repeat(30 - filled)}] ${(part * 100).toFixed(0)} %`);
  if (part >= 1) finishProgress();
}

/** A line that the next one takes the place of; on a terminal only. @param {string} text */
export function drawLine(text) {
  if (!process.stderr.isTTY) return;
  process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns || 80) - 1)}`);
  shown = true;
}

/** Says something to the person, not to the program that reads the results. @param {string} text */
export function say(text) {
  finishProgress();
  process.stderr.write(`clip-wasm: ${text}\n`);
}

/**
 * Aborts at the first Ctrl-C, so that what is done is kept; a second one ends the program at once.
 * @returns {{ signal: AbortSignal, done: () => void }}
 */
export function interruptible() {
  const control = new AbortController();
  const stop = () => control.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  return { signal: control.signal, done: () => void process.off('SIGINT', stop).off('SIGTERM', stop) };
}

/** Takes the bar away. */
export function finishProgress() {
  if (shown) process.stderr.write('\r\x1b[K');
  shown = false;
}

/** @param {string | undefined} text @param {string} option @param {number} max */
export function wholeNumber(text, option, max = Number.MAX_SAFE_INTEGER) {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > max) {
    throw new Usage(`${option} is a whole number from 1${max < Number.MAX_SAFE_INTEGER ? ` to ${max}` : ''}, not ${JSON.stringify(text)}`);
  }
  return value;
}

/** @template {string} T @param {string | undefined} text @param {string} option @param {readonly T[]} choices @param {T} otherwise @returns {T} */
export function oneOf(text, option, choices, otherwise) {
  if (text === undefined) return otherwise;
  if (!choices.includes(/** @type {T} */ (text))) throw new Usage(`${option} is one of ${choices.join(', ')}, not ${JSON.stringify(text)}`);
  return /** @type {T} */ (text);
}
