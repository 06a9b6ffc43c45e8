/* linear_pack.c - weights into the kernels' order, row by row as they come: a copy at the speed of memory. */
#include <string.h>

#include "compute/linear_panel.h"
#include "compute/simd.h"

static size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

void clip_linear_layout(clip_linear *linear, const clip_kernels *kernels, clip_arena *arena, size_t in, size_t out,
                        clip_precision precision) {
    if (precision == CLIP_Q4 && in % CLIP_Q4_BLOCK) precision = CLIP_Q8;
    *linear = (clip_linear){.in = in, .out = out, .precision = precision, .depth = in};
    if (precision != CLIP_F32) linear->depth = round_up(in, CLIP_Q8_DEPTH);
    size_t panels = clip_panels(linear), padded = panels * CLIP_PANEL;
    linear->packed = clip_arena_take(arena, panels, clip_panel_bytes(linear));
    if (precision != CLIP_F32) {
        linear->scale = clip_arena_take(arena, padded, sizeof(float));
        linear->sum = clip_arena_take(arena, padded, sizeof(float));
    }
    if (precision != CLIP_F32 && kernels->q8_form == CLIP_ACTIVATION_U7 && in <= UINT16_MAX + 1) {
        linear->excess_room = linear->depth / 64 + 1;
        linear->excess = clip_arena_take(arena, panels * linear->excess_room, sizeof *linear->excess);
        linear->excesses = clip_arena_take(arena, panels, sizeof *linear->excesses);
        linear->heavy = clip_arena_take(arena, panels, 1);
    }
    linear->bias = clip_arena_take(arena, padded, sizeof(float));
    if (!linear->bias) return;
    /* Padding must be zero, and so must a bias that never comes; of the weights only the last panel has padding outputs, but any
     * panel may have padding inputs. */
    memset(linear->bias, 0, padded * sizeof(float));
    if (linear->scale) memset(linear->scale, 0, padded * sizeof(float));
    if (linear->sum) memset(linear->sum, 0, padded * sizeof(float));
    if (linear->excesses) memset(linear->excesses, 0, panels * sizeof *linear->excesses);
    if (linear->heavy) memset(linear->heavy, 0, panels);
    if (linear->depth != in) memset(linear->packed, 0, panels * clip_panel_bytes(linear));
    else memset(linear->packed + (panels - 1) * clip_panel_bytes(linear), 0, clip_panel_bytes(linear));
}

/* ---- weights too heavy to add four products in 16 bits, see kernels_relaxed_pairs.c ---- */

#define QUAD_LIMIT 258 /* times 127 still fits 16 bits */

/* Takes off a row's weights quad[0], [1], [4], [5], whose inputs start at `input`, what is beyond the limit on the side of `sign`.
 * 0: the list has no room for it. */
static int lighten(clip_linear *linear, size_t panel, size_t output, size_t input, int8_t *quad, int sign) {
    static const size_t places[4] = {0, 1, 4, 5};
    clip_excess *list = linear->excess + panel * linear->excess_room;
    int beyond = -QUAD_LIMIT;
    for (size_t i = 0; i < 4; i++) beyond += quad[places[i]] * sign > 0 ? quad[places[i]] * sign : 0;
    while (beyond > 0) {
        size_t heaviest = 0;
        for (size_t i = 1; i < 4; i++)
            if (quad[places[i]] * sign > quad[heaviest] * sign) heaviest = places[i];
        int off = quad[heaviest] * sign < beyond ? quad[heaviest] * sign : beyond;
        if (linear->excesses[panel] == linear->excess_room) return 0;
        list[linear->excesses[panel]++] = (clip_excess){(uint16_t)(input + heaviest), (uint8_t)output, (int8_t)(off * sign)};
        quad[heaviest] = (int8_t)(quad[heaviest] - off * sign);
        beyond -= off;
    }
    return 1;
}

/* Makes a row's next 16 weights light enough. A panel whose list is full becomes heavy; what its list has counts on. */
static void lighten16(clip_linear *linear, size_t panel, size_t output, size_t input, int8_t weights[16]) {
    v128_t w = wasm_v128_load(weights), zero = wasm_i8x16_splat(0);
    v128_t up = wasm_i16x8_extadd_pairwise_i8x16(wasm_i8x16_max(w, zero)),
           down = wasm_i16x8_extadd_pairwise_i8x16(wasm_i8x16_min(w, zero));
    up = wasm_i16x8_add(up, wasm_i32x4_shuffle(up, up, 1, 0, 3, 2));
    down = wasm_i16x8_add(down, wasm_i32x4_shuffle(down, down, 1, 0, 3, 2));
    v128_t heavy =
        wasm_v128_or(wasm_i16x8_gt(up, wasm_i16x8_splat(QUAD_LIMIT)), wasm_i16x8_lt(down, wasm_i16x8_splat(-QUAD_LIMIT)));
    if (!wasm_v128_any_true(heavy)) return;
    for (size_t quad = 0; quad < 12; quad += quad == 2 ? 6 : 2) /* 0, 2, 8, 10 */
        for (int sign = -1; sign <= 1; sign += 2) {
            if (linear->heavy[panel]) return;
            int8_t kept[16];
            uint16_t count = linear->excesses[panel];
            memcpy(kept, weights, sizeof kept);
            if (lighten(linear, panel, output, input + quad, weights + quad, sign)) continue;
            memcpy(weights, kept, sizeof kept);
            linear->excesses[panel] = count;
            linear->heavy[panel] = 1;
        }
}

/* Forgets what a row set before had. */
static void drop_excess(clip_linear *linear, size_t panel, size_t output) {
    clip_excess *list = linear->excess + panel * linear->excess_room;
    size_t kept = 0;
    for (size_t e = 0; e < linear->excesses[panel]; e++)
        if (list[e].output != output) list[kept++] = list[e];
    linear->excesses[panel] = (uint16_t)kept;
}

void clip_linear_set_rows_q8(clip_linear *linear, const clip_kernels *kernels, size_t first, size_t rows, const int8_t *weight) {
    const size_t unit = kernels->q8_unit, in = linear->in;
    for (size_t r = 0; r < rows; r++, weight += in) {
        size_t out = first + r, panel = out / CLIP_PANEL, output = out % CLIP_PANEL;
        unsigned char *to = linear->packed + panel * clip_panel_bytes(linear) + output * unit;
        if (linear->excess) drop_excess(linear, panel, output);
        v128_t total = wasm_i32x4_splat(0);
        for (size_t i = 0; i < in; i += 16) {
            int8_t some[16] = {0};
            memcpy(some, weight + i, in - i < 16 ? in - i : 16);
            total = wasm_i32x4_add(total, wasm_i32x4_extadd_pairwise_i16x8(wasm_i16x8_extadd_pairwise_i8x16(wasm_v128_load(some))));
            if (linear->excess) lighten16(linear, panel, output, i, some);
            size_t end = linear->depth - i < 16 ? linear->depth - i : 16;
            unsigned char *at = to + i * CLIP_PANEL;
            if (unit == 4)
                for (size_t j = 0; j < end; j += 4, at += 4 * CLIP_PANEL) memcpy(at, some + j, 4);
            else
                for (size_t j = 0; j < end; j += 2, at += 2 * CLIP_PANEL) memcpy(at, some + j, 2);
        }
        int32_t sum[4];
        wasm_v128_store(sum, total);
        linear->sum[out] = (float)(sum[0] + sum[1] + sum[2] + sum[3]);
    }
}

void clip_linear_set_scales(clip_linear *linear, const clip_kernels *kernels, size_t first, size_t rows, const float *scale) {
    (void)kernels;
    memcpy(linear->scale + first, scale, rows * sizeof *scale);
}

void clip_linear_set_rows(clip_linear *linear, const clip_kernels *kernels, size_t first, size_t rows, const float *weight) {
    (void)kernels;
    for (size_t r = 0; r < rows; r++, weight += linear->in) {
        float *to = (float *)(linear->packed + (first + r) / CLIP_PANEL * clip_panel_bytes(linear)) + (first + r) % CLIP_PANEL;
        for (size_t i = 0; i < linear->in; i++) to[i * CLIP_PANEL] = weight[i];
    }
}

void clip_linear_fold(clip_linear *linear, const float *factor, const float *bias) {
    memcpy(linear->bias, bias, linear->out * sizeof *bias);
    for (size_t o = 0; o < linear->out; o++) {
        if (linear->precision != CLIP_F32) {
            linear->scale[o] *= factor[o];
            continue;
        }
        float *weight = (float *)(linear->packed + o / CLIP_PANEL * clip_panel_bytes(linear)) + o % CLIP_PANEL;
        for (size_t i = 0; i < linear->in; i++) weight[i * CLIP_PANEL] *= factor[o];
    }
}
