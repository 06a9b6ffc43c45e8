/* Any bytes as a row of int4, and as numbers to make one of. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/weights/quantize.h"

#define BLOCK CLIP_Q4_BLOCK

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int8_t q8[4 * BLOCK];
    static float x[4 * BLOCK];
    static uint8_t q4[4 * CLIP_Q4_BYTES];
    if (!size) return 0;
    const clip_dtype dtypes[] = {CLIP_DTYPE_F32, CLIP_DTYPE_F16, CLIP_DTYPE_BF16, CLIP_DTYPE_I8};
    const clip_dtype dtype = dtypes[data[0] % 4];
    data++, size--;
    const size_t blocks = size / CLIP_Q4_BYTES < 4 ? size / CLIP_Q4_BYTES : 4;
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) return 0;
    if (size) memcpy(copy, data, size);
    clip_expand_q4(copy, blocks * BLOCK, q8);
    for (size_t i = 0; i < blocks * BLOCK; i++)
        if (q8[i] == -128) abort();

    const size_t element = dtype == CLIP_DTYPE_F32 ? 4 : 2;
    size_t count = size / element / BLOCK * BLOCK;
    if (count > 4 * BLOCK) count = 4 * BLOCK;
    const clip_status status = clip_decode_floats(x, copy, dtype, count);
    free(copy);
    if (dtype == CLIP_DTYPE_I8 && count) return status == CLIP_ERROR_DTYPE ? 0 : (abort(), 0);
    if (status != CLIP_OK || !count) return 0;
    float largest = 0, scale;
    for (size_t i = 0; i < count; i++) largest = fmaxf(largest, fabsf(x[i])); /* what is not finite was refused */
    if (!isfinite(largest)) abort();
    clip_quantize_q8(x, count, q8, &scale);
    if (!(scale >= 0) || !isfinite(scale)) abort();
    for (size_t i = 0; i < count; i++)
        if (q8[i] == -128 || (largest > 1e-30f && fabsf(q8[i] * scale - x[i]) > 0.51f * scale)) abort();
    clip_quantize_q4(x, count, q4, &scale);
    if (!(scale >= 0) || !isfinite(scale)) abort();
    clip_expand_q4(q4, count, q8);
    for (size_t i = 0; i < count; i++) /* levels reach from -127 to 127, and lie at most 53 apart */
        if (largest > 1e-30f && !(fabs((double)q8[i] * scale - x[i]) <= 1.01 * largest)) abort();
    return 0;
}
