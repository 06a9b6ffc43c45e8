/* kernels.h - the inner products: a few rows of activations times a panel of CLIP_PANEL outputs.
 *
 * One file an instruction level (kernels_simd.c, kernels_relaxed.c); clip_kernels_choose takes the best that the engine runs rightly.
 * A kernel also says how it wants weights packed and activations quantized.
 */
#ifndef CLIP_KERNELS_H
#define CLIP_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "linear.h"

#define CLIP_PANEL 8     /* outputs a panel */
#define CLIP_TILE_ROWS 6 /* rows a kernel takes at most */

/* c (rows, 8) [+]= a (rows, depth) b (depth, 8); strides in floats; rows 1..CLIP_TILE_ROWS. */
typedef void (*clip_f32_kernel)(const float *a, size_t a_stride, size_t rows, size_t depth, const float *b, size_t b_stride, float *c,
                                size_t c_stride, int accumulate);

/* Quantized: c (rows, 8) floats, stride CLIP_PANEL, scales applied, without bias. */
typedef struct {
    const unsigned char *a; /* activations */
    size_t a_stride;        /* bytes */
    const float *a_scale, *a_offset;
    const float *group_sum; /* q4: of the first row; group_stride floats from row to row */
    size_t group_stride;
    size_t depth;           /* padded */
    const unsigned char *panel;
    const float *scale, *sum;
} clip_tile;
typedef void (*clip_quantized_kernel)(const clip_tile *tile, size_t rows, float *c);

/* How activations of q8 products are kept. */
typedef enum {
    CLIP_ACTIVATION_U8,  /* 0..255 in bytes */
    CLIP_ACTIVATION_S8,  /* the same less 128 */
    CLIP_ACTIVATION_I16, /* 0..255 in 16 bits */
} clip_activation_form;

struct clip_kernels {
    const char *name;
    clip_f32_kernel f32;
    clip_quantized_kernel q8, q4;
    clip_activation_form form;
    size_t q8_unit; /* inputs of one output that lie together in a panel: 4 or 2; depth is a multiple of it */
};

/* Probes the engine; cheap. */
void clip_kernels_choose(clip_kernels *kernels);

/* What each file offers. */
void clip_kernels_simd(clip_kernels *kernels);
/* Changes what relaxed SIMD does better here; leaves the rest. Only in relaxed modules. */
void clip_kernels_relaxed(clip_kernels *kernels);

#endif
