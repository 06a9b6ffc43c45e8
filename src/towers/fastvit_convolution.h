/* fastvit_convolution.h - MobileCLIP's convolutions: each was trained as several that are added up, each with a batch norm, and becomes one.
 *
 *     clip_fastvit_convolution_layout, _branches_layout -> _slots -> (the file) -> _finish -> wise or dense
 */
#ifndef CLIP_FASTVIT_CONVOLUTION_H
#define CLIP_FASTVIT_CONVOLUTION_H

#include "compute/depthwise.h"
#include "towers/batch_norm.h"
#include "weights/slots.h"

#define CLIP_FASTVIT_EPSILON  1e-5f
#define CLIP_FASTVIT_BRANCHES 4

/* Which branches it has, and their names. */
typedef enum {
    CLIP_FASTVIT_ONE,
    CLIP_FASTVIT_LARGE,
    CLIP_FASTVIT_NORMED,
    CLIP_FASTVIT_MIXER,
    CLIP_FASTVIT_POSITION
} clip_fastvit_form;

typedef struct {
    clip_fastvit_form form;
    size_t in, out, kernel, stride, side; /* side: of the input */
    int depthwise;
    int split;                            /* the input's channels are all first ones, then all second ones, see above */
    float *weight[CLIP_FASTVIT_BRANCHES]; /* (out, in or 1, kernel, kernel) each, until finish */
    clip_batch_norm norm[CLIP_FASTVIT_BRANCHES];
    float *gamma; /* CLIP_FASTVIT_MIXER: (out) */
    clip_depthwise wise;
    clip_linear dense;
    float *identity; /* (out), what is multiplied by the input's own channel where `dense` is not f32, or NULL */
} clip_fastvit_convolution;

/* What it becomes, from `arena`, for a tower of `precision`: depthwise ones stay f32, and so do those with a kernel. */
void clip_fastvit_convolution_layout(clip_fastvit_convolution *c, const clip_kernels *kernels, clip_arena *arena,
                                     clip_precision precision);
/* What it is made of, which finish no longer needs afterwards. */
void clip_fastvit_branches_layout(clip_fastvit_convolution *c, clip_arena *arena);

/* The tensors of its branches, under `prefix`. */
void clip_fastvit_convolution_slots(clip_fastvit_convolution *c, clip_slots *slots, const char *prefix);
/* One tensor: values (rows, columns, kernel, kernel) under prefix + name + rest. */
void clip_fastvit_add_weight(clip_slots *slots, const char *prefix, const char *name, const char *rest, float *values, size_t rows,
                             size_t columns, size_t kernel);

/* All branches to one. CLIP_ERROR_MEMORY, CLIP_ERROR_VALUE. */
clip_status clip_fastvit_convolution_finish(clip_fastvit_convolution *c, const clip_kernels *kernels);

#endif
