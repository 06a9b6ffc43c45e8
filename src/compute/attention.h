/* attention.h - multi-head scaled dot-product attention (Vaswani et al. 2017) over sequences that lie end to end as rows. */
#ifndef CLIP_ATTENTION_H
#define CLIP_ATTENTION_H

#include <stddef.h>

#include "compute/linear.h"
#include "compute/parallel.h"

/* Rows [first, first + count) are one sequence. Each of its rows attends to rows [0, prefix), which it shares with others, and to
 * the sequence's own: all of them, or, if causal, those up to itself. */
typedef struct {
    size_t first, count;
    size_t prefix;
    int causal;
} clip_sequence;

/* Floats of scratch that attention over at most `rows` rows needs. */
size_t clip_attention_scratch(size_t width, size_t heads, size_t rows);

/* key_value (rows, 2 width): a row's keys, then its values. heads divide width.
 * read NULL: query (rows, width) and out (rows, width), for every row of every sequence.
 * Otherwise query and out are (reads, width): entry i is row read[i]; ascending, as the sequences are, each within one of them. */
void clip_attention(const clip_kernels *kernels, clip_pool *pool, const float *query, const float *key_value, size_t width,
                    size_t heads, const clip_sequence *sequences, size_t count, const size_t *read, size_t reads, float *out,
                    float *scratch);

#endif
