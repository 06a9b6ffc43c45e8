/* quantize.h - floating point rows to int8 and int4, and from the file's element types to f32.
 *
 * int8: symmetric, one scale a row, scale = max |x| / 127, q = x / scale rounded half to even, as LLM.int8() and onnxruntime's
 * per-channel weights.
 *
 * int4: 4.625 bits a weight. A row has one scale. Each 8 neighbours share a curve, one of 32, and each weight is a code of 4 bits, one of
 * its curve's 16 levels, which are int8: the row stands for int8 with that scale, and becomes it when it is loaded. So int4 is what
 * travels and what is kept; the arithmetic is int8's, and as fast. A row, CLIP_Q4_BYTES for each CLIP_Q4_BLOCK inputs:
 *
 *     bytes 0..4    the curves of the block's 8 groups, 5 bits each, the first lowest
 *     bytes 5..36   the codes, two a byte, the first in the low nibble
 *
 * Levels lie denser near 0, where most weights are (as NF4's do: Dettmers et al. 2023), and reach further up than down. Curves reach from
 * 37 to 127, and one, for rows with outliers, 15; the level of code 7 is 0, so that zeros stay zeros. Curve k + 16 is the mirror image
 * of curve k: the level of a code is less the level of 15 - code. build/int4-curves.mjs fitted them, to no model's weights but to random
 * numbers of several distributions. The squared error of ggml's Q4_0 (a scale in f16 for each 32 weights, 4.5 bits) is 2.6 times as
 * large for Gaussian numbers, 3.5 times for Laplace.
 */
#ifndef CLIP_QUANTIZE_H
#define CLIP_QUANTIZE_H

#include <stddef.h>
#include <stdint.h>

#include "compute/linear.h"
#include "weights/safetensors.h"

#define CLIP_Q4_BYTES 37 /* for CLIP_Q4_BLOCK inputs */

/* Bytes of `count` weights in int4, a multiple of CLIP_Q4_BLOCK. */
static inline size_t clip_q4_bytes(size_t count) { return count / CLIP_Q4_BLOCK * CLIP_Q4_BYTES; }

/* `count` elements of dtype F32, F16 or BF16 at `data` (not aligned) to f32. CLIP_ERROR_VALUE if any is not finite,
 * CLIP_ERROR_DTYPE for other types. */
clip_status clip_decode_floats(float *to, const uint8_t *data, clip_dtype dtype, size_t count);

/* x (count), finite -> IEEE 754 binary16 at `to` (not aligned), half to even; beyond its range the largest there is. */
void clip_encode_halves(const float *x, size_t count, uint8_t *to);

/* x (count) -> q (count), *scale. A row of zeros, or of nothing larger than 1.4e-36, has scale 0. */
void clip_quantize_q8(const float *x, size_t count, int8_t *q, float *scale);

/* x (count), a multiple of CLIP_Q4_BLOCK -> q (clip_q4_bytes(count)), *scale: for each group the curve and for each
 * weight the level that are nearest, by squared error, and the scale for which the row's error is least of some. A row of zeros, or
 * of nothing larger than 5e-32, has scale 0. Takes 30 ns a weight on a Zen 4 core. */
void clip_quantize_q4(const float *x, size_t count, uint8_t *q, float *scale);

/* The int8 (count) that a row of int4 stands for, -127..127. Any bytes are a row. */
void clip_expand_q4(const uint8_t *q, size_t count, int8_t *to);

#endif
