/* quantize.h - floating point rows to int8 and int4, and from the file's element types to f32.
 *
 * int8: symmetric, one scale a row, scale = max |x| / 127, q = x / scale rounded half to even, as LLM.int8() and onnxruntime's
 * per-channel weights. int4: symmetric, one scale a group of CLIP_Q4_GROUP, q in -8..7 kept as q + 8 in a nibble, low nibble
 * first; the scale's sign is chosen so that the group's largest magnitude becomes -8 (as ggml's Q4_0 does), and it is a number that
 * f16 can hold, so that files keep it in two bytes.
 */
#ifndef CLIP_QUANTIZE_H
#define CLIP_QUANTIZE_H

#include <stddef.h>
#include <stdint.h>

#include "safetensors.h"

/* `count` elements of dtype F32, F16 or BF16 at `data` (not aligned) to f32. CLIP_ERROR_VALUE if any is not finite,
 * CLIP_ERROR_DTYPE for other types. */
clip_status clip_decode_floats(float *to, const uint8_t *data, clip_dtype dtype, size_t count);

/* The nearest f16, ties to even, as its bits. */
uint16_t clip_half_from_float(float value);

/* x (count) -> q (count), *scale. A row of zeros has scale 0. */
void clip_quantize_q8(const float *x, size_t count, int8_t *q, float *scale);

/* x (count), a multiple of CLIP_Q4_GROUP -> q (count / 2), scale (count / CLIP_Q4_GROUP). */
void clip_quantize_q4(const float *x, size_t count, uint8_t *q, float *scale);

#endif
