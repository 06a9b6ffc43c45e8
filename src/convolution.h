/* convolution.h - 2-D convolution over (height, width, channels) images, through XNNPACK's operators.
 *
 * f32 weights run XNNPACK's f32 NHWC convolution; int8 ones its qd8-f32-qc8w (activations quantized per image as they
 * come). BatchNorm (inference form) is folded: weights come with a per-output factor and a bias.
 */
#ifndef CLIP_CONVOLUTION_H
#define CLIP_CONVOLUTION_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "linear.h"
#include "parallel.h"
#include "status.h"

typedef struct clip_convolution clip_convolution;

/* Geometry is square and static. */
typedef struct {
    size_t in, out;   /* channels */
    size_t kernel;    /* side: 1 or 3 */
    size_t stride;    /* 1 or 2 */
    size_t padding;   /* 0 or 1, zeros */
    size_t side;      /* input height = width */
    int relu;         /* max(y, 0) at the end */
    clip_precision precision; /* CLIP_F32 or CLIP_Q8 (Q4 is taken as Q8) */
} clip_convolution_shape;

/* Creates the operator. weight: f32 (out, in, kernel, kernel) [f32], or int8 the same with scale (out) [q8], copied and packed.
 * factor (out) multiplies each output's weights, bias (out) is added: BatchNorm folded, factor = gain / sqrt(var + eps),
 * bias = beta - mean * factor. Reads and keeps nothing of the arguments after returning. */
clip_status clip_convolution_create(clip_convolution **out, clip_pool *pool, const clip_convolution_shape *shape,
                                    const void *weight, const float *scale, const float *factor, const float *bias);
void clip_convolution_destroy(clip_convolution *convolution);

/* Bytes of scratch that a forward pass of `batch` images needs (quantized activations, XNNPACK's own workspace). */
size_t clip_convolution_workspace(const clip_convolution *convolution, size_t batch);

/* x (batch, side, side, in) -> y (batch, side', side', out), f32, side' = (side + 2 padding - kernel) / stride + 1.
 * Allocates nothing once it ran for a batch size. workspace: 64-byte aligned, as large as asked above.
 * x must be readable for CLIP_CONVOLUTION_SLACK bytes past its end (XNNPACK reads in whole vectors). */
#define CLIP_CONVOLUTION_SLACK 64
clip_status clip_convolution_forward(clip_convolution *convolution, const float *x, size_t batch, float *y, void *workspace);

#endif
