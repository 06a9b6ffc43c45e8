/* linear.h - y = W x + b for rows of x, in f32, int8 or int4: one interface, several kernels behind it.
 *
 *     activations  --clip_activations_*-->  rows in the form the kernels read  --clip_linear_forward-->  rows of f32
 *
 * f32: activations stay as they are. int8, int4: each row (token) of activations is quantized by itself to 8 bits with
 * its own scale ("dynamic, per token"), each row of W (output) has its own scale ("per channel"), as in LLM.int8()
 * (Dettmers et al. 2022) without the outlier split; int4 weights have one scale per CLIP_Q4_GROUP inputs.
 *
 * Kernels are chosen once per engine (clip_kernels): by what the module was compiled for, and by a probe of what the
 * engine's relaxed dot product does with 8-bit operands.
 */
#ifndef CLIP_LINEAR_H
#define CLIP_LINEAR_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "parallel.h"
#include "status.h"

#define CLIP_Q4_GROUP 32 /* inputs that share one int4 scale */

typedef enum { CLIP_F32 = 0, CLIP_Q8 = 1, CLIP_Q4 = 2 } clip_precision;

/* The kernels in force; filled once, then read-only. Opaque here; see kernels.h. */
typedef struct clip_kernels clip_kernels;

typedef struct {
    size_t in, out;           /* W is (out, in) */
    clip_precision precision; /* Q4 falls back to Q8 where in is not a multiple of CLIP_Q4_GROUP */
    void *packed;             /* W in the kernels' own order */
    float *scale;             /* q8: (out); q4: (out, in / CLIP_Q4_GROUP), in the kernels' own order; f32: NULL */
    int32_t *row_sum;         /* q8, q4: what the kernels need of each row to undo the activations' zero point */
    float *bias;              /* (out), zeros where the model has none */
} clip_linear;

/* Takes the buffers from `arena` (which may be measuring). */
void clip_linear_layout(clip_linear *linear, const clip_kernels *kernels, clip_arena *arena, size_t in, size_t out,
                        clip_precision precision);

/* Sets rows [first, first + rows) of W, packing them. May come in any order and any split.
 * From f32 weights (rows, in): quantizes as `precision` says. */
void clip_linear_set_rows(clip_linear *linear, const clip_kernels *kernels, size_t first, size_t rows, const float *weight);
/* From int8 weights (rows, in); precision must be CLIP_Q8. Scales come apart, see clip_linear_set_scales. */
void clip_linear_set_rows_q8(clip_linear *linear, const clip_kernels *kernels, size_t first, size_t rows, const int8_t *weight);
/* From int4 weights (rows, in / 2), low nibble first, value = nibble - 8; precision must be CLIP_Q4. */
void clip_linear_set_rows_q4(clip_linear *linear, const clip_kernels *kernels, size_t first, size_t rows, const uint8_t *weight);
/* Scales for rows [first, first + rows): q8 (rows), q4 (rows, in / CLIP_Q4_GROUP). */
void clip_linear_set_scales(clip_linear *linear, const clip_kernels *kernels, size_t first, size_t rows, const float *scale);

/* Rows of activations, in the form that products of one precision read. Several linears may read the same rows. */
typedef struct {
    size_t rows, width;
    clip_precision precision;
    float *f32;     /* f32: (rows, width), may be the caller's own buffer */
    uint8_t *q;     /* q8, q4: (rows, padded width), unsigned with zero point; exact form is the kernels' business */
    float *scale;   /* (rows) */
    int32_t *zero;  /* (rows) zero point */
} clip_activations;

/* Buffers for at most `rows` rows of `width`, for linears of `precision`. */
void clip_activations_layout(clip_activations *activations, const clip_kernels *kernels, clip_arena *arena, size_t rows,
                             size_t width, clip_precision precision);

/* Each of these fills activations (activations->rows = rows) from f32 rows and may run on the pool. */
void clip_activations_set(clip_activations *to, const clip_kernels *kernels, clip_pool *pool, const float *x, size_t rows);
/* Layer normalisation (Ba et al. 2016), fused: gain and bias are (width). x is (rows, width) with `stride` floats from row to row. */
void clip_activations_set_layer_norm(clip_activations *to, const clip_kernels *kernels, clip_pool *pool, const float *x, size_t rows,
                                     size_t stride, const float *gain, const float *bias, float epsilon);

/* The same to f32 rows: y (rows, width) may be x. */
void clip_layer_norm(const clip_kernels *kernels, clip_pool *pool, const float *x, size_t rows, size_t width, const float *gain,
                     const float *bias, float epsilon, float *y);

typedef enum {
    CLIP_STORE,           /* y = W x + b */
    CLIP_ADD,             /* y += W x + b: the residual connection */
    CLIP_QUICK_GELU,      /* y = z sigmoid(1.702 z), z = W x + b */
    CLIP_GELU,            /* y = z Phi(z), exact (erf) */
    CLIP_RELU,            /* y = max(z, 0) */
} clip_epilogue;

/* y (rows, out) with `stride` floats from row to row; rows come from the activations. Runs on the pool. y may not overlap x. */
void clip_linear_forward(const clip_linear *linear, const clip_kernels *kernels, clip_pool *pool, const clip_activations *x,
                         clip_epilogue epilogue, float *y, size_t stride);

#endif
