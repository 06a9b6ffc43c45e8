/* kernels_relaxed.c - kernels that use relaxed SIMD: fused multiply-add, and the dot product of bytes.
 *
 * i32x4.relaxed_dot_i8x16_i7x16_add takes signed bytes times bytes 0..127; what it makes of 128..255 is the engine's choice:
 * x86 with VNNI takes them as unsigned (vpdpbusd), ARM as signed (sdot), x86 without VNNI saturates sums of pairs (pmaddubsw).
 * The first two are exact for 8-bit activations kept in the form that they want, so a probe asks which it is; for the third there is
 * kernels_relaxed_pairs.c.
 *
 * Tiles of 6 rows by 8 outputs: 12 accumulators, 2 registers of weights and 1 of activations, which is all that engines use of x86's;
 * each step's 12 products take two ports for 6 cycles, in which its 8 loads are done besides, and the 4 or 5 cycles that a product takes
 * are hidden.
 */
#include <string.h>

#include "compute/kernels_tile.h"

INLINE void f32_tile(size_t rows, const float *a, size_t a_stride, size_t depth, const float *b, size_t b_stride, float *c,
                     size_t c_stride, int accumulate) {
    v128_t sum[6][2];
    for (size_t r = 0; r < rows; r++) {
        sum[r][0] = accumulate ? wasm_v128_load(c + r * c_stride) : wasm_f32x4_splat(0);
        sum[r][1] = accumulate ? wasm_v128_load(c + r * c_stride + 4) : wasm_f32x4_splat(0);
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

static void f32(const float *a, size_t a_stride, size_t rows, size_t depth, const float *b, size_t b_stride, float *c,
                size_t c_stride, int accumulate){
#define F32_TILE(n, first) \
    f32_tile(n, a + first * a_stride, a_stride, depth, b, b_stride, c + first * c_stride, c_stride, accumulate)
    CLIP_TILES(6, CLIP_CASES_6, rows, F32_TILE)
#undef F32_TILE
}

/* Panel: for each four inputs, 8 outputs' fours of int8. */
INLINE void q8_tile(size_t rows, const unsigned char *a, size_t a_stride, const unsigned char *w, size_t depth, int32_t *sums) {
    v128_t sum[6][2];
    for (size_t r = 0; r < rows; r++) sum[r][0] = sum[r][1] = wasm_i32x4_splat(0);
    for (size_t k = 0; k < depth; k += 4, w += 32) {
        v128_t w0 = wasm_v128_load(w), w1 = wasm_v128_load(w + 16);
        for (size_t r = 0; r < rows; r++) {
            v128_t x = wasm_v128_load32_splat(a + r * a_stride + k);
            sum[r][0] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(w0, x, sum[r][0]);
            sum[r][1] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(w1, x, sum[r][1]);
        }
    }
    for (size_t r = 0; r < rows; r++) {
        wasm_v128_store(sums + r * CLIP_PANEL, sum[r][0]);
        wasm_v128_store(sums + r * CLIP_PANEL + 4, sum[r][1]);
    }
}

static void q8(const clip_tile *t, size_t rows, float *c) {
    int32_t sums[CLIP_BLOCK_ROWS * CLIP_PANEL];
#define Q8_TILE(n, first) q8_tile(n, t->a + first * t->a_stride, t->a_stride, t->panel, t->depth, sums + first * CLIP_PANEL)
    CLIP_TILES(6, CLIP_CASES_6, rows, Q8_TILE)
#undef Q8_TILE
    clip_finish_q8(t, rows, sums, c);
}

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
    if (dot != 4 * 127 * 255 && dot != -4 * 127) {
        clip_kernels_relaxed_pairs(kernels);
        return;
    }
    kernels->name = dot > 0 ? "relaxed-unsigned-dot" : "relaxed-signed-dot";
    kernels->q8_form = dot > 0 ? CLIP_ACTIVATION_U8 : CLIP_ACTIVATION_S8;
    kernels->q8_unit = 4;
    kernels->q8 = q8;
}
