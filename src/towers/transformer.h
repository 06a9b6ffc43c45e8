/* transformer.h - the residual attention transformer that both towers share (Vaswani et al. 2017, pre-norm form).
 *
 *     x += out(attention(query(n), key_value(n))),  n = layer_norm(x)
 *     x += contract(activation(expand(n'))),        n' = layer_norm(x)
 *
 * A tower reads few rows of its last layer (the class token, the end tokens): there only keys and values are computed for
 * every row, all else for the rows that are read.
 */
#ifndef CLIP_TRANSFORMER_H
#define CLIP_TRANSFORMER_H

#include "arena.h"
#include "compute/attention.h"
#include "compute/linear.h"
#include "weights/config.h"
#include "weights/slots.h"

#define CLIP_SLOTS_PER_BLOCK 18

typedef struct {
    float *ln1_gain, *ln1_bias; /* (width) */
    clip_linear query;          /* (width, width) */
    clip_linear key_value;      /* (2 width, width): keys, then values */
    clip_linear out;            /* (width, width) */
    float *ln2_gain, *ln2_bias; /* (width) */
    clip_linear expand;         /* (mlp, width) */
    clip_linear contract;       /* (width, mlp) */
} clip_block;

typedef struct {
    clip_transformer_config config;
    clip_block *blocks; /* (layers) */
} clip_transformer;

/* Scratch of a forward pass over at most `rows` rows. */
typedef struct {
    size_t rows;
    float *query;            /* (rows, width) */
    float *key_value;        /* (rows, 2 width) */
    float *attended;         /* (rows, width) */
    float *hidden;           /* (rows, mlp) */
    float *attention;        /* scratch, see attention.h */
    clip_activations normed; /* (rows, width) */
    clip_activations wide;   /* (rows, mlp) */
} clip_transformer_state;

/* Weights from `arena`, twice: measuring, when blocks stays NULL, then for good. CLIP_ERROR_MEMORY. */
clip_status clip_transformer_layout(clip_transformer *transformer, const clip_kernels *kernels, clip_arena *arena,
                                    const clip_transformer_config *config, clip_precision precision);
/* Slots for the blocks' tensors, named prefix + "N." + OpenAI's names. */
void clip_transformer_slots(clip_transformer *transformer, clip_slots *slots, const char *prefix);
void clip_transformer_state_layout(clip_transformer_state *state, const clip_kernels *kernels, clip_arena *arena,
                                   const clip_transformer_config *config, size_t rows, clip_precision precision);

/* Runs the blocks over x (rows, width) in place. `sequences` say which rows attend to which (attention.h). The last block
 * computes only the rows `read` (reads, ascending) and writes them to y (reads, width); x is scratch afterwards. */
void clip_transformer_forward(const clip_transformer *transformer, const clip_kernels *kernels, clip_pool *pool,
                              clip_transformer_state *state, float *x, size_t rows, const clip_sequence *sequences, size_t count,
                              const size_t *read, size_t reads, float *y);

#endif
