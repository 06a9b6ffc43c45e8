/* kernels_relaxed_pairs.c - int8 products where the relaxed dot of bytes is made of pmaddubsw: x86 without AVX-VNNI.
 *
 * There i32x4.relaxed_dot_i8x16_i7x16_add is five instructions, one of which makes a constant anew. Its first half alone,
 * i16x8.relaxed_dot_i8x16_i7x16, is pmaddubsw and nothing else: u8 x s8 products, sums of two in 16 bits. Adding several of those
 * before pmaddwd by ones widens them to 32 bits saves most of the rest. GMAC/s on a Zen 4 core in Chromium (tests/bench/kernels.mjs): the
 * 32-bit dot 43, widening each 54, each two 63; the plain kernel 43.
 *
 * What fits 16 bits decides how many may be added. Activations are 7 bits, 0..127, and two products fit always (2 x 127 x 128 = 32512).
 * Four do if the four weights' positive part and their negative part are at most 258 each (258 x 127 = 32766), which nearly all are.
 * linear_pack.c takes what is too much off the others and lists it (clip_excess); a panel with too many such weights is `heavy` and
 * widens each pair.
 */
#include "compute/kernels_tile.h"

INLINE v128_t widen_add(v128_t sum, v128_t pairs, v128_t ones) { return wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(pairs, ones)); }

/* Panel: for each four inputs, 8 outputs' fours of int8. A tile of 4 rows: 8 accumulators,
 * ones, 4 registers of weights, 2 of activations. */
INLINE void q8_tile(size_t rows, int heavy, const unsigned char *a, size_t a_stride, const unsigned char *w, size_t depth,
                    int32_t *sums) {
    v128_t sum[4][2];
    const v128_t ones = wasm_i16x8_splat(1);
    for (size_t r = 0; r < rows; r++) sum[r][0] = sum[r][1] = wasm_i32x4_splat(0);
    for (size_t k = 0; k < depth; k += 8, w += 64) {
        v128_t w0 = wasm_v128_load(w), w1 = wasm_v128_load(w + 16), w2 = wasm_v128_load(w + 32), w3 = wasm_v128_load(w + 48);
        for (size_t r = 0; r < rows; r++) {
            v128_t x = wasm_v128_load32_splat(a + r * a_stride + k), y = wasm_v128_load32_splat(a + r * a_stride + k + 4);
            v128_t p0 = wasm_i16x8_relaxed_dot_i8x16_i7x16(w0, x), p1 = wasm_i16x8_relaxed_dot_i8x16_i7x16(w1, x);
            v128_t p2 = wasm_i16x8_relaxed_dot_i8x16_i7x16(w2, y), p3 = wasm_i16x8_relaxed_dot_i8x16_i7x16(w3, y);
            if (heavy) {
                sum[r][0] = widen_add(widen_add(sum[r][0], p0, ones), p2, ones);
                sum[r][1] = widen_add(widen_add(sum[r][1], p1, ones), p3, ones);
            } else {
                sum[r][0] = widen_add(sum[r][0], wasm_i16x8_add(p0, p2), ones);
                sum[r][1] = widen_add(sum[r][1], wasm_i16x8_add(p1, p3), ones);
            }
        }
    }
    for (size_t r = 0; r < rows; r++) {
        wasm_v128_store(sums + r * CLIP_PANEL, sum[r][0]);
        wasm_v128_store(sums + r * CLIP_PANEL + 4, sum[r][1]);
    }
}

static void q8(const clip_tile *t, size_t rows, float *c) {
    int32_t sums[CLIP_BLOCK_ROWS * CLIP_PANEL];
#define Q8_TILE(n, first)    q8_tile(n, 0, t->a + first * t->a_stride, t->a_stride, t->panel, t->depth, sums + first * CLIP_PANEL)
#define HEAVY_TILE(n, first) q8_tile(n, 1, t->a + first * t->a_stride, t->a_stride, t->panel, t->depth, sums + first * CLIP_PANEL)
    if (t->heavy) {
        CLIP_TILES(4, CLIP_CASES_4, rows, HEAVY_TILE)
    } else {
        CLIP_TILES(4, CLIP_CASES_4, rows, Q8_TILE)
    }
#undef Q8_TILE
#undef HEAVY_TILE
    for (const clip_excess *e = t->excess; e < t->excess + t->excesses; e++)
        for (size_t r = 0; r < rows; r++) sums[r * CLIP_PANEL + e->output] += t->a[r * t->a_stride + e->input] * e->weight;
    clip_finish_q8(t, rows, sums, c);
}

void clip_kernels_relaxed_pairs(clip_kernels *kernels) {
    kernels->name = "relaxed-pairs";
    kernels->q8_form = CLIP_ACTIVATION_U7;
    kernels->q8_unit = 4;
    kernels->q8 = q8;
}
