/* kernels_relaxed.c - kernels that use relaxed SIMD: fused multiply-add, and the dot product of bytes.
 *
 * i32x4.relaxed_dot_i8x16_i7x16_add takes signed bytes times bytes 0..127; what it makes of 128..255 is the engine's choice:
 * x86 with VNNI takes them as unsigned (vpdpbusd), ARM as signed (sdot), x86 without VNNI saturates sums of pairs (pmaddubsw).
 * The first two are exact for 8-bit activations kept in the form that they want, so a probe asks which it is; on the third the
 * plain kernel is faster than 7-bit activations would be (measured, tests/bench), and stays. int4 weights are the 0..15 operand
 * and exact everywhere.
 */
#include "kernels.h"
#include "simd.h"

#define INLINE static inline __attribute__((always_inline))

INLINE void f32_tile(size_t rows, const float *a, size_t a_stride, size_t depth, const float *b, size_t b_stride, float *c, size_t c_stride,
                     int accumulate) {
    v128_t sum[CLIP_TILE_ROWS][2];
    for (size_t r = 0; r < rows; r++) {
        sum[r][0] = accumulate ? wasm_v128_load(c + r * c_stride) : wasm_f32x4_const_splat(0);
        sum[r][1] = accumulate ? wasm_v128_load(c + r * c_stride + 4) : wasm_f32x4_const_splat(0);
    }
    for (size_t k = 0; k < depth; k++, b += b_stride) {
        v128_t b0 = wasm_v128_load(b), b1 = wasm_v128_load(b + 4);
        for (size_t r = 0; r < rows; r++) {
            v128_t x = wasm_v128_load32_splat(a + r * a_stride + k);
            sum[r][0] = wasm_f32x4_relaxed_madd(x, b0, sum[r][0]);
            sum[r][1] = wasm_f32x4_relaxed_madd(x, b1, sum[r][1]);
        }
    }
    for (size_t r = 0; r < rows; r++) {
        wasm_v128_store(c + r * c_stride, sum[r][0]);
        wasm_v128_store(c + r * c_stride + 4, sum[r][1]);
    }
}

static void f32(const float *a, size_t a_stride, size_t rows, size_t depth, const float *b, size_t b_stride, float *c, size_t c_stride,
                int accumulate) {
    if (rows == 6) f32_tile(6, a, a_stride, depth, b, b_stride, c, c_stride, accumulate);
    else if (rows == 5) f32_tile(5, a, a_stride, depth, b, b_stride, c, c_stride, accumulate);
    else if (rows == 4) f32_tile(4, a, a_stride, depth, b, b_stride, c, c_stride, accumulate);
    else if (rows == 3) f32_tile(3, a, a_stride, depth, b, b_stride, c, c_stride, accumulate);
    else if (rows == 2) f32_tile(2, a, a_stride, depth, b, b_stride, c, c_stride, accumulate);
    else f32_tile(1, a, a_stride, depth, b, b_stride, c, c_stride, accumulate);
}

/* Panel: for each four inputs, 8 outputs' fours of int8. */
INLINE void q8_tile(const clip_tile *t, size_t rows, float *c) {
    v128_t sum[CLIP_TILE_ROWS][2];
    const unsigned char *a = t->a, *w = t->panel;
    for (size_t r = 0; r < rows; r++) sum[r][0] = sum[r][1] = wasm_i32x4_const_splat(0);
    for (size_t k = 0; k < t->depth; k += 4, w += 32) {
        v128_t w0 = wasm_v128_load(w), w1 = wasm_v128_load(w + 16);
        for (size_t r = 0; r < rows; r++) {
            v128_t x = wasm_v128_load32_splat(a + r * t->a_stride + k);
            sum[r][0] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(w0, x, sum[r][0]);
            sum[r][1] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(w1, x, sum[r][1]);
        }
    }
    v128_t sum0 = wasm_v128_load(t->sum), sum1 = wasm_v128_load(t->sum + 4), scale0 = wasm_v128_load(t->scale), scale1 = wasm_v128_load(t->scale + 4);
    for (size_t r = 0; r < rows; r++) {
        v128_t s = wasm_v128_load32_splat(t->a_scale + r), o = wasm_v128_load32_splat(t->a_offset + r);
        v128_t z0 = wasm_f32x4_relaxed_madd(s, wasm_f32x4_convert_i32x4(sum[r][0]), wasm_f32x4_mul(o, sum0));
        v128_t z1 = wasm_f32x4_relaxed_madd(s, wasm_f32x4_convert_i32x4(sum[r][1]), wasm_f32x4_mul(o, sum1));
        wasm_v128_store(c + r * CLIP_PANEL, wasm_f32x4_mul(z0, scale0));
        wasm_v128_store(c + r * CLIP_PANEL + 4, wasm_f32x4_mul(z1, scale1));
    }
}

static void q8(const clip_tile *t, size_t rows, float *c) {
    if (rows == 6) q8_tile(t, 6, c);
    else if (rows == 5) q8_tile(t, 5, c);
    else if (rows == 4) q8_tile(t, 4, c);
    else if (rows == 3) q8_tile(t, 3, c);
    else if (rows == 2) q8_tile(t, 2, c);
    else q8_tile(t, 1, c);
}

/* Panel and arithmetic as in kernels_simd.c. With VNNI or sdot the 32-bit dot is one instruction; without, its 16-bit half is, and
 * 8 of its sums (8 x 2 x 15 x 127) fit 16 bits, so that a whole group is summed there: see q4_pairs. */
INLINE void q4_scale(const clip_tile *t, size_t row, size_t g, v128_t sum0, v128_t sum1, v128_t total[2]) {
    v128_t less = wasm_f32x4_mul(wasm_v128_load32_splat(t->group_sum + row * t->group_stride + g), wasm_f32x4_const_splat(-8));
    const float *scale = t->scale + g * CLIP_PANEL;
    total[0] = wasm_f32x4_relaxed_madd(wasm_f32x4_add(wasm_f32x4_convert_i32x4(sum0), less), wasm_v128_load(scale), total[0]);
    total[1] = wasm_f32x4_relaxed_madd(wasm_f32x4_add(wasm_f32x4_convert_i32x4(sum1), less), wasm_v128_load(scale + 4), total[1]);
}

INLINE void q4_tile(const clip_tile *t, size_t first, size_t rows, int pairs, float *c) {
    v128_t total[4][2];
    const unsigned char *a = t->a + first * t->a_stride, *w = t->panel;
    const v128_t low = wasm_i8x16_const_splat(15);
    for (size_t r = 0; r < rows; r++) total[r][0] = total[r][1] = wasm_f32x4_const_splat(0);
    for (size_t g = 0; g < t->depth / CLIP_Q4_GROUP; g++) {
        v128_t sum[4][2];
        for (size_t r = 0; r < rows; r++) sum[r][0] = sum[r][1] = wasm_i32x4_const_splat(0);
        for (size_t k = 0; k < CLIP_Q4_GROUP; k += 4, w += 16) {
            v128_t packed = wasm_v128_load(w), w0 = wasm_v128_and(packed, low), w1 = wasm_u8x16_shr(packed, 4);
            for (size_t r = 0; r < rows; r++) {
                v128_t x = wasm_v128_load32_splat(a + r * t->a_stride + g * CLIP_Q4_GROUP + k);
                if (pairs) {
                    sum[r][0] = wasm_i16x8_add(sum[r][0], wasm_i16x8_relaxed_dot_i8x16_i7x16(x, w0));
                    sum[r][1] = wasm_i16x8_add(sum[r][1], wasm_i16x8_relaxed_dot_i8x16_i7x16(x, w1));
                } else {
                    sum[r][0] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x, w0, sum[r][0]);
                    sum[r][1] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x, w1, sum[r][1]);
                }
            }
        }
        for (size_t r = 0; r < rows; r++) {
            v128_t sum0 = pairs ? wasm_i32x4_extadd_pairwise_i16x8(sum[r][0]) : sum[r][0];
            v128_t sum1 = pairs ? wasm_i32x4_extadd_pairwise_i16x8(sum[r][1]) : sum[r][1];
            q4_scale(t, first + r, g, sum0, sum1, total[r]);
        }
    }
    for (size_t r = 0; r < rows; r++) {
        v128_t s = wasm_v128_load32_splat(t->a_scale + first + r);
        wasm_v128_store(c + (first + r) * CLIP_PANEL, wasm_f32x4_mul(total[r][0], s));
        wasm_v128_store(c + (first + r) * CLIP_PANEL + 4, wasm_f32x4_mul(total[r][1], s));
    }
}

INLINE void q4_rows(const clip_tile *t, size_t rows, int pairs, float *c) {
    size_t r = 0;
    for (; r + 3 <= rows; r += 3) q4_tile(t, r, 3, pairs, c);
    if (rows - r == 2) q4_tile(t, r, 2, pairs, c);
    else if (rows - r == 1) q4_tile(t, r, 1, pairs, c);
}
static void q4_dot(const clip_tile *t, size_t rows, float *c) { q4_rows(t, rows, 0, c); }
static void q4_pairs(const clip_tile *t, size_t rows, float *c) { q4_rows(t, rows, 1, c); }

/* What the dot makes of a byte of 255: 4 x 127 x 255 if unsigned, 4 x 127 x -1 if signed, less if pairs saturate. `hidden` keeps the
 * compiler from working it out itself. */
static int32_t dot_of_255(void) {
    volatile int8_t hidden = -1;
    v128_t dot = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wasm_i8x16_splat(127), wasm_i8x16_splat(hidden), wasm_i32x4_splat(0));
    return wasm_i32x4_extract_lane(dot, 0);
}

void clip_kernels_relaxed(clip_kernels *kernels) {
    int32_t dot = dot_of_255();
    kernels->f32 = f32;
    kernels->q4 = q4_pairs;
    kernels->name = "relaxed";
    if (dot != 4 * 127 * 255 && dot != -4 * 127) return;
    kernels->name = dot > 0 ? "relaxed-unsigned-dot" : "relaxed-signed-dot";
    kernels->form = dot > 0 ? CLIP_ACTIVATION_U8 : CLIP_ACTIVATION_S8;
    kernels->q8_unit = 4;
    kernels->q8 = q8;
    kernels->q4 = q4_dot;
}
