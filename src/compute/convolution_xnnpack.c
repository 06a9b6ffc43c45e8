#include "compute/convolution_xnnpack.h"

#include <math.h>
#include <stdlib.h>

#include "compute/pthreadpool_backend.h"
#include "xnnpack.h"

struct clip_xnnpack_convolution {
    xnn_operator_t operator;
    void *workspace;
    size_t outputs; /* floats */
};

static clip_status status_of(enum xnn_status status) { return status == xnn_status_success ? CLIP_OK : CLIP_ERROR_MEMORY; }

/* Reshapes once and for all: an image's side never changes. */
static clip_status prepare(clip_xnnpack_convolution *c, size_t side) {
    size_t bytes = 0, alignment, height, width;
    enum xnn_status status =
        xnn_reshape_convolution2d_nhwc_f32(c->operator, 1, side, side, &bytes, &alignment, &height, &width, NULL);
    if (status == xnn_status_success && bytes) {
        c->workspace = aligned_alloc(64, (bytes + 63) / 64 * 64);
        if (!c->workspace) return CLIP_ERROR_MEMORY;
    }
    return status_of(status);
}

clip_status clip_xnnpack_convolution_create(clip_xnnpack_convolution **out, const clip_convolution_shape *s, const float *weight,
                                            const float *bias) {
    *out = NULL;
    clip_xnnpack_convolution *c = calloc(1, sizeof *c);
    if (!c || xnn_initialize(NULL) != xnn_status_success) {
        free(c);
        return CLIP_ERROR_MEMORY;
    }
    uint32_t padding = (uint32_t)s->kernel / 2, kernel = (uint32_t)s->kernel, stride = (uint32_t)s->stride;
    size_t side = clip_convolution_side(s);
    c->outputs = side * side * s->out;
    clip_status status = status_of(xnn_create_convolution2d_nhwc_f32(padding, padding, padding, padding, kernel, kernel, stride,
                                                                     stride, 1, 1, 1, s->in, s->out, s->in, s->out, weight, bias,
                                                                     -INFINITY, INFINITY, 0, NULL, NULL, &c->operator));
    if (status == CLIP_OK) status = prepare(c, s->side);
    if (status == CLIP_OK) *out = c;
    else clip_xnnpack_convolution_destroy(c);
    return status;
}

void clip_xnnpack_convolution_destroy(clip_xnnpack_convolution *convolution) {
    if (!convolution) return;
    xnn_delete_operator(convolution->operator);
    free(convolution->workspace);
    free(convolution);
}

void clip_xnnpack_convolution_forward(const clip_xnnpack_convolution *c, clip_pool *pool, const float *x, float *y, int relu) {
    /* Neither can fail for an operator that was created and reshaped: they check states and pointers. */
    xnn_setup_convolution2d_nhwc_f32(c->operator, c->workspace, x, y);
    clip_run_operator(c->operator, pool);
    if (relu)
        for (size_t i = 0; i < c->outputs; i++) y[i] = y[i] > 0 ? y[i] : 0;
}
