/* wasm.c - everything that JavaScript sees of this library but readers.c, in flat types: u32 pointers and sizes, f64 for file offsets.
 *
 * The functions of clip.h go by their own names where their types are flat already; the others get a shim here. Structures
 * travel as arrays: see clip_wasm_tower_describe and clip_wasm_image_info.
 */
#include <stdlib.h>

#include "clip.h"
#include "weights/checksum.h"

#define EXPORT(name) __attribute__((export_name(#name), used, visibility("default")))

/* ---- memory ---- */

/* 64-byte aligned; 0 if there is no room. */
EXPORT(malloc) void *clip_wasm_malloc(size_t bytes) {
    return bytes > SIZE_MAX - 64 ? NULL : aligned_alloc(64, (bytes + 63) / 64 * 64);
}
EXPORT(free) void clip_wasm_free(void *pointer) { free(pointer); }

/* ---- engine: lives as long as the instance ---- */

EXPORT(engine_create) clip_engine *clip_wasm_engine_create(uint32_t threads) { return clip_engine_create(threads); }
EXPORT(engine_work) void clip_wasm_engine_work(clip_engine *engine, uint32_t index) { clip_engine_work(engine, index); }
EXPORT(engine_alone) void clip_wasm_engine_alone(clip_engine *engine, uint32_t alone) { clip_engine_alone(engine, alone != 0); }
EXPORT(engine_kernels) const char *clip_wasm_engine_kernels(const clip_engine *engine) { return clip_engine_kernels(engine); }
EXPORT(checksum) uint32_t clip_wasm_checksum(const uint8_t *bytes, size_t length, uint32_t before) {
    return clip_checksum(bytes, length, before);
}
EXPORT(status_text) const char *clip_wasm_status_text(int32_t status) { return clip_status_text((clip_status)status); }

/* ---- images: info receives {width, height, orientation, memory} as u32, also with CLIP_ERROR_IMAGE_SIZE ---- */

EXPORT(image_probe) int32_t clip_wasm_image_probe(const uint8_t *bytes, size_t length, uint32_t *info) {
    clip_image_info found = {0};
    clip_status status = clip_image_probe(bytes, length, &found);
    info[0] = found.width;
    info[1] = found.height;
    info[2] = found.orientation;
    info[3] = found.memory < UINT32_MAX ? (uint32_t)found.memory : UINT32_MAX;
    return status;
}
/* size, shorter, bilinear: a clip_crop. */
EXPORT(image_crop_encoded)
int32_t clip_wasm_image_crop_encoded(const uint8_t *bytes, size_t length, uint32_t size, uint32_t shorter, uint32_t bilinear,
                                     uint8_t *rgb) {
    const clip_crop crop = {size, shorter, bilinear != 0};
    return clip_image_prepare_encoded(bytes, length, &crop, rgb, NULL);
}
EXPORT(image_crop_pixels)
int32_t clip_wasm_image_crop_pixels(const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t channels, uint32_t orientation,
                                    uint32_t size, uint32_t shorter, uint32_t bilinear, uint8_t *rgb) {
    const clip_crop crop = {size, shorter, bilinear != 0};
    return clip_image_prepare_pixels(pixels, width, height, channels, orientation, &crop, rgb);
}

/* ---- tokenizer: `out` receives the handle, `count` the number of ids ---- */

EXPORT(tokenizer_create)
int32_t clip_wasm_tokenizer_create(clip_tokenizer **out, const char *merges, size_t length, uint32_t vocabulary) {
    return clip_tokenizer_create(out, merges, length, vocabulary);
}
EXPORT(tokenizer_destroy) void clip_wasm_tokenizer_destroy(clip_tokenizer *tokenizer) { clip_tokenizer_destroy(tokenizer); }
EXPORT(tokenizer_vocabulary) uint32_t clip_wasm_tokenizer_vocabulary(const clip_tokenizer *tokenizer) {
    return clip_tokenizer_vocabulary(tokenizer);
}
EXPORT(tokenizer_encode)
int32_t clip_wasm_tokenizer_encode(const clip_tokenizer *tokenizer, const char *text, size_t length, uint32_t *ids, size_t capacity,
                                   size_t *count) {
    return clip_tokenizer_encode(tokenizer, text, length, ids, capacity, count);
}

/* Answers the id that fills texts up, -1 if there is none; `left` receives 1 if in front. */
EXPORT(tokenizer_padding) int32_t clip_wasm_tokenizer_padding(const clip_tokenizer *tokenizer, uint32_t *left) {
    int in_front;
    const uint32_t id = clip_tokenizer_padding(tokenizer, &in_front);
    *left = (uint32_t)in_front;
    return (int32_t)id;
}

/* ---- towers: kind 0 vision, 1 text; precision 0 f32, 1 q8, 2 q4; `out` receives the handle ---- */

EXPORT(tower_create)
int32_t clip_wasm_tower_create(clip_tower **out, clip_engine *engine, uint32_t kind, const char *config, size_t length,
                               uint32_t precision) {
    return clip_tower_create(out, engine, (clip_tower_kind)kind, config, length, (clip_precision)precision);
}
EXPORT(tower_sketch)
int32_t clip_wasm_tower_sketch(clip_tower **out, clip_engine *engine, uint32_t kind, const char *config, size_t length) {
    return clip_tower_sketch(out, engine, (clip_tower_kind)kind, config, length);
}
EXPORT(tower_destroy) void clip_wasm_tower_destroy(clip_tower *tower) { clip_tower_destroy(tower); }

/* info receives thirteen f64: embedding, image_size, context, vocabulary, mean[3], deviation[3], logit_scale, logit_bias, filled. */
EXPORT(tower_describe) void clip_wasm_tower_describe(const clip_tower *tower, double *info) {
    clip_tower_info found;
    clip_tower_describe(tower, &found);
    info[0] = found.embedding;
    info[1] = found.image_size;
    info[2] = found.context;
    info[3] = found.vocabulary;
    for (int c = 0; c < 3; c++) {
        info[4 + c] = found.mean[c];
        info[7 + c] = found.deviation[c];
    }
    info[10] = found.logit_scale;
    info[11] = found.logit_bias;
    info[12] = found.filled;
}

/* Offsets are whole numbers up to 2^53: every file that can be is smaller. */
static clip_status whole(double number, uint64_t *out) {
    if (!(number >= 0 && number <= 9007199254740992.0)) return CLIP_ERROR_ARGUMENT;
    *out = (uint64_t)number;
    return CLIP_OK;
}

EXPORT(tower_open) int32_t clip_wasm_tower_open(clip_tower *tower, double bytes) {
    uint64_t size;
    clip_status status = whole(bytes, &size);
    return status == CLIP_OK ? clip_tower_open(tower, size) : status;
}
/* range receives {offset, length} as f64; answers 1, or 0 when the file needs nothing more. */
EXPORT(tower_want) int32_t clip_wasm_tower_want(const clip_tower *tower, double *range) {
    uint64_t offset = 0, length = 0;
    int more = clip_tower_want(tower, &offset, &length);
    range[0] = (double)offset;
    range[1] = (double)length;
    return more;
}
EXPORT(tower_push) int32_t clip_wasm_tower_push(clip_tower *tower, const uint8_t *bytes, size_t length) {
    return clip_tower_push(tower, bytes, length);
}
EXPORT(tower_finish) int32_t clip_wasm_tower_finish(clip_tower *tower) { return clip_tower_finish(tower); }
EXPORT(tower_detail) const char *clip_wasm_tower_detail(const clip_tower *tower) { return clip_tower_detail(tower); }
EXPORT(tower_merges) const char *clip_wasm_tower_merges(const clip_tower *tower, size_t *length) {
    return clip_tower_merges(tower, length);
}
EXPORT(tower_drop_merges) void clip_wasm_tower_drop_merges(clip_tower *tower) { clip_tower_drop_merges(tower); }

EXPORT(vision_encode) int32_t clip_wasm_vision_encode(clip_tower *tower, const uint8_t *rgb, size_t count, float *embeddings) {
    return clip_vision_encode(tower, rgb, count, embeddings);
}
EXPORT(vision_encode_pixels)
int32_t clip_wasm_vision_encode_pixels(clip_tower *tower, const float *pixels, size_t count, float *embeddings) {
    return clip_vision_encode_pixels(tower, pixels, count, embeddings);
}
EXPORT(text_encode)
int32_t clip_wasm_text_encode(clip_tower *tower, const uint32_t *ids, const uint32_t *lengths, size_t count, float *embeddings) {
    return clip_text_encode(tower, ids, lengths, count, embeddings);
}

/* ---- the table of token embeddings, see token_table.h ---- */

EXPORT(tower_defer_table) int32_t clip_wasm_tower_defer_table(clip_tower *tower) { return clip_tower_defer_table(tower); }
/* out receives six f64: rows, width, bytes of a row as table_get writes it, and where the opened file has it: offset (0 where it has not),
 * dtype, bytes of a row. */
EXPORT(table_describe) int32_t clip_wasm_table_describe(clip_tower *tower, double *out) {
    const clip_token_table *table = clip_tower_table(tower);
    if (!table) return CLIP_ERROR_ARGUMENT;
    const clip_tensor *place = &table->place;
    const double all[6] = {(double)table->rows,  (double)table->width, (double)clip_token_table_row_bytes(table),
                           (double)place->begin, place->dtype,         (double)(table->width * clip_dtype_bytes(place->dtype))};
    for (int k = 0; k < 6; k++) out[k] = all[k];
    return CLIP_OK;
}
EXPORT(table_missing)
size_t clip_wasm_table_missing(clip_tower *tower, const uint32_t *ids, size_t count, uint32_t *missing) {
    const clip_token_table *table = clip_tower_table(tower);
    return table ? clip_token_table_missing(table, ids, count, missing) : 0;
}
EXPORT(table_set)
int32_t clip_wasm_table_set(clip_tower *tower, uint32_t dtype, size_t first, size_t count, const uint8_t *bytes) {
    clip_token_table *table = clip_tower_table(tower);
    return table ? clip_token_table_set(table, (clip_dtype)dtype, first, count, bytes) : CLIP_ERROR_ARGUMENT;
}
EXPORT(table_get) int32_t clip_wasm_table_get(clip_tower *tower, size_t first, size_t count, uint8_t *bytes) {
    const clip_token_table *table = clip_tower_table(tower);
    return table ? clip_token_table_get(table, first, count, bytes) : CLIP_ERROR_ARGUMENT;
}

/* ---- comparison ---- */

EXPORT(similarity)
void clip_wasm_similarity(const float *x, size_t a, const float *y, size_t b, size_t width, float *cosines) {
    clip_similarity(x, a, y, b, width, cosines);
}
EXPORT(softmax) void clip_wasm_softmax(float *values, size_t count, float scale) { clip_softmax(values, count, scale); }

/* ---- conversion ---- */

EXPORT(converter_create)
int32_t clip_wasm_converter_create(clip_converter **out, uint32_t kind, uint32_t precision, const char *merges, size_t length) {
    return clip_converter_create(out, (clip_tower_kind)kind, (clip_precision)precision, merges, length);
}
EXPORT(converter_destroy) void clip_wasm_converter_destroy(clip_converter *converter) { clip_converter_destroy(converter); }
EXPORT(converter_leave_table) void clip_wasm_converter_leave_table(clip_converter *converter) {
    clip_converter_leave_table(converter);
}
EXPORT(converter_open) int32_t clip_wasm_converter_open(clip_converter *converter, double bytes) {
    uint64_t size;
    clip_status status = whole(bytes, &size);
    return status == CLIP_OK ? clip_converter_open(converter, size) : status;
}
EXPORT(converter_want) int32_t clip_wasm_converter_want(const clip_converter *converter, double *range) {
    uint64_t offset = 0, length = 0;
    int more = clip_converter_want(converter, &offset, &length);
    range[0] = (double)offset;
    range[1] = (double)length;
    return more;
}
EXPORT(converter_push) int32_t clip_wasm_converter_push(clip_converter *converter, const uint8_t *bytes, size_t length) {
    return clip_converter_push(converter, bytes, length);
}
EXPORT(converter_output) const uint8_t *clip_wasm_converter_output(const clip_converter *converter, size_t *length) {
    return clip_converter_output(converter, length);
}
EXPORT(converter_bytes) double clip_wasm_converter_bytes(const clip_converter *converter) {
    return (double)clip_converter_bytes(converter);
}
EXPORT(converter_detail) const char *clip_wasm_converter_detail(const clip_converter *converter) {
    return clip_converter_detail(converter);
}
EXPORT(converter_logit_bias) float clip_wasm_converter_logit_bias(const clip_converter *converter) {
    return clip_converter_logit_bias(converter);
}
EXPORT(converter_logit_scale) float clip_wasm_converter_logit_scale(const clip_converter *converter) {
    return clip_converter_logit_scale(converter);
}
