/* converter.c - one tower of a model file to our form, as a stream: tensors keep their names and order, matrices are quantized.
 *
 * Sizes follow from shapes, so the output's header can be written as soon as the input's was read, and each row leaves as soon as
 * it came: memory does not grow with the model.
 */
#include "weights/converter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "weights/quantize.h"
#include "weights/stream.h"

#define MERGES_NAME "tokenizer.merges"

typedef struct {
    uint8_t *bytes; /* owned */
    size_t length, capacity;
} buffer;

struct clip_converter {
    clip_tower_kind kind;
    clip_precision precision;
    int leaves_table;
    buffer merges, output;
    uint64_t output_bytes, left; /* left: tensors that have not come yet */
    float *scales, *row;         /* of the tensor at hand, and one row of it; owned */
    float logit_scale;
    float logit_bias;
    clip_stream stream;
};

static clip_status reserve(buffer *b, size_t more) {
    if (more > (size_t)1 << 30 || b->length > (size_t)1 << 30) return CLIP_ERROR_MEMORY;
    size_t needed = b->length + more, capacity = b->capacity ? b->capacity : 4096;
    if (needed <= b->capacity) return CLIP_OK;
    while (capacity < needed) capacity *= 2;
    uint8_t *bytes = realloc(b->bytes, capacity);
    if (!bytes) return CLIP_ERROR_MEMORY;
    b->bytes = bytes;
    b->capacity = capacity;
    return CLIP_OK;
}

static clip_status append(buffer *b, const void *bytes, size_t length) {
    clip_status status = reserve(b, length);
    if (status == CLIP_OK && length) memcpy(b->bytes + b->length, bytes, length);
    if (status == CLIP_OK) b->length += length;
    return status;
}

static clip_status append_text(buffer *b, const char *text) { return append(b, text, strlen(text)); }

static clip_status append_number(buffer *b, uint64_t number) {
    char digits[21];
    size_t at = sizeof digits;
    do digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    return append(b, digits + at, sizeof digits - at);
}

/* What becomes of a tensor. */
typedef struct {
    clip_tensor_name name;
    clip_precision precision;
    int half;               /* CLIP_F32, but written as f16 */
    uint64_t rows, columns; /* of the output; transposed ones are turned */
    uint64_t bytes, scale_bytes;
} plan;

static int wanted(const clip_converter *converter, const clip_tensor *tensor, plan *p) {
    clip_name_canonical(&p->name, tensor->name);
    int ours = converter->kind == CLIP_VISION ? p->name.vision : p->name.text;
    int floating = tensor->dtype == CLIP_DTYPE_F32 || tensor->dtype == CLIP_DTYPE_F16 || tensor->dtype == CLIP_DTYPE_BF16;
    uint64_t elements = clip_tensor_elements(tensor, 0);
    if (converter->leaves_table && strcmp(p->name.name, "token_embedding.weight") == 0) return 0;
    if (!ours || !floating || elements == 0 || strlen(tensor->name) > CLIP_TENSOR_NAME - 16) return 0;
    p->precision = clip_name_precision(&p->name, tensor, converter->precision);
    p->half = clip_name_is_half(&p->name, converter->precision);
    p->name.transposed = p->name.transposed && tensor->dimensions == 2 && p->precision != CLIP_F32;
    p->rows = tensor->dimensions ? tensor->shape[0] : 1;
    p->columns = elements / p->rows;
    if (p->name.transposed) {
        uint64_t swap = p->rows;
        p->rows = p->columns;
        p->columns = swap;
    }
    switch (p->precision) {
    case CLIP_F32: p->bytes = elements * (p->half ? 2 : 4), p->scale_bytes = 0; break;
    case CLIP_Q8: p->bytes = elements, p->scale_bytes = p->rows * 4; break;
    case CLIP_Q4: p->bytes = elements / CLIP_Q4_BLOCK * CLIP_Q4_BYTES, p->scale_bytes = p->rows * 4; break;
    }
    return 1;
}

static clip_status choose(void *context, const clip_tensor *tensor, uint64_t *rows) {
    clip_converter *converter = context;
    plan p;
    clip_tensor_name name;
    clip_name_canonical(&name, tensor->name);
    int ours = converter->kind == CLIP_VISION ? name.vision : name.text;
    if (ours && (tensor->dtype == CLIP_DTYPE_I8 || name.scales)) return CLIP_ERROR_DTYPE; /* already quantized: no source */
    *rows = 0;
    if (!wanted(converter, tensor, &p)) return CLIP_OK;
    if (p.columns > (1u << 24) || p.rows > (1u << 24)) return CLIP_ERROR_SHAPE; /* more than any row or table of a CLIP */
    converter->left++;
    *rows = p.name.transposed ? tensor->shape[0] : 1;
    return CLIP_OK;
}

static clip_status append_entry(buffer *b, const char *name, const char *suffix, const char *dtype, const uint64_t *shape,
                                uint32_t dimensions, uint64_t *offset, uint64_t bytes) {
    clip_status status = b->length > 1 ? append_text(b, ",\"") : append_text(b, "\"");
    if (status == CLIP_OK) status = append_text(b, name);
    if (status == CLIP_OK) status = append_text(b, suffix);
    if (status == CLIP_OK) status = append_text(b, "\":{\"dtype\":\"");
    if (status == CLIP_OK) status = append_text(b, dtype);
    if (status == CLIP_OK) status = append_text(b, "\",\"shape\":[");
    for (uint32_t i = 0; i < dimensions && status == CLIP_OK; i++) {
        if (i) status = append_text(b, ",");
        if (status == CLIP_OK) status = append_number(b, shape[i]);
    }
    if (status == CLIP_OK) status = append_text(b, "],\"data_offsets\":[");
    if (status == CLIP_OK) status = append_number(b, *offset);
    if (status == CLIP_OK) status = append_text(b, ",");
    *offset += bytes;
    if (status == CLIP_OK) status = append_number(b, *offset);
    return status == CLIP_OK ? append_text(b, "]}") : status;
}

static clip_status append_tensor(buffer *b, const clip_tensor *tensor, const plan *p, uint64_t *offset) {
    static const char *const DTYPES[] = {"F32", "I8", "U8"};
    uint64_t shape[CLIP_MAX_DIMENSIONS];
    memcpy(shape, tensor->shape, sizeof shape);
    if (p->name.transposed) {
        shape[0] = p->rows;
        shape[1] = p->columns;
    }
    if (p->precision == CLIP_Q4) shape[1] = shape[1] / CLIP_Q4_BLOCK * CLIP_Q4_BYTES;
    clip_status status =
        append_entry(b, tensor->name, "", p->half ? "F16" : DTYPES[p->precision], shape, tensor->dimensions, offset, p->bytes);
    if (status != CLIP_OK || p->precision == CLIP_F32) return status;
    return append_entry(b, tensor->name, ".scale", "F32", &p->rows, 1, offset, p->scale_bytes);
}

/* Writes the output's header. */
static clip_status begin(void *context, const clip_safetensors *file) {
    clip_converter *converter = context;
    buffer header = {NULL, 0, 0};
    uint64_t offset = 0, columns = 1, rows = 1;
    clip_status status = append_text(&header, "{");
    for (size_t i = 0; i < file->count && status == CLIP_OK; i++) {
        plan p;
        if (!wanted(converter, &file->tensors[i], &p)) continue;
        status = append_tensor(&header, &file->tensors[i], &p, &offset);
        if (p.columns > columns) columns = p.columns;
        if (p.rows > rows && p.precision != CLIP_F32) rows = p.rows;
    }
    if (status == CLIP_OK && converter->merges.length) {
        uint64_t length = converter->merges.length;
        status = append_entry(&header, MERGES_NAME, "", "U8", &length, 1, &offset, length);
    }
    if (status == CLIP_OK) status = append_text(&header, "}");
    while (status == CLIP_OK && header.length % 64 != 56) status = append_text(&header, " "); /* data begin at a multiple of 64 */
    if (status == CLIP_OK) {
        uint8_t length[8];
        for (int i = 0; i < 8; i++) length[i] = (uint8_t)((uint64_t)header.length >> 8 * i);
        status = append(&converter->output, length, 8);
    }
    if (status == CLIP_OK) status = append(&converter->output, header.bytes, header.length);
    converter->output_bytes = 8 + header.length + offset;
    free(header.bytes);
    if (status != CLIP_OK) return status;
    converter->scales = malloc((size_t)rows * sizeof(float));
    converter->row = malloc((size_t)columns * sizeof(float));
    return converter->scales && converter->row ? CLIP_OK : CLIP_ERROR_MEMORY;
}

/* One row in f32, quantized into the output; r counts the output's rows. */
static clip_status put_row(clip_converter *converter, const plan *p, size_t r, const float *row) {
    size_t columns = (size_t)p->columns;
    if (p->precision == CLIP_F32 && !p->half) return append(&converter->output, row, columns * sizeof *row);
    size_t bytes = p->half ? 2 * columns : p->precision == CLIP_Q4 ? clip_q4_bytes(columns) : columns;
    clip_status status = reserve(&converter->output, bytes);
    if (status != CLIP_OK) return status;
    uint8_t *to = converter->output.bytes + converter->output.length;
    converter->output.length += bytes;
    if (p->half) clip_encode_halves(row, columns, to);
    else if (p->precision == CLIP_Q4) clip_quantize_q4(row, columns, to, converter->scales + r);
    else clip_quantize_q8(row, columns, (int8_t *)to, converter->scales + r);
    return CLIP_OK;
}

static clip_status rows(void *context, const clip_tensor *tensor, uint64_t first, uint64_t count, const uint8_t *data) {
    clip_converter *converter = context;
    plan p;
    if (!wanted(converter, tensor, &p)) return CLIP_ERROR_ARGUMENT; /* unreachable: choose said the same */
    size_t element = clip_dtype_bytes(tensor->dtype), columns = (size_t)p.columns;
    clip_status status = CLIP_OK;
    if (p.name.transposed) { /* came whole: (columns, rows) */
        for (size_t r = 0; r < p.rows && status == CLIP_OK; r++) {
            for (size_t c = 0; c < columns && status == CLIP_OK; c++)
                status = clip_decode_floats(converter->row + c, data + (c * p.rows + r) * element, tensor->dtype, 1);
            if (status == CLIP_OK) status = put_row(converter, &p, r, converter->row);
        }
        first = p.rows;
    } else {
        for (uint64_t r = 0; r < count && status == CLIP_OK; r++, first++) {
            status = clip_decode_floats(converter->row, data + r * columns * element, tensor->dtype, columns);
            if (status == CLIP_OK) status = put_row(converter, &p, (size_t)first, converter->row);
        }
    }
    if (status != CLIP_OK) return status;
    if (strcmp(p.name.name, "logit_scale") == 0) converter->logit_scale = expf(converter->row[0]);
    if (strcmp(p.name.name, "logit_bias") == 0) converter->logit_bias = converter->row[0];
    if (first < p.rows) return CLIP_OK;
    status = append(&converter->output, converter->scales, (size_t)p.scale_bytes);
    if (--converter->left == 0 && status == CLIP_OK)
        status = append(&converter->output, converter->merges.bytes, converter->merges.length);
    return status;
}

clip_status clip_converter_create(clip_converter **out, clip_tower_kind kind, clip_precision precision, const char *merges,
                                  size_t merges_length) {
    *out = NULL;
    clip_converter *converter = calloc(1, sizeof *converter);
    if (!converter) return CLIP_ERROR_MEMORY;
    converter->kind = kind;
    converter->precision = precision;
    if (merges && kind == CLIP_TEXT && append(&converter->merges, merges, merges_length) != CLIP_OK) {
        clip_converter_destroy(converter);
        return CLIP_ERROR_MEMORY;
    }
    *out = converter;
    return CLIP_OK;
}

void clip_converter_destroy(clip_converter *converter) {
    if (!converter) return;
    clip_stream_close(&converter->stream);
    free(converter->merges.bytes);
    free(converter->output.bytes);
    free(converter->scales);
    free(converter->row);
    free(converter);
}

void clip_converter_leave_table(clip_converter *converter) { converter->leaves_table = 1; }

clip_status clip_converter_open(clip_converter *converter, uint64_t bytes) {
    if (converter->output_bytes) return CLIP_ERROR_ARGUMENT; /* one file a converter */
    clip_stream_close(&converter->stream);
    const clip_stream_reader reader = {choose, begin, rows, converter};
    return clip_stream_open(&converter->stream, &reader, bytes);
}

int clip_converter_want(const clip_converter *converter, uint64_t *offset, uint64_t *length) {
    return clip_stream_want(&converter->stream, offset, length);
}

clip_status clip_converter_push(clip_converter *converter, const uint8_t *bytes, size_t length) {
    converter->output.length = 0;
    return clip_stream_push(&converter->stream, bytes, length);
}

const uint8_t *clip_converter_output(const clip_converter *converter, size_t *length) {
    *length = converter->output.length;
    return converter->output.bytes;
}

uint64_t clip_converter_bytes(const clip_converter *converter) { return converter->output_bytes; }

const char *clip_converter_detail(const clip_converter *converter) {
    return converter->stream.failed ? converter->stream.failed->name : "";
}

float clip_converter_logit_scale(const clip_converter *converter) { return converter->logit_scale; }

float clip_converter_logit_bias(const clip_converter *converter) { return converter->logit_bias; }
