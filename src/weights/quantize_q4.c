/* quantize_q4.c - rows to int4 and from int4 to int8; quantize.h has the format. */
#include <math.h>
#include <string.h>

#include "compute/simd.h"
#include "weights/quantize.h"

#define GROUP  8
#define CURVES 16 /* and as many mirror images */

/* From build/int4-curves.mjs. Part of the file format: other numbers, another format. */
static const int8_t LEVELS[CURVES][16] = {
    {-11, -9, -7, -6, -4, -3, -2, 0, 1, 2, 4, 6, 8, 10, 12, 15},
    {-29, -23, -18, -14, -10, -6, -3, 0, 3, 6, 10, 15, 20, 25, 32, 37},
    {-32, -26, -21, -16, -12, -8, -4, 0, 3, 7, 11, 16, 22, 28, 34, 40},
    {-35, -28, -22, -17, -13, -9, -4, 0, 3, 7, 12, 18, 23, 30, 37, 44},
    {-37, -30, -24, -19, -13, -8, -4, 0, 3, 8, 13, 18, 25, 32, 41, 48},
    {-41, -32, -25, -20, -14, -9, -4, 0, 4, 9, 14, 20, 27, 35, 44, 52},
    {-43, -34, -27, -21, -16, -10, -5, 0, 4, 9, 15, 21, 28, 38, 47, 56},
    {-47, -36, -29, -22, -15, -10, -5, 0, 5, 10, 16, 23, 31, 39, 51, 60},
    {-49, -40, -30, -24, -17, -11, -6, 0, 5, 10, 16, 23, 31, 43, 54, 65},
    {-53, -41, -33, -25, -18, -12, -6, 0, 5, 11, 18, 26, 34, 45, 59, 70},
    {-57, -44, -34, -27, -20, -13, -6, 0, 6, 12, 19, 27, 36, 48, 63, 76},
    {-62, -49, -36, -28, -21, -14, -7, 0, 5, 11, 18, 27, 37, 52, 67, 83},
    {-68, -51, -39, -29, -22, -15, -8, 0, 5, 12, 19, 28, 39, 56, 73, 93},
    {-73, -55, -39, -31, -24, -16, -8, 0, 7, 13, 20, 30, 41, 59, 78, 103},
    {-81, -60, -43, -33, -23, -16, -8, 0, 6, 13, 21, 30, 44, 64, 86, 115},
    {-89, -65, -46, -35, -24, -16, -8, 0, 7, 14, 22, 33, 47, 71, 98, 127},
};

/* ---- int4 to int8 ---- */

static uint64_t curves_of(const uint8_t *block) {
    uint64_t curves = 0;
    for (int i = 0; i < 5; i++) curves |= (uint64_t)block[i] << 8 * i;
    return curves;
}

/* The levels of 16 codes on one curve. A mirror image has 15 - code = code ^ 15, and -level = (level ^ -1) + 1. */
static inline v128_t levels_of(unsigned curve, v128_t codes) {
    v128_t mirror = wasm_i8x16_splat(curve < CURVES ? 0 : -1);
    v128_t at = wasm_v128_xor(codes, wasm_v128_and(mirror, wasm_i8x16_splat(15)));
    v128_t level = wasm_i8x16_swizzle(wasm_v128_load(LEVELS[curve % CURVES]), at);
    return wasm_i8x16_sub(wasm_v128_xor(level, mirror), mirror);
}

void clip_expand_q4(const uint8_t *q, size_t count, int8_t *to) {
    const v128_t first_half = wasm_i64x2_make(-1, 0), nibble = wasm_i8x16_splat(15);
    for (; count; count -= CLIP_Q4_BLOCK, q += CLIP_Q4_BYTES) {
        uint64_t curves = curves_of(q);
        for (size_t i = 0; i < CLIP_Q4_BLOCK; i += 2 * GROUP, curves >>= 10, to += 2 * GROUP) {
            v128_t pairs = wasm_v128_load64_zero(q + 5 + i / 2), low = wasm_v128_and(pairs, nibble),
                   high = wasm_u8x16_shr(pairs, 4);
            v128_t codes = wasm_i8x16_shuffle(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            v128_t one = levels_of(curves & 31, codes), other = levels_of(curves >> 5 & 31, codes);
            wasm_v128_store(to, wasm_v128_bitselect(one, other, first_half));
        }
    }
}

/* ---- f32 to int4 ---- */

/* What a row's weights are compared with, rounded to int8 for it. */
typedef struct {
    v128_t levels[CURVES], middles[CURVES]; /* middles: a code is the number of those that a value is greater than */
} curve_table;

static void make_table(curve_table *table) {
    for (size_t k = 0; k < CURVES; k++) {
        int8_t middle[16] = {0};
        for (size_t i = 0; i < 15; i++) {
            int sum = LEVELS[k][i] + LEVELS[k][i + 1];
            middle[i] = (int8_t)((sum - (sum & 1)) / 2);
        }
        table->levels[k] = wasm_v128_load(LEVELS[k]);
        table->middles[k] = wasm_v128_load(middle);
    }
}

#define FINE  32                 /* parts of a step of int8 in which errors are measured */
#define BOUND (2 * 127.f * FINE) /* the most of them that a weight is from 0, so that 8 squares fit 32 bits */

/* 8 weights in fine steps, half to even. */
static inline v128_t fine8(const float *x, v128_t inverse) {
    const v128_t most = wasm_f32x4_splat(BOUND), least = wasm_f32x4_splat(-BOUND), magic = wasm_f32x4_splat(12582912.0f);
    v128_t part[2];
    for (int i = 0; i < 2; i++) {
        v128_t v = wasm_f32x4_mul(wasm_v128_load(x + 4 * i), inverse);
        v = wasm_f32x4_pmax(least, wasm_f32x4_pmin(most, v));
        part[i] = wasm_i32x4_sub(wasm_f32x4_add(v, magic), magic);
    }
    return wasm_i16x8_narrow_i32x4(part[0], part[1]);
}

/* 16 weights in whole steps. */
static inline v128_t coarse16(v128_t low, v128_t high) {
    const v128_t half = wasm_i16x8_splat(FINE / 2);
    low = wasm_i16x8_shr(wasm_i16x8_add(low, half), 5), high = wasm_i16x8_shr(wasm_i16x8_add(high, half), 5);
    return wasm_i8x16_max(wasm_i8x16_narrow_i16x8(low, high), wasm_i8x16_splat(-127));
}

/* Two groups' squared errors with one curve: group 0's in lanes 0 and 1, group 1's in 2 and 3; *codes becomes the nearest codes. */
static inline v128_t errors_with(const curve_table *table, size_t curve, v128_t values, v128_t low, v128_t high, v128_t *codes) {
    v128_t at = wasm_i8x16_splat(0);
    for (int step = 8; step; step /= 2) { /* binary search */
        v128_t middle = wasm_i8x16_swizzle(table->middles[curve], wasm_i8x16_add(at, wasm_i8x16_splat((int8_t)(step - 1))));
        at = wasm_i8x16_add(at, wasm_v128_and(wasm_i8x16_gt(values, middle), wasm_i8x16_splat((int8_t)step)));
    }
    v128_t level = wasm_i8x16_swizzle(table->levels[curve], at);
    v128_t a = wasm_i16x8_sub(low, wasm_i16x8_shl(wasm_i16x8_extend_low_i8x16(level), 5));
    v128_t b = wasm_i16x8_sub(high, wasm_i16x8_shl(wasm_i16x8_extend_high_i8x16(level), 5));
    a = wasm_i32x4_dot_i16x8(a, a), b = wasm_i32x4_dot_i16x8(b, b);
    v128_t sum = wasm_i32x4_add(wasm_i32x4_shuffle(a, b, 0, 1, 4, 5), wasm_i32x4_shuffle(a, b, 2, 3, 6, 7));
    *codes = at;
    return wasm_i32x4_add(sum, wasm_i32x4_shuffle(sum, sum, 1, 0, 3, 2));
}

/* Of every `step`th curve and its mirror image the ones that are best for two groups, each in all 8 lanes of its group, and the codes. */
static inline void choose16(const curve_table *table, size_t step, const float *x, v128_t inverse, v128_t *curves, v128_t *codes) {
    v128_t low[2] = {fine8(x, inverse)}, high[2] = {fine8(x + GROUP, inverse)};
    v128_t values[2] = {coarse16(low[0], high[0])};
    low[1] = wasm_i16x8_neg(low[0]), high[1] = wasm_i16x8_neg(high[0]), values[1] = wasm_i8x16_neg(values[0]);
    v128_t least = wasm_i32x4_splat(INT32_MAX);
    for (size_t k = 0; k < CURVES; k += step)
        for (int mirror = 0; mirror < 2; mirror++) {
            v128_t some, error = errors_with(table, k, values[mirror], low[mirror], high[mirror], &some);
            v128_t better = wasm_i32x4_lt(error, least);
            if (mirror) some = wasm_v128_xor(some, wasm_i8x16_splat(15));
            least = wasm_i32x4_min(least, error);
            *codes = wasm_v128_bitselect(some, *codes, better);
            *curves = wasm_v128_bitselect(wasm_i8x16_splat((int8_t)(k + (mirror ? CURVES : 0))), *curves, better);
        }
}

/* Codes and curves of 16 weights to a block that is zero yet. */
static void put16(uint8_t *block, size_t first, v128_t curves, v128_t codes) {
    uint8_t c[16];
    wasm_v128_store(c, codes);
    for (size_t i = 0; i < 16; i += 2) block[5 + (first + i) / 2] = (uint8_t)(c[i] | c[i + 1] << 4);
    wasm_v128_store(c, curves);
    for (size_t group = first / GROUP; group < first / GROUP + 2; group++) {
        size_t bit = 5 * group, value = (size_t)c[group * GROUP - first] << bit % 8;
        block[bit / 8] = (uint8_t)(block[bit / 8] | value);
        if (value > 255) block[bit / 8 + 1] = (uint8_t)(value >> 8);
    }
}

/* The squared error of a row with a scale, in units of the scale, by every `step`th curve. Writes the row to q unless that is NULL. */
static double try_scale(const curve_table *table, size_t step, const float *x, size_t count, float scale, uint8_t *q) {
    v128_t inverse = wasm_f32x4_splat(1 / scale), fine = wasm_f32x4_splat(FINE / scale);
    double total = 0;
    for (size_t first = 0; first < count; first += CLIP_Q4_BLOCK, x += CLIP_Q4_BLOCK) {
        int8_t level[CLIP_Q4_BLOCK];
        v128_t sum = wasm_f32x4_splat(0);
        uint8_t block[CLIP_Q4_BYTES] = {0};
        for (size_t i = 0; i < CLIP_Q4_BLOCK; i += 2 * GROUP) {
            v128_t curves = wasm_i8x16_splat(0), codes = curves;
            choose16(table, step, x + i, fine, &curves, &codes);
            put16(block, i, curves, codes);
        }
        clip_expand_q4(block, CLIP_Q4_BLOCK, level);
        for (size_t i = 0; i < CLIP_Q4_BLOCK; i += 4) {
            v128_t l = wasm_f32x4_make(level[i], level[i + 1], level[i + 2], level[i + 3]);
            v128_t d = wasm_f32x4_sub(wasm_f32x4_mul(wasm_v128_load(x + i), inverse), l);
            sum = wasm_f32x4_add(sum, wasm_f32x4_mul(d, d));
        }
        float part[4];
        wasm_v128_store(part, sum);
        total += (double)part[0] + (double)part[1] + (double)part[2] + (double)part[3];
        if (q) memcpy(q + clip_q4_bytes(first), block, sizeof block);
    }
    return total;
}

#define FIRST_REACH 4.4f  /* how far the furthest curve reaches at first, in root mean squares of the row, */
#define FIRST_MOST  1.35f /* and at most, in its largest magnitude */
#define LARGER      1.2f
#define FEW         3 /* every so manyth curve is enough to compare scales */

void clip_quantize_q4(const float *x, size_t count, uint8_t *q, float *scale) {
    float largest = 0;
    for (size_t i = 0; i < count; i++) largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
    *scale = largest / 127;
    memset(q, 0, clip_q4_bytes(count));
    if (!isfinite(4096 * FINE / *scale)) { /* zeros, or so near that the inverse of some scale below may be infinite */
        *scale = 0;
        return;
    }
    double squares = 0;
    for (size_t i = 0; i < count; i++) squares += (double)(x[i] / largest) * (double)(x[i] / largest);
    float reach = FIRST_REACH * (float)sqrt(squares / (double)count);
    if (reach > FIRST_MOST) reach = FIRST_MOST;
    /* Larger scales until the error grows. */
    curve_table table;
    make_table(&table);
    double least = INFINITY;
    float best = 0;
    for (;; reach *= LARGER) {
        float some = largest / 127 * reach;
        double error = try_scale(&table, FEW, x, count, some, NULL) * (double)reach * (double)reach;
        if (!(error < least)) break;
        least = error;
        best = some;
    }
    *scale = best;
    try_scale(&table, 1, x, count, best, q);
}
