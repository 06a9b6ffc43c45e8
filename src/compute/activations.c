/* activations.c - rows of f32 to what the kernels read: layer normalisation, and one 8-bit scale a row. */
#include <math.h>
#include <string.h>

#include "compute/kernels.h"
#include "compute/vector_math.h"

static size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

void clip_activations_layout(clip_activations *a, const clip_kernels *kernels, clip_arena *arena, size_t rows, size_t width,
                             clip_precision precision) {
    *a = (clip_activations){.width = width, .precision = precision};
    if (precision == CLIP_F32) {
        a->own = clip_arena_take(arena, rows * width, sizeof(float));
        return;
    }
    size_t bytes = kernels->q8_form == CLIP_ACTIVATION_I16 ? 2 : 1;
    a->stride = round_up(width, 16) * bytes;
    a->q = clip_arena_take(arena, rows, a->stride);
    a->scale = clip_arena_take(arena, rows, sizeof(float));
    a->offset = clip_arena_take(arena, rows, sizeof(float));
    a->scratch = clip_arena_take(arena, rows * width, sizeof(float));
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

/* ---- quantization: q = round((x - offset) / scale), 16 inputs at a time ---- */

/* Adding 1.5 2^23 rounds to a whole number, half to even, and leaves it in the low bits: three instructions where conversions that saturate
 * take a dozen. NaN and what is out of range become some number, which narrowing brings into range. */
static inline v128_t round4(const float *x, v128_t offset, v128_t inverse) {
    const v128_t magic = wasm_f32x4_splat(12582912.0f);
    v128_t scaled = wasm_f32x4_mul(wasm_f32x4_sub(wasm_v128_load(x), offset), inverse);
    return wasm_i32x4_sub(wasm_f32x4_add(scaled, magic), magic);
}

static inline void store16(clip_activation_form form, const float *x, v128_t offset, v128_t inverse, unsigned char *to) {
    v128_t a = wasm_i16x8_narrow_i32x4(round4(x, offset, inverse), round4(x + 4, offset, inverse));
    v128_t b = wasm_i16x8_narrow_i32x4(round4(x + 8, offset, inverse), round4(x + 12, offset, inverse));
    if (form == CLIP_ACTIVATION_I16) {
        wasm_v128_store(to, a);
        wasm_v128_store(to + 16, b);
    } else if (form == CLIP_ACTIVATION_S8) {
        wasm_v128_store(to, wasm_i8x16_narrow_i16x8(a, b));
    } else if (form == CLIP_ACTIVATION_U7) {
        wasm_v128_store(to, wasm_u8x16_min(wasm_u8x16_narrow_i16x8(a, b), wasm_i8x16_splat(127)));
    } else {
        wasm_v128_store(to, wasm_u8x16_narrow_i16x8(a, b));
    }
}

/* A tail is filled up with what becomes 0; the weights beyond a row's width are zeros besides. */
static void store_row(clip_activation_form form, const float *x, size_t width, float offset, float inverse, unsigned char *to) {
    v128_t o = wasm_f32x4_splat(offset), s = wasm_f32x4_splat(inverse);
    size_t i, bytes = form == CLIP_ACTIVATION_I16 ? 2 : 1;
    for (i = 0; i + 16 <= width; i += 16) store16(form, x + i, o, s, to + i * bytes);
    if (i == width) return;
    float tail[16];
    for (size_t j = 0; j < 16; j++) tail[j] = i + j < width ? x[i + j] : offset;
    store16(form, tail, o, s, to + i * bytes);
}

/* Range of q. In 16 bits: the most that cannot overflow 32 with int8 weights. */
static void range_of(clip_activation_form form, size_t width, float *from, float *to) {
    float most = fminf(32767, floorf(16777215.0f / (float)width));
    switch (form) {
    case CLIP_ACTIVATION_U8: *from = 0, *to = 255; break;
    case CLIP_ACTIVATION_U7: *from = 0, *to = 127; break;
    case CLIP_ACTIVATION_S8: *from = -128, *to = 127; break;
    case CLIP_ACTIVATION_I16: *from = -most, *to = most; break;
    }
}

/* x = q scale + offset, the row's extent being the range of q. Rows that are constant, or not finite, have a scale of 0, and the offset
 * says it all. */
void clip_activations_set_row(clip_activations *a, const clip_kernels *kernels, size_t row, const float *x) {
    float least, largest, from = 0, to = 1;
    extent(x, a->width, &least, &largest);
    range_of(kernels->q8_form, a->width, &from, &to);
    float scale = (largest - least) / (to - from), inverse = isnormal(scale) && isfinite(1 / scale) ? 1 / scale : 0;
    if (inverse == 0) scale = 0;
    a->scale[row] = scale;
    a->offset[row] = least - from * scale;
    store_row(kernels->q8_form, x, a->width, a->offset[row], inverse, a->q + row * a->stride);
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
        if (w->to) clip_activations_set_row(w->to, w->kernels, r, x);
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

void clip_activations_set_layer_norm(clip_activations *to, const clip_kernels *kernels, clip_pool *pool, const float *x,
                                     size_t rows, const float *gain, const float *bias, float epsilon) {
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
