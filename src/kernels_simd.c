/* kernels_simd.c - kernels on plain SIMD128, which every engine of today has.
 *
 * Tiles are at most 6 rows by 8 outputs for f32 (12 accumulators, 2 registers of weights, 1 of activations: x86's 16 less one that
 * engines keep), 4 by 8 for the quantized ones, whose products need registers too.
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
            sum[r][0] = wasm_f32x4_add(sum[r][0], wasm_f32x4_mul(x, b0));
            sum[r][1] = wasm_f32x4_add(sum[r][1], wasm_f32x4_mul(x, b1));
        }
    }
    for (size_t r = 0; r < rows; r++) {
        wasm_v128_store(c + r * c_stride, sum[r][0]);
        wasm_v128_store(c + r * c_stride + 4, sum[r][1]);
    }
}

static void f32(const float *a, size_t a_stride, size_t rows, size_t depth, const float *b, size_t b_stride, float *c, size_t c_stride,
                int accumulate) {
    for (; rows >= 4; rows -= 4, a += 4 * a_stride, c += 4 * c_stride) f32_tile(4, a, a_stride, depth, b, b_stride, c, c_stride, accumulate);
    for (; rows; rows--, a += a_stride, c += c_stride) f32_tile(1, a, a_stride, depth, b, b_stride, c, c_stride, accumulate);
}

/* int32 sums to scaled floats: scale (row_scale sum + row_offset weight_sum). */
INLINE void store_q8(const clip_tile *t, size_t row, v128_t sum0, v128_t sum1, float *c) {
    v128_t s = wasm_v128_load32_splat(t->a_scale + row), o = wasm_v128_load32_splat(t->a_offset + row);
    v128_t z0 = wasm_f32x4_add(wasm_f32x4_mul(s, wasm_f32x4_convert_i32x4(sum0)), wasm_f32x4_mul(o, wasm_v128_load(t->sum)));
    v128_t z1 = wasm_f32x4_add(wasm_f32x4_mul(s, wasm_f32x4_convert_i32x4(sum1)), wasm_f32x4_mul(o, wasm_v128_load(t->sum + 4)));
    wasm_v128_store(c, wasm_f32x4_mul(z0, wasm_v128_load(t->scale)));
    wasm_v128_store(c + 4, wasm_f32x4_mul(z1, wasm_v128_load(t->scale + 4)));
}

/* Panel: for each two inputs, 8 outputs' pairs of int8. Activations are 16 bits wide already: a pair is splat, the weights widened,
 * i32x4.dot_i16x8 multiplies and adds pairs. */
INLINE void q8_tile(const clip_tile *t, size_t first, size_t rows, float *c) {
    v128_t sum[4][2];
    const unsigned char *a = t->a + first * t->a_stride, *w = t->panel;
    for (size_t r = 0; r < rows; r++) sum[r][0] = sum[r][1] = wasm_i32x4_const_splat(0);
    for (size_t k = 0; k < t->depth; k += 2, w += 16) {
        v128_t packed = wasm_v128_load(w), w0 = wasm_i16x8_extend_low_i8x16(packed), w1 = wasm_i16x8_extend_high_i8x16(packed);
        for (size_t r = 0; r < rows; r++) {
            v128_t x = wasm_v128_load32_splat(a + r * t->a_stride + 2 * k);
            sum[r][0] = wasm_i32x4_add(sum[r][0], wasm_i32x4_dot_i16x8(x, w0));
            sum[r][1] = wasm_i32x4_add(sum[r][1], wasm_i32x4_dot_i16x8(x, w1));
        }
    }
    for (size_t r = 0; r < rows; r++) store_q8(t, first + r, sum[r][0], sum[r][1], c + (first + r) * CLIP_PANEL);
}

static void q8(const clip_tile *t, size_t rows, float *c) {
    size_t r = 0;
    for (; r + 4 <= rows; r += 4) q8_tile(t, r, 4, c);
    if (rows - r == 3) q8_tile(t, r, 3, c);
    else if (rows - r == 2) q8_tile(t, r, 2, c);
    else if (rows - r == 1) q8_tile(t, r, 1, c);
}

/* Panel: for each four inputs, 16 bytes: 8 outputs by 4 nibbles; low nibbles are outputs 0..3, high ones 4..7. Activations are
 * signed bytes; a group's sum of nibble products, less 8 times the sum of its activations, is scaled and added up in f32. */
INLINE void q4_tile(const clip_tile *t, size_t first, size_t rows, float *c) {
    v128_t total[2][2];
    const unsigned char *a = t->a + first * t->a_stride, *w = t->panel;
    const v128_t low = wasm_i8x16_const_splat(15);
    for (size_t r = 0; r < rows; r++) total[r][0] = total[r][1] = wasm_f32x4_const_splat(0);
    for (size_t g = 0; g < t->depth / CLIP_Q4_GROUP; g++) {
        v128_t sum[2][4]; /* pairs of partial sums: outputs 0, 1; 2, 3; 4, 5; 6, 7 */
        for (size_t r = 0; r < rows; r++) sum[r][0] = sum[r][1] = sum[r][2] = sum[r][3] = wasm_i32x4_const_splat(0);
        for (size_t k = 0; k < CLIP_Q4_GROUP; k += 4, w += 16) {
            v128_t packed = wasm_v128_load(w), w0 = wasm_v128_and(packed, low), w1 = wasm_u8x16_shr(packed, 4);
            v128_t w00 = wasm_u16x8_extend_low_u8x16(w0), w01 = wasm_u16x8_extend_high_u8x16(w0);
            v128_t w10 = wasm_u16x8_extend_low_u8x16(w1), w11 = wasm_u16x8_extend_high_u8x16(w1);
            for (size_t r = 0; r < rows; r++) {
                v128_t x = wasm_i16x8_extend_low_i8x16(wasm_v128_load32_splat(a + r * t->a_stride + g * CLIP_Q4_GROUP + k));
                sum[r][0] = wasm_i32x4_add(sum[r][0], wasm_i32x4_dot_i16x8(x, w00));
                sum[r][1] = wasm_i32x4_add(sum[r][1], wasm_i32x4_dot_i16x8(x, w01));
                sum[r][2] = wasm_i32x4_add(sum[r][2], wasm_i32x4_dot_i16x8(x, w10));
                sum[r][3] = wasm_i32x4_add(sum[r][3], wasm_i32x4_dot_i16x8(x, w11));
            }
        }
        for (size_t r = 0; r < rows; r++) {
            v128_t less = wasm_f32x4_mul(wasm_v128_load32_splat(t->group_sum + (first + r) * t->group_stride + g), wasm_f32x4_const_splat(-8));
            for (int half = 0; half < 2; half++) {
                v128_t x = sum[r][2 * half], y = sum[r][2 * half + 1];
                v128_t whole = wasm_i32x4_add(wasm_i32x4_shuffle(x, y, 0, 2, 4, 6), wasm_i32x4_shuffle(x, y, 1, 3, 5, 7));
                v128_t scaled = wasm_f32x4_mul(wasm_f32x4_add(wasm_f32x4_convert_i32x4(whole), less), wasm_v128_load(t->scale + g * CLIP_PANEL + 4 * half));
                total[r][half] = wasm_f32x4_add(total[r][half], scaled);
            }
        }
    }
    for (size_t r = 0; r < rows; r++) {
        v128_t s = wasm_v128_load32_splat(t->a_scale + first + r);
        wasm_v128_store(c + (first + r) * CLIP_PANEL, wasm_f32x4_mul(total[r][0], s));
        wasm_v128_store(c + (first + r) * CLIP_PANEL + 4, wasm_f32x4_mul(total[r][1], s));
    }
}

static void q4(const clip_tile *t, size_t rows, float *c) {
    size_t r = 0;
    for (; r + 2 <= rows; r += 2) q4_tile(t, r, 2, c);
    if (r < rows) q4_tile(t, r, 1, c);
}

void clip_kernels_simd(clip_kernels *kernels) {
    *kernels = (clip_kernels){.name = "simd", .f32 = f32, .q8 = q8, .q4 = q4, .form = CLIP_ACTIVATION_I16, .q8_unit = 2};
}
