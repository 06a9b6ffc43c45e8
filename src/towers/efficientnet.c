/* efficientnet.c - EfficientNet-Lite (Tan and Le 2019, without squeeze-and-excite and with ReLU6; timm's tf_efficientnet_lite0 to 4) as
 * OpenCLIP uses it: trunk, average pool, linear projection.
 *
 *     stem: 3x3 convolution of stride 2, ReLU6
 *     blocks: expand (1x1), ReLU6, depthwise, ReLU6, project (1x1), and the block's input added where it has the output's shape
 *     head: 1x1 convolution to 1280 channels, ReLU6, mean over the image, projection
 *
 * Images are (height, width, channels). Between blocks they are floats, few channels; inside, where they are wide, what ReLU6 leaves of
 * them is int16 (linear.h). The stem's weights, few and hard to round, stay f32. Batch norms are folded into what they follow.
 */
#include <math.h>

#include "compute/depthwise.h"
#include "towers/batch_norm.h"
#include "towers/network.h"
#include "towers/patches.h"

#define EPSILON   1e-3f /* of the batch norms, as TensorFlow's */
#define STAGES    7
#define STEM      32
#define FEATURES  1280
#define PATCH     27 /* 3 x 3 pixels */
#define STEM_ROWS 16 /* output rows of the stem at a time, so that their patches stay in the cache */

typedef struct {
    size_t stage, index; /* "blocks.stage.index" */
    size_t side, out_side, in, wide, out;
    clip_linear expand; /* (wide, in); the first stage has none */
    clip_depthwise depthwise;
    clip_linear project;      /* (out, wide) */
    clip_batch_norm norms[3]; /* of the three, in the order of the names bn1, bn2, bn3 */
    float *weight;            /* (wide, kernel kernel), of the depthwise convolution until finish */
} block;

typedef struct {
    clip_vision_config config;
    clip_precision precision;
    block *blocks;
    size_t count;
    clip_linear stem, head, projection;
    clip_batch_norm stem_norm, head_norm;
    clip_arena staging; /* what comes from the file, freed by finish */
} efficientnet;

typedef struct {
    float *patches; /* (STEM_ROWS out_side, PATCH) */
    clip_activations patch_rows;
    float *x;   /* the image between blocks */
    void *wide; /* inside blocks: float or int16 */
    clip_activations
        *rows; /* for each block what goes into expand, then what goes into project; last the head's. They share memory */
    clip_activations pooled; /* (1, FEATURES) */
    float *mean;             /* (FEATURES) */
} efficientnet_state;

/* ---- the list of blocks ---- */

/* Channels are rounded to a multiple of 8, but by no more than a tenth down. */
static size_t scaled_channels(size_t channels, double factor) {
    double exact = (double)channels * factor;
    size_t rounded = (size_t)(exact + 4) / 8 * 8;
    return (double)rounded < 0.9 * exact ? rounded + 8 : rounded;
}

static size_t half(size_t side) { return (side + 1) / 2; }

/* Fills `blocks`, if it is not NULL, with what the blocks are, and answers how many. */
static size_t list_blocks(const clip_vision_config *config, block *blocks) {
    static const struct {
        size_t repeats, kernel, stride, channels;
    } STAGE[STAGES] = {{1, 3, 1, 16}, {2, 3, 2, 24}, {2, 5, 2, 40}, {3, 3, 2, 80}, {3, 5, 1, 112}, {4, 5, 2, 192}, {1, 3, 1, 320}};
    static const struct { double channels, depth; } LITE[] = {{1, 1}, {1, 1.1}, {1.1, 1.2}, {1.2, 1.4}, {1.4, 1.8}};
    size_t count = 0, side = half(config->image_size), in = STEM;
    for (size_t stage = 0; stage < STAGES; stage++) {
        int end = stage == 0 || stage == STAGES - 1; /* those are not repeated more in deeper networks */
        size_t repeats = end ? STAGE[stage].repeats : (size_t)ceil((double)STAGE[stage].repeats * LITE[config->lite].depth);
        size_t out = scaled_channels(STAGE[stage].channels, LITE[config->lite].channels);
        for (size_t i = 0; i < repeats; i++, count++) {
            clip_depthwise_shape shape = {stage ? 6 * in : in, STAGE[stage].kernel, i ? 1 : STAGE[stage].stride, side, 0};
            size_t after = clip_depthwise_side(&shape);
            if (blocks) blocks[count] = (block){stage, i, side, after, in, shape.channels, out, .depthwise = {.shape = shape}};
            side = after;
            in = out;
        }
    }
    return count;
}

/* ---- weights ---- */

/* What is dropped once it is folded. */
static void layout_staging(efficientnet *net, clip_arena *arena) {
    clip_batch_norm_layout(&net->stem_norm, arena, STEM);
    clip_batch_norm_layout(&net->head_norm, arena, FEATURES);
    for (size_t i = 0; i < net->count; i++) {
        block *b = &net->blocks[i];
        size_t taps = b->depthwise.shape.kernel * b->depthwise.shape.kernel;
        for (int n = 0; n < 3; n++) clip_batch_norm_layout(&b->norms[n], arena, b->wide > b->out ? b->wide : b->out);
        b->weight = clip_arena_take(arena, b->wide * taps, sizeof(float));
    }
}

static clip_status layout(void *model, const clip_kernels *kernels, clip_arena *arena, const clip_config *all,
                          clip_precision precision) {
    efficientnet *net = model;
    const clip_vision_config *config = &all->vision;
    if (precision == CLIP_Q4) precision = CLIP_Q8; /* int4 is for transformers' blocks */
    *net = (efficientnet){.config = *config, .precision = precision, .count = list_blocks(config, NULL)};
    clip_linear_layout(&net->stem, kernels, arena, PATCH, STEM, CLIP_F32);
    net->blocks = clip_arena_take_structures(arena, net->count, sizeof *net->blocks);
    block measured[64];
    block *blocks = net->blocks ? net->blocks : measured;
    list_blocks(config, blocks);
    for (size_t i = 0; i < net->count; i++) {
        block *b = &blocks[i];
        const clip_depthwise_shape shape = b->depthwise.shape;
        if (b->stage) clip_linear_layout(&b->expand, kernels, arena, b->in, b->wide, precision);
        clip_depthwise_layout(&b->depthwise, arena, &shape, precision);
        clip_linear_layout(&b->project, kernels, arena, b->wide, b->out, precision);
    }
    clip_linear_layout(&net->head, kernels, arena, blocks[net->count - 1].out, FEATURES, precision);
    clip_linear_layout(&net->projection, kernels, arena, FEATURES, config->embedding, precision);
    if (!clip_arena_ok(arena)) return CLIP_ERROR_MEMORY;
    if (!net->blocks) return CLIP_OK;
    clip_arena staging = clip_arena_measure();
    layout_staging(net, &staging);
    clip_status status = clip_arena_allocate(&net->staging, &staging);
    if (status == CLIP_OK) layout_staging(net, &net->staging);
    return status;
}

static size_t slot_count(const clip_config *config) { return list_blocks(&config->vision, NULL) * 15 + 12; }

/* A convolution as a product: its tensor is (out, in, kernel, kernel). */
static void add_convolution(clip_slots *slots, const char *prefix, const char *name, clip_linear *linear, size_t kernel) {
    clip_slots_add_linear(slots, prefix, name, linear, 0, linear->out);
    clip_slots_set_kernel(slots, kernel);
}

static void add_block(block *b, clip_slots *slots) {
    static const char *const FIRST[] = {"", "conv_dw.weight", "conv_pw.weight"}, *const OTHER[] = {"conv_pw.weight",
                                                                                                   "conv_dw.weight",
                                                                                                   "conv_pwl.weight"};
    const char *const *names = b->stage ? OTHER : FIRST;
    size_t taps = b->depthwise.shape.kernel * b->depthwise.shape.kernel;
    char prefix[] = "visual.trunk.blocks.0.0.";
    prefix[20] = (char)('0' + b->stage);
    prefix[22] = (char)('0' + b->index);
    if (b->stage) add_convolution(slots, prefix, names[0], &b->expand, 1);
    if (b->stage) clip_batch_norm_slots(slots, prefix, "bn1.", &b->norms[0], b->wide);
    clip_slots_add_values(slots, prefix, names[1], b->weight, b->wide, taps);
    clip_slots_set_kernel(slots, b->depthwise.shape.kernel);
    clip_batch_norm_slots(slots, prefix, b->stage ? "bn2." : "bn1.", &b->norms[1], b->wide);
    add_convolution(slots, prefix, names[2], &b->project, 1);
    clip_batch_norm_slots(slots, prefix, b->stage ? "bn3." : "bn2.", &b->norms[2], b->out);
}

static void list_slots(void *model, clip_slots *slots) {
    static const char TRUNK[] = "visual.trunk.";
    efficientnet *net = model;
    add_convolution(slots, TRUNK, "conv_stem.weight", &net->stem, 3);
    clip_batch_norm_slots(slots, TRUNK, "bn1.", &net->stem_norm, STEM);
    for (size_t i = 0; i < net->count; i++) add_block(&net->blocks[i], slots);
    add_convolution(slots, TRUNK, "conv_head.weight", &net->head, 1);
    clip_batch_norm_slots(slots, TRUNK, "bn2.", &net->head_norm, FEATURES);
    clip_slots_add_linear(slots, "visual.head.", "proj.weight", &net->projection, 0, net->config.embedding);
    if (net->config.projection_bias)
        clip_slots_add_values(slots, "visual.head.", "proj.bias", net->projection.bias, net->config.embedding, 1);
}

static clip_status fold_linear(clip_linear *linear, clip_batch_norm *norm, float steps) {
    clip_status status = clip_batch_norm_fold(norm, linear->out, EPSILON, steps);
    if (status == CLIP_OK) clip_linear_fold(linear, norm->gain, norm->beta);
    return status;
}

static clip_status finish_block(block *b, float steps) {
    clip_status status = b->stage ? fold_linear(&b->expand, &b->norms[0], steps) : CLIP_OK;
    if (status == CLIP_OK) status = fold_linear(&b->project, &b->norms[2], 1);
    if (status == CLIP_OK) status = clip_batch_norm_fold(&b->norms[1], b->wide, EPSILON, 1);
    if (status != CLIP_OK) return status;
    clip_depthwise_set(&b->depthwise, b->weight, b->norms[1].gain, b->norms[1].beta);
    b->weight = NULL;
    return CLIP_OK;
}

static clip_status finish(void *model, const clip_kernels *kernels) {
    (void)kernels;
    efficientnet *net = model;
    float steps = net->precision == CLIP_F32 ? 1 : CLIP_RELU6_STEPS; /* of what goes through ReLU6 to int16 */
    clip_status status = fold_linear(&net->stem, &net->stem_norm, steps);
    if (status == CLIP_OK) status = fold_linear(&net->head, &net->head_norm, steps);
    for (size_t i = 0; i < net->count && status == CLIP_OK; i++) status = finish_block(&net->blocks[i], steps);
    clip_arena_free(&net->staging);
    return status;
}

static void destroy(void *model) { clip_arena_free(&((efficientnet *)model)->staging); }

/* ---- workspace ---- */

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static void layout_state(void *scratch, const clip_kernels *kernels, clip_arena *arena, const clip_config *all,
                         clip_precision precision) {
    efficientnet_state *state = scratch;
    const clip_vision_config *config = &all->vision;
    block blocks[64];
    size_t count = list_blocks(config, blocks), side = half(config->image_size), last = count - 1;
    size_t x = 0, wide = larger(side * side * STEM, blocks[last].out_side * blocks[last].out_side * FEATURES);
    if (precision == CLIP_Q4) precision = CLIP_Q8;
    state->patches = clip_arena_take(arena, STEM_ROWS * side * PATCH, sizeof(float));
    clip_activations_layout(&state->patch_rows, kernels, arena, STEM_ROWS * side, PATCH, CLIP_F32);
    state->rows = clip_arena_take(arena, 2 * count + 1, sizeof *state->rows);
    if (!clip_arena_ok(arena)) return;
    size_t mark = arena->used, most = mark;
    for (size_t i = 0; i < 2 * count + 1; i++) {
        const block *b = &blocks[i / 2 < count ? i / 2 : last];
        size_t pixels = i == 2 * count || i % 2 ? b->out_side * b->out_side : b->side * b->side;
        clip_activations measured, *rows = state->rows ? &state->rows[i] : &measured;
        arena->used = mark;
        clip_activations_layout(rows, kernels, arena, pixels, i == 2 * count ? b->out : i % 2 ? b->wide : b->in, precision);
        most = larger(most, arena->used);
        x = larger(x, b->out_side * b->out_side * b->out);
        wide = larger(wide, b->side * b->side * b->wide);
    }
    arena->used = most;
    state->x = clip_arena_take(arena, x, sizeof(float));
    state->wide = clip_arena_take(arena, wide, precision == CLIP_F32 ? sizeof(float) : sizeof(int16_t));
    clip_activations_layout(&state->pooled, kernels, arena, 1, FEATURES, precision);
    state->mean = clip_arena_take(arena, FEATURES, sizeof(float));
}

/* ---- forward ---- */

/* ReLU6 of a product to `wide`, from pixel `first` on. */
static void widen(const efficientnet *net, const clip_kernels *kernels, clip_pool *pool, const clip_linear *linear,
                  const clip_activations *rows, void *wide, size_t first) {
    if (net->precision == CLIP_F32)
        clip_linear_forward(linear, kernels, pool, rows, CLIP_RELU6, (float *)wide + first * linear->out, linear->out);
    else clip_linear_forward_relu6(linear, kernels, pool, rows, (int16_t *)wide + first * linear->out);
}

static void stem(const efficientnet *net, const clip_kernels *kernels, clip_pool *pool, efficientnet_state *state,
                 const float *pixels) {
    size_t size = net->config.image_size, side = half(size);
    for (size_t row = 0; row < side; row += STEM_ROWS) {
        size_t rows = side - row < STEM_ROWS ? side - row : STEM_ROWS;
        clip_gather_stem(pixels, size, clip_same_padding(size, 3, 2), row, rows, state->patches);
        clip_activations_set(&state->patch_rows, kernels, pool, state->patches, rows * side);
        widen(net, kernels, pool, &net->stem, &state->patch_rows, state->wide, row * side);
    }
}

/* wide (pixels, FEATURES) -> mean (FEATURES) */
static void average(const efficientnet *net, const void *wide, size_t pixels, float *mean) {
    for (size_t c = 0; c < FEATURES; c++) {
        float sum = 0;
        int64_t steps = 0;
        if (net->precision == CLIP_F32)
            for (size_t p = 0; p < pixels; p++) sum += ((const float *)wide)[p * FEATURES + c];
        else
            for (size_t p = 0; p < pixels; p++) steps += ((const int16_t *)wide)[p * FEATURES + c];
        mean[c] = (net->precision == CLIP_F32 ? sum : (float)steps / CLIP_RELU6_STEPS) / (float)pixels;
    }
}

static void run_block(const efficientnet *net, const clip_kernels *kernels, clip_pool *pool, efficientnet_state *state, size_t i) {
    const block *b = &net->blocks[i];
    clip_activations *narrow = &state->rows[2 * i], *rows = narrow + 1;
    if (b->stage) {
        clip_activations_set(narrow, kernels, pool, state->x, b->side * b->side);
        widen(net, kernels, pool, &b->expand, narrow, state->wide, 0);
    }
    clip_depthwise_forward(&b->depthwise, kernels, pool, state->wide, rows);
    clip_linear_forward(&b->project, kernels, pool, rows, b->index ? CLIP_ADD : CLIP_STORE, state->x, b->out);
}

static void head(const efficientnet *net, const clip_kernels *kernels, clip_pool *pool, efficientnet_state *state,
                 float *embedding) {
    size_t side = net->blocks[net->count - 1].out_side;
    clip_activations *rows = &state->rows[2 * net->count];
    clip_activations_set(rows, kernels, pool, state->x, side * side);
    widen(net, kernels, pool, &net->head, rows, state->wide, 0);
    average(net, state->wide, side * side, state->mean);
    clip_activations_set(&state->pooled, kernels, pool, state->mean, 1);
    clip_linear_forward(&net->projection, kernels, pool, &state->pooled, CLIP_STORE, embedding, net->config.embedding);
}

static void encode_image(const void *model, const clip_kernels *kernels, clip_pool *pool, void *state, const float *pixels,
                         float *embedding) {
    const efficientnet *net = model;
    stem(net, kernels, pool, state, pixels);
    for (size_t i = 0; i < net->count; i++) run_block(net, kernels, pool, state, i);
    head(net, kernels, pool, state, embedding);
}

const clip_network clip_efficientnet_network = {
    .model_bytes = sizeof(efficientnet),
    .state_bytes = sizeof(efficientnet_state),
    .layout = layout,
    .layout_state = layout_state,
    .slot_count = slot_count,
    .slots = list_slots,
    .finish = finish,
    .destroy = destroy,
    .encode_image = encode_image,
};
