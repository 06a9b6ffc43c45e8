#include "compute/search.h"

#include <math.h>

#include "compute/simd.h"
#include "compute/vector_math.h"

#define INLINE static inline __attribute__((always_inline))

size_t clip_search_unit(float *rows, size_t count, size_t width) {
    for (size_t i = 0; i < count; i++, rows += width) {
        double squares = 0;
        for (size_t k = 0; k < width; k++) squares += (double)rows[k] * rows[k];
        if (!(squares < INFINITY)) return i;
        double inverse = squares > 0 ? 1 / sqrt(squares) : 0;
        for (size_t k = 0; k < width; k++) rows[k] = (float)(rows[k] * inverse);
    }
    return count;
}

/* ---- rows and queries of int8 and int16 ---- */

void clip_search_round(const float *rows, size_t count, size_t width, int8_t *out) {
    for (size_t i = 0; i < count; i++, rows += width, out += width) {
        float largest = 0;
        for (size_t k = 0; k < width; k++) largest = fabsf(rows[k]) > largest ? fabsf(rows[k]) : largest;
        float scale = largest > 0 ? 127 / largest : 0;
        for (size_t k = 0; k < width; k++) out[k] = (int8_t)rintf(rows[k] * scale);
    }
}

void clip_search_lengths(const int8_t *rows, size_t count, size_t width, float *inverse) {
    for (size_t i = 0; i < count; i++, rows += width) {
        int32_t squares = 0;
        for (size_t k = 0; k < width; k++) squares += rows[k] * rows[k];
        inverse[i] = squares > 0 ? (float)(1 / sqrt(squares)) : 0;
    }
}

void clip_search_round_query(const float *query, size_t queries, size_t width, int16_t *out, float *inverse) {
    const int32_t most = INT32_MAX / 128 / (int32_t)width;
    const float limit = (float)(most < INT16_MAX ? most : INT16_MAX);
    for (size_t j = 0; j < queries; j++, query += width, out += width) {
        float largest = 0;
        for (size_t k = 0; k < width; k++) largest = fabsf(query[k]) > largest ? fabsf(query[k]) : largest;
        float scale = largest > 0 ? limit / largest : 0;
        double squares = 0;
        for (size_t k = 0; k < width; k++) {
            out[k] = (int16_t)rintf(query[k] * scale);
            squares += (double)out[k] * out[k];
        }
        inverse[j] = squares > 0 ? (float)(1 / sqrt(squares)) : 0;
    }
}

/* ---- cosines ---- */

typedef struct {
    const float *rows, *query;
    const int8_t *rows_q8;
    const int16_t *query_q8;
    const float *row_inverse, *query_inverse;
    size_t count, queries, width, stride;
    float *cosines;
} search;

/* n rows from row on with m queries from j on, both known when it is compiled. */
typedef void (*tile)(const search *s, size_t n, size_t m, size_t row, size_t j);

#define EACH(i, n) _Pragma("clang loop unroll(full)") for (size_t i = 0; i < n; i++)

/* Each product is added up in the same order, whatever the tile. */
INLINE void f32_tile(const search *s, size_t n, size_t m, size_t row, size_t first) {
    const float *rows = s->rows + row * s->width, *query = s->query + first * s->width;
    v128_t sum[4][4];
    EACH(i, n) EACH(j, m) sum[i][j] = wasm_f32x4_splat(0);
    for (size_t k = 0; k < s->width; k += 4) {
        v128_t x[4];
        EACH(i, n) x[i] = wasm_v128_load(rows + i * s->width + k);
        EACH(j, m) {
            v128_t y = wasm_v128_load(query + j * s->width + k);
            EACH(i, n) sum[i][j] = wasm_f32x4_add(sum[i][j], wasm_f32x4_mul(x[i], y));
        }
    }
    EACH(i, n) EACH(j, m) s->cosines[(first + j) * s->stride + row + i] = clip_sum4(sum[i][j]);
}

INLINE int32_t sum_of_4(v128_t x) {
    x = wasm_i32x4_add(x, wasm_i32x4_shuffle(x, x, 2, 3, 0, 1));
    return wasm_i32x4_extract_lane(x, 0) + wasm_i32x4_extract_lane(x, 1);
}

INLINE void q8_tile(const search *s, size_t n, size_t m, size_t row, size_t first) {
    const int8_t *rows = s->rows_q8 + row * s->width;
    const int16_t *query = s->query_q8 + first * s->width;
    v128_t sum[4][4];
    EACH(i, n) EACH(j, m) sum[i][j] = wasm_i32x4_splat(0);
    for (size_t k = 0; k < s->width; k += 16) {
        v128_t low[4], high[4];
        EACH(i, n) {
            v128_t x = wasm_v128_load(rows + i * s->width + k);
            low[i] = wasm_i16x8_extend_low_i8x16(x);
            high[i] = wasm_i16x8_extend_high_i8x16(x);
        }
        EACH(j, m) {
            v128_t y0 = wasm_v128_load(query + j * s->width + k), y1 = wasm_v128_load(query + j * s->width + k + 8);
            EACH(i, n) {
                sum[i][j] = wasm_i32x4_add(sum[i][j], wasm_i32x4_dot_i16x8(low[i], y0));
                sum[i][j] = wasm_i32x4_add(sum[i][j], wasm_i32x4_dot_i16x8(high[i], y1));
            }
        }
    }
    EACH(i, n) EACH(j, m) {
        double inverse = (double)s->row_inverse[row + i] * s->query_inverse[first + j];
        s->cosines[(first + j) * s->stride + row + i] = (float)(sum_of_4(sum[i][j]) * inverse);
    }
}

/* Two rows with four queries at a time, and four rows with each query that is left; a part of the rows, so that they stay in the nearest
 * cache while the queries go by. Where the last tile would reach past the end, it begins earlier, and computes some once more. */
INLINE void go(const search *s, tile run) {
    const size_t part = 16;
    for (size_t begin = 0; begin < s->count; begin += part) {
        size_t end = s->count - begin < part ? s->count : begin + part, j = 0;
        if (end - begin >= 2)
            for (; j + 4 <= s->queries; j += 4)
                for (size_t i = begin; i < end; i += 2) run(s, 2, 4, i + 2 <= end ? i : end - 2, j);
        for (; j < s->queries; j++)
            if (end - begin >= 4)
                for (size_t i = begin; i < end; i += 4) run(s, 4, 1, i + 4 <= end ? i : end - 4, j);
            else
                for (size_t i = begin; i < end; i++) run(s, 1, 1, i, j);
    }
}

void clip_search_f32(const float *rows, size_t count, const float *query, size_t queries, size_t width, float *cosines,
                     size_t stride) {
    const search s = {
        .rows = rows, .query = query, .count = count, .queries = queries, .width = width, .stride = stride, .cosines = cosines};
    go(&s, f32_tile);
}

void clip_search_q8(const int8_t *rows, const float *row_inverse, size_t count, const int16_t *query, const float *query_inverse,
                    size_t queries, size_t width, float *cosines, size_t stride) {
    const search s = {.rows_q8 = rows,
                      .row_inverse = row_inverse,
                      .query_q8 = query,
                      .query_inverse = query_inverse,
                      .count = count,
                      .queries = queries,
                      .width = width,
                      .stride = stride,
                      .cosines = cosines};
    go(&s, q8_tile);
}

/* ---- the largest ---- */

/* Of two, the one to go first. */
INLINE int is_worse(float a, uint32_t a_index, float b, uint32_t b_index) { return a < b || (a == b && a_index > b_index); }

size_t clip_search_largest(const float *values, size_t count, uint32_t first, size_t k, float *value, uint32_t *index,
                           size_t kept) {
    for (size_t i = 0; i < count; i++) {
        const float x = values[i];
        const uint32_t its = first + (uint32_t)i;
        size_t at = kept;
        if (kept < k) { /* a place at the end, and up from there */
            kept++;
            for (; at > 0 && is_worse(x, its, value[(at - 1) / 2], index[(at - 1) / 2]); at = (at - 1) / 2) {
                value[at] = value[(at - 1) / 2];
                index[at] = index[(at - 1) / 2];
            }
        } else { /* the root's place, and down from there; those that come later lose against equals */
            if (k == 0 || !(x > value[0])) continue;
            at = 0;
            for (size_t down; (down = 2 * at + 1) < kept; at = down) {
                if (down + 1 < kept && is_worse(value[down + 1], index[down + 1], value[down], index[down])) down++;
                if (!is_worse(value[down], index[down], x, its)) break;
                value[at] = value[down];
                index[at] = index[down];
            }
        }
        value[at] = x;
        index[at] = its;
    }
    return kept;
}
