#include "linear.h"

#include <string.h>

#include "kernels.h"
#include "vector_math.h"

static size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }
static size_t panels_of(const clip_linear *linear) { return (linear->out + CLIP_PANEL - 1) / CLIP_PANEL; }
static size_t groups_of(const clip_linear *linear) { return linear->in / CLIP_Q4_GROUP; }

/* Bytes of one panel. */
static size_t panel_bytes(const clip_linear *linear) {
    switch (linear->precision) {
        case CLIP_F32: return linear->depth * CLIP_PANEL * sizeof(float);
        case CLIP_Q8: return linear->depth * CLIP_PANEL;
        case CLIP_Q4: return linear->depth * CLIP_PANEL / 2;
    }
    return 0;
}

void clip_linear_layout(clip_linear *linear, const clip_kernels *kernels, clip_arena *arena, size_t in, size_t out,
                        clip_precision precision) {
    if (precision == CLIP_Q4 && in % CLIP_Q4_GROUP) precision = CLIP_Q8;
    *linear = (clip_linear){.in = in, .out = out, .precision = precision, .depth = in};
    if (precision == CLIP_Q8) linear->depth = round_up(in, kernels->q8_unit);
    size_t panels = panels_of(linear), padded = panels * CLIP_PANEL;
    linear->packed = clip_arena_take(arena, panels, panel_bytes(linear));
    if (precision != CLIP_F32) linear->scale = clip_arena_take(arena, precision == CLIP_Q4 ? padded * groups_of(linear) : padded, sizeof(float));
    if (precision == CLIP_Q8) linear->sum = clip_arena_take(arena, padded, sizeof(float));
    linear->bias = clip_arena_take(arena, padded, sizeof(float));
    if (!linear->bias) return;
    /* Padding must be zero, and so must a bias that never comes; of the weights only the last panel has padding outputs, but any
     * panel may have padding inputs. */
    memset(linear->bias, 0, padded * sizeof(float));
    if (linear->scale) memset(linear->scale, 0, (precision == CLIP_Q4 ? padded * groups_of(linear) : padded) * sizeof(float));
    if (linear->sum) memset(linear->sum, 0, padded * sizeof(float));
    if (linear->depth != in) memset(linear->packed, 0, panels * panel_bytes(linear));
    else memset(linear->packed + (panels - 1) * panel_bytes(linear), 0, panel_bytes(linear));
}

void clip_linear_set_rows_q8(clip_linear *linear, const clip_kernels *kernels, size_t first, size_t rows, const int8_t *weight) {
    size_t unit = kernels->q8_unit, whole = linear->in / unit;
    for (size_t r = 0; r < rows; r++, weight += linear->in) {
        size_t out = first + r;
        unsigned char *to = linear->packed + out / CLIP_PANEL * panel_bytes(linear) + out % CLIP_PANEL * unit;
        int32_t sum = 0;
        if (unit == 4)
            for (size_t i = 0; i < whole; i++) memcpy(to + i * CLIP_PANEL * 4, weight + i * 4, 4);
        else
            for (size_t i = 0; i < whole; i++) memcpy(to + i * CLIP_PANEL * 2, weight + i * 2, 2);
        for (size_t i = whole * unit; i < linear->in; i++) to[whole * CLIP_PANEL * unit + i % unit] = (unsigned char)weight[i];
        for (size_t i = 0; i < linear->in; i++) sum += weight[i];
        linear->sum[out] = (float)sum;
    }
}

/* For each four inputs 16 bytes; byte 4 o + i has input i of output o in its low nibble and of output o + 4 in its high one. */
void clip_linear_set_rows_q4(clip_linear *linear, const clip_kernels *kernels, size_t first, size_t rows, const uint8_t *weight) {
    (void)kernels;
    for (size_t r = 0; r < rows; r++, weight += linear->in / 2) {
        size_t out = first + r, place = out % CLIP_PANEL, shift = place / 4 * 4;
        unsigned char *to = linear->packed + out / CLIP_PANEL * panel_bytes(linear) + place % 4 * 4, keep = (unsigned char)(0xf0 >> shift);
        for (size_t i = 0; i < linear->in; i++) {
            unsigned char nibble = weight[i / 2] >> (i & 1) * 4 & 15, *at = to + i / 4 * 16 + i % 4;
            *at = (unsigned char)((*at & keep) | nibble << shift);
        }
    }
}

void clip_linear_set_scales(clip_linear *linear, const clip_kernels *kernels, size_t first, size_t rows, const float *scale) {
    (void)kernels;
    if (linear->precision == CLIP_Q8) {
        memcpy(linear->scale + first, scale, rows * sizeof *scale);
        return;
    }
    size_t groups = groups_of(linear);
    for (size_t r = 0; r < rows; r++) {
        float *to = linear->scale + (first + r) / CLIP_PANEL * groups * CLIP_PANEL + (first + r) % CLIP_PANEL;
        for (size_t g = 0; g < groups; g++) to[g * CLIP_PANEL] = *scale++;
    }
}

void clip_linear_set_rows(clip_linear *linear, const clip_kernels *kernels, size_t first, size_t rows, const float *weight) {
    (void)kernels;
    for (size_t r = 0; r < rows; r++, weight += linear->in) {
        float *to = (float *)(linear->packed + (first + r) / CLIP_PANEL * panel_bytes(linear)) + (first + r) % CLIP_PANEL;
        for (size_t i = 0; i < linear->in; i++) to[i * CLIP_PANEL] = weight[i];
    }
}

/* ---- forward ---- */

/* z to y. */
static v128_t finish4(clip_epilogue epilogue, v128_t z, const float *y) {
    switch (epilogue) {
        case CLIP_ADD: return wasm_f32x4_add(z, wasm_v128_load(y));
        case CLIP_QUICK_GELU: return clip_quick_gelu(z);
        case CLIP_GELU: return clip_gelu(z);
        case CLIP_RELU: return wasm_f32x4_pmax(wasm_f32x4_splat(0), z);
        case CLIP_STORE: break;
    }
    return z;
}

typedef struct {
    const clip_linear *linear;
    const clip_kernels *kernels;
    const clip_activations *x;
    clip_epilogue epilogue;
    float *y;
    size_t stride;
    size_t panels, panels_a_task, rows_a_task, column_tasks;
} product;

/* A tile's sums (rows, CLIP_PANEL) to y, columns [column, column + width). */
static void store_tile(const product *p, const float *tile, size_t row, size_t rows, size_t column) {
    size_t width = p->linear->out - column < CLIP_PANEL ? p->linear->out - column : CLIP_PANEL;
    v128_t bias0 = wasm_v128_load(p->linear->bias + column), bias1 = wasm_v128_load(p->linear->bias + column + 4);
    for (size_t r = 0; r < rows; r++, tile += CLIP_PANEL) {
        float *y = p->y + (row + r) * p->stride + column, edge[CLIP_PANEL] = {0};
        float *to = y;
        if (width < CLIP_PANEL) {
            memcpy(edge, y, width * sizeof *y);
            to = edge;
        }
        v128_t z0 = wasm_f32x4_add(wasm_v128_load(tile), bias0), z1 = wasm_f32x4_add(wasm_v128_load(tile + 4), bias1);
        wasm_v128_store(to, finish4(p->epilogue, z0, to));
        wasm_v128_store(to + 4, finish4(p->epilogue, z1, to + 4));
        if (width < CLIP_PANEL) memcpy(y, edge, width * sizeof *y);
    }
}

static void multiply_tile(const product *p, size_t panel, size_t row, size_t rows, float *tile) {
    const clip_linear *l = p->linear;
    const clip_activations *x = p->x;
    const unsigned char *packed = l->packed + panel * panel_bytes(l);
    if (l->precision == CLIP_F32) {
        p->kernels->f32(x->f32 + row * l->in, l->in, rows, l->in, (const float *)packed, CLIP_PANEL, tile, CLIP_PANEL, 0);
        return;
    }
    size_t groups = groups_of(l);
    clip_tile t = {.a = x->q + row * x->stride, .a_stride = x->stride, .a_scale = x->scale + row, .a_offset = x->offset + row,
                   .depth = l->depth, .panel = packed, .scale = l->scale + panel * CLIP_PANEL};
    if (l->precision == CLIP_Q8) {
        t.sum = l->sum + panel * CLIP_PANEL;
        p->kernels->q8(&t, rows, tile);
    } else {
        t.scale = l->scale + panel * CLIP_PANEL * groups;
        t.group_sum = x->group_sum + row * groups;
        t.group_stride = groups;
        p->kernels->q4(&t, rows, tile);
    }
}

/* Some panels times some rows: a panel stays in the first-level cache while the rows pass by it, the rows in the second. */
static void multiply(void *context, size_t index) {
    const product *p = context;
    size_t first_panel = index % p->column_tasks * p->panels_a_task, first_row = index / p->column_tasks * p->rows_a_task;
    size_t last_panel = first_panel + p->panels_a_task < p->panels ? first_panel + p->panels_a_task : p->panels;
    size_t last_row = first_row + p->rows_a_task < p->x->rows ? first_row + p->rows_a_task : p->x->rows;
    float tile[CLIP_TILE_ROWS * CLIP_PANEL];
    for (size_t panel = first_panel; panel < last_panel; panel++)
        for (size_t row = first_row; row < last_row; row += CLIP_TILE_ROWS) {
            size_t rows = last_row - row < CLIP_TILE_ROWS ? last_row - row : CLIP_TILE_ROWS;
            multiply_tile(p, panel, row, rows, tile);
            store_tile(p, tile, row, rows, panel * CLIP_PANEL);
        }
}

#define ROWS_IN_CACHE 524288 /* bytes of activations that a task goes over again for each panel */
#define TASKS_A_THREAD 4     /* so that a thread which the machine holds up does not hold up the others */

void clip_linear_forward(const clip_linear *linear, const clip_kernels *kernels, clip_pool *pool, const clip_activations *x,
                         clip_epilogue epilogue, float *y, size_t stride) {
    if (x->rows == 0) return;
    product p = {linear, kernels, x, epilogue, y, stride, panels_of(linear), 0, 0, 0};
    size_t row_bytes = linear->precision == CLIP_F32 ? linear->in * sizeof(float) : x->stride;
    size_t rows = ROWS_IN_CACHE / row_bytes / CLIP_TILE_ROWS * CLIP_TILE_ROWS;
    p.rows_a_task = rows < CLIP_TILE_ROWS ? CLIP_TILE_ROWS : rows < x->rows ? rows : x->rows;
    size_t row_tasks = (x->rows + p.rows_a_task - 1) / p.rows_a_task;
    size_t wanted = pool ? clip_pool_threads(pool) * TASKS_A_THREAD / row_tasks + 1 : 1;
    p.panels_a_task = (p.panels + wanted - 1) / wanted;
    p.column_tasks = (p.panels + p.panels_a_task - 1) / p.panels_a_task;
    clip_parallel(pool, p.column_tasks * row_tasks, multiply, &p);
}
