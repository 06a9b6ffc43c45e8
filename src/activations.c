/* activations.c - rows of f32 to what the kernels read: layer normalisation, and one 8-bit scale a row. */
#include <math.h>
#include <string.h>

#include "kernels.h"
#include "vector_math.h"

static size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

void clip_activations_layout(clip_activations *a, const clip_kernels *kernels, clip_arena *arena, size_t rows, size_t width,
                             clip_precision precision) {
    if (precision == CLIP_Q4 && width % CLIP_Q4_GROUP) precision = CLIP_Q8;
    *a = (clip_activations){.width = width, .precision = precision};
    if (precision == CLIP_F32) {
        a->own = clip_arena_take(arena, rows * width, sizeof(float));
        return;
    }
    size_t bytes = precision == CLIP_Q8 && kernels->form == CLIP_ACTIVATION_I16 ? 2 : 1;
    a->stride = round_up(width, 16) * bytes;
    a->q = clip_arena_take(arena, rows, a->stride);
    a->scale = clip_arena_take(arena, rows, sizeof(float));
    a->offset = clip_arena_take(arena, rows, sizeof(float));
    a->scratch = clip_arena_take(arena, rows * width, sizeof(float));
    if (precision == CLIP_Q4) a->group_sum = clip_arena_take(arena, rows * (width / CLIP_Q4_GROUP), sizeof(float));
}

/* y = (x - mean) / sqrt(variance + epsilon) gain + bias; two passes over the row, as exact as the reference's. */
static void norm_row(const float *x, size_t width, const float *gain, const float *bias, float epsilon, float *y) {
    size_t i, whole = width / 4 * 4;
    v128_t sum = wasm_f32x4_splat(0), squares = sum;
    for (i = 0; i < whole; i += 4) sum = wasm_f32x4_add(sum, wasm_v128_load(x + i));
    float mean = clip_sum4(sum);
    for (; i < width; i++) mean += x[i];
    mean /= (float)width;
    v128_t middle = wasm_f32x4_splat(mean);
    for (i = 0; i < whole; i += 4) {
        v128_t d = wasm_f32x4_sub(wasm_v128_load(x + i), middle);
        squares = wasm_f32x4_add(squares, wasm_f32x4_mul(d, d));
    }
    float variance = clip_sum4(squares);
    for (; i < width; i++) variance += (x[i] - mean) * (x[i] - mean);
    float factor = 1 / sqrtf(variance / (float)width + epsilon);
    v128_t f = wasm_f32x4_splat(factor);
    for (i = 0; i < whole; i += 4) {
        v128_t d = wasm_f32x4_mul(wasm_f32x4_sub(wasm_v128_load(x + i), middle), f);
        wasm_v128_store(y + i, wasm_f32x4_add(wasm_f32x4_mul(d, wasm_v128_load(gain + i)), wasm_v128_load(bias + i)));
    }
    for (; i < width; i++) y[i] = (x[i] - mean) * factor * gain[i] + bias[i];
}

static void extent(const float *x, size_t width, float *least, float *largest) {
    size_t i, whole = width / 4 * 4;
    v128_t low = wasm_f32x4_splat(x[0]), high = low;
    for (i = 0; i < whole; i += 4) {
        v128_t v = wasm_v128_load(x + i);
        low = wasm_f32x4_pmin(low, v);
        high = wasm_f32x4_pmax(high, v);
    }
    *least = clip_min4(low);
    *largest = clip_max4(high);
    for (; i < width; i++) {
        *least = x[i] < *least ? x[i] : *least;
        *largest = x[i] > *largest ? x[i] : *largest;
    }
}

/* round((x - offset) inverse) as int32; NaN becomes 0, and what is out of range saturates. */
static v128_t quantize4(const float *x, v128_t offset, v128_t inverse) {
    return wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(wasm_f32x4_mul(wasm_f32x4_sub(wasm_v128_load(x), offset), inverse)));
}

/* Sixteen inputs at a time; a tail is copied to where zeros follow it. The weights beyond a row's width are zeros. */
typedef void (*store16)(const float *x, v128_t offset, v128_t inverse, unsigned char *to);

static void store_u8(const float *x, v128_t offset, v128_t inverse, unsigned char *to) {
    v128_t a = wasm_i16x8_narrow_i32x4(quantize4(x, offset, inverse), quantize4(x + 4, offset, inverse));
    v128_t b = wasm_i16x8_narrow_i32x4(quantize4(x + 8, offset, inverse), quantize4(x + 12, offset, inverse));
    wasm_v128_store(to, wasm_u8x16_narrow_i16x8(a, b));
}
static void store_u8_less_128(const float *x, v128_t offset, v128_t inverse, unsigned char *to) {
    store_u8(x, offset, inverse, to);
    wasm_v128_store(to, wasm_v128_xor(wasm_v128_load(to), wasm_i8x16_splat(-128)));
}
static void store_i16(const float *x, v128_t offset, v128_t inverse, unsigned char *to) {
    unsigned char bytes[16];
    store_u8(x, offset, inverse, bytes);
    v128_t all = wasm_v128_load(bytes);
    wasm_v128_store(to, wasm_u16x8_extend_low_u8x16(all));
    wasm_v128_store(to + 16, wasm_u16x8_extend_high_u8x16(all));
}
static void store_s8(const float *x, v128_t offset, v128_t inverse, unsigned char *to) {
    v128_t a = wasm_i16x8_narrow_i32x4(quantize4(x, offset, inverse), quantize4(x + 4, offset, inverse));
    v128_t b = wasm_i16x8_narrow_i32x4(quantize4(x + 8, offset, inverse), quantize4(x + 12, offset, inverse));
    wasm_v128_store(to, wasm_i8x16_narrow_i16x8(a, b));
}

static void store_row(const float *x, size_t width, float offset, float inverse, size_t bytes, store16 store, unsigned char *to) {
    v128_t o = wasm_f32x4_splat(offset), s = wasm_f32x4_splat(inverse);
    size_t i;
    for (i = 0; i + 16 <= width; i += 16) store(x + i, o, s, to + i * bytes);
    if (i == width) return;
    float tail[16];
    for (size_t j = 0; j < 16; j++) tail[j] = i + j < width ? x[i + j] : offset;
    store(tail, o, s, to + i * bytes);
}

/* 0 where a row is constant (or not finite): then every q is 0 and the offset says it all. */
static float inverse_of(float scale) { return isnormal(scale) && isfinite(scale) ? 1 / scale : 0; }

static void quantize_row(clip_activations *a, const clip_kernels *kernels, size_t row, const float *x) {
    float least, largest;
    unsigned char *to = a->q + row * a->stride;
    extent(x, a->width, &least, &largest);
    if (a->precision == CLIP_Q4) {
        float scale = fmaxf(-least, largest) / 127, inverse = inverse_of(scale);
        store_row(x, a->width, 0, inverse, 1, store_s8, to);
        a->scale[row] = inverse > 0 ? scale : 0;
        a->offset[row] = 0;
        size_t groups = a->width / CLIP_Q4_GROUP;
        for (size_t g = 0; g < groups; g++) {
            int32_t sum = 0;
            for (size_t i = 0; i < CLIP_Q4_GROUP; i++) sum += (int8_t)to[g * CLIP_Q4_GROUP + i];
            a->group_sum[row * groups + g] = (float)sum;
        }
        return;
    }
    float scale = (largest - least) / 255, inverse = inverse_of(scale);
    int i16 = kernels->form == CLIP_ACTIVATION_I16, s8 = kernels->form == CLIP_ACTIVATION_S8;
    store_row(x, a->width, least, inverse, i16 ? 2 : 1, i16 ? store_i16 : s8 ? store_u8_less_128 : store_u8, to);
    a->scale[row] = inverse > 0 ? scale : 0;
    a->offset[row] = least + (s8 ? 128 * a->scale[row] : 0);
}

/* ---- over all rows, on the pool ---- */

typedef struct {
    clip_activations *to;
    const clip_kernels *kernels;
    const float *x, *gain, *bias;
    float *y;
    size_t rows, width, step;
    float epsilon;
} row_work;

static void work_rows(void *context, size_t index) {
    row_work *w = context;
    size_t end = (index + 1) * w->step < w->rows ? (index + 1) * w->step : w->rows;
    for (size_t r = index * w->step; r < end; r++) {
        const float *x = w->x + r * w->width;
        if (w->gain) {
            norm_row(x, w->width, w->gain, w->bias, w->epsilon, w->y + r * w->width);
            x = w->y + r * w->width;
        }
        if (w->to) quantize_row(w->to, w->kernels, r, x);
    }
}

/* Some rows a task: one alone is too little to be worth waking a thread for. */
static void for_rows(row_work *w, clip_pool *pool) {
    w->step = 16384 / w->width + 1;
    clip_parallel(pool, (w->rows + w->step - 1) / w->step, work_rows, w);
}

void clip_activations_set(clip_activations *to, const clip_kernels *kernels, clip_pool *pool, const float *x, size_t rows) {
    to->rows = rows;
    to->f32 = x;
    if (to->precision == CLIP_F32) return;
    row_work work = {.to = to, .kernels = kernels, .x = x, .rows = rows, .width = to->width};
    for_rows(&work, pool);
}

void clip_activations_set_layer_norm(clip_activations *to, const clip_kernels *kernels, clip_pool *pool, const float *x, size_t rows,
                                     const float *gain, const float *bias, float epsilon) {
    int plain = to->precision == CLIP_F32;
    row_work work = {plain ? NULL : to, kernels, x, gain, bias, plain ? to->own : to->scratch, rows, to->width, 0, epsilon};
    for_rows(&work, pool);
    to->rows = rows;
    to->f32 = work.y;
}

void clip_layer_norm(const clip_kernels *kernels, clip_pool *pool, const float *x, size_t rows, size_t width, const float *gain,
                     const float *bias, float epsilon, float *y) {
    row_work work = {NULL, kernels, x, gain, bias, y, rows, width, 0, epsilon};
    for_rows(&work, pool);
}
