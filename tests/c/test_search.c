/* Search against plain loops in doubles: all tiles, widths, ties, zeros, numbers that are not finite, no overflow at the edge. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/compute/search.h"

static uint32_t seed = 11;
static float uniform(void) {
    seed = seed * 1664525 + 1013904223;
    return (float)(int32_t)seed / 2147483648.f;
}

/* Aligned, of the exact size, so that the sanitizer sees a byte too far. */
static void *take(size_t bytes) {
    void *p = NULL;
    assert_int_equal(posix_memalign(&p, 64, bytes ? bytes : 1), 0);
    return p;
}
static float *numbers(size_t count) {
    float *x = take(count * sizeof *x);
    for (size_t i = 0; i < count; i++) x[i] = uniform();
    return x;
}

static double dot_f32(const float *x, const float *y, size_t width) {
    double sum = 0;
    for (size_t k = 0; k < width; k++) sum += (double)x[k] * y[k];
    return sum;
}

static void f32_is_the_cosine(void **state) {
    (void)state;
    const size_t widths[] = {16, 48, 512};
    for (size_t w = 0; w < 3; w++)
        for (size_t count = 0; count <= 37; count += count < 6 ? 1 : 31)
            for (size_t queries = 1; queries <= 9; queries++) {
                size_t width = widths[w], stride = count + 3;
                float *rows = numbers(count * width), *query = numbers(queries * width);
                float *out = take(queries * stride * sizeof *out);
                assert_int_equal(clip_search_unit(rows, count, width), count);
                assert_int_equal(clip_search_unit(query, queries, width), queries);
                for (size_t i = 0; i < queries * stride; i++) out[i] = 7;
                clip_search_f32(rows, count, query, queries, width, out, stride);
                for (size_t j = 0; j < queries; j++) {
                    for (size_t i = 0; i < count; i++)
                        assert_true(fabs((double)out[j * stride + i] - dot_f32(rows + i * width, query + j * width, width)) < 1e-6);
                    for (size_t i = count; i < stride; i++) assert_true(out[j * stride + i] == 7); /* nothing beside it */
                }
                free(rows);
                free(query);
                free(out);
            }
}

static void q8_is_the_exact_cosine_of_what_was_rounded(void **state) {
    (void)state;
    const size_t widths[] = {16, 512, 1040};
    for (size_t w = 0; w < 3; w++)
        for (size_t count = 1; count <= 37; count += count < 6 ? 1 : 31)
            for (size_t queries = 1; queries <= 9; queries++) {
                size_t width = widths[w];
                float *rows = numbers(count * width), *query = numbers(queries * width);
                int8_t *rounded = take(count * width);
                int16_t *whole = take(queries * width * sizeof *whole);
                float *inverse = take(count * sizeof *inverse), *query_inverse = take(queries * sizeof *query_inverse);
                float *out = take(queries * count * sizeof *out);
                clip_search_unit(rows, count, width);
                clip_search_unit(query, queries, width);
                clip_search_round(rows, count, width, rounded);
                clip_search_lengths(rounded, count, width, inverse);
                clip_search_round_query(query, queries, width, whole, query_inverse);
                clip_search_q8(rounded, inverse, count, whole, query_inverse, queries, width, out, count);
                for (size_t j = 0; j < queries; j++)
                    for (size_t i = 0; i < count; i++) {
                        int64_t dot = 0;
                        for (size_t k = 0; k < width; k++) dot += rounded[i * width + k] * whole[j * width + k];
                        float want = (float)((double)dot * ((double)inverse[i] * query_inverse[j]));
                        assert_true(out[j * count + i] == want);
                        assert_true(fabs((double)want - dot_f32(rows + i * width, query + j * width, width)) < 0.006);
                    }
                free(rows);
                free(query);
                free(rounded);
                free(whole);
                free(inverse);
                free(query_inverse);
                free(out);
            }
}

/* The largest sums that there can be: all -128, as callers may hand in, against all of a query's most. */
static void no_width_overflows(void **state) {
    (void)state;
    const size_t widths[] = {16, 512, 528, 1024, CLIP_SEARCH_WIDTH};
    for (size_t w = 0; w < 5; w++) {
        size_t width = widths[w];
        int8_t *row = take(width);
        float *query = take(width * sizeof *query);
        int16_t *whole = take(width * sizeof *whole);
        float inverse, query_inverse, cosine;
        memset(row, -128, width);
        for (size_t k = 0; k < width; k++) query[k] = -1;
        clip_search_unit(query, 1, width);
        clip_search_lengths(row, 1, width, &inverse);
        clip_search_round_query(query, 1, width, whole, &query_inverse);
        clip_search_q8(row, &inverse, 1, whole, &query_inverse, 1, width, &cosine, 1);
        assert_true(fabsf(cosine - 1) < 1e-6f);
        free(row);
        free(query);
        free(whole);
    }
}

static void zeros_and_what_is_not_finite(void **state) {
    (void)state;
    float rows[4][16] = {{0}, {3, 4}, {1, NAN}, {INFINITY}};
    float out[2], inverse[2];
    int8_t rounded[2][16];
    int16_t whole[16];
    assert_int_equal(clip_search_unit(rows[0], 4, 16), 2);
    assert_int_equal(clip_search_unit(rows[3], 1, 16), 0);
    assert_true(rows[0][0] == 0 && rows[1][0] == 0.6f && rows[1][1] == 0.8f);
    clip_search_f32(rows[0], 2, rows[1], 1, 16, out, 2);
    assert_true(out[0] == 0 && fabsf(out[1] - 1) < 1e-6f);
    clip_search_round(rows[0], 2, 16, rounded[0]);
    assert_true(rounded[0][0] == 0 && rounded[1][0] == 95 && rounded[1][1] == 127);
    clip_search_lengths(rounded[0], 2, 16, inverse);
    assert_true(inverse[0] == 0);
    clip_search_round_query(rows[0], 1, 16, whole, inverse + 1);
    assert_true(whole[0] == 0 && inverse[1] == 0);
    rows[0][0] = 3e38f; /* its square is too large for a float, not for the sum */
    assert_int_equal(clip_search_unit(rows[0], 1, 16), 1);
    assert_true(rows[0][0] == 1);
}

static int largest_first(const void *a, const void *b) {
    const float *const *x = a, *const *y = b;
    return **x < **y ? 1 : **x > **y ? -1 : (*x > *y) - (*x < *y);
}

static void the_largest_are_kept_the_earlier_of_equals(void **state) {
    (void)state;
    enum { N = 500 };
    for (size_t k = 0; k <= 40; k += k < 4 ? 1 : 12) {
        float values[N], value[40];
        uint32_t index[40];
        const float *order[N];
        for (size_t i = 0; i < N; i++) {
            values[i] = rintf(uniform() * 20); /* many equals */
            order[i] = values + i;
        }
        qsort(order, N, sizeof *order, largest_first);
        size_t kept = 0;
        for (size_t first = 0; first < N; first += 125)
            kept = clip_search_largest(values + first, 125, (uint32_t)first, k, value, index, kept);
        assert_int_equal(kept, k);
        for (size_t i = 0; i < k; i++) {
            size_t found = 0;
            for (size_t j = 0; j < k; j++) found += index[j] == (uint32_t)(order[i] - values) && value[j] == *order[i];
            assert_int_equal(found, 1);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_is_the_cosine),
        cmocka_unit_test(q8_is_the_exact_cosine_of_what_was_rounded),
        cmocka_unit_test(no_width_overflows),
        cmocka_unit_test(zeros_and_what_is_not_finite),
        cmocka_unit_test(the_largest_are_kept_the_earlier_of_equals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
