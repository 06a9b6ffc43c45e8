/* convolution_shape.h - the geometry of a convolution, for whoever computes it. */
#ifndef CLIP_CONVOLUTION_SHAPE_H
#define CLIP_CONVOLUTION_SHAPE_H

#include <stddef.h>

#define CLIP_CONVOLUTION_SLACK 16 /* XNNPACK reads whole vectors */

typedef struct {
    size_t in, out; /* channels */
    size_t kernel;  /* side, odd; zeros around the image so that stride 1 keeps its side */
    size_t stride;
    size_t side; /* of the input */
} clip_convolution_shape;

/* Side of the output. */
static inline size_t clip_convolution_side(const clip_convolution_shape *s) {
    return (s->side + s->kernel / 2 * 2 - s->kernel) / s->stride + 1;
}

#endif
