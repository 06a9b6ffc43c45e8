/* convolution.h - 2-D convolution over a (side, side, channels) image.
 *
 * In int8, and for 1x1 kernels, as a product of rows: an output pixel's row is the patch of the image under the kernel ("im2col"), so
 * that all of linear.h serves, its kernels, its quantization and its threads. Patches are gathered some hundred at a time, so that they
 * stay in the cache between being written and being multiplied, and each has its own scale, which is finer than one for the image.
 * Larger kernels in f32 go to XNNPACK, which gathers nothing and is faster there, by 2 to 16 % in RN50's layers and by 1.75 in its first
 * convolution; its int8 convolution takes up to twice as long as this one.
 */
#ifndef CLIP_CONVOLUTION_H
#define CLIP_CONVOLUTION_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "compute/convolution_shape.h"
#include "compute/convolution_xnnpack.h"
#include "compute/linear.h"
#include "compute/parallel.h"
#include "status.h"

typedef struct {
    clip_convolution_shape shape;
    clip_linear linear;                /* (out, kernel kernel in), unless XNNPACK has the weights */
    clip_xnnpack_convolution *xnnpack; /* f32 and kernel > 1; owned */
} clip_convolution;

/* Both take their buffers from `arena`, which may be measuring: the weights, and some patches (rows, kernel kernel in). precision is
 * CLIP_F32 or CLIP_Q8. */
void clip_convolution_layout(clip_convolution *convolution, const clip_kernels *kernels, clip_arena *arena,
                             const clip_convolution_shape *shape, clip_precision precision);
void clip_convolution_layout_patches(clip_activations *patches, const clip_kernels *kernels, clip_arena *arena,
                                     const clip_convolution_shape *shape, clip_precision precision);

/* Sets all weights (out, in, kernel, kernel): f32, or int8 with scale (out). factor (out) multiplies each output's weights, bias (out)
 * is added: BatchNorm in its inference form. Keeps nothing of the arguments. CLIP_ERROR_MEMORY: f32 needs all of them once more meanwhile. */
clip_status clip_convolution_set_f32(clip_convolution *convolution, const clip_kernels *kernels, const float *weight,
                                     const float *factor, const float *bias);
clip_status clip_convolution_set_q8(clip_convolution *convolution, const clip_kernels *kernels, const int8_t *weight,
                                    const float *scale, const float *factor, const float *bias);

/* Frees what is not the arena's. */
void clip_convolution_free(clip_convolution *convolution);

/* x (side, side, in), readable for CLIP_CONVOLUTION_SLACK floats past its end -> y (side', side', out); y must not overlap x. In f32 with
 * kernel > 1 the epilogue is CLIP_STORE or CLIP_RELU. */
void clip_convolution_forward(const clip_convolution *convolution, const clip_kernels *kernels, clip_pool *pool,
                              clip_activations *patches, const float *x, clip_epilogue epilogue, float *y);

#endif
