/* vector_math.h - four at a time: exp, sigmoid and GELUs, sums. */
#ifndef CLIP_VECTOR_MATH_H
#define CLIP_VECTOR_MATH_H

#include "compute/simd.h"

/* a b + c, rounded once or twice. */
#ifdef CLIP_RELAXED
#define clip_madd(a, b, c) wasm_f32x4_relaxed_madd(a, b, c)
#else
#define clip_madd(a, b, c) wasm_f32x4_add(wasm_f32x4_mul(a, b), c)
#endif

/* A polynomial's value: c[0] x^(n - 1) + ... + c[n - 1]. */
static inline __attribute__((always_inline)) v128_t clip_polynomial(v128_t x, const float *c, int n) {
    v128_t p = wasm_f32x4_splat(c[0]);
    for (int i = 1; i < n; i++) p = clip_madd(p, x, wasm_f32x4_splat(c[i]));
    return p;
}

/* e^x to 1.5 units in the last place for x in -87..88, clamped outside; NaN stays. As Cephes' expf: 2^n times a polynomial on
 * -ln 2 / 2..ln 2 / 2. Adding 1.5 2^23 rounds to n and leaves it in the low bits, from where it is added to the exponent: engines make
 * much longer code of conversions, and of min and max that are not "pseudo". */
static inline v128_t clip_exp(v128_t x) {
    static const float c[] = {
        1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f, 1, 1};
    const v128_t magic = wasm_f32x4_splat(12582912.0f);
    x = wasm_f32x4_pmax(wasm_f32x4_pmin(x, wasm_f32x4_splat(88.0f)), wasm_f32x4_splat(-87.0f));
    v128_t shifted = clip_madd(x, wasm_f32x4_splat(1.44269504088896341f), magic), n = wasm_f32x4_sub(shifted, magic);
    v128_t r = clip_madd(n, wasm_f32x4_splat(2.12194440e-4f), clip_madd(n, wasm_f32x4_splat(-0.693359375f), x));
    return wasm_i32x4_add(clip_polynomial(r, c, 8), wasm_i32x4_shl(shifted, 23));
}

/* z sigmoid(1.702 z) */
static inline v128_t clip_quick_gelu(v128_t z) {
    v128_t e = clip_exp(wasm_f32x4_mul(z, wasm_f32x4_splat(-1.702f)));
    return wasm_f32x4_div(z, wasm_f32x4_add(e, wasm_f32x4_splat(1.0f)));
}

/* z Phi(z): Phi(z) - 1/2 as z times a quotient of polynomials of z^2, fitted for the least largest error of Phi, 5e-8 (with f32's rounding
 * 2.5e-7), where |z| is at most 5.1; beyond Phi is 0 or 1 to that. NaN stays. */
static inline v128_t clip_gelu(v128_t z) {
    static const float above[] = {5.47691529e-6f, 2.90241726e-4f, 5.35932532e-3f, 4.74006983e-2f, 0.398941992f};
    static const float below[] = {4.78662329e-7f, 1.0421253e-4f, 2.56297969e-3f, 3.60223119e-2f, 0.285477866f, 1};
    v128_t near = wasm_f32x4_pmax(wasm_f32x4_pmin(z, wasm_f32x4_splat(5.1f)), wasm_f32x4_splat(-5.1f));
    v128_t square = wasm_f32x4_mul(near, near);
    v128_t quotient = wasm_f32x4_div(clip_polynomial(square, above, 5), clip_polynomial(square, below, 6));
    return wasm_f32x4_mul(z, wasm_f32x4_pmax(wasm_f32x4_splat(0), clip_madd(near, quotient, wasm_f32x4_splat(0.5f))));
}

/* z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2, which is z sigmoid(twice that). */
static inline v128_t clip_gelu_tanh(v128_t z) {
    v128_t square = wasm_f32x4_mul(z, z);
    v128_t inner = clip_madd(square, wasm_f32x4_splat(-0.0713548162726f), wasm_f32x4_splat(-1.59576912161f));
    return wasm_f32x4_div(z, wasm_f32x4_add(clip_exp(wasm_f32x4_mul(z, inner)), wasm_f32x4_splat(1.0f)));
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
