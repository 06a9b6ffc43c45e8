/* convolution.h - 2-D convolution over a (side, side, channels) image, through XNNPACK's operators.
 *
 * f32 weights run XNNPACK's f32 NHWC convolution; int8 ones its qd8-f32-qc8w, whose activations are quantized as they come, one
 * scale an image. BatchNorm (inference form) comes folded into a factor and a bias for each output.
 */
#ifndef CLIP_CONVOLUTION_H
#define CLIP_CONVOLUTION_H

#include <stddef.h>
#include <stdint.h>

#include "parallel.h"
#include "status.h"

/* XNNPACK reads whole vectors: an input must be readable for this many bytes past its end. */
#define CLIP_CONVOLUTION_SLACK 64

typedef struct {
    size_t in, out; /* channels */
    size_t kernel;  /* side, odd; zeros around the image so that stride 1 keeps its side */
    size_t stride;
    size_t side; /* of the input */
    int relu;    /* max(y, 0) at the end */
} clip_convolution_shape;

/* Side of the output. */
size_t clip_convolution_side(const clip_convolution_shape *shape);

typedef struct clip_convolution clip_convolution;

/* Packs weight (out, in, kernel, kernel): either f32, or int8 with scale (out). factor (out) multiplies each output's weights,
 * bias (out) is added. Nothing of the arguments is kept. CLIP_ERROR_MEMORY. */
clip_status clip_convolution_create_f32(clip_convolution **out, const clip_convolution_shape *shape, const float *weight,
                                        const float *factor, const float *bias);
clip_status clip_convolution_create_q8(clip_convolution **out, const clip_convolution_shape *shape, const int8_t *weight,
                                       const float *scale, const float *factor, const float *bias);
void clip_convolution_destroy(clip_convolution *convolution);

/* Bytes of scratch that a forward pass needs: the quantized image. */
size_t clip_convolution_scratch(const clip_convolution_shape *shape);

/* x (side, side, in) -> y (side', side', out). Allocates nothing. CLIP_ERROR_MEMORY if XNNPACK says no. */
clip_status clip_convolution_forward(clip_convolution *convolution, clip_pool *pool, const float *x, float *y, void *scratch);

#endif
