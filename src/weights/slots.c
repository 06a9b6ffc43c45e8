#include "weights/slots.h"

#include <stdlib.h>
#include <string.h>

#include "weights/quantize.h"

void clip_slots_layout(clip_slots *slots, const clip_kernels *kernels, clip_arena *arena, size_t capacity) {
    *slots = (clip_slots){kernels, clip_arena_take(arena, capacity, sizeof(clip_slot)), 0, capacity};
}

static clip_slot *add(clip_slots *slots, const char *prefix, const char *name, clip_slot_kind kind, size_t rows, size_t columns) {
    if (!slots->slots || slots->count == slots->capacity) return NULL;
    clip_slot *slot = &slots->slots[slots->count++];
    *slot = (clip_slot){.kind = kind, .rows = rows, .columns = columns};
    size_t head = strlen(prefix), tail = strlen(name);
    if (head + tail >= CLIP_SLOT_NAME) return NULL; /* unreachable for the names that towers build */
    memcpy(slot->name, prefix, head);
    memcpy(slot->name + head, name, tail + 1);
    return slot;
}

void clip_slots_add_values(clip_slots *slots, const char *prefix, const char *name, float *values, size_t rows, size_t columns) {
    clip_slot *slot = add(slots, prefix, name, CLIP_SLOT_VALUES, rows, columns);
    if (slot) slot->values = values;
}

void clip_slots_add_linear(clip_slots *slots, const char *prefix, const char *name, clip_linear *linear, size_t first_row,
                           size_t rows) {
    clip_slot *slot = add(slots, prefix, name, CLIP_SLOT_LINEAR, rows, linear->in);
    if (!slot) return;
    slot->linear = linear;
    slot->first_row = first_row;
}

void clip_slots_add_int8(clip_slots *slots, const char *prefix, const char *name, int8_t *int8, float *scale, size_t rows,
                         size_t columns) {
    clip_slot *slot = add(slots, prefix, name, CLIP_SLOT_INT8, rows, columns);
    if (!slot) return;
    slot->int8 = int8;
    slot->scale = scale;
}

void clip_slots_add_split_of(clip_slots *slots, const char *prefix, const char *name, size_t rows, size_t columns, size_t parts,
                             size_t part) {
    clip_slot *slot = add(slots, prefix, name, CLIP_SLOT_SPLIT, rows, columns);
    if (!slot) return;
    slot->parts = parts;
    slot->part = part;
}

void clip_slots_add_split(clip_slots *slots, const char *prefix, const char *name, size_t rows, size_t columns) {
    clip_slots_add_split_of(slots, prefix, name, rows, columns, 3, 1);
}

void clip_slots_set_kernel(clip_slots *slots, size_t kernel) {
    if (slots->count) slots->slots[slots->count - 1].kernel = kernel;
}

const char *clip_slots_numbered(char *to, const char *prefix, size_t i) {
    size_t used = strlen(prefix);
    memcpy(to, prefix, used);
    if (i >= 100) to[used++] = (char)('0' + i / 100);
    if (i >= 10) to[used++] = (char)('0' + i / 10 % 10);
    to[used++] = (char)('0' + i % 10);
    to[used++] = '.';
    to[used] = 0;
    return to;
}

clip_slot *clip_slots_find(const clip_slots *slots, const char *name) {
    for (size_t i = 0; i < slots->count; i++)
        if (strcmp(slots->slots[i].name, name) == 0) return &slots->slots[i];
    return NULL;
}

static int is_float(clip_dtype dtype) { return dtype == CLIP_DTYPE_F32 || dtype == CLIP_DTYPE_F16 || dtype == CLIP_DTYPE_BF16; }

/* What the slot's place holds: its linear's precision; for a split, that of its first part, which follows it in the table. */
static clip_precision precision_of(const clip_slot *slot) {
    if (slot->kind == CLIP_SLOT_SPLIT) slot += slot->part;
    if (slot->kind == CLIP_SLOT_LINEAR) return slot->linear->precision;
    return slot->kind == CLIP_SLOT_INT8 ? CLIP_Q8 : CLIP_F32;
}

clip_status clip_slot_accepts(const clip_slot *slot, const clip_tensor *tensor, int transposed, int scales) {
    clip_precision precision = precision_of(slot);
    size_t columns = slot->columns, rows = slot->rows;
    if (scales) {
        if (precision == CLIP_F32 || !is_float(tensor->dtype)) return CLIP_ERROR_DTYPE;
        columns = 1;
    } else if (tensor->dtype == CLIP_DTYPE_I8) {
        if (precision != CLIP_Q8) return CLIP_ERROR_DTYPE;
    } else if (tensor->dtype == CLIP_DTYPE_U8) {
        if (precision != CLIP_Q4) return CLIP_ERROR_DTYPE;
        columns = clip_q4_bytes(columns);
    } else if (!is_float(tensor->dtype)) {
        return CLIP_ERROR_DTYPE;
    } else if (transposed) {
        rows = slot->columns;
        columns = slot->rows;
    }
    /* Every dimension: (out, height, width, in) holds as many numbers as (out, in, height, width), in another order. */
    uint64_t shape[4] = {rows, columns, slot->kernel, slot->kernel};
    uint32_t dimensions = columns == 1 ? 1 : 2;
    if (slot->kernel && !scales) {
        dimensions = 4;
        shape[1] = columns / (slot->kernel * slot->kernel);
    }
    int fits = tensor->dimensions == dimensions;
    for (uint32_t i = 0; i < dimensions && fits; i++) fits = tensor->shape[i] == shape[i];
    return fits ? CLIP_OK : CLIP_ERROR_SHAPE;
}

clip_status clip_slot_announce(clip_slot *slot) {
    const size_t parts = slot->kind == CLIP_SLOT_SPLIT ? slot->parts : 0;
    for (clip_slot *part = slot + slot->part; part < slot + slot->part + parts; part++) {
        if (part->announced) return CLIP_ERROR_FORMAT;
        part->announced = 1;
    }
    if (slot->announced) return CLIP_ERROR_FORMAT;
    slot->announced = 1;
    return CLIP_OK;
}

const clip_slot *clip_slots_unannounced(const clip_slots *slots) {
    for (size_t i = 0; i < slots->count; i++)
        if (!slots->slots[i].announced && slots->slots[i].kind != CLIP_SLOT_SPLIT) return &slots->slots[i];
    return NULL;
}

/* One row of f32 into a quantized linear; `q` has room for two rows of int8. */
static void quantize_row(clip_linear *linear, const clip_slots *slots, size_t row, const float *values, unsigned char *q) {
    float scale;
    if (linear->precision == CLIP_Q8) {
        clip_quantize_q8(values, linear->in, (int8_t *)q, &scale);
    } else {
        clip_quantize_q4(values, linear->in, q + linear->in, &scale);
        clip_expand_q4(q + linear->in, linear->in, (int8_t *)q);
    }
    clip_linear_set_rows_q8(linear, slots->kernels, row, 1, (const int8_t *)q);
    clip_linear_set_scales(linear, slots->kernels, row, 1, &scale);
}

/* f32 rows into the slot's place, quantized if that is what it holds. */
static clip_status set_floats(clip_slot *slot, const clip_slots *slots, size_t first, size_t rows, const float *values) {
    size_t columns = slot->columns;
    if (slot->kind == CLIP_SLOT_VALUES) {
        memcpy(slot->values + first * columns, values, rows * columns * sizeof *values);
    } else if (slot->kind == CLIP_SLOT_INT8) {
        for (size_t r = 0; r < rows; r++)
            clip_quantize_q8(values + r * columns, columns, slot->int8 + (first + r) * columns, &slot->scale[first + r]);
    } else if (slot->linear->precision == CLIP_F32) {
        clip_linear_set_rows(slot->linear, slots->kernels, slot->first_row + first, rows, values);
    } else {
        unsigned char *q = malloc(2 * columns);
        if (!q) return CLIP_ERROR_MEMORY;
        for (size_t r = 0; r < rows; r++) quantize_row(slot->linear, slots, slot->first_row + first + r, values + r * columns, q);
        free(q);
    }
    slot->arrived += rows;
    return CLIP_OK;
}

static clip_status set_float_rows(clip_slot *slot, const clip_slots *slots, const clip_tensor *tensor, size_t first, size_t rows,
                                  const uint8_t *data) {
    /* Some rows at a time, so that the f32 copy stays in the cache and small whatever the push. */
    size_t row_bytes = slot->columns * clip_dtype_bytes(tensor->dtype), step = 65536 / slot->columns + 1;
    float *values = malloc((step < rows ? step : rows) * slot->columns * sizeof *values);
    if (!values) return CLIP_ERROR_MEMORY;
    clip_status status = CLIP_OK;
    for (size_t r = 0; r < rows && status == CLIP_OK; r += step) {
        size_t part = rows - r < step ? rows - r : step;
        status = clip_decode_floats(values, data + r * row_bytes, tensor->dtype, part * slot->columns);
        if (status == CLIP_OK) status = set_floats(slot, slots, first + r, part, values);
    }
    free(values);
    return status;
}

static clip_status set_transposed(clip_slot *slot, const clip_slots *slots, const clip_tensor *tensor, const uint8_t *data) {
    size_t count = slot->rows * slot->columns;
    float *values = malloc(2 * count * sizeof *values);
    if (!values) return CLIP_ERROR_MEMORY;
    float *turned = values + count;
    clip_status status = clip_decode_floats(values, data, tensor->dtype, count);
    if (status == CLIP_OK) {
        for (size_t c = 0; c < slot->columns; c++)
            for (size_t r = 0; r < slot->rows; r++) turned[r * slot->columns + c] = values[c * slot->rows + r];
        status = set_floats(slot, slots, 0, slot->rows, turned);
    }
    free(values);
    return status;
}

static clip_status set_scales(clip_slot *slot, const clip_slots *slots, const clip_tensor *tensor, size_t first, size_t rows,
                              const uint8_t *data) {
    float *values = malloc(rows * sizeof *values);
    if (!values) return CLIP_ERROR_MEMORY;
    clip_status status = clip_decode_floats(values, data, tensor->dtype, rows);
    if (status == CLIP_OK) {
        if (slot->kind == CLIP_SLOT_INT8) memcpy(slot->scale + first, values, rows * sizeof *values);
        else clip_linear_set_scales(slot->linear, slots->kernels, slot->first_row + first, rows, values);
        slot->scales_arrived += rows;
    }
    free(values);
    return status;
}

/* Rows of int4 into a linear, as the int8 that they stand for. */
static clip_status set_rows_q4(const clip_slot *slot, const clip_slots *slots, size_t first, size_t rows, const uint8_t *data) {
    int8_t *row = malloc(slot->columns);
    if (!row) return CLIP_ERROR_MEMORY;
    for (size_t r = 0; r < rows; r++, data += clip_q4_bytes(slot->columns)) {
        clip_expand_q4(data, slot->columns, row);
        clip_linear_set_rows_q8(slot->linear, slots->kernels, slot->first_row + first + r, 1, row);
    }
    free(row);
    return CLIP_OK;
}

static clip_status set_quantized(clip_slot *slot, const clip_slots *slots, size_t first, size_t rows, const uint8_t *data) {
    clip_status status = CLIP_OK;
    if (slot->kind == CLIP_SLOT_INT8) memcpy(slot->int8 + first * slot->columns, data, rows * slot->columns);
    else if (slot->linear->precision == CLIP_Q4) status = set_rows_q4(slot, slots, first, rows, data);
    else clip_linear_set_rows_q8(slot->linear, slots->kernels, slot->first_row + first, rows, (const int8_t *)data);
    if (status != CLIP_OK) return status;
    slot->arrived += rows;
    slot->needs_scales = 1;
    return CLIP_OK;
}

clip_status clip_slot_set(clip_slot *slot, const clip_slots *slots, const clip_tensor *tensor, int transposed, int scales,
                          size_t first, size_t rows, const uint8_t *data) {
    if (rows == 0) return CLIP_OK;
    if (slot->kind == CLIP_SLOT_SPLIT) {
        size_t third = slot->rows / slot->parts,
               row_bytes = (size_t)clip_tensor_elements(tensor, 1) * clip_dtype_bytes(tensor->dtype);
        while (rows) {
            size_t part = first / third, inside = first % third, step = third - inside < rows ? third - inside : rows;
            clip_status status = clip_slot_set(slot + slot->part + part, slots, tensor, 0, scales, inside, step, data);
            if (status != CLIP_OK) return status;
            first += step;
            rows -= step;
            data += step * row_bytes;
        }
        return CLIP_OK;
    }
    if (scales) return set_scales(slot, slots, tensor, first, rows, data);
    if (!is_float(tensor->dtype)) return set_quantized(slot, slots, first, rows, data);
    if (transposed) return set_transposed(slot, slots, tensor, data);
    return set_float_rows(slot, slots, tensor, first, rows, data);
}

const clip_slot *clip_slots_missing(const clip_slots *slots) {
    for (size_t i = 0; i < slots->count; i++) {
        const clip_slot *slot = &slots->slots[i];
        if (slot->kind == CLIP_SLOT_SPLIT) continue;
        if (slot->arrived != slot->rows || (slot->needs_scales && slot->scales_arrived != slot->rows)) return slot;
    }
    return NULL;
}
