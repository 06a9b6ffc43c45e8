/* depthwise.h - convolution of each channel by itself (MobileNet: Howard et al. 2017) over a (side, side, channels) image.
 *
 * There are two kinds. TensorFlow's, with ReLU6:
 * Padding is TensorFlow's "same": the output has side / stride pixels a side, rounded up, and of the zeros that this takes the odd one
 * comes after. In f32 images are floats. Otherwise they are int16 as clip_linear_forward_relu6 writes them, weights become int16, sums are
 * exact, and the output is rows for the next product, quantized as its kernels want them. (int8 weights lose as much here as in all of
 * EfficientNet-Lite1's other layers together, and would be no faster.)
 *
 * PyTorch's ("plain"): as many zeros on each side, no activation, f32, and each channel may have several outputs;
 * the kernel is 3 or 7, the stride 1 or 2.
 */
#ifndef CLIP_DEPTHWISE_H
#define CLIP_DEPTHWISE_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "compute/linear.h"
#include "compute/parallel.h"

#define CLIP_DEPTHWISE_UNIT 8 /* channels are a multiple of it */

typedef struct {
    size_t channels;
    size_t kernel; /* 3, 5 or 7 */
    size_t stride;
    size_t side;    /* of the input */
    size_t outputs; /* plain: of each channel; otherwise 0 */
} clip_depthwise_shape;

typedef struct {
    clip_depthwise_shape shape;
    clip_precision precision; /* CLIP_F32 or CLIP_Q8 */
    float *weight;            /* f32: (outputs, channels / 4, kernel kernel, 4) */
    int16_t *pairs;           /* otherwise: for 8 channels the taps two by two, as the kernel multiplies them */
    float *factor, *bias;     /* (outputs, channels) */
    void *zeros;              /* a pixel outside the image */
} clip_depthwise;

/* Side of the output. */
static inline size_t clip_depthwise_side(const clip_depthwise_shape *s) { return (s->side + s->stride - 1) / s->stride; }

/* Zeros before the first of `side` pixels, of which a kernel takes one in `stride`: TensorFlow's "same". */
static inline size_t clip_same_padding(size_t side, size_t kernel, size_t stride) {
    size_t covered = ((side + stride - 1) / stride - 1) * stride + kernel;
    return covered > side ? (covered - side) / 2 : 0;
}

/* Takes its buffers from `arena`, which may be measuring. */
void clip_depthwise_layout(clip_depthwise *depthwise, clip_arena *arena, const clip_depthwise_shape *shape,
                           clip_precision precision);

/* Sets all weights (channels, outputs, kernel, kernel). factor (channels) multiplies a channel's sums, bias (channels) is added; plain ones have (channels, outputs) of each. Keeps nothing of
 * the arguments. */
void clip_depthwise_set(clip_depthwise *depthwise, const float *weight, const float *factor, const float *bias);

/* x (side, side, channels), float or int16 -> `to`, laid out for (side' side') rows of `channels` and of the same precision. */
void clip_depthwise_forward(const clip_depthwise *depthwise, const clip_kernels *kernels, clip_pool *pool, const void *x,
                            clip_activations *to);
/* Plain ones: x (side, side, channels) -> y (side', side', outputs, channels): all channels' first outputs, then all their second. */
void clip_depthwise_forward_plain(const clip_depthwise *depthwise, clip_pool *pool, const float *x, float *y);

#endif
