#include "weights/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/onnx.h"
#include "weights/torch.h"

#define MAX_EXTERNAL 64

struct clip_catalog {
    uint64_t file_bytes;
    uint32_t file; /* the one that is read */
    int any;       /* whether one was opened */
    clip_index_reader reader;
    void *state;
    uint64_t need_offset, need_length;
    int needs, stepped;
    uint8_t *held; /* of what is needed; owned */
    size_t held_bytes;
    clip_part *parts; /* owned */
    size_t count, capacity;
    char *external[MAX_EXTERNAL]; /* owned */
    size_t externals;
    uint8_t *header; /* owned */
    size_t header_bytes;
    uint64_t bytes;
    char detail[CLIP_TENSOR_NAME];
};

/* ---- safetensors: the header says it all ---- */

static clip_status step_safetensors(clip_catalog *catalog, void *state, const uint8_t *bytes, size_t length) {
    int *stage = state;
    if (*stage == 0) {
        *stage = 1;
        return clip_catalog_need(catalog, 0, 8, 8);
    }
    if (*stage == 1) {
        uint64_t header = 0;
        for (int i = 7; i >= 0; i--) header = header << 8 | bytes[i];
        *stage = 2;
        return clip_catalog_need(catalog, 8, header, CLIP_MAX_HEADER);
    }
    clip_safetensors file;
    clip_status status = clip_safetensors_parse(&file, (const char *)bytes, length, catalog->file_bytes);
    for (size_t i = 0; status == CLIP_OK && i < file.count; i++) {
        clip_part part = {.tensor = file.tensors[i], .kind = CLIP_PART_BYTES, .offset = file.tensors[i].begin};
        part.unit = part.expanded = part.tensor.end - part.tensor.begin;
        status = clip_catalog_add(catalog, part.tensor.name, strlen(part.tensor.name), &part);
    }
    if (status == CLIP_OK) clip_safetensors_free(&file);
    return status;
}

/* ---- the catalog ---- */

clip_status clip_catalog_create(clip_catalog **out) {
    *out = calloc(1, sizeof **out);
    return *out ? CLIP_OK : CLIP_ERROR_MEMORY;
}

static void close_reader(clip_catalog *catalog) {
    if (catalog->state) catalog->reader.close(catalog->state);
    catalog->state = NULL;
    free(catalog->held);
    catalog->held = NULL;
    catalog->needs = 0;
}

void clip_catalog_destroy(clip_catalog *catalog) {
    if (!catalog) return;
    close_reader(catalog);
    for (size_t i = 0; i < catalog->count; i++) {
        free(catalog->parts[i].scale);
        free(catalog->parts[i].zero);
    }
    for (size_t i = 0; i < catalog->externals; i++) free(catalog->external[i]);
    free(catalog->parts);
    free(catalog->header);
    free(catalog);
}

clip_status clip_catalog_open(clip_catalog *catalog, clip_file_form form, uint64_t bytes) {
    if (catalog->header || bytes > (uint64_t)1 << 53) return CLIP_ERROR_ARGUMENT;
    close_reader(catalog);
    if (catalog->any) catalog->file++;
    catalog->any = 1;
    catalog->file_bytes = bytes;
    catalog->detail[0] = 0;
    switch (form) {
    case CLIP_FILE_SAFETENSORS:
        catalog->reader = (clip_index_reader){step_safetensors, free};
        catalog->state = calloc(1, sizeof(int));
        break;
    case CLIP_FILE_TORCH: catalog->state = clip_torch_open(&catalog->reader); break;
    case CLIP_FILE_ONNX: catalog->state = clip_onnx_open(&catalog->reader); break;
    default: return CLIP_ERROR_ARGUMENT;
    }
    if (!catalog->state) return CLIP_ERROR_MEMORY;
    return catalog->reader.step(catalog, catalog->state, NULL, 0);
}

uint64_t clip_catalog_file_bytes(const clip_catalog *catalog) { return catalog->file_bytes; }

clip_status clip_catalog_need(clip_catalog *catalog, uint64_t offset, uint64_t length, uint64_t limit) {
    if (length == 0 || length > limit || offset > catalog->file_bytes || length > catalog->file_bytes - offset)
        return CLIP_ERROR_FORMAT;
    catalog->need_offset = offset;
    catalog->need_length = length;
    catalog->needs = 1;
    return CLIP_OK;
}

int clip_catalog_want(const clip_catalog *catalog, uint64_t *offset, uint64_t *length) {
    *offset = catalog->need_offset + catalog->held_bytes;
    *length = catalog->needs ? catalog->need_length - catalog->held_bytes : 0;
    return catalog->needs;
}

clip_status clip_catalog_push(clip_catalog *catalog, const uint8_t *bytes, size_t length) {
    if (!catalog->needs || length > catalog->need_length - catalog->held_bytes) return CLIP_ERROR_ARGUMENT;
    if (!length) return CLIP_OK;
    if (!catalog->held) {
        catalog->held = malloc((size_t)catalog->need_length);
        if (!catalog->held) return CLIP_ERROR_MEMORY;
    }
    memcpy(catalog->held + catalog->held_bytes, bytes, length);
    catalog->held_bytes += length;
    if (catalog->held_bytes < catalog->need_length) return CLIP_OK;
    uint8_t *whole = catalog->held;
    size_t size = catalog->held_bytes;
    catalog->held = NULL;
    catalog->held_bytes = 0;
    catalog->needs = 0;
    clip_status status = catalog->reader.step(catalog, catalog->state, whole, size);
    free(whole);
    if (status != CLIP_OK) catalog->needs = 0;
    return status;
}

const char *clip_catalog_detail(const clip_catalog *catalog) { return catalog->detail; }

clip_status clip_catalog_fail(clip_catalog *catalog, clip_status status, const char *detail, size_t length) {
    if (length >= sizeof catalog->detail) length = sizeof catalog->detail - 1;
    for (size_t i = 0; i < length; i++) catalog->detail[i] = detail[i] >= ' ' && detail[i] < 127 ? detail[i] : '?';
    catalog->detail[length] = 0;
    return status;
}

/* Names go into a header and into messages as they are. */
static int is_name(const char *name, size_t length) {
    for (size_t i = 0; i < length; i++)
        if ((uint8_t)name[i] < ' ' || name[i] == '"' || name[i] == '\\') return 0;
    return length > 0 && length < CLIP_TENSOR_NAME - 16;
}

clip_status clip_catalog_add(clip_catalog *catalog, const char *name, size_t length, const clip_part *part) {
    clip_status status = is_name(name, length) ? CLIP_OK : clip_catalog_fail(catalog, CLIP_ERROR_FORMAT, name, length);
    if (status == CLIP_OK && catalog->count == catalog->capacity) {
        size_t capacity = catalog->capacity ? 2 * catalog->capacity : 512;
        clip_part *parts = capacity > (1u << 20) ? NULL : realloc(catalog->parts, capacity * sizeof *parts);
        if (!parts) status = CLIP_ERROR_MEMORY;
        else catalog->parts = parts, catalog->capacity = capacity;
    }
    if (status != CLIP_OK) {
        free(part->scale);
        free(part->zero);
        return status;
    }
    clip_part *added = &catalog->parts[catalog->count++];
    *added = *part;
    added->file = part->external ? part->file : catalog->file;
    memmove(added->tensor.name, name, length);
    added->tensor.name[length] = 0;
    return CLIP_OK;
}

clip_status clip_catalog_add_external(clip_catalog *catalog, const char *name, size_t length, uint32_t *number) {
    for (size_t i = 0; i < catalog->externals; i++)
        if (strlen(catalog->external[i]) == length && memcmp(catalog->external[i], name, length) == 0) {
            *number = (uint32_t)i;
            return CLIP_OK;
        }
    if (catalog->externals == MAX_EXTERNAL || !is_name(name, length) || memchr(name, '/', length) || name[0] == '.')
        return clip_catalog_fail(catalog, CLIP_ERROR_FORMAT, name, length);
    char *copy = malloc(length + 1);
    if (!copy) return CLIP_ERROR_MEMORY;
    memcpy(copy, name, length);
    copy[length] = 0;
    *number = (uint32_t)catalog->externals;
    catalog->external[catalog->externals++] = copy;
    return CLIP_OK;
}

/* ---- the imagined file ---- */

static int by_place(const void *a, const void *b) {
    const clip_part *x = a, *y = b;
    if (x->external != y->external) return x->external - y->external;
    if (x->file != y->file) return x->file < y->file ? -1 : 1;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    if (x->skip != y->skip) return x->skip < y->skip ? -1 : 1;
    return strcmp(x->tensor.name, y->tensor.name);
}

static const char *dtype_name(clip_dtype dtype) {
    switch (dtype) {
    case CLIP_DTYPE_F32: return "F32";
    case CLIP_DTYPE_F16: return "F16";
    case CLIP_DTYPE_BF16: return "BF16";
    case CLIP_DTYPE_I8: return "I8";
    case CLIP_DTYPE_U8: return "U8";
    default: return "OTHER";
    }
}

/* One entry of the header, or with `to` NULL its length at most. */
static size_t write_entry(char *to, size_t room, const clip_part *part, uint64_t begin, uint64_t end) {
    const clip_tensor *t = &part->tensor;
    size_t used = (size_t)snprintf(to, room, "\"%s\":{\"dtype\":\"%s\",\"shape\":[", t->name, dtype_name(t->dtype));
    for (uint32_t i = 0; i < t->dimensions; i++)
        used += (size_t)snprintf(to + used, room - used, i ? ",%llu" : "%llu", (unsigned long long)t->shape[i]);
    return used + (size_t)snprintf(to + used, room - used, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)begin,
                                   (unsigned long long)end);
}

#define ENTRY_BYTES (CLIP_TENSOR_NAME + 24 * CLIP_MAX_DIMENSIONS + 128)

clip_status clip_catalog_finish(clip_catalog *catalog) {
    if (catalog->header || catalog->needs) return CLIP_ERROR_ARGUMENT;
    close_reader(catalog);
    if (catalog->count) qsort(catalog->parts, catalog->count, sizeof *catalog->parts, by_place);
    size_t capacity = catalog->count * ENTRY_BYTES + 64, used = 8;
    char *text = malloc(capacity);
    if (!text) return CLIP_ERROR_MEMORY;
    uint64_t at = 0;
    text[used++] = '{';
    for (size_t i = 0; i < catalog->count; i++) {
        clip_part *part = &catalog->parts[i];
        uint64_t bytes = part->tensor.end - part->tensor.begin;
        if (i) text[used++] = ',';
        used += write_entry(text + used, capacity - used, part, at, at + bytes);
        part->tensor.begin = at;
        part->tensor.end = at += bytes;
    }
    text[used++] = '}';
    while (used % 64) text[used++] = ' ';
    for (int i = 0; i < 8; i++) text[i] = (char)((uint64_t)(used - 8) >> 8 * i);
    for (size_t i = 0; i < catalog->count; i++) {
        catalog->parts[i].tensor.begin += used;
        catalog->parts[i].tensor.end += used;
    }
    catalog->header = (uint8_t *)text;
    catalog->header_bytes = used;
    catalog->bytes = used + at;
    return CLIP_OK;
}

const uint8_t *clip_catalog_header(const clip_catalog *catalog, size_t *length) {
    *length = catalog->header_bytes;
    return catalog->header;
}

uint64_t clip_catalog_bytes(const clip_catalog *catalog) { return catalog->bytes; }
size_t clip_catalog_count(const clip_catalog *catalog) { return catalog->header ? catalog->count : 0; }
const clip_part *clip_catalog_part(const clip_catalog *catalog, size_t i) {
    return i < clip_catalog_count(catalog) ? &catalog->parts[i] : NULL;
}
const char *clip_catalog_external(const clip_catalog *catalog, size_t i) {
    return i < catalog->externals ? catalog->external[i] : NULL;
}

/* ---- from a file's bytes to a tensor's ---- */

/* The elements of a tensor that lies in its storage in another order: `from` begins with the tensor's first element. */
static void gather(const clip_part *part, const uint8_t *from, uint8_t *to) {
    const clip_tensor *t = &part->tensor;
    size_t element = clip_dtype_bytes(t->dtype);
    uint64_t count = clip_tensor_elements(t, 0), index[CLIP_MAX_DIMENSIONS] = {0}, at = 0;
    for (uint64_t i = 0; i < count; i++, to += element) {
        memcpy(to, from + at * element, element);
        for (uint32_t d = t->dimensions; d-- > 0;) {
            at += part->stride[d];
            if (++index[d] < t->shape[d]) break;
            at -= part->stride[d] * t->shape[d];
            index[d] = 0;
        }
    }
}

static void expand_affine(const clip_part *part, uint64_t first, uint64_t count, const uint8_t *from, uint8_t *to) {
    for (uint64_t i = 0; i < count; i++, to += sizeof(float)) {
        uint64_t s = (first + i) / part->period % part->scales;
        int32_t value = part->is_signed ? (int8_t)from[i] : from[i];
        float number = (float)(value - (part->zero ? part->zero[s] : 0)) * part->scale[s];
        memcpy(to, &number, sizeof number);
    }
}

/* A unit is a row: blocks of `block` elements, two a byte, the first in the low nibble; the last block may be padded. */
static void expand_blocks(const clip_part *part, uint64_t first, uint64_t count, const uint8_t *from, uint8_t *to) {
    uint64_t columns = part->tensor.shape[1], blocks = (columns + part->block - 1) / part->block;
    for (uint64_t r = 0; r < count; r++, from += part->unit)
        for (uint64_t c = 0; c < columns; c++, to += sizeof(float)) {
            uint64_t s = (first + r) * blocks + c / part->block;
            int32_t code = from[c / 2] >> (c % 2 ? 4 : 0) & 15;
            float number = (float)(code - (part->zero ? part->zero[s] : 8)) * part->scale[s];
            memcpy(to, &number, sizeof number);
        }
}

clip_status clip_catalog_expand(const clip_catalog *catalog, size_t i, uint64_t first, uint64_t count, const uint8_t *from,
                                uint8_t *to) {
    const clip_part *part = clip_catalog_part(catalog, i);
    if (!part || !part->expanded) return CLIP_ERROR_ARGUMENT;
    uint64_t units = (part->tensor.end - part->tensor.begin) / part->expanded;
    if (first > units || count > units - first) return CLIP_ERROR_ARGUMENT;
    switch (part->kind) {
    case CLIP_PART_STRIDED: gather(part, from, to); return CLIP_OK;
    case CLIP_PART_AFFINE: expand_affine(part, first, count, from, to); return CLIP_OK;
    case CLIP_PART_BLOCKS: expand_blocks(part, first, count, from, to); return CLIP_OK;
    default: return CLIP_ERROR_ARGUMENT;
    }
}
