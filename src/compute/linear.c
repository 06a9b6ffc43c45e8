/* linear.c - the product itself: which rows meet which panels, in which order, on which thread; and what happens to the sums. */
#include "compute/linear.h"

#include <string.h>

#include "compute/linear_panel.h"
#include "compute/vector_math.h"

typedef struct {
    const clip_linear *linear;
    const clip_kernels *kernels;
    const clip_activations *x;
    clip_epilogue epilogue;
    float *y;
    int16_t *y16; /* ReLU6 goes here, not to y */
    size_t stride;
    size_t panels, panels_a_task, rows_a_task, column_tasks;
} product;

/* Four of z = W x + b to y. */
static inline v128_t finish4(clip_epilogue epilogue, v128_t z, const float *y) {
    switch (epilogue) {
    case CLIP_ADD: return wasm_f32x4_add(z, wasm_v128_load(y));
    case CLIP_QUICK_GELU: return clip_quick_gelu(z);
    case CLIP_GELU: return clip_gelu(z);
    case CLIP_RELU: return wasm_f32x4_pmax(wasm_f32x4_splat(0), z);
    case CLIP_GELU_TANH: return clip_gelu_tanh(z);
    case CLIP_RELU6: return wasm_f32x4_pmin(wasm_f32x4_splat(6), wasm_f32x4_pmax(wasm_f32x4_splat(0), z));
    case CLIP_STORE: break;
    }
    return z;
}

/* A block's sums (rows, CLIP_PANEL) to y, columns [column, column + width). Compiled once for each epilogue. */
static inline __attribute__((always_inline)) void store_block(const product *p, clip_epilogue epilogue, const float *sums,
                                                              size_t row, size_t rows, size_t column) {
    size_t width = p->linear->out - column < CLIP_PANEL ? p->linear->out - column : CLIP_PANEL;
    float *y = p->y + row * p->stride + column;
    const float *bias = p->linear->bias + column;
    for (size_t r = 0; r < rows; r++, sums += CLIP_PANEL, y += p->stride) {
        float edge[CLIP_PANEL] = {0}, *to = width < CLIP_PANEL ? edge : y;
        if (width < CLIP_PANEL) memcpy(edge, y, width * sizeof *y);
        for (size_t i = 0; i < CLIP_PANEL; i += 4) {
            v128_t z = wasm_f32x4_add(wasm_v128_load(sums + i), wasm_v128_load(bias + i));
            wasm_v128_store(to + i, finish4(epilogue, z, to + i));
        }
        if (width < CLIP_PANEL) memcpy(y, edge, width * sizeof *y);
    }
}

/* The same for ReLU6 in int16. Adding 1.5 2^23 rounds, see activations.c. */
static void store_relu6(const product *p, const float *sums, size_t row, size_t rows, size_t column) {
    const v128_t most = wasm_f32x4_splat(32767), magic = wasm_f32x4_splat(12582912.0f), zero = wasm_f32x4_splat(0);
    v128_t bias0 = wasm_v128_load(p->linear->bias + column), bias1 = wasm_v128_load(p->linear->bias + column + 4);
    int16_t *y = p->y16 + row * p->stride + column;
    size_t width = p->linear->out - column < CLIP_PANEL ? p->linear->out - column : CLIP_PANEL;
    for (size_t r = 0; r < rows; r++, sums += CLIP_PANEL, y += p->stride) {
        v128_t z0 = wasm_f32x4_add(wasm_v128_load(sums), bias0), z1 = wasm_f32x4_add(wasm_v128_load(sums + 4), bias1);
        z0 = wasm_f32x4_add(wasm_f32x4_pmin(most, wasm_f32x4_pmax(zero, z0)), magic);
        z1 = wasm_f32x4_add(wasm_f32x4_pmin(most, wasm_f32x4_pmax(zero, z1)), magic);
        v128_t eight = wasm_i16x8_narrow_i32x4(wasm_i32x4_sub(z0, magic), wasm_i32x4_sub(z1, magic));
        if (width == CLIP_PANEL) {
            wasm_v128_store(y, eight);
        } else {
            int16_t edge[CLIP_PANEL];
            wasm_v128_store(edge, eight);
            memcpy(y, edge, width * sizeof *y);
        }
    }
}

static void store(const product *p, const float *sums, size_t row, size_t rows, size_t column) {
    if (p->y16) {
        store_relu6(p, sums, row, rows, column);
        return;
    }
    switch (p->epilogue) {
    case CLIP_STORE: store_block(p, CLIP_STORE, sums, row, rows, column); break;
    case CLIP_ADD: store_block(p, CLIP_ADD, sums, row, rows, column); break;
    case CLIP_QUICK_GELU: store_block(p, CLIP_QUICK_GELU, sums, row, rows, column); break;
    case CLIP_GELU: store_block(p, CLIP_GELU, sums, row, rows, column); break;
    case CLIP_RELU: store_block(p, CLIP_RELU, sums, row, rows, column); break;
    case CLIP_GELU_TANH: store_block(p, CLIP_GELU_TANH, sums, row, rows, column); break;
    case CLIP_RELU6: store_block(p, CLIP_RELU6, sums, row, rows, column); break;
    }
}

static void multiply_block(const product *p, size_t panel, size_t row, size_t rows, float *sums) {
    const clip_linear *l = p->linear;
    const clip_activations *x = p->x;
    const unsigned char *packed = l->packed + panel * clip_panel_bytes(l);
    if (l->precision == CLIP_F32) {
        p->kernels->f32(x->f32 + row * l->in, l->in, rows, l->in, (const float *)packed, CLIP_PANEL, sums, CLIP_PANEL, 0);
        return;
    }
    clip_tile t = {.a = x->q + row * x->stride,
                   .a_stride = x->stride,
                   .a_scale = x->scale + row,
                   .a_offset = x->offset + row,
                   .depth = l->depth,
                   .panel = packed,
                   .scale = l->scale + panel * CLIP_PANEL,
                   .sum = l->sum + panel * CLIP_PANEL};
    if (l->excess) {
        t.excess = l->excess + panel * l->excess_room;
        t.excesses = l->excesses[panel];
        t.heavy = l->heavy[panel];
    }
    p->kernels->q8(&t, rows, sums);
}

/* Some panels times some rows: a panel stays in the first-level cache while the rows pass by it, the rows in the second. */
static void multiply(void *context, size_t index) {
    const product *p = context;
    size_t first_panel = index % p->column_tasks * p->panels_a_task, first_row = index / p->column_tasks * p->rows_a_task;
    size_t last_panel = first_panel + p->panels_a_task < p->panels ? first_panel + p->panels_a_task : p->panels;
    size_t last_row = first_row + p->rows_a_task < p->x->rows ? first_row + p->rows_a_task : p->x->rows;
    float sums[CLIP_BLOCK_ROWS * CLIP_PANEL];
    for (size_t panel = first_panel; panel < last_panel; panel++) {
        size_t blocks = (last_row - first_row + CLIP_BLOCK_ROWS - 1) / CLIP_BLOCK_ROWS; /* all about as large as another */
        for (size_t row = first_row, rows; row < last_row; row += rows, blocks--) {
            rows = (last_row - row + blocks - 1) / blocks;
            multiply_block(p, panel, row, rows, sums);
            store(p, sums, row, rows, panel * CLIP_PANEL);
        }
    }
}

#define ROWS_IN_CACHE  524288 /* bytes of activations that a task goes over again for each panel */
#define TASKS_A_THREAD 4      /* so that a thread which the machine holds up does not hold up the others */

static void forward(product p, clip_pool *pool) {
    const clip_linear *linear = p.linear;
    const clip_activations *x = p.x;
    if (x->rows == 0) return;
    p.panels = clip_panels(linear);
    size_t row_bytes = linear->precision == CLIP_F32 ? linear->in * sizeof(float) : x->stride;
    size_t most = ROWS_IN_CACHE / row_bytes < CLIP_BLOCK_ROWS ? CLIP_BLOCK_ROWS : ROWS_IN_CACHE / row_bytes;
    size_t row_tasks = (x->rows + most - 1) / most;
    p.rows_a_task = (x->rows + row_tasks - 1) / row_tasks;
    size_t wanted = pool ? clip_pool_threads(pool) * TASKS_A_THREAD / row_tasks + 1 : 1;
    p.panels_a_task = (p.panels + wanted - 1) / wanted;
    p.column_tasks = (p.panels + p.panels_a_task - 1) / p.panels_a_task;
    clip_parallel(pool, p.column_tasks * row_tasks, multiply, &p);
}

void clip_linear_forward(const clip_linear *linear, const clip_kernels *kernels, clip_pool *pool, const clip_activations *x,
                         clip_epilogue epilogue, float *y, size_t stride) {
    forward((product){.linear = linear, .kernels = kernels, .x = x, .epilogue = epilogue, .y = y, .stride = stride}, pool);
}

void clip_linear_forward_relu6(const clip_linear *linear, const clip_kernels *kernels, clip_pool *pool, const clip_activations *x,
                               int16_t *y) {
    forward((product){.linear = linear, .kernels = kernels, .x = x, .y16 = y, .stride = linear->out}, pool);
}
