/* kernels_simd.c - kernels on plain SIMD128, which every engine of today has.
 *
 * Tiles of 4 rows by 8 outputs: 8 accumulators, 2 registers of weights, 1 of activations and 1 for a product that is not yet added, of
 * the 15 that engines use on x86. 6 rows spill; 5 are no faster (tests/bench/kernels.mjs).
 *
 * The only integer product here that adds is i32x4.dot_i16x8 (pmaddwd). Its operands are 16 bits wide, so activations are kept so
 * (with as many bits as fit: more than 8, which costs nothing), and a panel's weights are widened once, into the first-level cache,
 * for all rows of the block: that beats widening them anew for each tile of rows (43 GMAC/s to 39).
 */
#include <string.h>

#include "compute/kernels_tile.h"

INLINE void f32_tile(size_t rows, const float *a, size_t a_stride, size_t depth, const float *b, size_t b_stride, float *c,
                     size_t c_stride, int accumulate) {
    v128_t sum[4][2];
    for (size_t r = 0; r < rows; r++) {
        sum[r][0] = accumulate ? wasm_v128_load(c + r * c_stride) : wasm_f32x4_splat(0);
        sum[r][1] = accumulate ? wasm_v128_load(c + r * c_stride + 4) : wasm_f32x4_splat(0);
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

static void f32(const float *a, size_t a_stride, size_t rows, size_t depth, const float *b, size_t b_stride, float *c,
                size_t c_stride, int accumulate){
#define F32_TILE(n, first) \
    f32_tile(n, a + first * a_stride, a_stride, depth, b, b_stride, c + first * c_stride, c_stride, accumulate)
    CLIP_TILES(4, CLIP_CASES_4, rows, F32_TILE)
#undef F32_TILE
}

/* Products of 16 bits. w: for each two inputs 8 outputs' pairs, as int16. */
INLINE void dot_pairs(size_t rows, const unsigned char *a, size_t a_stride, const unsigned char *w, size_t depth, v128_t sum[][2]) {
    CLIP_NO_UNROLL
    for (size_t k = 0; k < depth; k += 2, w += 32) {
        v128_t w0 = wasm_v128_load(w), w1 = wasm_v128_load(w + 16);
        for (size_t r = 0; r < rows; r++) {
            v128_t x = wasm_v128_load32_splat(a + r * a_stride + 2 * k);
            sum[r][0] = wasm_i32x4_add(sum[r][0], wasm_i32x4_dot_i16x8(x, w0));
            sum[r][1] = wasm_i32x4_add(sum[r][1], wasm_i32x4_dot_i16x8(x, w1));
        }
    }
}

#define CHUNK 1024 /* inputs of a panel that are widened at a time: 16 KiB, half of a first-level cache */

INLINE void q8_tile(size_t rows, const unsigned char *a, size_t a_stride, const unsigned char *w, size_t depth, int32_t *sums) {
    v128_t sum[4][2];
    for (size_t r = 0; r < rows; r++) {
        sum[r][0] = wasm_v128_load(sums + r * CLIP_PANEL);
        sum[r][1] = wasm_v128_load(sums + r * CLIP_PANEL + 4);
    }
    dot_pairs(rows, a, a_stride, w, depth, sum);
    for (size_t r = 0; r < rows; r++) {
        wasm_v128_store(sums + r * CLIP_PANEL, sum[r][0]);
        wasm_v128_store(sums + r * CLIP_PANEL + 4, sum[r][1]);
    }
}

/* Panel: for each two inputs, 8 outputs' pairs of int8. */
static void q8(const clip_tile *t, size_t rows, float *c) {
    unsigned char wide[CHUNK * CLIP_PANEL * 2];
    int32_t sums[CLIP_BLOCK_ROWS * CLIP_PANEL];
    memset(sums, 0, rows * CLIP_PANEL * sizeof *sums);
    for (size_t k = 0; k < t->depth; k += CHUNK) {
        size_t depth = t->depth - k < CHUNK ? t->depth - k : CHUNK;
        const unsigned char *panel = t->panel + k * CLIP_PANEL, *a = t->a + 2 * k;
        for (size_t i = 0; i < depth * CLIP_PANEL; i += 8) wasm_v128_store(wide + 2 * i, wasm_i16x8_load8x8(panel + i));
#define Q8_TILE(n, first) q8_tile(n, a + first * t->a_stride, t->a_stride, wide, depth, sums + first * CLIP_PANEL)
        CLIP_TILES(4, CLIP_CASES_4, rows, Q8_TILE)
#undef Q8_TILE
    }
    clip_finish_q8(t, rows, sums, c);
}

void clip_kernels_simd(clip_kernels *kernels) {
    *kernels = (clip_kernels){.name = "simd", .f32 = f32, .q8 = q8, .q8_form = CLIP_ACTIVATION_I16, .q8_unit = 2};
}
