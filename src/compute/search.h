/* search.h - cosines of many embeddings, kept in a form that is quick to read, with a few queries; and the largest of them.
 *
 * It is a module of its own, web/wasm/search.js (emcc.mk), so that the others need not carry it: no allocation, no state.
 *
 * `width` is a multiple of CLIP_SEARCH_UNIT, at most CLIP_SEARCH_WIDTH: shorter embeddings end in zeros. All arrays are the caller's, and
 * aligned to 16 bytes.
 */
#ifndef CLIP_SEARCH_H
#define CLIP_SEARCH_H

#include <stddef.h>
#include <stdint.h>

#define CLIP_SEARCH_UNIT  16
#define CLIP_SEARCH_WIDTH 65536

/* ---- f32: rows of length 1 ---- */

/* Brings rows (count, width) to length 1, in place; zeros stay. Answers the first row that holds what is no finite number or is too long
 * for one, or count. */
size_t clip_search_unit(float *rows, size_t count, size_t width);

/* cosines[j * stride + i] of row i (count, width) and query j (queries, width), all of length 1. */
void clip_search_f32(const float *rows, size_t count, const float *query, size_t queries, size_t width, float *cosines,
                     size_t stride);

/* ---- int8: rows in steps of their own, which cosines do not depend on; a queries' numbers have 16 bits ---- */

/* Rounds rows (count, width) that clip_search_unit has seen, each to -127..127 of a 127th of its largest number. */
void clip_search_round(const float *rows, size_t count, size_t width, int8_t *out);

/* 1 / length of rows (count, width); 0 of zeros. */
void clip_search_lengths(const int8_t *rows, size_t count, size_t width, float *inverse);

/* Rounds queries (queries, width) of length 1 to as many steps as cannot overflow a sum of 32 bits, and answers 1 / length of each. */
void clip_search_round_query(const float *query, size_t queries, size_t width, int16_t *out, float *inverse);

/* As clip_search_f32. */
void clip_search_q8(const int8_t *rows, const float *row_inverse, size_t count, const int16_t *query, const float *query_inverse,
                    size_t queries, size_t width, float *cosines, size_t stride);

/* ---- the largest ---- */

/* Keeps the k largest values that were seen: `kept` have been before, of these count the first has the index `first`. value and index (k)
 * are a heap whose root is the one to go next: the smallest, of equals the last. Answers how many are kept now. */
size_t clip_search_largest(const float *values, size_t count, uint32_t first, size_t k, float *value, uint32_t *index, size_t kept);

#endif
