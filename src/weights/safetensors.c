#include "weights/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "weights/json.h"

size_t clip_dtype_bytes(clip_dtype dtype) {
    switch (dtype) {
    case CLIP_DTYPE_F32: return 4;
    case CLIP_DTYPE_F16:
    case CLIP_DTYPE_BF16: return 2;
    case CLIP_DTYPE_I8:
    case CLIP_DTYPE_U8: return 1;
    case CLIP_DTYPE_OTHER: break;
    }
    return 0;
}

uint64_t clip_tensor_elements(const clip_tensor *tensor, uint32_t from) {
    uint64_t elements = 1;
    for (uint32_t i = from; i < tensor->dimensions; i++) elements *= tensor->shape[i];
    return elements;
}

static clip_dtype read_dtype(const clip_json *json, int token) {
    static const struct {
        const char *word;
        clip_dtype dtype;
    } known[] = {
        {"F32", CLIP_DTYPE_F32}, {"F16", CLIP_DTYPE_F16}, {"BF16", CLIP_DTYPE_BF16}, {"I8", CLIP_DTYPE_I8}, {"U8", CLIP_DTYPE_U8}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (clip_json_is(json, token, known[i].word)) return known[i].dtype;
    return CLIP_DTYPE_OTHER;
}

/* One entry of the header; `data` is where data begins in the file. */
static int read_tensor(clip_tensor *tensor, const clip_json *json, int key, uint64_t data, uint64_t file_bytes) {
    int entry = key + 1;
    int dtype = clip_json_get(json, entry, "dtype"), shape = clip_json_get(json, entry, "shape"),
        offsets = clip_json_get(json, entry, "data_offsets");
    if (clip_json_kind_of(json, dtype) != CLIP_JSON_STRING || clip_json_kind_of(json, shape) != CLIP_JSON_ARRAY ||
        clip_json_kind_of(json, offsets) != CLIP_JSON_ARRAY || clip_json_size(json, offsets) != 2 ||
        clip_json_size(json, shape) > CLIP_MAX_DIMENSIONS)
        return 0;
    size_t length;
    const char *name = clip_json_text(json, key, &length);
    if (length >= CLIP_TENSOR_NAME) length = CLIP_TENSOR_NAME - 1;
    memcpy(tensor->name, name, length);
    tensor->name[length] = 0;
    tensor->dtype = read_dtype(json, dtype);
    tensor->dimensions = (uint32_t)clip_json_size(json, shape);
    uint64_t elements = 1;
    int dimension = clip_json_first(json, shape);
    for (uint32_t i = 0; i < tensor->dimensions; i++, dimension = clip_json_next(json, shape, dimension)) {
        if (!clip_json_whole(json, dimension, (uint64_t)1 << 53, &tensor->shape[i])) return 0;
        if (tensor->shape[i] && elements > ((uint64_t)1 << 53) / tensor->shape[i]) return 0;
        elements *= tensor->shape[i];
    }
    int first = clip_json_first(json, offsets);
    uint64_t begin, end;
    if (!clip_json_whole(json, first, file_bytes - data, &begin) ||
        !clip_json_whole(json, clip_json_next(json, offsets, first), file_bytes - data, &end) || begin > end)
        return 0;
    size_t element = clip_dtype_bytes(tensor->dtype);
    if (element && elements * element != end - begin) return 0;
    tensor->begin = data + begin;
    tensor->end = data + end;
    return 1;
}

static int by_offset(const void *a, const void *b) {
    const clip_tensor *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* Two tensors of one name would let a file say two things; JSON readers differ on which one holds. */
static clip_status check_names(const clip_safetensors *s) {
    const char **names = malloc((s->count ? s->count : 1) * sizeof *names);
    if (!names) return CLIP_ERROR_MEMORY;
    for (size_t i = 0; i < s->count; i++) names[i] = s->tensors[i].name;
    qsort(names, s->count, sizeof *names, by_name);
    clip_status status = CLIP_OK;
    for (size_t i = 1; i < s->count; i++)
        if (strlen(names[i]) < CLIP_TENSOR_NAME - 1 && strcmp(names[i - 1], names[i]) == 0) status = CLIP_ERROR_FORMAT;
    free(names);
    return status;
}

static clip_status read_header(clip_safetensors *s, const clip_json *json, size_t length, uint64_t file_bytes) {
    size_t pairs = clip_json_size(json, 0);
    s->tensors = calloc(pairs ? pairs : 1, sizeof *s->tensors);
    if (!s->tensors) return CLIP_ERROR_MEMORY;
    uint64_t data = 8 + (uint64_t)length;
    for (int key = clip_json_first(json, 0); key != CLIP_JSON_NONE; key = clip_json_next(json, 0, key)) {
        if (clip_json_is(json, key, "__metadata__")) continue;
        if (s->count == pairs || !read_tensor(&s->tensors[s->count], json, key, data, file_bytes)) return CLIP_ERROR_FORMAT;
        s->count++;
    }
    qsort(s->tensors, s->count, sizeof *s->tensors, by_offset);
    uint64_t expected = data;
    for (size_t i = 0; i < s->count; i++) {
        if (s->tensors[i].begin != expected) return CLIP_ERROR_FORMAT;
        expected = s->tensors[i].end;
    }
    return expected == file_bytes ? check_names(s) : CLIP_ERROR_FORMAT;
}

clip_status clip_safetensors_parse(clip_safetensors *out, const char *header, size_t length, uint64_t file_bytes) {
    *out = (clip_safetensors){NULL, 0};
    if (length > CLIP_MAX_HEADER || file_bytes < 8 || length > file_bytes - 8 || file_bytes > (uint64_t)1 << 53)
        return CLIP_ERROR_FORMAT;
    clip_json json;
    clip_status status = clip_json_parse(&json, header, length);
    if (status != CLIP_OK) return status;
    status = read_header(out, &json, length, file_bytes);
    clip_json_free(&json);
    if (status != CLIP_OK) clip_safetensors_free(out);
    return status;
}

void clip_safetensors_free(clip_safetensors *safetensors) {
    free(safetensors->tensors);
    *safetensors = (clip_safetensors){NULL, 0};
}
