#include "convolution.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pthreadpool_backend.h"
#include "xnnpack.h"

struct clip_convolution {
    clip_convolution_shape shape;
    xnn_operator_t operator;
    void *workspace;
    int quantized;
};

size_t clip_convolution_side(const clip_convolution_shape *s) { return (s->side + s->kernel / 2 * 2 - s->kernel) / s->stride + 1; }

/* Quantization parameters, padded as XNNPACK reads them, then the image. */
#define PARAMETERS (64 * ((sizeof(struct xnn_quantization_params) * (1 + XNN_EXTRA_QUANTIZATION_PARAMS) + 63) / 64))

size_t clip_convolution_scratch(const clip_convolution_shape *s) {
    return PARAMETERS + s->side * s->side * s->in + CLIP_CONVOLUTION_SLACK;
}

static clip_status status_of(enum xnn_status status) { return status == xnn_status_success ? CLIP_OK : CLIP_ERROR_MEMORY; }

/* (out, in, k, k) to XNNPACK's (out, k, k, in), for elements of `bytes`. */
static void *turn(const void *weight, const clip_convolution_shape *s, size_t bytes) {
    size_t area = s->kernel * s->kernel;
    unsigned char *turned = malloc(s->out * s->in * area * bytes);
    if (!turned) return NULL;
    for (size_t o = 0; o < s->out; o++)
        for (size_t i = 0; i < s->in; i++)
            for (size_t a = 0; a < area; a++)
                memcpy(turned + ((o * area + a) * s->in + i) * bytes,
                       (const unsigned char *)weight + ((o * s->in + i) * area + a) * bytes, bytes);
    return turned;
}

/* Reshapes once and for all: an image's side never changes. */
static clip_status prepare(clip_convolution *c) {
    size_t bytes = 0, alignment, height, width, side = c->shape.side;
    enum xnn_status status =
        c->quantized
            ? xnn_reshape_convolution2d_nhwc_qd8_f32_qc8w(c->operator, 1, side, side, &bytes, &alignment, &height, &width, NULL)
            : xnn_reshape_convolution2d_nhwc_f32(c->operator, 1, side, side, &bytes, &alignment, &height, &width, NULL);
    if (status == xnn_status_success && bytes) {
        c->workspace = aligned_alloc(64, (bytes + 63) / 64 * 64);
        if (!c->workspace) return CLIP_ERROR_MEMORY;
    }
    return status_of(status);
}

static clip_status create(clip_convolution **out, const clip_convolution_shape *s, const void *weight, size_t element,
                          float *scaled, const float *bias) {
    *out = NULL;
    clip_convolution *c = calloc(1, sizeof *c);
    void *turned = turn(weight, s, element);
    clip_status status = CLIP_ERROR_MEMORY;
    uint32_t padding = (uint32_t)s->kernel / 2, kernel = (uint32_t)s->kernel, stride = (uint32_t)s->stride;
    float least = s->relu ? 0 : -INFINITY;
    if (c && turned && xnn_initialize(NULL) == xnn_status_success) {
        c->shape = *s;
        c->quantized = element == 1;
        if (c->quantized) {
            status = status_of(xnn_create_convolution2d_nhwc_qd8_f32_qc8w(
                padding, padding, padding, padding, kernel, kernel, stride, stride, 1, 1, 1, s->in, s->out, s->in, s->out, scaled,
                turned, bias, least, INFINITY, 0, NULL, NULL, &c->operator));
        } else {
            size_t row = s->in * s->kernel * s->kernel;
            for (size_t i = 0; i < s->out * row; i++) ((float *)turned)[i] *= scaled[i / row];
            status = status_of(xnn_create_convolution2d_nhwc_f32(padding, padding, padding, padding, kernel, kernel, stride, stride,
                                                                 1, 1, 1, s->in, s->out, s->in, s->out, turned, bias, least,
                                                                 INFINITY, 0, NULL, NULL, &c->operator));
        }
        if (status == CLIP_OK) status = prepare(c);
    }
    free(turned);
    if (status == CLIP_OK) *out = c;
    else clip_convolution_destroy(c);
    return status;
}

clip_status clip_convolution_create_f32(clip_convolution **out, const clip_convolution_shape *shape, const float *weight,
                                        const float *factor, const float *bias) {
    float *copy = malloc(shape->out * sizeof *copy);
    *out = NULL;
    if (!copy) return CLIP_ERROR_MEMORY;
    memcpy(copy, factor, shape->out * sizeof *copy);
    clip_status status = create(out, shape, weight, sizeof(float), copy, bias);
    free(copy);
    return status;
}

clip_status clip_convolution_create_q8(clip_convolution **out, const clip_convolution_shape *shape, const int8_t *weight,
                                       const float *scale, const float *factor, const float *bias) {
    int8_t *signed_weight = NULL;
    size_t row = shape->in * shape->kernel * shape->kernel;
    float *scaled = malloc(shape->out * sizeof *scaled);
    clip_status status = CLIP_ERROR_MEMORY;
    *out = NULL;
    if (scaled) signed_weight = malloc(shape->out * row);
    if (signed_weight) {
        for (size_t o = 0; o < shape->out; o++) {
            /* XNNPACK takes positive, normal scales only: a negative factor turns the weights, a vanishing one makes them vanish. */
            float product = scale[o] * factor[o], magnitude = fabsf(product);
            int sign = product < 0 ? -1 : 1, vanishes = !isnormal(magnitude);
            scaled[o] = vanishes ? 1 : magnitude;
            for (size_t i = 0; i < row; i++) {
                int value = vanishes ? 0 : sign * weight[o * row + i];
                signed_weight[o * row + i] = (int8_t)(value > 127 ? 127 : value);
            }
        }
        status = create(out, shape, signed_weight, sizeof(int8_t), scaled, bias);
    }
    free(signed_weight);
    free(scaled);
    return status;
}

void clip_convolution_destroy(clip_convolution *convolution) {
    if (!convolution) return;
    xnn_delete_operator(convolution->operator);
    free(convolution->workspace);
    free(convolution);
}

/* One scale for the image, zero exactly representable, as XNNPACK's own conversion to qd8. */
static void quantize_image(const float *x, size_t count, struct xnn_quantization_params *parameters, int8_t *q) {
    float least = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        least = x[i] < least ? x[i] : least;
        largest = x[i] > largest ? x[i] : largest;
    }
    float scale = (largest - least) / 255, inverse = isnormal(scale) && isfinite(scale) ? 1 / scale : 0;
    float zero = fminf(fmaxf(rintf(-128 - least * inverse), -128), 127);
    for (size_t i = 0; i < 1 + XNN_EXTRA_QUANTIZATION_PARAMS; i++)
        parameters[i] = (struct xnn_quantization_params){(int32_t)zero, inverse > 0 ? scale : 1};
    for (size_t i = 0; i < count; i++) {
        float value = rintf(x[i] * inverse) + zero;
        value = value > -128 ? value : -128; /* and NaN becomes -128 */
        q[i] = (int8_t)(value < 127 ? value : 127);
    }
}

clip_status clip_convolution_forward(clip_convolution *c, clip_pool *pool, const float *x, float *y, void *scratch) {
    enum xnn_status status;
    if (c->quantized) {
        struct xnn_quantization_params *parameters = scratch;
        int8_t *q = (int8_t *)scratch + PARAMETERS;
        quantize_image(x, c->shape.side * c->shape.side * c->shape.in, parameters, q);
        status = xnn_setup_convolution2d_nhwc_qd8_f32_qc8w(c->operator, c->workspace, q, y, parameters);
    } else {
        status = xnn_setup_convolution2d_nhwc_f32(c->operator, c->workspace, x, y);
    }
    return status_of(status == xnn_status_success ? clip_run_operator(c->operator, pool) : status);
}
