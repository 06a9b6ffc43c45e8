#include "towers/token_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "weights/quantize.h"

void clip_token_table_layout(clip_token_table *table, clip_arena *arena, size_t rows, size_t width, clip_precision precision) {
    *table = (clip_token_table){.rows = rows, .width = width};
    if (precision == CLIP_F32) {
        table->f32 = clip_arena_take(arena, rows * width, sizeof(float));
    } else {
        table->q8 = clip_arena_take(arena, rows * width, sizeof(int8_t));
        table->scale = clip_arena_take(arena, rows, sizeof(float));
    }
    table->arrived = clip_arena_take(arena, rows / 8 + 1, 1);
}

void clip_token_table_slot(clip_token_table *table, clip_slots *slots) {
    if (table->q8) clip_slots_add_int8(slots, "", CLIP_TOKEN_TABLE, table->q8, table->scale, table->rows, table->width);
    else clip_slots_add_values(slots, "", CLIP_TOKEN_TABLE, table->f32, table->rows, table->width);
}

void clip_token_table_add(const clip_token_table *table, uint32_t id, float *x) {
    size_t width = table->width;
    if (table->f32) {
        const float *row = table->f32 + id * width;
        for (size_t i = 0; i < width; i++) x[i] += row[i];
    } else {
        const int8_t *row = table->q8 + id * width;
        float scale = table->scale[id];
        for (size_t i = 0; i < width; i++) x[i] += (float)row[i] * scale;
    }
}

void clip_token_table_defer(clip_token_table *table) {
    table->deferred = 1;
    if (table->arrived) memset(table->arrived, 0, table->rows / 8 + 1);
}

static int is_there(const clip_token_table *table, size_t row) {
    return !table->deferred || (row < table->rows && table->arrived && table->arrived[row / 8] >> row % 8 & 1);
}

size_t clip_token_table_missing(const clip_token_table *table, const uint32_t *ids, size_t count, uint32_t *missing) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_there(table, ids[i])) missing[found++] = ids[i];
    return found;
}

size_t clip_token_table_row_bytes(const clip_token_table *table) {
    return table->f32 ? table->width * sizeof(float) : table->width + sizeof(float);
}

/* One row; `values` has room for it in f32. */
static clip_status set_row(clip_token_table *table, clip_dtype dtype, size_t row, const uint8_t *bytes, float *values) {
    size_t width = table->width;
    if (dtype == CLIP_DTYPE_I8) {
        float scale;
        memcpy(&scale, bytes + width, sizeof scale);
        if (!isfinite(scale)) return CLIP_ERROR_VALUE;
        memcpy(table->q8 + row * width, bytes, width);
        table->scale[row] = scale;
        return CLIP_OK;
    }
    clip_status status = clip_decode_floats(values, bytes, dtype, width);
    if (status != CLIP_OK) return status;
    if (table->f32) memcpy(table->f32 + row * width, values, width * sizeof *values);
    else clip_quantize_q8(values, width, table->q8 + row * width, &table->scale[row]);
    return CLIP_OK;
}

clip_status clip_token_table_set(clip_token_table *table, clip_dtype dtype, size_t first, size_t count, const uint8_t *bytes) {
    size_t width = table->width;
    if (!table->deferred || !table->arrived || first > table->rows || count > table->rows - first) return CLIP_ERROR_ARGUMENT;
    if (dtype == CLIP_DTYPE_I8 ? !table->q8 : dtype != CLIP_DTYPE_F32 && dtype != CLIP_DTYPE_F16 && dtype != CLIP_DTYPE_BF16)
        return CLIP_ERROR_DTYPE;
    size_t row_bytes = dtype == CLIP_DTYPE_I8 ? width + sizeof(float) : width * clip_dtype_bytes(dtype);
    float *values = malloc(width * sizeof *values);
    if (!values) return CLIP_ERROR_MEMORY;
    clip_status status = CLIP_OK;
    for (size_t r = 0; r < count && status == CLIP_OK; r++) {
        const size_t row = first + r;
        status = set_row(table, dtype, row, bytes + r * row_bytes, values);
        if (status == CLIP_OK) table->arrived[row / 8] |= (uint8_t)(1 << row % 8);
    }
    free(values);
    return status;
}

clip_status clip_token_table_get(const clip_token_table *table, size_t first, size_t count, uint8_t *bytes) {
    size_t width = table->width;
    if (!table->arrived || first > table->rows || count > table->rows - first) return CLIP_ERROR_ARGUMENT;
    for (size_t row = first; row < first + count; row++, bytes += clip_token_table_row_bytes(table)) {
        if (!is_there(table, row)) return CLIP_ERROR_MISSING;
        if (table->f32) {
            memcpy(bytes, table->f32 + row * width, width * sizeof(float));
        } else {
            memcpy(bytes, table->q8 + row * width, width);
            memcpy(bytes + width, &table->scale[row], sizeof(float));
        }
    }
    return CLIP_OK;
}
