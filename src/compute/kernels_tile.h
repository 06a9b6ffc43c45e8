/* kernels_tile.h - what kernel files share: how rows are cut into register tiles, and the end of a q8 product. */
#ifndef CLIP_KERNELS_TILE_H
#define CLIP_KERNELS_TILE_H

#include "compute/kernels.h"
#include "compute/simd.h"

#define INLINE static inline __attribute__((always_inline))

/* On loops whose whole body would be repeated a known number of times: engines then run out of registers. */
#ifdef __clang__
#define CLIP_NO_UNROLL _Pragma("clang loop unroll(disable)")
#else
#define CLIP_NO_UNROLL
#endif

/* Runs TILE(n, first) over rows in as few tiles of at most 4 or 6 rows as there can be, all as large as another or one row less:
 * 50 rows in sixes are five 6 and four 5, rather than eight 6 and a slow 2. n is a constant in each TILE. */
#define CLIP_TILES(most, cases, rows, TILE)                                                               \
    for (size_t first = 0, tiles = ((rows) + (most)-1) / (most), count; tiles; tiles--, first += count) { \
        count = ((rows)-first + tiles - 1) / tiles;                                                       \
        switch (count) {                                                                                  \
            cases(TILE);                                                                                  \
        case 3: TILE(3, first); break;                                                                    \
        case 2: TILE(2, first); break;                                                                    \
        default: TILE(1, first); break;                                                                   \
        }                                                                                                 \
    }
#define CLIP_CASES_4(TILE) \
    case 4:                \
        TILE(4, first);    \
        break
#define CLIP_CASES_6(TILE)         \
    CLIP_CASES_4(TILE);            \
    case 5: TILE(5, first); break; \
    case 6: TILE(6, first); break

/* sums (rows, 8) of integer products to c (rows, 8): weight scale (row scale sum + row offset weight sum). */
INLINE void clip_finish_q8(const clip_tile *t, size_t rows, const int32_t *sums, float *c) {
    v128_t sum0 = wasm_v128_load(t->sum), sum1 = wasm_v128_load(t->sum + 4);
    v128_t scale0 = wasm_v128_load(t->scale), scale1 = wasm_v128_load(t->scale + 4);
    for (size_t r = 0; r < rows; r++, sums += CLIP_PANEL, c += CLIP_PANEL) {
        v128_t s = wasm_v128_load32_splat(t->a_scale + r), o = wasm_v128_load32_splat(t->a_offset + r);
        v128_t z0 = wasm_f32x4_mul(s, wasm_f32x4_convert_i32x4(wasm_v128_load(sums)));
        v128_t z1 = wasm_f32x4_mul(s, wasm_f32x4_convert_i32x4(wasm_v128_load(sums + 4)));
        wasm_v128_store(c, wasm_f32x4_mul(wasm_f32x4_add(z0, wasm_f32x4_mul(o, sum0)), scale0));
        wasm_v128_store(c + 4, wasm_f32x4_mul(wasm_f32x4_add(z1, wasm_f32x4_mul(o, sum1)), scale1));
    }
}

#endif
