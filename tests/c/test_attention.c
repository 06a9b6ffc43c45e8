/* Attention against the formula in doubles: whole, causal, ragged, with a shared prefix, for some rows only. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/compute/attention.h"
#include "../../src/compute/kernels.h"

static uint32_t seed = 7;
static float uniform(void) {
    seed = seed * 1664525 + 1013904223;
    return (float)(int32_t)seed / 2147483648.f;
}

typedef struct {
    size_t rows, head_width, heads;
    clip_sequence sequences[4];
    size_t count;
    size_t read[8], reads; /* reads 0: all rows */
    float magnitude;       /* of queries: large ones make softmax pick one key */
} problem;

static void check_row(const problem *p, const clip_sequence *s, size_t row, const float *query, const float *key_value,
                      const float *out) {
    size_t width = p->heads * p->head_width, used = s->prefix + s->count;
    size_t visible = s->causal ? s->prefix + row - s->first + 1 : used;
    double *weight = malloc(used * sizeof *weight);
    for (size_t head = 0; head < p->heads; head++) {
        double largest = -INFINITY, sum = 0;
        for (size_t j = 0; j < visible; j++) {
            size_t from = j < s->prefix ? j : s->first + j - s->prefix;
            double dot = 0;
            for (size_t c = 0; c < p->head_width; c++)
                dot += (double)query[head * p->head_width + c] * (double)key_value[from * 2 * width + head * p->head_width + c];
            weight[j] = dot / sqrt((double)p->head_width);
            largest = fmax(largest, weight[j]);
        }
        for (size_t j = 0; j < visible; j++) sum += weight[j] = exp(weight[j] - largest);
        for (size_t c = 0; c < p->head_width; c++) {
            double want = 0;
            for (size_t j = 0; j < visible; j++) {
                size_t from = j < s->prefix ? j : s->first + j - s->prefix;
                want += weight[j] / sum * (double)key_value[from * 2 * width + width + head * p->head_width + c];
            }
            assert_true(fabs(want - (double)out[head * p->head_width + c]) < 3e-6 * (double)(1 + p->magnitude));
        }
    }
    free(weight);
}

static const clip_sequence *sequence_of(const problem *p, size_t row) {
    for (size_t i = 0; i < p->count; i++)
        if (row >= p->sequences[i].first && row < p->sequences[i].first + p->sequences[i].count) return &p->sequences[i];
    return NULL;
}

static void solve(const problem *p, const clip_kernels *kernels) {
    size_t width = p->heads * p->head_width, queries = p->reads ? p->reads : p->rows;
    float *query = malloc(queries * width * sizeof *query), *key_value = malloc(p->rows * 2 * width * sizeof *key_value);
    float *out = malloc(queries * width * sizeof *out);
    float *scratch = malloc(clip_attention_scratch(width, p->heads, p->rows) * sizeof *scratch);
    for (size_t i = 0; i < queries * width; i++) query[i] = uniform() * p->magnitude, out[i] = 77;
    for (size_t i = 0; i < p->rows * 2 * width; i++) key_value[i] = uniform();
    clip_attention(kernels, NULL, query, key_value, width, p->heads, p->sequences, p->count, p->reads ? p->read : NULL, p->reads,
                   out, scratch);
    for (size_t q = 0; q < queries; q++) {
        size_t row = p->reads ? p->read[q] : q;
        const clip_sequence *s = sequence_of(p, row);
        if (s) check_row(p, s, row, query + q * width, key_value, out + q * width);
        else assert_true(out[q * width] == 77); /* the prefix's rows, where no sequence has them: not touched */
    }
    free(query), free(key_value), free(out), free(scratch);
}

static void all_forms(void **state) {
    (void)state;
    clip_kernels kernels[2];
    clip_kernels_simd(&kernels[0]);
    clip_kernels_choose(&kernels[1]);
    const size_t head_widths[] = {1, 3, 8, 20, 64, 80};
    for (size_t k = 0; k < 2; k++)
        for (size_t h = 0; h < sizeof head_widths / sizeof *head_widths; h++)
            for (float magnitude = 1; magnitude < 1e3f; magnitude *= 30) {
                const problem problems[] = {
                    {.rows = 1, .sequences = {{0, 1, 0, 0}}, .count = 1},
                    {.rows = 50, .sequences = {{0, 50, 0, 0}}, .count = 1},
                    {.rows = 197, .sequences = {{0, 197, 0, 0}}, .count = 1},
                    {.rows = 77, .sequences = {{0, 77, 0, 1}}, .count = 1},
                    {.rows = 50, .sequences = {{0, 50, 0, 0}}, .count = 1, .read = {0}, .reads = 1},
                    {.rows = 23, .sequences = {{0, 8, 0, 1}, {8, 1, 0, 1}, {9, 11, 0, 1}, {20, 3, 0, 1}}, .count = 4},
                    {.rows = 23, .sequences = {{0, 5, 0, 1}, {5, 4, 5, 1}, {9, 11, 5, 1}, {20, 3, 5, 1}}, .count = 4},
                    {.rows = 23,
                     .sequences = {{5, 4, 5, 1}, {9, 11, 5, 1}, {20, 3, 5, 1}},
                     .count = 3,
                     .read = {8, 15, 19, 22},
                     .reads = 4},
                    {.rows = 40, .sequences = {{0, 20, 0, 0}, {20, 20, 0, 0}}, .count = 2, .read = {0, 20}, .reads = 2},
                };
                for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
                    problem p = problems[i];
                    p.head_width = head_widths[h];
                    p.heads = 1 + i % 3;
                    p.magnitude = magnitude;
                    solve(&p, &kernels[k]);
                }
            }
}

/* Values that are not finite stay in their own sequence. */
static void not_finite(void **state) {
    (void)state;
    clip_kernels kernels;
    clip_kernels_choose(&kernels);
    const clip_sequence sequences[] = {{0, 6, 0, 0}, {6, 6, 0, 1}};
    float query[12 * 8], key_value[12 * 16], out[12 * 8], *scratch = malloc(clip_attention_scratch(8, 1, 12) * sizeof *scratch);
    const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f};
    for (size_t b = 0; b < 4; b++) {
        for (size_t i = 0; i < 12 * 8; i++) query[i] = i < 48 ? bad[(b + i % 2) % 4] : uniform();
        for (size_t i = 0; i < 12 * 16; i++) key_value[i] = i == 20 ? bad[b] : uniform();
        clip_attention(&kernels, NULL, query, key_value, 8, 1, sequences, 2, NULL, 0, out, scratch);
        for (size_t i = 48; i < 96; i++) assert_true(isfinite(out[i]));
    }
    free(scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_forms), cmocka_unit_test(not_finite)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
