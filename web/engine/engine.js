/**
 * The synchronous engine: src/clip.h for JavaScript. The worker uses it, and Node; so can you, in a worker of your own.
 *
 * The room engine/: the modules and what runs in them. It knows neither models' files nor the page. It may use wasm/.
 *
 *     const engine = await Engine.create({ wasm });
 *     const vision = engine.openTower('vision', JSON.stringify({ config, preprocess }), 'q8');
 *     vision.open(fileBytes);
 *     for (let range; (range = vision.want()); ) vision.push(bytesAt(range.offset, range.length));
 *     vision.finish();
 *     const [embedding] = vision.encodeImages([engine.crop(jpegBytes, vision.info.imageSize)]);
 */
import { ClipError } from '../error.js';
import { Aside } from './aside.js';
import { Instance } from './instance.js';
import { Pictures } from './pictures.js';
import { Readers, isKept, isPacked, unpacked } from './readers.js';
import { Converter, STAGING, Tokenizer, Tower } from './tower.js';
import { compile } from './wasm.js';

/** @typedef {'f32' | 'q8' | 'q4'} Dtype */
/** @typedef {import('./tower.js').TowerKind} TowerKind */
/** @typedef {{ memory: ArrayBuffer, engine: { handle: number, cell: number, staging: number } }} EngineSnapshot */
/** @typedef {import('./pictures.js').Crop} Crop */

const PRECISIONS = { f32: 0, q8: 1, q4: 2 };
const KINDS = { vision: 0, text: 1 };
const UTF8 = new TextEncoder();

/** Bytes that a picture may take in the memory where the model is. */
const ROOM = 46 << 20;

export class Engine {
  /**
   * @param {{ wasm: Parameters<typeof compile>[0], readers?: import('./readers.js').ReadersSource, threads?: number,
   *   spawn?: import('./instance.js').SpawnThread }} options `readers`: clip-readers.wasm, for what needs it; `spawn` starts the other
   *   threads, where the module has them
   */
  static async create({ wasm, readers, threads = 1, spawn }) {
    const instance = await Instance.create(await compile(wasm));
    const parallel = instance.threaded && spawn ? threads : 1;
    const handle = instance.call('engine_create', parallel);
    if (!handle) throw new ClipError('out-of-memory', 'There is no room for the engine.');
    const engine = new Engine(instance, handle, parallel);
    engine.readersSource = readers;
    if (spawn && parallel > 1) {
      engine.workers = await instance.startThreads(handle, parallel, spawn);
      engine.threads = 1 + engine.workers.length;
    }
    return engine;
  }

  /** A copy of another engine of the same module, with all that it had open. @param {Parameters<typeof compile>[0]} wasm
   *  @param {EngineSnapshot} snapshot */
  static async copy(wasm, { memory, engine }) {
    const instance = await Instance.create(await compile(wasm));
    instance.restore(memory);
    const copy = new Engine(instance, engine.handle, 1, engine);
    copy.alone(true); // the other's threads do not work here
    return copy;
  }

  /** What copy makes another of. @returns {EngineSnapshot} */
  snapshot() {
    const { instance, handle, cell, staging } = this;
    return { memory: new Uint8Array(instance.memory.buffer).slice().buffer, engine: { handle, cell, staging } };
  }

  /** Whether its threads rest, where other engines make use of the machine. @param {boolean} is */
  alone(is) {
    this.instance.call('engine_alone', this.handle, Number(is));
  }

  /** A tower that the engine has open, by its handle in the engine that this one was copied of. @param {number} handle
   *  @param {TowerKind} kind */
  towerAt(handle, kind) {
    return new Tower(this, handle, kind);
  }

  /** Use create or copy. @param {Instance} instance @param {number} handle @param {number} threads
   *  @param {{ cell: number, staging: number }} [places] */
  constructor(instance, handle, threads, places) {
    this.instance = instance;
    this.handle = handle;
    this.threads = threads;
    /** @type {import('./instance.js').ThreadHandle[]} */
    this.workers = [];
    this.pictures = new Pictures(instance);
    /** @type {Aside | undefined} */
    this.aside = undefined;
    /** Starts a worker for large pictures, where there are workers. @type {import('./aside.js').StartAside | undefined} */
    this.startAside = undefined;
    /** @type {import('./readers.js').ReadersSource | undefined} */
    this.readersSource = undefined;
    /** @type {Promise<Readers> | undefined} */
    this.opened = undefined;
    /** @type {Readers | undefined} */
    this.reading = undefined;
    /** Where C puts results: two f64. */
    this.cell = places?.cell ?? instance.malloc(16);
    /** Where bytes of files pass through. */
    this.staging = places?.staging ?? instance.malloc(STAGING);
  }

  /** Names of the int8 kernels in force. */
  get kernels() {
    return this.instance.string(this.instance.call('engine_kernels', this.handle));
  }

  /** Bytes of memory in use. */
  get memoryBytes() {
    return this.instance.memory.buffer.byteLength + (this.reading?.instance.memory.buffer.byteLength ?? 0);
  }

  /** Whether bytes are still what they were: see src/weights/checksum.h. @param {Uint8Array} bytes */
  checksum(bytes) {
    const { instance, staging } = this;
    let sum = 0;
    for (let at = 0; at < bytes.length; at += STAGING) {
      const part = bytes.subarray(at, at + STAGING);
      instance.u8(staging, part.length).set(part);
      sum = instance.call('checksum', staging, part.length, sum);
    }
    return sum >>> 0;
  }

  /** @param {TowerKind} kind @param {string} config JSON, see clip_tower_create @param {Dtype} dtype @returns {Tower} */
  openTower(kind, config, dtype) {
    const { instance, cell } = this;
    const bytes = UTF8.encode(config);
    return instance.scope(alloc => {
      const text = alloc(bytes.length + 1);
      instance.u8(text, bytes.length).set(bytes);
      instance.run(
        () => `configuration of the ${kind} tower`,
        'tower_create',
        cell,
        this.handle,
        KINDS[kind],
        text,
        bytes.length,
        PRECISIONS[dtype],
      );
      return new Tower(this, instance.u32(cell, 1)[0], kind);
    });
  }

  /** What reads files of other forms and tokenizers of other kinds, which is fetched when this is called first. */
  async readers() {
    this.opened ??= Readers.create(this.readersSource);
    try {
      this.reading = await this.opened;
    } catch (error) {
      this.opened = undefined; // the next call tries again
      throw error;
    }
    return this.reading;
  }

  /** A tower to be asked whether a file's header suits it, see clip_tower_sketch: without memory for weights.
   *  @param {TowerKind} kind @param {string} config @returns {Tower} */
  sketchTower(kind, config) {
    const { instance, cell } = this;
    const bytes = UTF8.encode(config);
    return instance.scope(alloc => {
      const text = alloc(bytes.length + 1);
      instance.u8(text, bytes.length).set(bytes);
      instance.run(() => `configuration of the ${kind} tower`, 'tower_sketch', cell, this.handle, KINDS[kind], text, bytes.length);
      return new Tower(this, instance.u32(cell, 1)[0], kind);
    });
  }

  /** @param {TowerKind} kind @param {Dtype} dtype @param {Uint8Array | null} merges put into a text tower's file
   *  @param {(bytes: Uint8Array) => void} write receives the new file, piece after piece, in memory it must not keep */
  openConverter(kind, dtype, merges, write) {
    const { instance, cell } = this;
    const length = merges?.length ?? 0;
    return instance.scope(alloc => {
      const list = length ? alloc(length) : 0;
      if (merges && length) instance.u8(list, length).set(merges);
      instance.run(() => 'conversion', 'converter_create', cell, KINDS[kind], PRECISIONS[dtype], list, length);
      return new Converter(this, instance.u32(cell, 1)[0], write);
    });
  }

  /** @param {Uint8Array} given a text of merges, or what a TokenizerReader made, which may be gzip @returns {Promise<Tokenizer>} */
  async tokenizer(given) {
    const merges = isPacked(given) ? await unpacked(given) : given;
    return isKept(merges) ? (await this.readers()).openTokenizer(merges) : this.openTokenizer(merges);
  }

  /** @param {Uint8Array} merges text of merges.txt @param {number} [vocabulary] entries to take, 0 for all @returns {Tokenizer} */
  openTokenizer(merges, vocabulary = 0) {
    const { instance, cell } = this;
    return instance.scope(alloc => {
      const list = alloc(merges.length + 1);
      instance.u8(list, merges.length).set(merges);
      instance.run(() => 'merges', 'tokenizer_create', cell, list, merges.length, vocabulary);
      return new Tokenizer(this, instance.u32(cell, 1)[0]);
    });
  }

  /** Pictures.probe. @param {Uint8Array} bytes @param {string} [label] @param {import('./pictures.js').Bounds} [bounds] */
  probe(bytes, label, bounds) {
    return this.pictures.probe(bytes, label, bounds);
  }

  /** Pictures.crop. @param {Uint8Array} bytes @param {Crop} crop @param {string} [label] @param {import('./pictures.js').Bounds} [bounds] */
  crop(bytes, crop, label, bounds) {
    return this.pictures.crop(bytes, crop, label, bounds);
  }

  /** Pictures.cropPixels. @param {import('./pictures.js').Pixels} image @param {Crop} crop @param {string} [label] */
  cropPixels(image, crop, label) {
    return this.pictures.cropPixels(image, crop, label);
  }

  /** What a picture that takes so many bytes is read by. @param {number} bytes @returns {Pictures | Aside} */
  picturesFor(bytes) {
    return bytes <= ROOM ? this.pictures : (this.aside ??= new Aside(this.instance.module, this.startAside));
  }

  /** Cosines (a, b), row after row. @param {Float32Array[]} a @param {Float32Array[]} b @returns {Float32Array} */
  similarity(a, b) {
    const { instance } = this;
    const width = a[0]?.length ?? 0;
    if (!width || !b.length) return new Float32Array(0);
    return instance.scope(alloc => {
      const [x, y] = [a, b].map(rows => {
        const pointer = alloc(rows.length * width * 4);
        rows.forEach((row, i) => instance.f32(pointer + i * width * 4, width).set(row));
        return pointer;
      });
      const out = alloc(a.length * b.length * 4);
      instance.call('similarity', x, a.length, y, b.length, width, out);
      return instance.f32(out, a.length * b.length).slice();
    });
  }

  /** Softmax of scale * values. @param {Float32Array} values @param {number} scale @returns {Float32Array} */
  softmax(values, scale) {
    const { instance } = this;
    return instance.scope(alloc => {
      const pointer = alloc(values.length * 4);
      instance.f32(pointer, values.length).set(values);
      instance.call('softmax', pointer, values.length, scale);
      return instance.f32(pointer, values.length).slice();
    });
  }

  /** Frees everything: towers, tokenizers and converters of this engine are of no use afterwards. */
  dispose() {
    for (const worker of this.workers) worker.terminate();
    this.workers = [];
    this.aside?.end();
    this.instance.crashed = true; // nothing may be called any more; the memory goes with the instance
    if (this.reading) this.reading.instance.crashed = true;
  }
}
