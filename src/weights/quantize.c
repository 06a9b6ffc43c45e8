#include "weights/quantize.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* IEEE 754 binary16 to f32 without branches on the common path (Giesen, "half_to_float_fast5", public domain idea). */
static float half_to_float(uint16_t half) {
    uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13, bits;
    float value;
    if (magnitude >= 0x0f800000) { /* infinity and NaN: exponent all ones */
        bits = magnitude | 0x7f800000;
        memcpy(&value, &bits, 4);
    } else { /* rebias by 127 - 15: exact, and right for subnormals too */
        memcpy(&value, &magnitude, 4);
        value *= 0x1p112f;
    }
    return half & 0x8000 ? -value : value;
}

static uint16_t float_to_half(float value) {
    uint32_t bits, sign;
    float magnitude = fabsf(value);
    memcpy(&bits, &value, 4);
    sign = bits >> 16 & 0x8000;
    if (magnitude >= 65504) return (uint16_t)(sign | 0x7bff);
    if (magnitude < 0x1p-14f) return (uint16_t)(sign | (uint32_t)lrintf(magnitude * 0x1p24f)); /* subnormal */
    memcpy(&bits, &magnitude, 4);
    bits += 0xfff + (bits >> 13 & 1); /* rounds what is cut off; a carry makes the exponent larger, rightly */
    return (uint16_t)(sign | (bits - 0x38000000) >> 13);
}

void clip_encode_halves(const float *x, size_t count, uint8_t *to) {
    for (size_t i = 0; i < count; i++) {
        uint16_t half = float_to_half(x[i]);
        memcpy(to + 2 * i, &half, 2);
    }
}

clip_status clip_decode_floats(float *to, const uint8_t *data, clip_dtype dtype, size_t count) {
    if (dtype == CLIP_DTYPE_F32) {
        memcpy(to, data, count * sizeof *to);
    } else if (dtype == CLIP_DTYPE_F16) {
        for (size_t i = 0; i < count; i++) {
            uint16_t half;
            memcpy(&half, data + 2 * i, 2);
            to[i] = half_to_float(half);
        }
    } else if (dtype == CLIP_DTYPE_BF16) {
        for (size_t i = 0; i < count; i++) {
            uint32_t bits = (uint32_t)data[2 * i] << 16 | (uint32_t)data[2 * i + 1] << 24;
            memcpy(&to[i], &bits, 4);
        }
    } else {
        return CLIP_ERROR_DTYPE;
    }
    /* x - x is 0 for finite x and NaN for the others; sums of it need no branch in the loop. */
    float bad = 0;
    for (size_t i = 0; i < count; i++) bad += to[i] - to[i];
    return bad == 0 ? CLIP_OK : CLIP_ERROR_VALUE;
}

void clip_quantize_q8(const float *x, size_t count, int8_t *q, float *scale) {
    float largest = 0;
    for (size_t i = 0; i < count; i++) largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
    *scale = largest / 127;
    if (*scale < FLT_MIN) { /* zeros, or so near that a scale would be rounded, and 127 become 128 */
        *scale = 0;
        memset(q, 0, count);
        return;
    }
    for (size_t i = 0; i < count; i++) q[i] = (int8_t)lrintf(x[i] / *scale);
}
