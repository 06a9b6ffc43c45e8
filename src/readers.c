/* readers.c - what JavaScript sees of the readers' module: files of other forms, and tokenizers of other kinds than CLIP's own. A page
 * whose model is in our form never loads it. Types are flat, as in wasm.c, whose memory and functions it does not share.
 */
#include <stdlib.h>

#include "tokenizer/tokenizer.h"
#include "weights/catalog.h"

#define EXPORT(name) __attribute__((export_name(#name), used, visibility("default")))

/* ---- memory ---- */

/* 64-byte aligned; 0 if there is no room. */
EXPORT(malloc) void *clip_readers_malloc(size_t bytes) {
    return bytes > SIZE_MAX - 64 ? NULL : aligned_alloc(64, (bytes + 63) / 64 * 64);
}
EXPORT(free) void clip_readers_free(void *pointer) { free(pointer); }
EXPORT(status_text) const char *clip_readers_status_text(int32_t status) { return clip_status_text((clip_status)status); }

/* ---- tokenizers: `out` receives the handle, `count` the number of ids ---- */

/* A kept form. */
EXPORT(tokenizer_open) int32_t clip_readers_tokenizer_open(clip_tokenizer **out, const uint8_t *kept, size_t length) {
    return clip_tokenizer_open(out, kept, length);
}
EXPORT(tokenizer_destroy) void clip_readers_tokenizer_destroy(clip_tokenizer *tokenizer) { clip_tokenizer_destroy(tokenizer); }
EXPORT(tokenizer_vocabulary) uint32_t clip_readers_tokenizer_vocabulary(const clip_tokenizer *tokenizer) {
    return clip_tokenizer_vocabulary(tokenizer);
}
EXPORT(tokenizer_encode)
int32_t clip_readers_tokenizer_encode(const clip_tokenizer *tokenizer, const char *text, size_t length, uint32_t *ids,
                                      size_t capacity, size_t *count) {
    return clip_tokenizer_encode(tokenizer, text, length, ids, capacity, count);
}
/* Answers the id that fills texts up, -1 if there is none; `left` receives 1 if in front. */
EXPORT(tokenizer_padding) int32_t clip_readers_tokenizer_padding(const clip_tokenizer *tokenizer, uint32_t *left) {
    int in_front;
    const uint32_t id = clip_tokenizer_padding(tokenizer, &in_front);
    *left = (uint32_t)in_front;
    return (int32_t)id;
}

/* tokenizer.json: `kept` is the reader's until it is destroyed, `length` receives its size. */
EXPORT(tokenizer_reader_create) int32_t clip_readers_tokenizer_reader_create(clip_tokenizer_reader **out, uint32_t clean) {
    return clip_tokenizer_reader_create(out, clean);
}
EXPORT(tokenizer_reader_set_padding)
int32_t clip_readers_tokenizer_reader_set_padding(clip_tokenizer_reader *reader, const char *token, size_t length, uint32_t left) {
    return clip_tokenizer_reader_set_padding(reader, token, length, left != 0);
}
EXPORT(tokenizer_reader_destroy) void clip_readers_tokenizer_reader_destroy(clip_tokenizer_reader *reader) {
    clip_tokenizer_reader_destroy(reader);
}
EXPORT(tokenizer_reader_push)
int32_t clip_readers_tokenizer_reader_push(clip_tokenizer_reader *reader, const uint8_t *bytes, size_t length) {
    return clip_tokenizer_reader_push(reader, bytes, length);
}
EXPORT(tokenizer_reader_finish) int32_t clip_readers_tokenizer_reader_finish(clip_tokenizer_reader *reader) {
    return clip_tokenizer_reader_finish(reader);
}
EXPORT(tokenizer_reader_detail) const char *clip_readers_tokenizer_reader_detail(const clip_tokenizer_reader *reader) {
    return clip_tokenizer_reader_detail(reader);
}
EXPORT(tokenizer_reader_kept)
const uint8_t *clip_readers_tokenizer_reader_kept(const clip_tokenizer_reader *reader, size_t *length) {
    return clip_tokenizer_reader_kept(reader, length);
}

/* ---- catalogs: files of other forms as one safetensors file ---- */

/* Offsets are whole numbers up to 2^53: every file that can be is smaller. */
static clip_status whole(double number, uint64_t *out) {
    if (!(number >= 0 && number <= 9007199254740992.0)) return CLIP_ERROR_ARGUMENT;
    *out = (uint64_t)number;
    return CLIP_OK;
}

EXPORT(catalog_create) int32_t clip_readers_catalog_create(clip_catalog **out) { return clip_catalog_create(out); }
EXPORT(catalog_destroy) void clip_readers_catalog_destroy(clip_catalog *catalog) { clip_catalog_destroy(catalog); }
EXPORT(catalog_open) int32_t clip_readers_catalog_open(clip_catalog *catalog, uint32_t form, double bytes) {
    uint64_t size;
    clip_status status = whole(bytes, &size);
    return status == CLIP_OK ? clip_catalog_open(catalog, (clip_file_form)form, size) : status;
}
EXPORT(catalog_want) int32_t clip_readers_catalog_want(const clip_catalog *catalog, double *range) {
    uint64_t offset = 0, length = 0;
    int more = clip_catalog_want(catalog, &offset, &length);
    range[0] = (double)offset;
    range[1] = (double)length;
    return more;
}
EXPORT(catalog_push) int32_t clip_readers_catalog_push(clip_catalog *catalog, const uint8_t *bytes, size_t length) {
    return clip_catalog_push(catalog, bytes, length);
}
EXPORT(catalog_detail) const char *clip_readers_catalog_detail(const clip_catalog *catalog) { return clip_catalog_detail(catalog); }
EXPORT(catalog_finish) int32_t clip_readers_catalog_finish(clip_catalog *catalog) { return clip_catalog_finish(catalog); }
EXPORT(catalog_header) const uint8_t *clip_readers_catalog_header(const clip_catalog *catalog, size_t *length) {
    return clip_catalog_header(catalog, length);
}
EXPORT(catalog_bytes) double clip_readers_catalog_bytes(const clip_catalog *catalog) { return (double)clip_catalog_bytes(catalog); }
EXPORT(catalog_count) size_t clip_readers_catalog_count(const clip_catalog *catalog) { return clip_catalog_count(catalog); }
/* out receives nine f64: begin, end, kind, external, file, offset, skip, unit, expanded. */
EXPORT(catalog_part) void clip_readers_catalog_part(const clip_catalog *catalog, size_t i, double *out) {
    const clip_part *part = clip_catalog_part(catalog, i);
    if (!part) return;
    const double all[9] = {
        (double)part->tensor.begin, (double)part->tensor.end, part->kind,         part->external,        part->file,
        (double)part->offset,       (double)part->skip,       (double)part->unit, (double)part->expanded};
    for (int k = 0; k < 9; k++) out[k] = all[k];
}
EXPORT(catalog_external) const char *clip_readers_catalog_external(const clip_catalog *catalog, size_t i) {
    return clip_catalog_external(catalog, i);
}
EXPORT(catalog_expand)
int32_t clip_readers_catalog_expand(const clip_catalog *catalog, size_t i, double first, double count, const uint8_t *from,
                                    uint8_t *to) {
    uint64_t begin, units;
    clip_status status = whole(first, &begin);
    if (status == CLIP_OK) status = whole(count, &units);
    return status == CLIP_OK ? clip_catalog_expand(catalog, i, begin, units, from, to) : status;
}
