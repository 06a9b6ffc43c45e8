/* kernels.h - the inner products: some rows of activations times a panel of CLIP_PANEL outputs.
 *
 * One file an instruction level (kernels_simd.c, kernels_relaxed.c, kernels_relaxed_pairs.c); clip_kernels_choose takes the best that
 * the engine runs rightly. A kernel also says how it wants weights packed and activations quantized.
 */
#ifndef CLIP_KERNELS_H
#define CLIP_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "compute/linear.h"

#define CLIP_PANEL      8  /* outputs a panel */
#define CLIP_BLOCK_ROWS 64 /* rows a quantized kernel takes at most */

/* c (rows, 8) [+]= a (rows, depth) b (depth, 8); strides in floats. */
typedef void (*clip_f32_kernel)(const float *a, size_t a_stride, size_t rows, size_t depth, const float *b, size_t b_stride,
                                float *c, size_t c_stride, int accumulate);

/* What a quantized kernel multiplies: a block of rows by a panel. */
typedef struct {
    const unsigned char *a; /* activations */
    size_t a_stride;        /* bytes */
    const float *a_scale, *a_offset;
    size_t depth; /* padded */
    const unsigned char *panel;
    const float *scale, *sum;
    const clip_excess *excess; /* CLIP_ACTIVATION_U7: see linear.h */
    size_t excesses;
    int heavy;
} clip_tile;

/* c (rows, CLIP_PANEL) floats, scales applied, without bias; rows 1..CLIP_BLOCK_ROWS. */
typedef void (*clip_quantized_kernel)(const clip_tile *tile, size_t rows, float *c);

/* How a kernel wants activations. */
typedef enum {
    CLIP_ACTIVATION_U8,  /* 0..255 in bytes */
    CLIP_ACTIVATION_S8,  /* signed bytes */
    CLIP_ACTIVATION_U7,  /* 0..127 in bytes */
    CLIP_ACTIVATION_I16, /* signed 16 bits: as many of them as cannot overflow a sum of 32 bits */
} clip_activation_form;

struct clip_kernels {
    const char *name;
    clip_f32_kernel f32;
    clip_quantized_kernel q8;
    clip_activation_form q8_form;
    size_t q8_unit; /* inputs of one output that lie together in a panel: 4 or 2 */
};

#define CLIP_Q8_DEPTH 8 /* what q8 depths are padded to a multiple of */

/* Probes the engine; cheap. */
void clip_kernels_choose(clip_kernels *kernels);

/* The same, but for int8 the most exact ones rather than the fastest, where these differ. */
void clip_kernels_choose_exact(clip_kernels *kernels);

/* What each file offers. */
void clip_kernels_simd(clip_kernels *kernels);
/* These change what relaxed SIMD does better here, and leave the rest. Only in relaxed modules. */
void clip_kernels_relaxed(clip_kernels *kernels);
void clip_kernels_relaxed_pairs(clip_kernels *kernels);

#endif
