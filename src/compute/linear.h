/* linear.h - y = W x + b for rows of x, in f32, int8 or int4: one interface, several kernels behind it.
 *
 * The room compute/: arithmetic on arrays - products, convolutions, attention, comparison - in kernels for each level of SIMD, and the
 * threads that share it. Knows no model and no file.
 *
 *     rows of f32 --clip_activations_set, _set_layer_norm--> rows as the kernels read them --clip_linear_forward--> rows of f32
 *
 * f32: activations stay as they are. int8: each row (token) of activations is quantized by itself to 8 bits with its own scale, each
 * row of W (output) has its own scale, as in LLM.int8() (Dettmers et al. 2022) without the outlier split. int4 is a form of int8 that
 * files have (quantize.h): here both are the same.
 */
#ifndef CLIP_LINEAR_H
#define CLIP_LINEAR_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "compute/parallel.h"
#include "status.h"

typedef enum { CLIP_F32 = 0, CLIP_Q8 = 1, CLIP_Q4 = 2 } clip_precision;

#define CLIP_Q4_BLOCK 64 /* inputs that int4 packs together; rows of another multiple are kept in int8 */

/* The kernels in force, see kernels.h. */
typedef struct clip_kernels clip_kernels;

/* What was taken off one int8 weight, see kernels_relaxed_pairs.c. */
typedef struct {
    uint16_t input;
    uint8_t output; /* within its panel */
    int8_t weight;
} clip_excess;

typedef struct {
    size_t in, out;           /* W is (out, in) */
    clip_precision precision; /* q4: int8 that comes as int4; q8 where in is not a multiple of CLIP_Q4_BLOCK */
    size_t depth;             /* in, padded as the kernel wants it */
    unsigned char *packed;    /* panels of CLIP_PANEL outputs, in the kernels' own order */
    float *scale;             /* not f32: (out) */
    float *sum;               /* not f32: (out), sums of W's int8 rows: what an activation's offset is multiplied by */
    float *bias;              /* (out), zeros where the model has none */
    clip_excess *excess;      /* only for kernels that need it: (panels, excess_room), the first excesses[panel] of each in use */
    uint16_t *excesses;       /* (panels) */
    unsigned char *heavy;     /* (panels) whether the room of a panel was not enough */
    size_t excess_room;
} clip_linear;

/* Takes the buffers from `arena` (which may be measuring). Weights are zero until set. */
void clip_linear_layout(clip_linear *linear, const clip_kernels *kernels, clip_arena *arena, size_t in, size_t out,
                        clip_precision precision);

/* Rows [first, first + rows) of W from f32 (rows, in), in any order and any split; precision must be CLIP_F32. */
void clip_linear_set_rows(clip_linear *linear, const clip_kernels *kernels, size_t first, size_t rows, const float *weight);
/* From int8 (rows, in); precision must be CLIP_Q8 or CLIP_Q4, where clip_expand_q4 makes them. */
void clip_linear_set_rows_q8(clip_linear *linear, const clip_kernels *kernels, size_t first, size_t rows, const int8_t *weight);
/* The scales that go with them (rows). */
void clip_linear_set_scales(clip_linear *linear, const clip_kernels *kernels, size_t first, size_t rows, const float *scale);

/* Once W is set: W x + b becomes factor (W x) + bias; both (out). Batch normalisation in its inference form. */
void clip_linear_fold(clip_linear *linear, const float *factor, const float *bias);

/* Rows of activations as products of one precision read them. Several linears may read the same rows. */
typedef struct {
    size_t rows, width;
    clip_precision precision;
    size_t stride;         /* bytes from row to row of q */
    const float *f32;      /* f32: (rows, width), the caller's buffer or own */
    float *own;            /* f32: (rows, width), what layer normalisation writes */
    unsigned char *q;      /* not f32: x = q scale + offset */
    float *scale, *offset; /* (rows) */
    float *scratch;        /* (rows, width), normalised rows before they are quantized */
} clip_activations;

/* Buffers for at most `rows` rows of `width`, for linears of `precision`. */
void clip_activations_layout(clip_activations *activations, const clip_kernels *kernels, clip_arena *arena, size_t rows,
                             size_t width, clip_precision precision);

/* Fills `to` from x (rows, width). In f32 this only remembers x, which must stay as it is until the products are done. */
void clip_activations_set(clip_activations *to, const clip_kernels *kernels, clip_pool *pool, const float *x, size_t rows);
/* One row of them, of a precision that is not f32, from x (width). */
void clip_activations_set_row(clip_activations *to, const clip_kernels *kernels, size_t row, const float *x);
/* The same from layer_norm(x) (Ba et al. 2016); gain and bias are (width). */
void clip_activations_set_layer_norm(clip_activations *to, const clip_kernels *kernels, clip_pool *pool, const float *x,
                                     size_t rows, const float *gain, const float *bias, float epsilon);
/* layer_norm to f32 rows: y (rows, width) may be x. */
void clip_layer_norm(const clip_kernels *kernels, clip_pool *pool, const float *x, size_t rows, size_t width, const float *gain,
                     const float *bias, float epsilon, float *y);

typedef enum {
    CLIP_STORE,      /* y = z, z = W x + b */
    CLIP_ADD,        /* y += z: the residual connection */
    CLIP_QUICK_GELU, /* y = z sigmoid(1.702 z) */
    CLIP_GELU,       /* y = z Phi(z), exact (erf) */
    CLIP_RELU,       /* y = max(z, 0) */
    CLIP_GELU_TANH,  /* y = z Phi(z), by its tanh approximation */
    CLIP_RELU6,      /* y = min(max(z, 0), 6) */
} clip_epilogue;

/* Steps that int16 has for 1 where a tower that is not f32 keeps ReLU6 in it: all 32767 for 0..6. */
#define CLIP_RELU6_STEPS (32767.0f / 6)

/* y (rows, out) with `stride` floats from row to row. y must not overlap the activations. */
void clip_linear_forward(const clip_linear *linear, const clip_kernels *kernels, clip_pool *pool, const clip_activations *x,
                         clip_epilogue epilogue, float *y, size_t stride);

/* The same with y (rows, out) = min(max(z, 0), 6) as int16, CLIP_RELU6_STEPS y; the linear was folded with so much larger factors and
 * biases. */
void clip_linear_forward_relu6(const clip_linear *linear, const clip_kernels *kernels, clip_pool *pool, const clip_activations *x,
                               int16_t *y);

#endif
