/** One page at a time: of several tabs that need the same file, one fetches it, and the others find it kept. */
import { throwIfAborted } from '../error.js';

/**
 * @template T
 * @param {string | null} name null, and where there are no locks (Node before 24, pages that are not secure): at once
 * @param {AbortSignal | undefined} signal @param {() => Promise<T>} work @returns {Promise<T>}
 */
export async function exclusively(name, signal, work) {
  const locks = globalThis.navigator?.locks;
  if (!name || !locks) return work();
  let begun = false;
  try {
    return await locks.request(name, { signal }, async () => {
      begun = true;
      return work();
    });
  } catch (error) {
    if (begun) throw error;
    throwIfAborted(signal);
    return work(); // a page without an origin may not ask
  }
}
