/* kernels.c - one linear layer at a time, ours and XNNPACK's, and what the machine could do at most; exported for kernels.mjs.
 *
 * A limit is a loop over registers of nothing but the instruction that multiplies (and adds): no kernel of that instruction can be faster.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xnnpack.h>

#include "../../src/compute/kernels.h"
#include "../../src/compute/simd.h"
#include "../../src/weights/quantize.h"

#define EXPORT(name) __attribute__((export_name(#name), used, visibility("default")))

enum { PLAIN, BEST, PAIRS, XNNPACK }; /* sources of kernels */

static struct {
    clip_kernels kernels;
    clip_arena arena;
    clip_linear linear;
    clip_activations x;
    size_t rows, in, out;
    float *values, *weight, *y;
    /* XNNPACK: */
    xnn_operator_t convert, product;
    int8_t *q;
    struct xnn_quantization_params *parameters;
} b;

static uint32_t seed = 1;
static float bell(void) {
    int32_t sum = 0;
    for (int i = 0; i < 4; i++) sum += (int32_t)(seed = seed * 1664525 + 1013904223) >> 3;
    return (float)sum * 0x1p-28f;
}

static void layout(clip_arena *arena, clip_precision precision) {
    clip_linear_layout(&b.linear, &b.kernels, arena, b.in, b.out, precision);
    clip_activations_layout(&b.x, &b.kernels, arena, b.rows, b.in, precision);
    b.values = clip_arena_take(arena, b.rows * b.in + 16, sizeof(float));
    b.weight = clip_arena_take(arena, b.out * b.in, sizeof(float));
    b.y = clip_arena_take(arena, b.rows * b.out + 16, sizeof(float));
    b.q = clip_arena_take(arena, b.rows * b.in + 64, 1);
    b.parameters = clip_arena_take(arena, b.rows + XNN_EXTRA_QUANTIZATION_PARAMS, sizeof *b.parameters);
}

static int set_ours(clip_precision precision) {
    int8_t *q = malloc(b.in);
    uint8_t *q4 = malloc(b.in);
    if (!q || !q4) return 0;
    for (size_t o = 0; o < b.out; o++) {
        float scale;
        const float *w = b.weight + o * b.in;
        if (precision == CLIP_F32) {
            clip_linear_set_rows(&b.linear, &b.kernels, o, 1, w);
            continue;
        }
        if (b.linear.precision == CLIP_Q8) {
            clip_quantize_q8(w, b.in, q, &scale);
        } else {
            clip_quantize_q4(w, b.in, q4, &scale);
            clip_expand_q4(q4, b.in, q);
        }
        clip_linear_set_rows_q8(&b.linear, &b.kernels, o, 1, q);
        clip_linear_set_scales(&b.linear, &b.kernels, o, 1, &scale);
    }
    free(q);
    free(q4);
    return 1;
}

static int set_xnnpack(clip_precision precision) {
    if (xnn_initialize(NULL) != xnn_status_success) return 0;
    if (precision == CLIP_F32)
        return !xnn_create_fully_connected_nc_f32(b.in, b.out, b.in, b.out, b.weight, b.linear.bias, -INFINITY, INFINITY, 0, NULL,
                                                  NULL, &b.product) &&
               !xnn_reshape_fully_connected_nc_f32(b.product, b.rows, NULL);
    int8_t *q = malloc(b.out * b.in);
    float *scale = malloc(b.out * sizeof(float));
    if (!q || !scale) return 0;
    int done = 0;
    for (size_t o = 0; o < b.out; o++) clip_quantize_q8(b.weight + o * b.in, b.in, q + o * b.in, scale + o);
    if (precision == CLIP_Q8) {
        done = !xnn_create_fully_connected_nc_qd8_f32_qc8w(b.in, b.out, b.in, b.out, scale, q, b.linear.bias, -INFINITY, INFINITY,
                                                           0, NULL, NULL, &b.product) &&
               !xnn_reshape_fully_connected_nc_qd8_f32_qc8w(b.product, b.rows, NULL);
    } else { /* one scale a row, unlike ours: 16 times that of int8, for times only */
        for (size_t i = 0; i < b.out * b.in / 2; i++)
            q[i] = (int8_t)((((q[2 * i] + 128) >> 4) & 15) | (((q[2 * i + 1] + 128) >> 4) << 4));
        for (size_t o = 0; o < b.out; o++) scale[o] *= 16;
        done = !xnn_create_fully_connected_nc_qd8_f32_qc4w(b.in, b.out, b.in, b.out, 8, scale, q, b.linear.bias, -INFINITY,
                                                           INFINITY, 0, NULL, NULL, &b.product) &&
               !xnn_reshape_fully_connected_nc_qd8_f32_qc4w(b.product, b.rows, NULL);
    }
    free(q);
    free(scale);
    return done && !xnn_create_convert_nc_f32_qd8(0, &b.convert) &&
           !xnn_reshape_convert_nc_f32_qd8(b.convert, b.rows, b.in, b.in, b.in, NULL);
}

/* Makes a layer; answers 0 if that kernel is not to be had. */
EXPORT(setup) int setup(int source, int precision, size_t rows, size_t in, size_t out) {
    if (b.product) xnn_delete_operator(b.product);
    if (b.convert) xnn_delete_operator(b.convert);
    clip_arena_free(&b.arena);
    memset(&b, 0, sizeof b);
    b.rows = rows, b.in = in, b.out = out;
    clip_kernels_simd(&b.kernels);
    if (source == BEST) clip_kernels_choose(&b.kernels);
#ifdef CLIP_RELAXED
    if (source == PAIRS) clip_kernels_relaxed_pairs(&b.kernels);
#endif
    clip_arena measured = clip_arena_measure();
    layout(&measured, (clip_precision)precision);
    if (clip_arena_allocate(&b.arena, &measured) != CLIP_OK) return 0;
    layout(&b.arena, (clip_precision)precision);
    for (size_t i = 0; i < rows * in; i++) b.values[i] = bell();
    for (size_t i = 0; i < out * in; i++) b.weight[i] = bell();
    return source == XNNPACK ? set_xnnpack((clip_precision)precision) : set_ours((clip_precision)precision);
}

/* Runs it, quantization of activations included. */
EXPORT(run) void run(int times) {
    for (; times > 0; times--) {
        if (b.product && !b.convert) {
            xnn_setup_fully_connected_nc_f32(b.product, b.values, b.y);
            xnn_run_operator(b.product, NULL);
        } else if (b.product) {
            xnn_setup_convert_nc_f32_qd8(b.convert, b.values, b.q, b.parameters);
            xnn_run_operator(b.convert, NULL);
            if (b.linear.precision == CLIP_Q8) xnn_setup_fully_connected_nc_qd8_f32_qc8w(b.product, b.q, b.y, b.parameters);
            else xnn_setup_fully_connected_nc_qd8_f32_qc4w(b.product, b.q, b.y, b.parameters);
            xnn_run_operator(b.product, NULL);
        } else {
            clip_activations_set(&b.x, &b.kernels, NULL, b.values, b.rows);
            clip_linear_forward(&b.linear, &b.kernels, NULL, &b.x, CLIP_STORE, b.y, b.out);
        }
    }
}

/* 1 - cosine between what run made and the true product. */
EXPORT(error) double error(void) {
    double xy = 0, xx = 0, yy = 0;
    for (size_t r = 0; r < b.rows; r++)
        for (size_t o = 0; o < b.out; o++) {
            double sum = (double)b.linear.bias[o], y = (double)b.y[r * b.out + o];
            for (size_t i = 0; i < b.in; i++) sum += (double)b.weight[o * b.in + i] * (double)b.values[r * b.in + i];
            xy += sum * y, xx += sum * sum, yy += y * y;
        }
    return 1 - xy / sqrt(xx * yy);
}

EXPORT(kernels) const char *kernels(void) { return b.kernels.name; }

/* ---- limits: each answers the multiply-adds of one pass ---- */

#define CHAINS     12
#define EACH_CHAIN _Pragma("clang loop unroll(full)") for (int i = 0; i < CHAINS; i++)
#define LIMIT(name, macs, ones, step)                               \
    EXPORT(name) double name(int times) {                           \
        volatile int32_t hidden = 1;                                \
        v128_t x = (ones), sum[CHAINS];                             \
        EACH_CHAIN sum[i] = x;                                      \
        for (int t = 0; t < times; t++) EACH_CHAIN sum[i] = (step); \
        EACH_CHAIN hidden += wasm_i32x4_extract_lane(sum[i], 0);    \
        return (macs)*CHAINS;                                       \
    }

#ifdef CLIP_RELAXED
LIMIT(limit_f32, 4., wasm_f32x4_splat((float)hidden), wasm_f32x4_relaxed_madd(x, x, sum[i]))
LIMIT(limit_relaxed_dot, 16., wasm_i32x4_splat(hidden), wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x, x, sum[i]))
#else
LIMIT(limit_f32, 4., wasm_f32x4_splat((float)hidden), wasm_f32x4_add(wasm_f32x4_mul(sum[i], x), x))
#endif
LIMIT(limit_dot_i16, 8., wasm_i32x4_splat(hidden), wasm_i32x4_add(sum[i], wasm_i32x4_dot_i16x8(sum[i], x)))
