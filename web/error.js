/** The one error that this package throws, and the words for the core's status codes. */

/**
 * Stable codes, for programs; the message is for people.
 *
 * - model: `not-a-model` `not-found` `bad-manifest` `bad-config` `bad-file` `bad-shape` `bad-dtype` `missing-tensor` `bad-value`
 *   `bad-merges` `bad-tokenizer` `no-tokenizer` `unsupported` `unknown-tensor` `no-weights` `wrong-chunk` `wrong-sum` `wrong-size` `model-changed` `network`
 *   `not-fetched` (offline, and texts need what was never fetched of the model)
 * - pictures: `bad-image` `unknown-image-format` `bad-image-size` `tainted-image` `bad-input`
 * - text: `no-labels` `bad-label` `bad-text` `bad-template`
 * - running: `aborted` `disposed` `bad-argument` `out-of-memory` `no-simd` `no-wasm` `crashed` `worker`
 * - warnings only: `not-cached` `not-verified` `not-refreshed`
 *
 * @typedef {'not-a-model' | 'not-found' | 'bad-manifest' | 'bad-config' | 'bad-file' | 'bad-shape' | 'bad-dtype' | 'missing-tensor'
 *   | 'bad-value' | 'bad-merges' | 'bad-tokenizer' | 'no-tokenizer' | 'unsupported' | 'unknown-tensor' | 'no-weights' | 'wrong-chunk' | 'wrong-sum' | 'wrong-size' | 'model-changed' | 'network' | 'not-fetched' | 'bad-image'
 *   | 'unknown-image-format' | 'bad-image-size' | 'tainted-image' | 'bad-input' | 'no-labels' | 'bad-label' | 'bad-text'
 *   | 'bad-template' | 'aborted' | 'disposed' | 'bad-argument' | 'out-of-memory' | 'no-simd' | 'no-wasm' | 'crashed' | 'worker'
 *   | 'not-cached' | 'not-verified' | 'not-refreshed'} ClipErrorCode
 */

export class ClipError extends Error {
  /**
   * @param {ClipErrorCode} code
   * @param {string} message what was wrong with what: the file, the tensor, the offset, the label
   * @param {unknown} [cause]
   */
  constructor(code, message, cause) {
    super(message, cause === undefined ? undefined : { cause });
    /** As the platform's own aborts, so that code that looks for `AbortError` finds this one too. */
    this.name = code === 'aborted' ? 'AbortError' : 'ClipError';
    /** @type {ClipErrorCode} */
    this.code = code;
  }
}

/** src/status.h @type {Record<number, ClipErrorCode>} */
const CODES = {
  [-1]: 'out-of-memory',
  [-2]: 'bad-argument',
  [-3]: 'bad-file',
  [-4]: 'bad-config',
  [-5]: 'bad-shape',
  [-6]: 'bad-dtype',
  [-7]: 'missing-tensor',
  [-8]: 'bad-value',
  [-9]: 'bad-image',
  [-10]: 'unknown-image-format',
  [-11]: 'bad-image-size',
  [-12]: 'bad-merges',
  [-13]: 'bad-text',
  [-20]: 'bad-tokenizer',
  [-14]: 'unknown-tensor',
};

/** @param {number} status a clip_status below zero @returns {ClipErrorCode} */
export const codeOf = status => CODES[status] ?? 'bad-argument';

/**
 * Errors cross the worker's border as plain objects: structured clone would drop the code.
 * @typedef {{ code: ClipErrorCode, message: string }} PlainError
 * @param {unknown} error @returns {PlainError}
 */
export function toPlain(error) {
  if (error instanceof ClipError) return { code: error.code, message: error.message };
  return { code: 'worker', message: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
}

/** @param {PlainError} plain */
export const fromPlain = plain => new ClipError(plain.code, plain.message);

/** @param {AbortSignal | null | undefined} signal */
export function throwIfAborted(signal) {
  if (signal?.aborted) throw new ClipError('aborted', 'The operation was aborted.', signal.reason);
}

/** Says whether a string has no lone surrogates: those have no UTF-8. @param {string} text */
export const isWellFormed = text => !/\p{Surrogate}/u.test(text);
