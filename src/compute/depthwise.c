#include "compute/depthwise.h"

#include <math.h>
#include <string.h>

#include "compute/kernels_tile.h"
#include "compute/vector_math.h"

#define MOST_TAPS 50 /* 7 x 7, and one to make them even */

#ifdef __clang__
#define CLIP_UNROLL _Pragma("clang loop unroll(full)")
#else
#define CLIP_UNROLL
#endif

static size_t taps_of(const clip_depthwise_shape *s) { return s->kernel * s->kernel; }

static size_t outputs_of(const clip_depthwise_shape *s) { return s->outputs ? s->outputs : 1; }

/* ---- weights ---- */

void clip_depthwise_layout(clip_depthwise *depthwise, clip_arena *arena, const clip_depthwise_shape *shape,
                           clip_precision precision) {
    size_t channels = shape->channels, even = (taps_of(shape) + 1) / 2 * 2, all = outputs_of(shape) * channels;
    *depthwise = (clip_depthwise){.shape = *shape, .precision = precision == CLIP_F32 ? CLIP_F32 : CLIP_Q8};
    if (precision == CLIP_F32) depthwise->weight = clip_arena_take(arena, all * taps_of(shape), sizeof(float));
    else depthwise->pairs = clip_arena_take(arena, channels * even, sizeof(int16_t));
    depthwise->factor = clip_arena_take(arena, all, sizeof(float));
    depthwise->bias = clip_arena_take(arena, all, sizeof(float));
    depthwise->zeros = clip_arena_take(arena, channels, sizeof(float));
    if (depthwise->zeros) memset(depthwise->zeros, 0, channels * sizeof(float));
}

/* A channel's weights as int16: as many steps as sums of 32 bits allow, whatever the image. */
static float step_of(const float *weight, size_t taps) {
    float largest = 0, sum = 0;
    for (size_t t = 0; t < taps; t++) {
        largest = fmaxf(largest, fabsf(weight[t]));
        sum += fabsf(weight[t]);
    }
    return fmaxf(largest / 32767, sum / 65500); /* 65538 times 32767 fits; the rest is for rounding */
}

void clip_depthwise_set(clip_depthwise *depthwise, const float *weight, const float *factor, const float *bias) {
    size_t channels = depthwise->shape.channels, taps = taps_of(&depthwise->shape), even = (taps + 1) / 2 * 2;
    size_t outputs = outputs_of(&depthwise->shape);
    for (size_t i = 0; i < outputs * channels; i++, weight += taps) {
        size_t c = i / outputs, output = i % outputs;
        float step = 1 / CLIP_RELU6_STEPS;
        if (depthwise->precision == CLIP_F32) {
            float *group = depthwise->weight + (output * channels + c / 4 * 4) * taps + c % 4;
            for (size_t t = 0; t < taps; t++) group[t * 4] = weight[t];
            step = 1;
        } else {
            int16_t *group = depthwise->pairs + c / 8 * 8 * even;
            float own = step_of(weight, taps);
            int some = isnormal(own);
            for (size_t t = 0; t < even; t++)
                group[t / 2 * 16 + c % 8 * 2 + t % 2] = t < taps && some ? (int16_t)lrintf(weight[t] / own) : 0;
            step *= own;
        }
        depthwise->factor[output * channels + c] = step * factor[i];
        depthwise->bias[output * channels + c] = bias[i];
    }
}

/* ---- one output pixel: all its channels to y, in f32 ---- */

static inline v128_t relu6(v128_t z) { return wasm_f32x4_pmin(wasm_f32x4_splat(6), wasm_f32x4_pmax(wasm_f32x4_splat(0), z)); }

static inline v128_t finish4(const clip_depthwise *d, size_t channel, v128_t sum) {
    return relu6(clip_madd(sum, wasm_v128_load(d->factor + channel), wasm_v128_load(d->bias + channel)));
}

/* Not repeated for each kernel: f32 is for those who compare. */
static void pixel_f32(const clip_depthwise *d, size_t taps, const unsigned char *const *at, float *y) {
    size_t channels = d->shape.channels;
    for (size_t c = 0; c < channels; c += 4) {
        v128_t sum = wasm_f32x4_splat(0);
        CLIP_NO_UNROLL
        for (size_t t = 0; t < taps; t++)
            sum = clip_madd(wasm_v128_load((const float *)at[t] + c), wasm_v128_load(d->weight + c * taps + t * 4), sum);
        wasm_v128_store(y + c, finish4(d, c, sum));
    }
}

/* Plain: output pixels [column, column + STRIP) of a row, four channels at a time, as many sums as hide what a product takes. The kernel's
 * side and stride are constants, so that each input is read once for all outputs that it is a tap of. */
#define STRIP      8
#define MOST_WIDTH (7 + (STRIP - 1) * 2) /* input pixels that the taps of a strip's row cover */

typedef struct {
    size_t first, last; /* rows of the kernel that lie in the image */
    const float *at[7][MOST_WIDTH];
} strip;

static inline __attribute__((always_inline)) void sum_strip(const clip_depthwise *d, const strip *s, size_t kernel, size_t stride,
                                                            size_t output, size_t count, float *y, size_t step) {
    const size_t channels = d->shape.channels, first = output * channels, taps = kernel * kernel;
    for (size_t c = 0; c < channels; c += 4) {
        v128_t sum[STRIP], factor = wasm_v128_load(d->factor + first + c), bias = wasm_v128_load(d->bias + first + c);
        const float *w = d->weight + (first + c) * taps + s->first * kernel * 4;
        for (size_t o = 0; o < STRIP; o++) sum[o] = wasm_f32x4_splat(0);
        CLIP_NO_UNROLL
        for (size_t i = s->first; i < s->last; i++, w += kernel * 4) {
            CLIP_UNROLL
            for (size_t p = 0; p < kernel + (STRIP - 1) * stride; p++) {
                const v128_t x = wasm_v128_load(s->at[i][p] + c);
                CLIP_UNROLL
                for (size_t o = 0; o < STRIP; o++)
                    if (p >= o * stride && p - o * stride < kernel)
                        sum[o] = clip_madd(x, wasm_v128_load(w + (p - o * stride) * 4), sum[o]);
            }
        }
        CLIP_UNROLL
        for (size_t o = 0; o < STRIP; o++)
            if (o < count) wasm_v128_store(y + o * step + c, clip_madd(sum[o], factor, bias));
    }
}

/* Two taps of 8 channels become pairs, which one instruction multiplies and adds to sums of 32 bits. */
static void pixel_q8(const clip_depthwise *d, size_t taps, const unsigned char *const *at, float *y) {
    const int16_t *w = d->pairs;
    for (size_t c = 0; c < d->shape.channels; c += 8) {
        v128_t low = wasm_i32x4_splat(0), high = low;
        CLIP_NO_UNROLL
        for (size_t t = 0; t < taps; t += 2, w += 16) {
            v128_t a = wasm_v128_load((const int16_t *)at[t] + c), b = wasm_v128_load((const int16_t *)at[t + 1] + c);
            v128_t near = wasm_i16x8_shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11),
                   far = wasm_i16x8_shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
            low = wasm_i32x4_add(low, wasm_i32x4_dot_i16x8(near, wasm_v128_load(w)));
            high = wasm_i32x4_add(high, wasm_i32x4_dot_i16x8(far, wasm_v128_load(w + 8)));
        }
        wasm_v128_store(y + c, finish4(d, c, wasm_f32x4_convert_i32x4(low)));
        wasm_v128_store(y + c + 4, finish4(d, c + 4, wasm_f32x4_convert_i32x4(high)));
    }
}

/* ---- the image ---- */

typedef struct {
    const clip_depthwise *depthwise;
    const clip_kernels *kernels;
    const unsigned char *x;
    clip_activations *to;
    float *y;            /* plain */
    size_t side, before; /* of the output; zeros before the input */
} pass;

/* Where the taps of output pixel (row, column) are. Beyond an edge numbers wrap, and are too large. */
static void find_taps(const pass *p, size_t row, size_t column, const unsigned char **at) {
    const clip_depthwise_shape *s = &p->depthwise->shape;
    size_t pixel = s->channels * (p->depthwise->precision == CLIP_F32 ? sizeof(float) : sizeof(int16_t));
    size_t top = row * s->stride - p->before, left = column * s->stride - p->before;
    for (size_t i = 0; i < s->kernel; i++)
        for (size_t j = 0; j < s->kernel; j++, at++)
            *at = top + i < s->side && left + j < s->side ? p->x + ((top + i) * s->side + left + j) * pixel : p->depthwise->zeros;
    *at = p->depthwise->zeros;
}

static void work_row(void *context, size_t row) {
    const pass *p = context;
    const clip_depthwise *d = p->depthwise;
    const unsigned char *at[MOST_TAPS];
    size_t channels = d->shape.channels, first = row * p->side;
    float *y = p->to->precision == CLIP_F32 ? p->to->own : p->to->scratch;
    y += first * channels;
    for (size_t column = 0; column < p->side; column++) {
        find_taps(p, row, column, at);
        if (d->precision == CLIP_F32) {
            pixel_f32(d, taps_of(&d->shape), at, y);
            y += channels;
        } else {
            pixel_q8(d, (taps_of(&d->shape) + 1) / 2 * 2, at, y);
            clip_activations_set_row(p->to, p->kernels, first + column, y); /* the next pixel may have y's place */
        }
    }
}

/* Where the inputs of the strip at output pixel (row, column) are. */
static void find_strip(const pass *p, size_t row, size_t column, strip *to) {
    const clip_depthwise_shape *s = &p->depthwise->shape;
    size_t top = row * s->stride - p->before, left = column * s->stride - p->before; /* may wrap, as above */
    to->first = s->kernel;
    to->last = 0;
    for (size_t i = 0; i < s->kernel; i++) {
        if (top + i >= s->side) continue;
        if (to->first > i) to->first = i;
        to->last = i + 1;
        const float *line = (const float *)p->x + (top + i) * s->side * s->channels;
        for (size_t j = 0; j < s->kernel + (STRIP - 1) * s->stride; j++)
            to->at[i][j] = left + j < s->side ? line + (left + j) * s->channels : p->depthwise->zeros;
    }
}

static void work_plain_row(void *context, size_t row) {
    const pass *p = context;
    const clip_depthwise *d = p->depthwise;
    size_t outputs = d->shape.outputs, channels = d->shape.channels, step = outputs * channels;
    strip s;
    for (size_t column = 0; column < p->side; column += STRIP) {
        size_t count = p->side - column < STRIP ? p->side - column : STRIP;
        find_strip(p, row, column, &s);
        for (size_t output = 0; output < outputs; output++) {
            float *y = p->y + (row * p->side + column) * step + output * channels;
            if (d->shape.kernel == 7 && d->shape.stride == 1) sum_strip(d, &s, 7, 1, output, count, y, step);
            else if (d->shape.kernel == 7) sum_strip(d, &s, 7, 2, output, count, y, step);
            else if (d->shape.stride == 1) sum_strip(d, &s, 3, 1, output, count, y, step);
            else sum_strip(d, &s, 3, 2, output, count, y, step);
        }
    }
}

void clip_depthwise_forward_plain(const clip_depthwise *depthwise, clip_pool *pool, const float *x, float *y) {
    const clip_depthwise_shape *s = &depthwise->shape;
    pass p = {
        .depthwise = depthwise, .x = (const unsigned char *)x, .y = y, .side = clip_depthwise_side(s), .before = s->kernel / 2};
    clip_parallel(pool, p.side, work_plain_row, &p);
}

void clip_depthwise_forward(const clip_depthwise *depthwise, const clip_kernels *kernels, clip_pool *pool, const void *x,
                            clip_activations *to) {
    const clip_depthwise_shape *s = &depthwise->shape;
    pass p = {depthwise, kernels, x, to, NULL, clip_depthwise_side(s), clip_same_padding(s->side, s->kernel, s->stride)};
    to->rows = p.side * p.side;
    to->f32 = to->own;
    clip_parallel(pool, p.side, work_row, &p);
}
