/* depthwise.c - one depthwise convolution at a time, ours and XNNPACK's, exported for kernels.mjs. XNNPACK's is f32. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xnnpack.h>

#include "../../src/compute/depthwise.h"
#include "../../src/compute/kernels.h"

#define EXPORT(name) __attribute__((export_name(#name), used, visibility("default")))

static struct {
    clip_kernels kernels;
    clip_arena arena;
    clip_depthwise depthwise;
    clip_activations rows;
    float *weight, *factor, *bias, *image, *y;
    int16_t *steps; /* the image as int16 */
    void *workspace;
    xnn_operator_t xnnpack;
} b;

static uint32_t seed = 1;
/* -1 .. 1 */
static float even(void) { return (float)(int32_t)(seed = seed * 1664525 + 1013904223) * 0x1p-31f; }

static void layout(clip_arena *arena, const clip_depthwise_shape *s, clip_precision precision) {
    size_t pixels = s->side * s->side, after = clip_depthwise_side(s);
    clip_depthwise_layout(&b.depthwise, arena, s, precision);
    clip_activations_layout(&b.rows, &b.kernels, arena, after * after, s->channels, precision);
    b.weight = clip_arena_take(arena, s->channels * s->kernel * s->kernel, sizeof(float));
    b.factor = clip_arena_take(arena, s->channels, sizeof(float));
    b.bias = clip_arena_take(arena, s->channels, sizeof(float));
    b.image = clip_arena_take(arena, pixels * s->channels + 16, sizeof(float));
    b.steps = clip_arena_take(arena, pixels * s->channels + 16, sizeof(int16_t));
    b.y = clip_arena_take(arena, after * after * s->channels + 16, sizeof(float));
}

/* XNNPACK has weights as (kernel, kernel, channels). */
static int set_xnnpack(const clip_depthwise_shape *s) {
    size_t taps = s->kernel * s->kernel, bytes = 0, alignment, height, width;
    float *turned = malloc(taps * s->channels * sizeof(float));
    if (!turned || xnn_initialize(NULL) != xnn_status_success) return 0;
    for (size_t c = 0; c < s->channels; c++)
        for (size_t t = 0; t < taps; t++) turned[t * s->channels + c] = b.weight[c * taps + t] * b.factor[c];
    size_t covered = (clip_depthwise_side(s) - 1) * s->stride + s->kernel, all = covered > s->side ? covered - s->side : 0;
    uint32_t before = (uint32_t)all / 2, after = (uint32_t)all - before, kernel = (uint32_t)s->kernel, stride = (uint32_t)s->stride;
    int done = !xnn_create_convolution2d_nhwc_f32(before, after, after, before, kernel, kernel, stride, stride, 1, 1,
                                                  (uint32_t)s->channels, 1, 1, s->channels, s->channels, turned, b.bias, 0, 6,
                                                  XNN_FLAG_DEPTHWISE_CONVOLUTION, NULL, NULL, &b.xnnpack) &&
               !xnn_reshape_convolution2d_nhwc_f32(b.xnnpack, 1, s->side, s->side, &bytes, &alignment, &height, &width, NULL);
    free(turned);
    if (done && bytes) b.workspace = aligned_alloc(64, (bytes + 63) / 64 * 64);
    return done;
}

/* Makes a layer, of XNNPACK's if `theirs`. 0 if that is not to be had. */
EXPORT(setup_depthwise) int setup_depthwise(int theirs, int precision, size_t channels, size_t kernel, size_t stride, size_t side) {
    if (b.xnnpack) xnn_delete_operator(b.xnnpack);
    free(b.workspace);
    clip_arena_free(&b.arena);
    memset(&b, 0, sizeof b);
    seed = 1;
    clip_kernels_choose(&b.kernels);
    clip_depthwise_shape shape = {channels, kernel, stride, side, 0};
    clip_arena measured = clip_arena_measure();
    layout(&measured, &shape, (clip_precision)precision);
    if (clip_arena_allocate(&b.arena, &measured) != CLIP_OK) return 0;
    layout(&b.arena, &shape, (clip_precision)precision);
    for (size_t i = 0; i < channels * kernel * kernel; i++) b.weight[i] = even();
    for (size_t c = 0; c < channels; c++) b.factor[c] = 0.5f, b.bias[c] = 1 + even();
    for (size_t i = 0; i < side * side * channels; i++) {
        b.image[i] = 3 + 3 * even();
        b.steps[i] = (int16_t)(b.image[i] * CLIP_RELU6_STEPS);
    }
    clip_depthwise_set(&b.depthwise, b.weight, b.factor, b.bias);
    return theirs ? precision == CLIP_F32 && set_xnnpack(&shape) : 1;
}

/* Runs it; ours in int8 with quantizing its output for the product that follows. */
EXPORT(run_depthwise) void run_depthwise(int times) {
    for (; times > 0; times--) {
        if (b.xnnpack) {
            xnn_setup_convolution2d_nhwc_f32(b.xnnpack, b.workspace, b.image, b.y);
            xnn_run_operator(b.xnnpack, NULL);
        } else {
            const void *x = b.depthwise.precision == CLIP_F32 ? (const void *)b.image : b.steps;
            clip_depthwise_forward(&b.depthwise, &b.kernels, NULL, x, &b.rows);
        }
    }
}
