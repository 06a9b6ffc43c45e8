/**
 * The functions that the modules export (src/wasm.c and src/readers.c, which say what each does): the one list that both sides are held to. It types
 * `call` in instance.js, and tests/structure/exports.test.js compares it with the modules. Pointers and sizes are i32.
 *
 * @typedef {number} i32
 * @typedef {number} f32
 * @typedef {number} f64
 * @typedef {object} Exports
 * @property {(bytes: i32) => i32} malloc
 * @property {(pointer: i32) => void} free
 * @property {(threads: i32) => i32} engine_create
 * @property {(engine: i32, index: i32) => void} engine_work
 * @property {(engine: i32, alone: i32) => void} engine_alone
 * @property {(engine: i32) => i32} engine_kernels
 * @property {(bytes: i32, length: i32, before: i32) => i32} checksum
 * @property {(status: i32) => i32} status_text
 * @property {(bytes: i32, length: i32, info: i32) => i32} image_probe
 * @property {(bytes: i32, length: i32, size: i32, shorter: i32, bilinear: i32, rgb: i32) => i32} image_crop_encoded
 * @property {(pixels: i32, width: i32, height: i32, channels: i32, orientation: i32, size: i32, shorter: i32, bilinear: i32, rgb: i32) => i32} image_crop_pixels
 * @property {(out: i32, merges: i32, length: i32, vocabulary: i32) => i32} tokenizer_create
 * @property {(tokenizer: i32) => void} tokenizer_destroy
 * @property {(tokenizer: i32) => i32} tokenizer_vocabulary
 * @property {(tokenizer: i32, text: i32, length: i32, ids: i32, capacity: i32, count: i32) => i32} tokenizer_encode
 * @property {(tokenizer: i32, left: i32) => i32} tokenizer_padding
 * @property {(out: i32, engine: i32, kind: i32, config: i32, length: i32, precision: i32) => i32} tower_create
 * @property {(out: i32, engine: i32, kind: i32, config: i32, length: i32) => i32} tower_sketch
 * @property {(tower: i32) => void} tower_destroy
 * @property {(tower: i32, info: i32) => void} tower_describe
 * @property {(tower: i32, bytes: f64) => i32} tower_open
 * @property {(tower: i32, range: i32) => i32} tower_want
 * @property {(tower: i32, bytes: i32, length: i32) => i32} tower_push
 * @property {(tower: i32) => i32} tower_finish
 * @property {(tower: i32) => i32} tower_detail
 * @property {(tower: i32, length: i32) => i32} tower_merges
 * @property {(tower: i32) => void} tower_drop_merges
 * @property {(tower: i32, rgb: i32, count: i32, embeddings: i32) => i32} vision_encode
 * @property {(tower: i32, pixels: i32, count: i32, embeddings: i32) => i32} vision_encode_pixels
 * @property {(tower: i32, ids: i32, lengths: i32, count: i32, embeddings: i32) => i32} text_encode
 * @property {(tower: i32) => i32} tower_defer_table
 * @property {(tower: i32, out: i32) => i32} table_describe
 * @property {(tower: i32, ids: i32, count: i32, missing: i32) => i32} table_missing
 * @property {(tower: i32, dtype: i32, first: i32, count: i32, bytes: i32) => i32} table_set
 * @property {(tower: i32, first: i32, count: i32, bytes: i32) => i32} table_get
 * @property {(x: i32, a: i32, y: i32, b: i32, width: i32, cosines: i32) => void} similarity
 * @property {(values: i32, count: i32, scale: f32) => void} softmax
 * @property {(out: i32, kind: i32, precision: i32, merges: i32, length: i32) => i32} converter_create
 * @property {(converter: i32) => void} converter_destroy
 * @property {(converter: i32) => void} converter_leave_table
 * @property {(converter: i32, bytes: f64) => i32} converter_open
 * @property {(converter: i32, range: i32) => i32} converter_want
 * @property {(converter: i32, bytes: i32, length: i32) => i32} converter_push
 * @property {(converter: i32, length: i32) => i32} converter_output
 * @property {(converter: i32) => f64} converter_bytes
 * @property {(converter: i32) => i32} converter_detail
 * @property {(converter: i32) => f32} converter_logit_scale
 * @property {(converter: i32) => f32} converter_logit_bias
 */

/**
 * Those of clip-readers.wasm.
 *
 * @typedef {object} ReaderExports
 * @property {(bytes: i32) => i32} malloc
 * @property {(pointer: i32) => void} free
 * @property {(status: i32) => i32} status_text
 * @property {(out: i32, kept: i32, length: i32) => i32} tokenizer_open
 * @property {(tokenizer: i32) => void} tokenizer_destroy
 * @property {(tokenizer: i32) => i32} tokenizer_vocabulary
 * @property {(tokenizer: i32, text: i32, length: i32, ids: i32, capacity: i32, count: i32) => i32} tokenizer_encode
 * @property {(tokenizer: i32, left: i32) => i32} tokenizer_padding
 * @property {(out: i32, clean: i32) => i32} tokenizer_reader_create
 * @property {(reader: i32, token: i32, length: i32, left: i32) => i32} tokenizer_reader_set_padding
 * @property {(reader: i32) => void} tokenizer_reader_destroy
 * @property {(reader: i32, bytes: i32, length: i32) => i32} tokenizer_reader_push
 * @property {(reader: i32) => i32} tokenizer_reader_finish
 * @property {(reader: i32) => i32} tokenizer_reader_detail
 * @property {(reader: i32, length: i32) => i32} tokenizer_reader_kept
 * @property {(out: i32) => i32} catalog_create
 * @property {(catalog: i32) => void} catalog_destroy
 * @property {(catalog: i32, form: i32, bytes: f64) => i32} catalog_open
 * @property {(catalog: i32, range: i32) => i32} catalog_want
 * @property {(catalog: i32, bytes: i32, length: i32) => i32} catalog_push
 * @property {(catalog: i32) => i32} catalog_detail
 * @property {(catalog: i32) => i32} catalog_finish
 * @property {(catalog: i32, length: i32) => i32} catalog_header
 * @property {(catalog: i32) => f64} catalog_bytes
 * @property {(catalog: i32) => i32} catalog_count
 * @property {(catalog: i32, i: i32, out: i32) => void} catalog_part
 * @property {(catalog: i32, i: i32) => i32} catalog_external
 * @property {(catalog: i32, i: i32, first: f64, count: f64, from: i32, to: i32) => i32} catalog_expand
 */

export {};
