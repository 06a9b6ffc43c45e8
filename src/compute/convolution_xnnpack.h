/* convolution_xnnpack.h - XNNPACK's f32 convolution of (height, width, channels) images, which gathers no patches and is as fast as
 * the product of gathered ones: f32 models use it for what is larger than 1x1. */
#ifndef CLIP_CONVOLUTION_XNNPACK_H
#define CLIP_CONVOLUTION_XNNPACK_H

#include "compute/convolution_shape.h"
#include "compute/parallel.h"
#include "status.h"

typedef struct clip_xnnpack_convolution clip_xnnpack_convolution;

/* weight (out, kernel, kernel, in), bias (out), both packed and not kept. CLIP_ERROR_MEMORY. */
clip_status clip_xnnpack_convolution_create(clip_xnnpack_convolution **out, const clip_convolution_shape *shape,
                                            const float *weight, const float *bias);
void clip_xnnpack_convolution_destroy(clip_xnnpack_convolution *convolution);

/* x (side, side, in) -> y (side', side', out), max(y, 0) if relu. Allocates nothing. */
void clip_xnnpack_convolution_forward(const clip_xnnpack_convolution *convolution, clip_pool *pool, const float *x, float *y,
                                      int relu);

#endif
