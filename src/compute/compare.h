/* compare.h - embeddings to scores. */
#ifndef CLIP_COMPARE_H
#define CLIP_COMPARE_H

#include <stddef.h>

/* Cosines (a, b) of rows of x (a, width) and y (b, width); 0 where a row is zero. */
void clip_similarity(const float *x, size_t a, const float *y, size_t b, size_t width, float *cosines);
/* Softmax of scale * values, in place; values (count). */
void clip_softmax(float *values, size_t count, float scale);

#endif
