/* vector_math.h - four at a time: exp, sigmoid and GELUs, sums. For files that include simd.h's users only. */
#ifndef CLIP_VECTOR_MATH_H
#define CLIP_VECTOR_MATH_H

#include "simd.h"

/* e^x to 1.5 units in the last place for x in -87..88, clamped outside. Cephes' expf: 2^n times a polynomial on -ln 2 / 2..ln 2 / 2. */
static inline v128_t clip_exp(v128_t x) {
    x = wasm_f32x4_max(wasm_f32x4_min(x, wasm_f32x4_splat(88.0f)), wasm_f32x4_splat(-87.0f));
    v128_t n = wasm_f32x4_nearest(wasm_f32x4_mul(x, wasm_f32x4_splat(1.44269504088896341f)));
    v128_t r = wasm_f32x4_sub(x, wasm_f32x4_mul(n, wasm_f32x4_splat(0.693359375f)));
    r = wasm_f32x4_sub(r, wasm_f32x4_mul(n, wasm_f32x4_splat(-2.12194440e-4f)));
    v128_t p = wasm_f32x4_splat(1.9875691500e-4f);
    const float coefficients[] = {
        1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f, 1.0f, 1.0f};
    for (int i = 0; i < 7; i++) p = wasm_f32x4_add(wasm_f32x4_mul(p, r), wasm_f32x4_splat(coefficients[i]));
    v128_t exponent = wasm_i32x4_shl(wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(n), wasm_i32x4_splat(127)), 23);
    return wasm_f32x4_mul(p, exponent);
}

/* z sigmoid(1.702 z) */
static inline v128_t clip_quick_gelu(v128_t z) {
    v128_t e = clip_exp(wasm_f32x4_mul(z, wasm_f32x4_splat(-1.702f)));
    return wasm_f32x4_div(z, wasm_f32x4_add(e, wasm_f32x4_splat(1.0f)));
}

/* z Phi(z), with erf from Abramowitz and Stegun 7.1.26 (error at most 1.5e-7). */
static inline v128_t clip_gelu(v128_t z) {
    v128_t x = wasm_f32x4_mul(wasm_f32x4_abs(z), wasm_f32x4_splat(0.70710678118654752f));
    v128_t t = wasm_f32x4_div(wasm_f32x4_splat(1.0f),
                              wasm_f32x4_add(wasm_f32x4_mul(x, wasm_f32x4_splat(0.3275911f)), wasm_f32x4_splat(1.0f)));
    v128_t p = wasm_f32x4_splat(1.061405429f);
    const float coefficients[] = {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f};
    for (int i = 0; i < 4; i++) p = wasm_f32x4_add(wasm_f32x4_mul(p, t), wasm_f32x4_splat(coefficients[i]));
    /* 1 - erf(x), for x >= 0 */
    v128_t complement = wasm_f32x4_mul(wasm_f32x4_mul(p, t), clip_exp(wasm_f32x4_neg(wasm_f32x4_mul(x, x))));
    v128_t half = wasm_f32x4_mul(z, wasm_f32x4_mul(complement, wasm_f32x4_splat(0.5f)));
    v128_t positive = wasm_f32x4_gt(z, wasm_f32x4_splat(0.0f));
    return wasm_v128_bitselect(wasm_f32x4_sub(z, half), half, positive);
}

static inline float clip_sum4(v128_t x) {
    x = wasm_f32x4_add(x, wasm_i32x4_shuffle(x, x, 2, 3, 0, 1));
    return wasm_f32x4_extract_lane(x, 0) + wasm_f32x4_extract_lane(x, 1);
}
static inline float clip_max4(v128_t x) {
    x = wasm_f32x4_pmax(x, wasm_i32x4_shuffle(x, x, 2, 3, 0, 1));
    x = wasm_f32x4_pmax(x, wasm_i32x4_shuffle(x, x, 1, 0, 3, 2));
    return wasm_f32x4_extract_lane(x, 0);
}
static inline float clip_min4(v128_t x) {
    x = wasm_f32x4_pmin(x, wasm_i32x4_shuffle(x, x, 2, 3, 0, 1));
    x = wasm_f32x4_pmin(x, wasm_i32x4_shuffle(x, x, 1, 0, 3, 2));
    return wasm_f32x4_extract_lane(x, 0);
}

#endif
