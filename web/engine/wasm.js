/**
 * Picks the module that this engine can run and instantiates it. No Emscripten glue ships: the modules need nothing from
 * outside but a notice of growth, and the threaded ones a memory.
 */
import { ClipError } from '../error.js';

/** @typedef {'simd' | 'relaxed' | 'simd-threads' | 'relaxed-threads'} ModuleName */

// Whole modules of a few instructions each; an engine without the feature finds them invalid.
const PROBES = {
  // i8x16.splat, i8x16.popcnt
  simd: [1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
  // i16x8.relaxed_dot_i8x16_i7x16_s, whose opcode changed before the proposal was final
  relaxed: [1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 146, 2, 11],
  // i32.atomic.load of a shared memory
  threads: [1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1, 10, 11, 1, 9, 0, 65, 0, 254, 16, 2, 0, 26, 11],
};

/** @param {keyof typeof PROBES} feature */
const has = feature => WebAssembly.validate(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, ...PROBES[feature]));

/** Node 20's first-tier compiler computes the relaxed int8 dot wrongly, where a flag enables it. */
function relaxedIsSound() {
  const node = /** @type {any} */ (globalThis).process?.versions?.node;
  return !node || Number.parseInt(node, 10) >= 22;
}

/** Shared memory needs COOP and COEP headers in browsers; elsewhere (Node) nothing says so. */
const isolated = () => typeof SharedArrayBuffer === 'function' && /** @type {any} */ (globalThis).crossOriginIsolated !== false;

/** How many threads help where none were asked for: more than four share too little work. */
export const defaultThreads = () => Math.min(4, globalThis.navigator?.hardwareConcurrency ?? 1);

/**
 * @param {number} [threads] asked for; more than one where no thread can be had falls back to one
 * @returns {{ name: ModuleName, threads: number }}
 */
export function chooseModule(threads = defaultThreads()) {
  if (typeof WebAssembly !== 'object') throw new ClipError('no-wasm', 'This engine has no WebAssembly.');
  if (!has('simd')) throw new ClipError('no-simd', 'This engine has no WebAssembly SIMD (Chrome 91, Firefox 89, Safari 16.4).');
  if (!Number.isInteger(threads) || threads < 1 || threads > 16) {
    throw new ClipError('bad-argument', `threads must be a whole number from 1 to 16, not ${threads}.`);
  }
  const parallel = threads > 1 && isolated() && has('threads');
  const level = relaxedIsSound() && has('relaxed') ? 'relaxed' : 'simd';
  return { name: parallel ? `${level}-threads` : level, threads: parallel ? threads : 1 };
}

/**
 * @param {WebAssembly.Module | BufferSource | Response | string | URL | Promise<any>} wasm module, its bytes, or where they are
 * @returns {Promise<WebAssembly.Module>}
 */
export async function compile(wasm) {
  wasm = await wasm;
  if (wasm instanceof WebAssembly.Module) return wasm;
  try {
    if (typeof wasm === 'string' || wasm instanceof URL) wasm = await fetch(wasm);
    if (typeof Response === 'function' && wasm instanceof Response) {
      if (!wasm.ok) throw new ClipError('not-found', `${wasm.url} answered ${wasm.status}.`);
      // compileStreaming insists on the MIME type, which not every server knows
      const streams = wasm.headers.get('content-type') === 'application/wasm' && WebAssembly.compileStreaming;
      return streams ? await WebAssembly.compileStreaming(wasm) : await WebAssembly.compile(await wasm.arrayBuffer());
    }
    return await WebAssembly.compile(/** @type {BufferSource} */ (wasm));
  } catch (error) {
    if (error instanceof ClipError) throw error;
    throw new ClipError('no-wasm', `The WebAssembly module cannot be loaded: ${error instanceof Error ? error.message : error}`, error);
  }
}
