/**
 * Embeddings as files of other programs: NumPy's .npy, and safetensors. Numbers are little-endian f32 in what is written; f64, f16, bf16 and int8
 * are read too.
 *
 *     const bytes = await Clip.exportEmbeddings(embeddings, 'safetensors', { names });
 *     const { data, width, names } = await Clip.importEmbeddings(bytes);
 *     const index = await Clip.index(data, { width });
 */
import { ClipError } from '../error.js';
import { bad, embeddingList, embeddingOf, optionsOf } from './arguments.js';
import { inPieces } from './turns.js';

/** @typedef {import('./embeddings.js').EmbeddingIndex} EmbeddingIndex */
/** @typedef {import('./embeddings.js').Flat} Flat */
/** @typedef {{ names?: readonly string[], model?: string, width?: number }} ExportOptions names: of the embeddings, in a safetensors file's metadata. model: of
 *  which they are, likewise. width: where all are given in one array */
/**
 * @typedef {object} ImportedEmbeddings
 * @property {Float32Array | Int8Array} data all numbers, as Clip.index takes them
 * @property {number} width numbers of an embedding
 * @property {number} length how many embeddings
 * @property {(Float32Array | Int8Array)[]} embeddings each by itself: views of `data`
 * @property {string[] | null} names where the file has them
 * @property {string | null} model likewise
 */

const UTF8 = new TextEncoder();

/** NumPy's format 1.0. @param {number} count @param {number} width @returns {Uint8Array} what comes before the numbers */
export function npyHeader(count, width) {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${count}, ${width}), }`;
  const header = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  return Uint8Array.of(0x93, ...UTF8.encode('NUMPY'), 1, 0, header.length & 255, header.length >> 8, ...UTF8.encode(header));
}

/** One tensor, image_embeds; names are in the metadata, as a JSON array. @param {number} count @param {number} width
 *  @param {{ names?: readonly string[], model?: string }} more @returns {Uint8Array} what comes before the numbers */
export function safetensorsHeader(count, width, { names, model }) {
  const metadata = { ...(names && { files: JSON.stringify(names) }), ...(model !== undefined && { model }) };
  const json = JSON.stringify({
    ...(Object.keys(metadata).length && { __metadata__: metadata }),
    image_embeds: { dtype: 'F32', shape: [count, width], data_offsets: [0, count * width * 4] },
  });
  const header = UTF8.encode(json);
  const length = Math.ceil(header.length / 8) * 8;
  const bytes = new Uint8Array(8 + length).fill(32);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(header, 8);
  return bytes;
}

/** @typedef {{ length: number, width: number, row: (i: number) => Float32Array | Int8Array }} Set */

/** @param {any} value @param {number} [width] @returns {Set} */
function setOf(value, width) {
  if (typeof value?.topK === 'function') return { length: value.length, width: value.width, row: i => value.get(i) };
  if ((value instanceof Float32Array || value instanceof Int8Array) && width) {
    if (value.length % width) throw bad(`${value.length} numbers are no embeddings of ${width} numbers each.`);
    return { length: value.length / width, width, row: i => value.subarray(i * width, (i + 1) * width) };
  }
  const all = embeddingList(value).map(embeddingOf);
  const its = width ?? all[0]?.length ?? 0;
  all.forEach((one, i) => {
    if (one.length !== its) throw bad(`Embedding ${i + 1} has ${one.length} numbers, others ${its}.`);
  });
  return { length: all.length, width: its, row: i => all[i] };
}

/**
 * @param {EmbeddingIndex | import('./clip.js').Embeddings | Flat} embeddings @param {'safetensors' | 'npy'} format @param {ExportOptions} [options]
 * @returns {Promise<Uint8Array>}
 */
export async function exportEmbeddings(embeddings, format, options) {
  const { names, model, width: asked } = optionsOf('exportEmbeddings', options);
  if (format !== 'npy' && format !== 'safetensors') throw bad(`The format is 'safetensors' or 'npy', not ${JSON.stringify(`${format}`)}.`);
  if (format === 'npy' && (names || model !== undefined)) throw bad('A .npy file has no place for names; a safetensors file has.');
  const { length, width, row } = setOf(embeddings, asked);
  if (names && names.length !== length) throw bad(`There are ${names.length} names for ${length} embeddings.`);
  const header = format === 'npy' ? npyHeader(length, width) : safetensorsHeader(length, width, { names, model });
  /** @type {Uint8Array} */
  let bytes;
  try {
    bytes = new Uint8Array(header.length + length * width * 4);
  } catch (error) {
    throw new ClipError('out-of-memory', `There is no room for ${length} embeddings in one file.`, error);
  }
  bytes.set(header);
  const values = new Float32Array(bytes.buffer, header.length, length * width); // headers are whole multiples of eight bytes
  await inPieces(length, 256, (from, to) => {
    for (let i = from; i < to; i++) values.set(row(i), i * width);
  });
  return bytes;
}

// ---- reading ----

const wrong = (/** @type {string} */ why) => new ClipError('bad-file', `The file of embeddings: ${why}.`);

/** A float's value by its bits. @param {number} bits @param {number} exponent how many of them are the exponent's @param {number} fraction */
function floatOf(bits, exponent, fraction) {
  const most = 2 ** exponent - 1;
  const power = (bits >> fraction) & most;
  const rest = (bits & (2 ** fraction - 1)) / 2 ** fraction;
  const bias = most >> 1;
  const size = power === most ? (rest ? Number.NaN : Infinity) : power ? (1 + rest) * 2 ** (power - bias) : rest * 2 ** (1 - bias);
  return bits >> (exponent + fraction) ? -size : size;
}

/** @typedef {Float32Array | Float64Array | Uint16Array | Int8Array} Numbers */
/** Forms of numbers: safetensors' name, NumPy's, how they stand in the file, and what is read of one where it is not the same.
 * @type {{ names: string[], type: { new (bytes: ArrayBuffer): Numbers, BYTES_PER_ELEMENT: number }, read?: (x: number) => number }[]} */
const FORMS = [
  { names: ['F32', '<f4'], type: Float32Array },
  { names: ['F64', '<f8'], type: Float64Array, read: x => x },
  { names: ['F16', '<f2'], type: Uint16Array, read: bits => floatOf(bits, 5, 10) },
  { names: ['BF16'], type: Uint16Array, read: bits => floatOf(bits, 8, 7) },
  { names: ['I8', '|i1'], type: Int8Array },
];
/** Bytes that are read in one go. */
const PIECE = 2 ** 20;

/** @param {string} name @param {unknown} shape @param {Uint8Array} bytes from the first number on
 *  @returns {Promise<{ data: Float32Array | Int8Array, width: number, length: number }>} */
async function numbersOf(name, shape, bytes) {
  const form = FORMS.find(({ names }) => names.includes(name));
  if (!form) throw wrong(`its numbers are ${JSON.stringify(name.slice(0, 30))}, not f32, f64, f16, bf16 or int8, little-endian`);
  const isShape = Array.isArray(shape) && shape.every(one => Number.isSafeInteger(one) && one >= 0);
  if (!isShape || (shape.length !== 1 && shape.length !== 2))
    throw wrong(`its shape is ${JSON.stringify(shape)?.slice(0, 50)}, not (embeddings, numbers)`);
  const [length, width] = shape.length === 1 ? [1, shape[0]] : shape;
  const { type, read } = form;
  const unit = type.BYTES_PER_ELEMENT;
  if (length * width * unit !== bytes.length) throw wrong(`${bytes.length} bytes are not ${length} embeddings of ${width} numbers`);
  const data = new (type === Int8Array ? Int8Array : Float32Array)(length * width);
  await inPieces(bytes.length, PIECE, (from, to) => {
    const piece = new type(new Uint8Array(bytes.subarray(from, to)).buffer); // aligned, as the file's may not be
    if (read) for (let i = 0; i < piece.length; i++) data[from / unit + i] = read(piece[i]);
    else data.set(piece, from / unit);
  });
  return { data, width, length };
}

/** @param {Uint8Array} bytes */
async function readNpy(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = bytes[6] > 1; // since format 2.0
  const start = wide ? 12 : 10;
  const length = bytes.length < start ? Infinity : wide ? view.getUint32(8, true) : view.getUint16(8, true);
  if (start + length > bytes.length) throw wrong('its header does not fit');
  const header = new TextDecoder().decode(bytes.subarray(start, start + length));
  const [, descr] = /'descr'\s*:\s*'([^']*)'/.exec(header) ?? [];
  const [, order] = /'fortran_order'\s*:\s*(True|False)/.exec(header) ?? [];
  const [, shape] = /'shape'\s*:\s*\(([\d,\s]*)\)/.exec(header) ?? [];
  if (descr === undefined || order === undefined || shape === undefined) throw wrong('its header is not understood');
  const sizes = shape
    .split(',')
    .map(one => one.trim())
    .filter(Boolean)
    .map(Number);
  if (order === 'True' && sizes.length > 1)
    throw wrong("its numbers stand column after column: save it as C-ordered, with numpy's ascontiguousarray");
  return { ...(await numbersOf(descr, sizes, bytes.subarray(start + length))), names: null, model: null };
}

/** @param {Uint8Array} bytes @param {string} [tensor] */
async function readSafetensors(bytes, tensor) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length < 8 ? Infinity : Number(view.getBigUint64(0, true));
  if (8 + length > bytes.length) throw wrong('its header does not fit, or it is neither .npy nor safetensors');
  /** @type {any} */
  let header;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  } catch (error) {
    throw new ClipError('bad-file', 'The file of embeddings: its header is not JSON, or it is neither .npy nor safetensors.', error);
  }
  if (typeof header !== 'object' || header === null) throw wrong('its header has no tensors');
  const { __metadata__: metadata, ...tensors } = header;
  const all = Object.keys(tensors);
  const named = tensor ?? (all.length === 1 ? all[0] : all.find(name => name === 'image_embeds' || name === 'embeddings'));
  if (named === undefined || !Object.hasOwn(tensors, named))
    throw wrong(`its tensors are ${all.slice(0, 10).join(', ').slice(0, 200) || 'none'}: say which one in the option tensor`);
  const { dtype, shape, data_offsets: offsets } = tensors[named] ?? {};
  const [from, to] = Array.isArray(offsets) ? offsets : [Number.NaN, Number.NaN];
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || to < from || 8 + length + to > bytes.length)
    throw wrong(`${JSON.stringify(named.slice(0, 100))} does not fit`);
  const read = await numbersOf(String(dtype), shape, bytes.subarray(8 + length + from, 8 + length + to));
  const model = typeof metadata?.model === 'string' ? metadata.model : null;
  return { ...read, names: namesOf(metadata?.files, read.length), model };
}

/** @param {unknown} text @param {number} length @returns {string[] | null} */
function namesOf(text, length) {
  try {
    const names = JSON.parse(/** @type {string} */ (text));
    return Array.isArray(names) && names.length === length && names.every(name => typeof name === 'string') ? names : null;
  } catch {
    return null;
  }
}

/**
 * @param {Uint8Array | ArrayBuffer | Blob} file of either form, which it says itself @param {{ tensor?: string }} [options]
 * @returns {Promise<ImportedEmbeddings>}
 */
export async function importEmbeddings(file, options) {
  const { tensor } = optionsOf('importEmbeddings', options);
  const buffer = typeof Blob === 'function' && file instanceof Blob ? await file.arrayBuffer() : file;
  if (!(buffer instanceof Uint8Array) && !(buffer instanceof ArrayBuffer)) throw bad('A file of embeddings is bytes or a Blob.');
  const bytes = buffer instanceof Uint8Array ? buffer : new Uint8Array(buffer);
  const isNpy = bytes[0] === 0x93 && new TextDecoder().decode(bytes.subarray(1, 6)) === 'NUMPY';
  const { data, width, length, names, model } = await (isNpy ? readNpy(bytes) : readSafetensors(bytes, tensor));
  return {
    data,
    width,
    length,
    names,
    model,
    get embeddings() {
      return Array.from({ length }, (_, i) => data.subarray(i * width, (i + 1) * width));
    },
  };
}
