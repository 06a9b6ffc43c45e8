/* attention.c - for each head: scores = Q K^T, softmax by rows, out = P V, some rows of queries at a time.
 *
 * Both products run on the f32 kernel. It wants the second factor's rows contiguous, which values are and keys are not: the keys
 * of one head are transposed into scratch, a few per cent of the work. One task a head.
 */
#include "compute/attention.h"

#include <math.h>

#include "compute/kernels.h"
#include "compute/vector_math.h"

#define QUERY_ROWS 24 /* queries whose scores are in cache at a time; a multiple of the f32 kernels' tiles */

static size_t padded(size_t keys) { return (keys + CLIP_PANEL - 1) / CLIP_PANEL * CLIP_PANEL; }

/* Of one head: transposed keys (head width, keys) and scores (tile rows, keys), keys padded to whole panels. */
static size_t head_scratch(size_t head_width, size_t rows) { return (head_width + QUERY_ROWS) * padded(rows); }

size_t clip_attention_scratch(size_t width, size_t heads, size_t rows) { return heads * head_scratch(width / heads, rows); }

typedef struct {
    const clip_kernels *kernels;
    const float *query, *key_value;
    size_t width, heads, head_width;
    const clip_sequence *sequences;
    size_t count;
    const size_t *read;
    size_t reads;
    float *out, *scratch;
    size_t scratch_stride;
    float scale;
} attention;

/* Columns [column, column + count) of to (head width, stride) from as many rows of keys. */
static void transpose(const float *keys, size_t row_stride, size_t count, size_t d, float *to, size_t stride) {
    size_t j = 0;
    for (; j + 4 <= count; j += 4, keys += 4 * row_stride, to += 4) {
        size_t c = 0;
        for (; c + 4 <= d; c += 4) {
            v128_t k0 = wasm_v128_load(keys + c), k1 = wasm_v128_load(keys + row_stride + c);
            v128_t k2 = wasm_v128_load(keys + 2 * row_stride + c), k3 = wasm_v128_load(keys + 3 * row_stride + c);
            v128_t a = wasm_i32x4_shuffle(k0, k1, 0, 4, 1, 5), b = wasm_i32x4_shuffle(k0, k1, 2, 6, 3, 7);
            v128_t e = wasm_i32x4_shuffle(k2, k3, 0, 4, 1, 5), f = wasm_i32x4_shuffle(k2, k3, 2, 6, 3, 7);
            wasm_v128_store(to + c * stride, wasm_i64x2_shuffle(a, e, 0, 2));
            wasm_v128_store(to + (c + 1) * stride, wasm_i64x2_shuffle(a, e, 1, 3));
            wasm_v128_store(to + (c + 2) * stride, wasm_i64x2_shuffle(b, f, 0, 2));
            wasm_v128_store(to + (c + 3) * stride, wasm_i64x2_shuffle(b, f, 1, 3));
        }
        for (; c < d; c++)
            for (size_t r = 0; r < 4; r++) to[c * stride + r] = keys[r * row_stride + c];
    }
    for (; j < count; j++, keys += row_stride, to++)
        for (size_t c = 0; c < d; c++) to[c * stride] = keys[c];
}

/* Keys of rows [0, prefix) and [first, first + count) as columns: to (head width, stride), zeros in the columns left. */
static void transpose_keys(const attention *a, const clip_sequence *s, size_t head, float *to, size_t stride) {
    size_t d = a->head_width, row_stride = 2 * a->width, used = s->prefix + s->count;
    const float *keys = a->key_value + head * d;
    transpose(keys, row_stride, s->prefix, d, to, stride);
    transpose(keys + s->first * row_stride, row_stride, s->count, d, to + s->prefix, stride);
    for (size_t j = used; j < stride; j++)
        for (size_t c = 0; c < d; c++) to[c * stride + j] = 0;
}

/* Softmax of scale * scores[0..visible), zeros after that up to stride. */
static void softmax(float *scores, size_t visible, size_t stride, float scale) {
    for (size_t j = visible; j < stride; j++) scores[j] = -INFINITY; /* becomes e^-87, and then 0 */
    v128_t most = wasm_v128_load(scores), sum = wasm_f32x4_splat(0);
    for (size_t j = 4; j < stride; j += 4) most = wasm_f32x4_pmax(most, wasm_v128_load(scores + j));
    most = wasm_f32x4_splat(clip_max4(most));
    v128_t s = wasm_f32x4_splat(scale);
    for (size_t j = 0; j < stride; j += 4) {
        v128_t e = clip_exp(wasm_f32x4_mul(wasm_f32x4_sub(wasm_v128_load(scores + j), most), s));
        wasm_v128_store(scores + j, e);
        sum = wasm_f32x4_add(sum, e);
    }
    float total = clip_sum4(sum); /* what e^-87 adds is lost in rounding: the largest is 1 */
    for (size_t j = visible; j < stride; j++) scores[j] = 0;
    v128_t factor = wasm_f32x4_splat(1 / total);
    for (size_t j = 0; j < stride; j += 4) wasm_v128_store(scores + j, wasm_f32x4_mul(wasm_v128_load(scores + j), factor));
}

/* out (rows, d) = p (rows, keys) times the values of the sequence's keys. */
static void weigh_values(const attention *a, const clip_sequence *s, size_t head, const float *p, size_t p_stride, size_t rows,
                         float *out) {
    size_t d = a->head_width, row_stride = 2 * a->width, c = 0;
    const float *values = a->key_value + a->width + head * d, *own = values + s->first * row_stride;
    for (; c + CLIP_PANEL <= d; c += CLIP_PANEL) {
        if (s->prefix) a->kernels->f32(p, p_stride, rows, s->prefix, values + c, row_stride, out + c, a->width, 0);
        a->kernels->f32(p + s->prefix, p_stride, rows, s->count, own + c, row_stride, out + c, a->width, s->prefix != 0);
    }
    for (; c < d; c++) /* a head's width is 64 in every published model */
        for (size_t r = 0; r < rows; r++) {
            float sum = 0;
            for (size_t j = 0; j < s->prefix; j++) sum += p[r * p_stride + j] * values[j * row_stride + c];
            for (size_t j = 0; j < s->count; j++) sum += p[r * p_stride + s->prefix + j] * own[j * row_stride + c];
            out[r * a->width + c] = sum;
        }
}

/* Queries [at, at + rows) of the query buffer; place[i] (or first + i) is their row. */
static void attend_tile(const attention *a, const clip_sequence *s, size_t head, const float *keys, float *scores, size_t stride,
                        size_t at, size_t rows) {
    size_t d = a->head_width, visible_keys = s->prefix + s->count;
    const float *query = a->query + at * a->width + head * d;
    for (size_t j = 0; j < visible_keys; j += CLIP_PANEL)
        a->kernels->f32(query, a->width, rows, d, keys + j, stride, scores + j, stride, 0);
    for (size_t r = 0; r < rows; r++) {
        size_t row = a->read ? a->read[at + r] : at + r;
        softmax(scores + r * stride, s->causal ? s->prefix + row - s->first + 1 : visible_keys, stride, a->scale);
    }
    weigh_values(a, s, head, scores, stride, rows, a->out + at * a->width + head * d);
}

static void attend_head(void *context, size_t head) {
    const attention *a = context;
    float *keys = a->scratch + head * a->scratch_stride;
    size_t next_read = 0;
    for (size_t i = 0; i < a->count; i++) {
        const clip_sequence *s = &a->sequences[i];
        size_t stride = padded(s->prefix + s->count), at = s->first, queries = s->count;
        if (a->read) {
            at = next_read;
            while (next_read < a->reads && a->read[next_read] < s->first + s->count) next_read++;
            queries = next_read - at;
        }
        if (queries == 0) continue;
        transpose_keys(a, s, head, keys, stride);
        float *scores = keys + a->head_width * stride;
        for (size_t end = at + queries; at < end; at += QUERY_ROWS)
            attend_tile(a, s, head, keys, scores, stride, at, end - at < QUERY_ROWS ? end - at : QUERY_ROWS);
    }
}

void clip_attention(const clip_kernels *kernels, clip_pool *pool, const float *query, const float *key_value, size_t width,
                    size_t heads, const clip_sequence *sequences, size_t count, const size_t *read, size_t reads, float *out,
                    float *scratch) {
    size_t head_width = width / heads, most = 0;
    for (size_t i = 0; i < count; i++)
        most = sequences[i].prefix + sequences[i].count > most ? sequences[i].prefix + sequences[i].count : most;
    attention a = {kernels,
                   query,
                   key_value,
                   width,
                   heads,
                   head_width,
                   sequences,
                   count,
                   read,
                   reads,
                   out,
                   scratch,
                   head_scratch(head_width, most),
                   1 / sqrtf((float)head_width)};
    clip_parallel(pool, heads, attend_head, &a);
}
