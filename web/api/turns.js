/** Long work in the caller's thread, which lets other things have their turn. */

/** Milliseconds of work before that. */
const SLICE = 8;

/** Comes back when others have had theirs. @type {() => Promise<void>} */
export const pause = (() => {
  const { scheduler, setImmediate } = /** @type {any} */ (globalThis);
  if (scheduler?.yield) return () => scheduler.yield();
  if (setImmediate) return () => new Promise(resolve => setImmediate(resolve));
  return () =>
    new Promise(resolve => {
      const { port1, port2 } = new MessageChannel(); // a timeout would wait for some milliseconds
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(0);
    });
})();

/** Tells every few milliseconds that it is time for others. @returns {() => boolean} */
export function clock() {
  let since = performance.now();
  return () => {
    if (performance.now() - since < SLICE) return false;
    since = performance.now();
    return true;
  };
}

/** Work on [0, count) in pieces. @param {number} count @param {number} piece @param {(from: number, to: number) => void} work */
export async function inPieces(count, piece, work) {
  const isTime = clock();
  for (let from = 0; from < count; from += piece) {
    if (isTime()) await pause();
    work(from, Math.min(count, from + piece));
  }
}
