/** Small safetensors files, whole in memory: what the command line checks models against, and writes. */
import { ClipError } from '../error.js';

/** @typedef {{ dtype: string, shape: number[], data_offsets: [number, number] }} Entry */
/** @typedef {{ dtype: string, shape: number[], data: Uint8Array }} Tensor */

/** @param {Uint8Array} bytes at least the header's @param {string} label @returns {{ entries: Record<string, Entry>, start: number }} */
export function readHeader(bytes, label) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length >= 8 ? Number(view.getBigUint64(0, true)) : Infinity;
  if (8 + length > bytes.length) throw new ClipError('bad-file', `${label}: the header does not fit the file.`);
  try {
    const { __metadata__: _, ...entries } = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    return { entries, start: 8 + length };
  } catch (error) {
    throw new ClipError('bad-file', `${label}: the header is not JSON.`, error);
  }
}

/** @param {Uint8Array} bytes @param {string} label @returns {Record<string, Tensor>} */
export function readSafetensors(bytes, label) {
  const { entries, start } = readHeader(bytes, label);
  const data = bytes.length - start;
  for (const [name, entry] of Object.entries(entries)) {
    const [from, to] = Array.isArray(entry?.data_offsets) ? entry.data_offsets : [NaN, NaN];
    const isRange = Number.isSafeInteger(from) && Number.isSafeInteger(to) && 0 <= from && from <= to && to <= data;
    if (!isRange || typeof entry.dtype !== 'string' || !Array.isArray(entry.shape))
      throw new ClipError('bad-file', `${label}: the header's entry for ${JSON.stringify(name.slice(0, 100))} does not fit the file.`);
  }
  return Object.fromEntries(
    Object.entries(entries).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => [name, { dtype, shape, data: bytes.subarray(start + from, start + to) }],
    ),
  );
}

/** @param {Record<string, Tensor>} tensors @returns {Uint8Array} */
export function writeSafetensors(tensors) {
  let at = 0;
  const entries = Object.entries(tensors).map(([name, { dtype, shape, data }]) => [
    name,
    { dtype, shape, data_offsets: [at, (at += data.length)] },
  ]);
  const json = JSON.stringify(Object.fromEntries(entries));
  const header = new TextEncoder().encode(json + ' '.repeat((8 - (json.length % 8)) % 8));
  const bytes = new Uint8Array(8 + header.length + at);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  let end = 8 + header.length;
  for (const { data } of Object.values(tensors)) {
    bytes.set(data, end);
    end += data.length;
  }
  return bytes;
}

/** @param {number[]} shape @param {Float32Array} values @returns {Tensor} */
export const f32Tensor = (shape, values) => ({
  dtype: 'F32',
  shape,
  data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
});

/** @param {Tensor | undefined} tensor @param {string} name @returns {Float32Array} */
export function f32Of(tensor, name) {
  if (tensor?.dtype !== 'F32') throw new ClipError('missing-tensor', `There is no F32 tensor ${name}.`);
  return new Float32Array(Uint8Array.from(tensor.data).buffer); // aligned, which the file need not be
}
