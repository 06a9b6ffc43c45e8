/* The arithmetic is libjpeg's, regrouped into dot products of pairs, which is exact as it is all integers; the
 * regrouping of the IDCT is Miyasaka's, of libjpeg-turbo's jidctint. */
#include "image/jpeg.h"

#include <string.h>

#include "compute/simd.h"

/* ---- IDCT (Loeffler, Ligtenberg and Moschytz 1989) ---- */

#define FIX_0_298631336 2446 /* times 2^13 */
#define FIX_0_390180644 3196
#define FIX_0_541196100 4433
#define FIX_0_765366865 6270
#define FIX_0_899976223 7373
#define FIX_1_175875602 9633
#define FIX_1_501321110 12299
#define FIX_1_847759065 15137
#define FIX_1_961570560 16069
#define FIX_2_053119869 16819
#define FIX_2_562915447 20995
#define FIX_3_072711026 25172
#define CONST_BITS      13
#define PASS1_BITS      2

/* For the four lanes of a half: a times p plus b times q. */
static inline v128_t low_pairs(v128_t a, v128_t b) { return wasm_i16x8_shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
static inline v128_t high_pairs(v128_t a, v128_t b) { return wasm_i16x8_shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }
#define WEIGHTS(p, q) wasm_i16x8_const(p, q, p, q, p, q, p, q)

/* One half (four lanes) of a pass over eight vectors; sums go to out[0..7] as i32, rounded and shifted. */
#define DEFINE_HALF(name, pairs, widen)                                                                                          \
    static inline void name(const v128_t x[8], int shift, v128_t out[8]) {                                                       \
        const v128_t half = wasm_i32x4_splat(1 << (shift - 1));                                                                  \
        const v128_t x26 = pairs(x[2], x[6]), x71 = pairs(x[7], x[1]), x53 = pairs(x[5], x[3]);                                  \
        const v128_t z34 = pairs(wasm_i16x8_add(x[7], x[3]), wasm_i16x8_add(x[5], x[1]));                                        \
        const v128_t e3 = wasm_i32x4_dot_i16x8(x26, WEIGHTS(FIX_0_541196100 + FIX_0_765366865, FIX_0_541196100));                \
        const v128_t e2 = wasm_i32x4_dot_i16x8(x26, WEIGHTS(FIX_0_541196100, FIX_0_541196100 - FIX_1_847759065));                \
        const v128_t e0 = wasm_i32x4_add(wasm_i32x4_shl(widen(wasm_i16x8_add(x[0], x[4])), CONST_BITS), half);                   \
        const v128_t e1 = wasm_i32x4_add(wasm_i32x4_shl(widen(wasm_i16x8_sub(x[0], x[4])), CONST_BITS), half);                   \
        const v128_t z3 = wasm_i32x4_dot_i16x8(z34, WEIGHTS(FIX_1_175875602 - FIX_1_961570560, FIX_1_175875602));                \
        const v128_t z4 = wasm_i32x4_dot_i16x8(z34, WEIGHTS(FIX_1_175875602, FIX_1_175875602 - FIX_0_390180644));                \
        const v128_t o0 =                                                                                                        \
            wasm_i32x4_add(z3, wasm_i32x4_dot_i16x8(x71, WEIGHTS(FIX_0_298631336 - FIX_0_899976223, -FIX_0_899976223)));         \
        const v128_t o3 =                                                                                                        \
            wasm_i32x4_add(z4, wasm_i32x4_dot_i16x8(x71, WEIGHTS(-FIX_0_899976223, FIX_1_501321110 - FIX_0_899976223)));         \
        const v128_t o1 =                                                                                                        \
            wasm_i32x4_add(z4, wasm_i32x4_dot_i16x8(x53, WEIGHTS(FIX_2_053119869 - FIX_2_562915447, -FIX_2_562915447)));         \
        const v128_t o2 =                                                                                                        \
            wasm_i32x4_add(z3, wasm_i32x4_dot_i16x8(x53, WEIGHTS(-FIX_2_562915447, FIX_3_072711026 - FIX_2_562915447)));         \
        const v128_t even[4] = {wasm_i32x4_add(e0, e3), wasm_i32x4_add(e1, e2), wasm_i32x4_sub(e1, e2), wasm_i32x4_sub(e0, e3)}; \
        const v128_t odd[4] = {o3, o2, o1, o0};                                                                                  \
        for (int k = 0; k < 4; k++) {                                                                                            \
            out[k] = wasm_i32x4_shr(wasm_i32x4_add(even[k], odd[k]), shift);                                                     \
            out[7 - k] = wasm_i32x4_shr(wasm_i32x4_sub(even[k], odd[k]), shift);                                                 \
        }                                                                                                                        \
    }
DEFINE_HALF(low_half, low_pairs, wasm_i32x4_extend_low_i16x8)
DEFINE_HALF(high_half, high_pairs, wasm_i32x4_extend_high_i16x8)

/* Eight one-dimensional transforms side by side. */
static inline void pass(v128_t x[8], int shift) {
    v128_t low[8], high[8];
    low_half(x, shift, low);
    high_half(x, shift, high);
    for (int k = 0; k < 8; k++) x[k] = wasm_i16x8_narrow_i32x4(low[k], high[k]);
}

static inline void transpose(v128_t x[8]) {
    v128_t a[8], b[8];
    for (int k = 0; k < 4; k++) { /* rows k and k + 4 side by side */
        a[2 * k] = low_pairs(x[k], x[k + 4]);
        a[2 * k + 1] = high_pairs(x[k], x[k + 4]);
    }
    for (int k = 0; k < 4; k++) {
        b[2 * k] = low_pairs(a[k], a[k + 4]);
        b[2 * k + 1] = high_pairs(a[k], a[k + 4]);
    }
    for (int k = 0; k < 4; k++) {
        x[2 * k] = low_pairs(b[k], b[k + 4]);
        x[2 * k + 1] = high_pairs(b[k], b[k + 4]);
    }
}

void clip_jpeg_idct(uint8_t *samples, int stride, short coefficients[64]) {
    v128_t x[8];
    for (int k = 0; k < 8; k++) x[k] = wasm_v128_load(coefficients + 8 * k);
    pass(x, CONST_BITS - PASS1_BITS);
    transpose(x);
    pass(x, CONST_BITS + PASS1_BITS + 3);
    transpose(x);
    const v128_t middle = wasm_i8x16_splat((int8_t)0x80); /* samples are centred on 128 */
    for (int k = 0; k < 8; k += 2) {
        const v128_t two = wasm_v128_xor(wasm_i8x16_narrow_i16x8(x[k], x[k + 1]), middle);
        wasm_v128_store64_lane(samples + (ptrdiff_t)k * stride, two, 0);
        wasm_v128_store64_lane(samples + (ptrdiff_t)(k + 1) * stride, two, 1);
    }
}

/* ---- upsampling: triangle filter, with libjpeg's alternating roundings ---- */

void clip_jpeg_upsample_down(const uint8_t *near, const uint8_t *far, int below, size_t count, uint8_t *out) {
    const uint32_t bias = below ? 2 : 1;
    for (size_t i = 0; i < count; i++) out[i] = (uint8_t)((3u * near[i] + far[i] + bias) >> 2);
}

void clip_jpeg_upsample(const uint8_t *near, const uint8_t *far, size_t width, size_t from, size_t to, uint16_t *sums,
                        uint8_t *out) {
    const size_t first = from > 0 ? from - 1 : 0, last = to < width ? to + 1 : width;
    uint16_t *sum = sums + 1; /* sum[-1] and sum[width] repeat the edges */
    if (far) {
        for (size_t i = first; i < last; i++) sum[i] = (uint16_t)(3 * near[i] + far[i]);
    } else {
        for (size_t i = first; i < last; i++) sum[i] = near[i];
    }
    if (from == 0) sum[-1] = sum[0];
    if (to == width) sum[width] = sum[width - 1];
    const uint32_t shift = far ? 4 : 2;
    const uint16_t even_bias = far ? 8 : 1, odd_bias = far ? 7 : 2;
    size_t i = from;
    for (; i + 8 <= to; i += 8) {
        const v128_t middle = wasm_i16x8_mul(wasm_v128_load(sum + i), wasm_i16x8_splat(3));
        const v128_t left = wasm_i16x8_add(wasm_v128_load(sum + i - 1), wasm_i16x8_splat((int16_t)even_bias));
        const v128_t right = wasm_i16x8_add(wasm_v128_load(sum + i + 1), wasm_i16x8_splat((int16_t)odd_bias));
        const v128_t even = wasm_u16x8_shr(wasm_i16x8_add(middle, left), shift),
                     odd = wasm_u16x8_shr(wasm_i16x8_add(middle, right), shift);
        wasm_v128_store(out + 2 * i, wasm_v128_or(even, wasm_i16x8_shl(odd, 8)));
    }
    for (; i < to; i++) {
        out[2 * i] = (uint8_t)((3u * sum[i] + sum[(ptrdiff_t)i - 1] + even_bias) >> shift);
        out[2 * i + 1] = (uint8_t)((3u * sum[i] + sum[i + 1] + odd_bias) >> shift);
    }
}

/* ---- colour ---- */

/* 2^16 times: R = Y + 1.402 Cr, G = Y - 0.34414 Cb - 0.71414 Cr, B = Y + 1.772 Cb; what exceeds 16 bits is taken out as
 * whole Cr and Cb, which rounding commutes with. */
#define RED_CR   26345  /* 1.402 - 1 */
#define GREEN_CB -22554 /* -0.34414 */
#define GREEN_CR 18734  /* -0.71414 + 1 */
#define BLUE_CB  -14942 /* 1.772 - 2 */

static inline v128_t rounded_dot(v128_t low, v128_t high, v128_t weights) {
    const v128_t half = wasm_i32x4_splat(1 << 15);
    return wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(wasm_i32x4_add(wasm_i32x4_dot_i16x8(low, weights), half), 16),
                                   wasm_i32x4_shr(wasm_i32x4_add(wasm_i32x4_dot_i16x8(high, weights), half), 16));
}

static inline void eight_to_rgbx(const uint8_t *luma, const uint8_t *blue, const uint8_t *red, uint8_t *rgbx) {
    const v128_t centre = wasm_i16x8_splat(128);
    const v128_t y = wasm_u16x8_load8x8(luma);
    const v128_t cb = wasm_i16x8_sub(wasm_u16x8_load8x8(blue), centre), cr = wasm_i16x8_sub(wasm_u16x8_load8x8(red), centre);
    const v128_t low = low_pairs(cb, cr), high = high_pairs(cb, cr);
    const v128_t r = wasm_i16x8_add(wasm_i16x8_add(y, cr), rounded_dot(low, high, WEIGHTS(0, RED_CR)));
    const v128_t g = wasm_i16x8_add(wasm_i16x8_sub(y, cr), rounded_dot(low, high, WEIGHTS(GREEN_CB, GREEN_CR)));
    const v128_t b = wasm_i16x8_add(wasm_i16x8_add(y, wasm_i16x8_shl(cb, 1)), rounded_dot(low, high, WEIGHTS(BLUE_CB, 0)));
    const v128_t rb = wasm_u8x16_narrow_i16x8(r, b), gg = wasm_u8x16_narrow_i16x8(g, g);
    const v128_t rg = wasm_i8x16_shuffle(rb, gg, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const v128_t bx = wasm_i8x16_shuffle(rb, gg, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    wasm_v128_store(rgbx, low_pairs(rg, bx));
    wasm_v128_store(rgbx + 16, high_pairs(rg, bx));
}

void clip_jpeg_to_rgbx(const uint8_t *luma, const uint8_t *blue, const uint8_t *red, size_t count, uint8_t *rgbx) {
    size_t i = 0;
    for (; i + 8 <= count; i += 8) eight_to_rgbx(luma + i, blue + i, red + i, rgbx + 4 * i);
    if (i == count) return;
    uint8_t rest[3][8] = {{0}}, out[32];
    memcpy(rest[0], luma + i, count - i);
    memcpy(rest[1], blue + i, count - i);
    memcpy(rest[2], red + i, count - i);
    eight_to_rgbx(rest[0], rest[1], rest[2], out);
    memcpy(rgbx + 4 * i, out, 4 * (count - i));
}
