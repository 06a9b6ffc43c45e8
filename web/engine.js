/**
 * The synchronous engine: src/clip.h for JavaScript. The worker uses it, and Node; so can you, in a worker of your own.
 *
 *     const engine = await Engine.create({ wasm });
 *     const vision = engine.openTower('vision', JSON.stringify({ config, preprocess }), 'q8');
 *     vision.open(fileBytes);
 *     for (let range; (range = vision.want()); ) vision.push(bytesAt(range.offset, range.length));
 *     vision.finish();
 *     const [embedding] = vision.encodeImages([engine.crop(jpegBytes, vision.info.imageSize)]);
 */
import { ClipError, isWellFormed } from './error.js';
import { Instance } from './instance.js';
import { compile } from './wasm.js';

/** @typedef {'f32' | 'q8' | 'q4'} Dtype */
/** @typedef {'vision' | 'text'} TowerKind */
/** @typedef {{ offset: number, length: number }} Range bytes of a file */
/** @typedef {{ embedding: number, imageSize: number, context: number, vocabulary: number, mean: number[], deviation: number[],
 *  logitScale: number }} TowerInfo see clip_tower_info in src/clip.h */

const PRECISIONS = { f32: 0, q8: 1, q4: 2 };
const KINDS = { vision: 0, text: 1 };
const STAGING = 1 << 20;
const UTF8 = new TextEncoder();

/** @param {string} text @param {string} what */
function utf8(text, what) {
    if (!isWellFormed(text)) throw new ClipError('bad-text', `${what} is not well-formed UTF-16: it has half of a surrogate pair.`);
    return UTF8.encode(text);
}

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

    /** @param {string} name @param {...any} args */
    run(name, ...args) {
        const { instance } = this.engine;
        const what = () => {
            const tensor = instance.string(instance.call(`${this.prefix}_detail`, this.handle));
            const at = name === 'push' ? `, near byte ${this.position}` : '';
            return this.label + (tensor ? `, tensor ${tensor}` : '') + at;
        };
        instance.run(what, `${this.prefix}_${name}`, this.handle, ...args);
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
            const info = alloc(11 * 8);
            instance.call('tower_describe', this.handle, info);
            const [embedding, imageSize, context, vocabulary, ...rest] = instance.f64(info, 11);
            return { embedding, imageSize, context, vocabulary, mean: rest.slice(0, 3), deviation: rest.slice(3, 6), logitScale: rest[6] };
        });
    }

    finish() {
        this.run('finish');
        this.info = this.describe();
    }

    /** A tokenizer from the merges that came with the file, which are then let go; null if none came. @returns {Tokenizer | null} */
    takeTokenizer() {
        const { instance, cell } = this.engine;
        const merges = instance.call('tower_merges', this.handle, cell);
        if (!merges) return null;
        const tokenizer = this.engine.createTokenizer(merges, instance.u32(cell, 1)[0], 0);
        instance.call('tower_drop_merges', this.handle);
        return tokenizer;
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

    /** @param {string} name @param {number} count @param {...number} inputs @returns {Float32Array[]} */
    #encode(name, count, ...inputs) {
        const { instance } = this.engine;
        const width = this.info.embedding;
        return instance.scope(alloc => {
            const out = alloc(count * width * 4);
            instance.run(() => `${this.kind} tower`, name, this.handle, ...inputs, count, out);
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

    /** Hands over what the last push became. */
    pushed() {
        const { instance, cell } = this.engine;
        const output = instance.call('converter_output', this.handle, cell);
        const length = instance.u32(cell, 1)[0];
        if (length) this.write(instance.u8(output, length));
    }

    /** Size of the converted file; 0 until the source's header was pushed. */
    get bytes() {
        return this.engine.instance.call('converter_bytes', this.handle);
    }

    /** Factor of the cosines, 0 if the file had none. */
    get logitScale() {
        return this.engine.instance.call('converter_logit_scale', this.handle);
    }
}

export class Tokenizer {
    /** @param {Engine} engine @param {number} handle */
    constructor(engine, handle) {
        this.engine = engine;
        this.handle = handle;
        this.vocabulary = engine.instance.call('tokenizer_vocabulary', handle);
    }

    /** @param {string} text @param {number} capacity ids at most; longer texts are cut before the end token @returns {Uint32Array} */
    encode(text, capacity) {
        const { instance, cell } = this.engine;
        const bytes = utf8(text, 'The text');
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

export class Engine {
    /**
     * @param {{ wasm: Parameters<typeof compile>[0], threads?: number, spawn?: import('./instance.js').SpawnThread }} options
     *   `spawn` starts the other threads, where the module has them
     */
    static async create({ wasm, threads = 1, spawn }) {
        const instance = await Instance.create(await compile(wasm));
        const parallel = instance.threaded && spawn ? threads : 1;
        const handle = instance.call('engine_create', parallel);
        if (!handle) throw new ClipError('out-of-memory', 'There is no room for the engine.');
        const engine = new Engine(instance, handle, parallel);
        if (spawn && parallel > 1) engine.workers = await instance.startThreads(handle, parallel, spawn);
        return engine;
    }

    /** Use create. @param {Instance} instance @param {number} handle @param {number} threads */
    constructor(instance, handle, threads) {
        this.instance = instance;
        this.handle = handle;
        this.threads = threads;
        /** @type {import('./instance.js').ThreadHandle[]} */
        this.workers = [];
        /** Where C puts results: two f64. */
        this.cell = instance.malloc(16);
        /** Where bytes of files pass through. */
        this.staging = instance.malloc(STAGING);
    }

    /** Names of the int8 kernels in force. */
    get kernels() {
        return this.instance.string(this.instance.call('engine_kernels', this.handle));
    }

    /** Bytes of memory in use. */
    get memoryBytes() {
        return this.instance.memory.buffer.byteLength;
    }

    /** @param {TowerKind} kind @param {string} config JSON, see clip_tower_create @param {Dtype} dtype @returns {Tower} */
    openTower(kind, config, dtype) {
        const { instance, cell } = this;
        const bytes = UTF8.encode(config);
        return instance.scope(alloc => {
            const text = alloc(bytes.length + 1);
            instance.u8(text, bytes.length).set(bytes);
            instance.run(() => `configuration of the ${kind} tower`, 'tower_create', cell, this.handle, KINDS[kind], text, bytes.length,
                PRECISIONS[dtype]);
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

    /** @param {Uint8Array} merges text of merges.txt @param {number} [vocabulary] entries to take, 0 for all @returns {Tokenizer} */
    openTokenizer(merges, vocabulary = 0) {
        return this.instance.scope(alloc => {
            const list = alloc(merges.length + 1);
            this.instance.u8(list, merges.length).set(merges);
            return this.createTokenizer(list, merges.length, vocabulary);
        });
    }

    /** @param {number} merges @param {number} length @param {number} vocabulary @returns {Tokenizer} */
    createTokenizer(merges, length, vocabulary) {
        const { instance, cell } = this;
        instance.run(() => 'merges', 'tokenizer_create', cell, merges, length, vocabulary);
        return new Tokenizer(this, instance.u32(cell, 1)[0]);
    }

    /** Size and EXIF orientation of a picture's bytes, from its headers. @param {Uint8Array} bytes @param {string} [label] */
    probe(bytes, label = 'The picture') {
        const { instance } = this;
        return instance.scope(alloc => {
            const info = alloc(12);
            const input = alloc(bytes.length + 1);
            instance.u8(input, bytes.length).set(bytes);
            instance.run(() => label, 'image_probe', input, bytes.length, info);
            const [width, height, orientation] = instance.u32(info, 3);
            return { width, height, orientation };
        });
    }

    /** A picture's bytes -> crop (size, size, 3). @param {Uint8Array} bytes @param {number} size @param {string} [label] */
    crop(bytes, size, label = 'The picture') {
        const { instance } = this;
        return instance.scope(alloc => {
            const rgb = alloc(size * size * 3);
            const input = alloc(bytes.length + 1);
            instance.u8(input, bytes.length).set(bytes);
            instance.run(() => label, 'image_crop_encoded', input, bytes.length, size, rgb);
            return instance.u8(rgb, size * size * 3).slice();
        });
    }

    /**
     * Pixels that somebody else decoded -> crop (size, size, 3).
     * @param {{ data: Uint8Array | Uint8ClampedArray, width: number, height: number, orientation?: number }} image RGB or RGBA
     * @param {number} size @param {string} [label]
     */
    cropPixels({ data, width, height, orientation = 1 }, size, label = 'The picture') {
        const { instance } = this;
        const channels = data.length / (width * height);
        if (channels !== 3 && channels !== 4) {
            throw new ClipError('bad-image-size', `${label}: ${data.length} bytes are not ${width}x${height} pixels of RGB or RGBA.`);
        }
        return instance.scope(alloc => {
            const rgb = alloc(size * size * 3);
            const input = alloc(data.length);
            instance.u8(input, data.length).set(data);
            instance.run(() => label, 'image_crop_pixels', input, width, height, channels, orientation, size, rgb);
            return instance.u8(rgb, size * size * 3).slice();
        });
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
        this.instance.crashed = true; // nothing may be called any more; the memory goes with the instance
    }
}
