/**
 * What an engine opens: towers, converters and tokenizers, each a handle of src/clip.h.
 *
 * Towers and converters read safetensors files in ranges, which they ask for: see Reader.
 */
import { ClipError, isWellFormed } from '../error.js';

/** @typedef {import('./engine.js').Engine} Engine */
/** An engine, or the readers: an instance, and where bytes pass through. @typedef {{ instance: import('./instance.js').Instance, cell: number, staging: number }} Host */
/** @typedef {'vision' | 'text'} TowerKind */
/** @typedef {{ offset: number, length: number }} Range bytes of a file */
/** @typedef {{ embedding: number, imageSize: number, context: number, vocabulary: number, mean: number[], deviation: number[],
 *  logitScale: number, logitBias: number, filled: boolean }} TowerInfo see clip_tower_info in src/clip.h */

/** Bytes of a file pass through so many of the engine's. */
export const STAGING = 1 << 20;
const UTF8 = new TextEncoder();

/** What reads a file in ranges: a tower or a converter. */
class Reader {
  /** @param {Engine} engine @param {number} handle @param {'tower' | 'converter'} prefix @param {string} label */
  constructor(engine, handle, prefix, label) {
    this.engine = engine;
    this.handle = handle;
    this.prefix = prefix;
    /** Names the file in messages. */
    this.label = label;
    this.position = 0;
  }

  /** @param {'open' | 'push' | 'finish'} name @param {...number} args */
  run(name, ...args) {
    const { instance } = this.engine;
    const what = () => {
      const tensor = instance.string(instance.call(`${this.prefix}_detail`, this.handle));
      const at = name === 'push' ? `, near byte ${this.position}` : '';
      return this.label + (tensor ? `, tensor ${tensor}` : '') + at;
    };
    instance.run(what, /** @type {any} */ (`${this.prefix}_${name}`), this.handle, ...args);
  }

  /** Begins a file of so many bytes. @param {number} bytes @param {string} [label] its name, for messages */
  open(bytes, label = this.label) {
    this.label = label;
    this.position = 0;
    this.run('open', bytes);
  }

  /** The next range that is wanted, null when the file needs nothing more. @returns {Range | null} */
  want() {
    const { instance, cell } = this.engine;
    if (!instance.call(`${this.prefix}_want`, this.handle, cell)) return null;
    const [offset, length] = instance.f64(cell, 2);
    return { offset, length };
  }

  /** Takes bytes of the wanted range, copied once, into memory that is reused. @param {Uint8Array} bytes */
  push(bytes) {
    const { instance, staging } = this.engine;
    this.position = this.want()?.offset ?? this.position;
    for (let done = 0; done < bytes.length; ) {
      const part = bytes.subarray(done, done + STAGING);
      instance.u8(staging, part.length).set(part);
      this.run('push', staging, part.length);
      done += part.length;
      this.position += part.length;
      this.pushed();
    }
  }

  pushed() {}

  free() {
    if (this.handle && !this.engine.instance.crashed) this.engine.instance.call(`${this.prefix}_destroy`, this.handle);
    this.handle = 0;
  }
}

export class Tower extends Reader {
  /** @param {Engine} engine @param {number} handle @param {TowerKind} kind */
  constructor(engine, handle, kind) {
    super(engine, handle, 'tower', `${kind} tower`);
    this.kind = kind;
    this.info = this.describe();
  }

  /** @returns {TowerInfo} */
  describe() {
    const { instance } = this.engine;
    return instance.scope(alloc => {
      const info = alloc(13 * 8);
      instance.call('tower_describe', this.handle, info);
      const [embedding, imageSize, context, vocabulary, ...rest] = instance.f64(info, 13);
      return {
        embedding,
        imageSize,
        context,
        vocabulary,
        mean: rest.slice(0, 3),
        deviation: rest.slice(3, 6),
        logitScale: rest[6],
        logitBias: rest[7],
        filled: rest[8] === 1,
      };
    });
  }

  finish() {
    this.run('finish');
    this.info = this.describe();
  }

  /** What came with the file for Engine.tokenizer, which the tower then lets go; null if nothing came. @returns {Uint8Array | null} */
  takeMerges() {
    const { instance, cell } = this.engine;
    const merges = instance.call('tower_merges', this.handle, cell);
    if (!merges) return null;
    const bytes = instance.u8(merges, instance.u32(cell, 1)[0]).slice();
    instance.call('tower_drop_merges', this.handle);
    return bytes;
  }

  /** Crops, each (imageSize, imageSize, 3) -> embeddings, not normalised. @param {Uint8Array[]} crops */
  encodeImages(crops) {
    const { instance } = this.engine;
    const bytes = this.info.imageSize ** 2 * 3;
    return instance.scope(alloc => {
      const rgb = alloc(crops.length * bytes);
      crops.forEach((crop, i) => {
        if (crop.length !== bytes) throw new ClipError('bad-argument', `A crop has ${crop.length} bytes instead of ${bytes}.`);
        instance.u8(rgb + i * bytes, bytes).set(crop);
      });
      return this.#encode('vision_encode', crops.length, rgb);
    });
  }

  /** Normalised pixels (count, 3, imageSize, imageSize) -> embeddings, not normalised. @param {Float32Array} pixels */
  encodePixels(pixels) {
    const { instance } = this.engine;
    const count = pixels.length / (this.info.imageSize ** 2 * 3);
    if (!Number.isInteger(count)) throw new ClipError('bad-argument', `${pixels.length} values are no whole number of pictures.`);
    return instance.scope(alloc => {
      const values = alloc(pixels.length * 4);
      instance.f32(values, pixels.length).set(pixels);
      return this.#encode('vision_encode_pixels', count, values);
    });
  }

  /** Sequences of ids -> embeddings, not normalised. @param {ArrayLike<number>[]} sequences */
  encodeTexts(sequences) {
    const { instance } = this.engine;
    const total = sequences.reduce((sum, ids) => sum + ids.length, 0);
    return instance.scope(alloc => {
      const ids = alloc(total * 4);
      const lengths = alloc(sequences.length * 4);
      let at = 0;
      sequences.forEach((sequence, i) => {
        instance.u32(ids + at * 4, sequence.length).set(sequence);
        instance.u32(lengths, sequences.length)[i] = sequence.length;
        at += sequence.length;
      });
      return this.#encode('text_encode', sequences.length, ids, lengths);
    });
  }

  /** @param {'vision_encode' | 'vision_encode_pixels' | 'text_encode'} name @param {number} count @param {...number} inputs
   *  @returns {Float32Array[]} */
  #encode(name, count, ...inputs) {
    const { instance } = this.engine;
    const width = this.info.embedding;
    return instance.scope(alloc => {
      const out = alloc(count * width * 4);
      instance.run(() => `${this.kind} tower`, /** @type {any} */ (name), this.handle, ...inputs, count, out);
      return Array.from({ length: count }, (_, i) => instance.f32(out + i * width * 4, width).slice());
    });
  }
}

/** Turns one tower of a safetensors file into our own form, as it streams. */
export class Converter extends Reader {
  /** @param {Engine} engine @param {number} handle @param {(bytes: Uint8Array) => void} write takes bytes it must not keep */
  constructor(engine, handle, write) {
    super(engine, handle, 'converter', 'conversion');
    this.write = write;
  }

  /** Hands over what the last push became. @override */
  pushed() {
    const { instance, cell } = this.engine;
    const output = instance.call('converter_output', this.handle, cell);
    const length = instance.u32(cell, 1)[0];
    if (length) this.write(instance.u8(output, length));
  }

  /** Before a file is opened: leaves a text tower's table of token embeddings out. */
  leaveTable() {
    this.engine.instance.call('converter_leave_table', this.handle);
  }

  /** Size of the converted file; 0 until the source's header was pushed. */
  get bytes() {
    return this.engine.instance.call('converter_bytes', this.handle);
  }

  /** What is added to the cosines before a sigmoid, 0 if the file had none. */
  get logitBias() {
    return this.engine.instance.call('converter_logit_bias', this.handle);
  }

  /** Factor of the cosines, 0 if the file had none. */
  get logitScale() {
    return this.engine.instance.call('converter_logit_scale', this.handle);
  }
}

export class Tokenizer {
  /** @param {Host} engine @param {number} handle */
  constructor(engine, handle) {
    this.engine = engine;
    this.handle = handle;
    const { instance, cell } = engine;
    this.vocabulary = instance.call('tokenizer_vocabulary', handle);
    const id = instance.call('tokenizer_padding', handle, cell);
    /** What fills texts up where a tower wants that. @type {{ id: number, left: boolean } | null} */
    this.padding = id < 0 ? null : { id, left: instance.u32(cell, 1)[0] === 1 };
  }

  /** @param {string} text @param {number} capacity ids at most; longer texts are cut before the end token @returns {Uint32Array} */
  encode(text, capacity) {
    const { instance, cell } = this.engine;
    if (!isWellFormed(text)) throw new ClipError('bad-text', 'The text is not well-formed UTF-16: it has half of a pair.');
    const bytes = UTF8.encode(text);
    return instance.scope(alloc => {
      const input = alloc(bytes.length + 1);
      const ids = alloc(capacity * 4);
      instance.u8(input, bytes.length).set(bytes);
      instance.run(() => 'The text', 'tokenizer_encode', this.handle, input, bytes.length, ids, capacity, cell);
      return instance.u32(ids, instance.u32(cell, 1)[0]).slice();
    });
  }

  free() {
    if (this.handle && !this.engine.instance.crashed) this.engine.instance.call('tokenizer_destroy', this.handle);
    this.handle = 0;
  }
}
