#include "compute/convolution.h"

#include <stdlib.h>
#include <string.h>

#include "compute/simd.h"

#define PATCHES_IN_CACHE 524288 /* bytes of f32 patches that are gathered at a time */
#define FLOATS_A_TASK    16384  /* of gathering, for which it is worth waking a thread */

static size_t patch_width(const clip_convolution_shape *s) { return s->kernel * s->kernel * s->in; }

/* Patches gathered at a time: about as many each time, so that the last are not few. */
static size_t block_rows(const clip_convolution_shape *s) {
    size_t side = clip_convolution_side(s), rows = side * side, most = PATCHES_IN_CACHE / sizeof(float) / patch_width(s);
    if (most < 64) most = 64;
    size_t blocks = (rows + most - 1) / most;
    return (rows + blocks - 1) / blocks;
}

void clip_convolution_layout(clip_convolution *convolution, const clip_kernels *kernels, clip_arena *arena,
                             const clip_convolution_shape *shape, clip_precision precision) {
    *convolution = (clip_convolution){.shape = *shape};
    if (precision == CLIP_F32 && shape->kernel > 1) return;
    clip_linear_layout(&convolution->linear, kernels, arena, patch_width(shape), shape->out, precision);
}

void clip_convolution_layout_patches(clip_activations *patches, const clip_kernels *kernels, clip_arena *arena,
                                     const clip_convolution_shape *shape, clip_precision precision) {
    *patches = (clip_activations){0};
    if (precision == CLIP_F32 && shape->kernel > 1) return;
    clip_activations_layout(patches, kernels, arena, block_rows(shape), patch_width(shape), precision);
}

/* ---- weights: (in, kernel kernel) of an output to (kernel kernel, in), as patches are ---- */

clip_status clip_convolution_set_f32(clip_convolution *convolution, const clip_kernels *kernels, const float *weight,
                                     const float *factor, const float *bias) {
    const clip_convolution_shape *s = &convolution->shape;
    size_t width = patch_width(s), area = s->kernel * s->kernel;
    float *turned = malloc(s->out * width * sizeof *turned);
    if (!turned) return CLIP_ERROR_MEMORY;
    for (size_t o = 0; o < s->out; o++, weight += width)
        for (size_t i = 0; i < s->in; i++)
            for (size_t a = 0; a < area; a++) turned[o * width + a * s->in + i] = weight[i * area + a] * factor[o];
    clip_status status = CLIP_OK;
    if (s->kernel > 1) {
        status = clip_xnnpack_convolution_create(&convolution->xnnpack, s, turned, bias);
    } else {
        clip_linear_set_rows(&convolution->linear, kernels, 0, s->out, turned);
        memcpy(convolution->linear.bias, bias, s->out * sizeof *bias);
    }
    free(turned);
    return status;
}

void clip_convolution_free(clip_convolution *convolution) {
    clip_xnnpack_convolution_destroy(convolution->xnnpack);
    convolution->xnnpack = NULL;
}

clip_status clip_convolution_set_q8(clip_convolution *convolution, const clip_kernels *kernels, const int8_t *weight,
                                    const float *scale, const float *factor, const float *bias) {
    const clip_convolution_shape *s = &convolution->shape;
    size_t width = patch_width(s), area = s->kernel * s->kernel;
    int8_t *row = malloc(width);
    if (!row) return CLIP_ERROR_MEMORY;
    for (size_t o = 0; o < s->out; o++, weight += width) {
        float scaled = scale[o] * factor[o];
        for (size_t i = 0; i < s->in; i++)
            for (size_t a = 0; a < area; a++) row[a * s->in + i] = weight[i * area + a];
        clip_linear_set_rows_q8(&convolution->linear, kernels, o, 1, row);
        clip_linear_set_scales(&convolution->linear, kernels, o, 1, &scaled);
    }
    memcpy(convolution->linear.bias, bias, s->out * sizeof *bias);
    free(row);
    return CLIP_OK;
}

/* ---- forward ---- */

typedef struct {
    const clip_convolution_shape *shape;
    const float *x;
    size_t side;        /* of the output */
    size_t first, rows; /* output pixels */
    size_t rows_a_task;
    float *patches; /* (rows, kernel kernel in) */
} gathering;

/* memcpy is a call, even a call out of the module, and most spans are short. */
static inline void copy(float *to, const float *from, size_t count) {
    size_t i = 0;
    for (; i + 4 <= count; i += 4) wasm_v128_store(to + i, wasm_v128_load(from + i));
    for (; i < count; i++) to[i] = from[i];
}

/* The patch of output pixel (row, column): each of the kernel's rows is a span of one of the image's, unless it hangs over an edge. */
static void gather_patch(const gathering *g, size_t row, size_t column, float *to) {
    const clip_convolution_shape *s = g->shape;
    size_t padding = s->kernel / 2, span = s->kernel * s->in;
    size_t left = column * s->stride, top = row * s->stride; /* of the patch, from `padding` pixels outside the image on */
    size_t before = left < padding ? padding - left : 0;
    size_t after = left + s->kernel > s->side + padding ? left + s->kernel - s->side - padding : 0;
    for (size_t i = 0; i < s->kernel; i++, to += span) {
        if (top + i < padding || top + i >= s->side + padding) {
            memset(to, 0, span * sizeof *to);
            continue;
        }
        const float *from = g->x + ((top + i - padding) * s->side + left + before - padding) * s->in;
        if (before) memset(to, 0, before * s->in * sizeof *to);
        copy(to + before * s->in, from, span - (before + after) * s->in);
        if (after) memset(to + span - after * s->in, 0, after * s->in * sizeof *to);
    }
}

static void gather_rows(void *context, size_t index) {
    const gathering *g = context;
    size_t end = (index + 1) * g->rows_a_task < g->rows ? (index + 1) * g->rows_a_task : g->rows, width = patch_width(g->shape);
    for (size_t r = index * g->rows_a_task; r < end; r++)
        gather_patch(g, (g->first + r) / g->side, (g->first + r) % g->side, g->patches + r * width);
}

void clip_convolution_forward(const clip_convolution *convolution, const clip_kernels *kernels, clip_pool *pool,
                              clip_activations *patches, const float *x, clip_epilogue epilogue, float *y) {
    const clip_convolution_shape *s = &convolution->shape;
    if (convolution->xnnpack) {
        clip_xnnpack_convolution_forward(convolution->xnnpack, pool, x, y, epilogue == CLIP_RELU);
        return;
    }
    size_t side = clip_convolution_side(s), all = side * side, most = block_rows(s);
    int gathers = s->kernel > 1 || s->stride > 1; /* otherwise the image is the patches */
    gathering g = {s, x, side, 0, 0, 0, patches->precision == CLIP_F32 ? patches->own : patches->scratch};
    g.rows_a_task = FLOATS_A_TASK / patch_width(s) + 1;
    for (; g.first < all; g.first += g.rows) {
        g.rows = all - g.first < most ? all - g.first : most;
        if (gathers) clip_parallel(pool, (g.rows + g.rows_a_task - 1) / g.rows_a_task, gather_rows, &g);
        clip_activations_set(patches, kernels, pool, gathers ? g.patches : x + g.first * s->in, g.rows);
        clip_linear_forward(&convolution->linear, kernels, pool, patches, epilogue, y + g.first * s->out, s->out);
    }
}
