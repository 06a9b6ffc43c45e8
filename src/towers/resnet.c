/* resnet.c - CLIP's ModifiedResNet (OpenAI's model.py; He et al. 2016, with a three-convolution stem, average pooling instead of
 * strides, and attention pooling instead of a mean). Images are (height, width, channels). */
#include <math.h>
#include <string.h>

#include "compute/attention.h"
#include "compute/convolution.h"
#include "towers/network.h"

#define EPSILON         1e-5f /* PyTorch's BatchNorm2d */
#define SLOTS_PER_LAYER 5

/* A convolution and its BatchNorm. */
typedef struct {
    clip_convolution convolution; /* with the norm in it, once resnet_model_finish was called */
    /* as the file has them, until resnet_model_finish */
    float *weight;                        /* f32: (out, in kernel kernel) */
    int8_t *weight_q8;                    /* otherwise: the same, with a scale an output */
    float *scale;                         /* (out) */
    float *gain, *beta, *mean, *variance; /* (out) */
} resnet_layer;

typedef struct {
    clip_vision_config config;
    size_t side, channels; /* of the last stage's image */
    resnet_layer *layers;  /* stem, then for each bottleneck its three and, in a stage's first, the shortcut's */
    size_t count;
    clip_arena staging;            /* what comes from the file, freed by finish */
    float *positional_embedding;   /* (side^2 + 1, channels) */
    clip_linear query, key, value; /* (channels, channels) */
    clip_linear projection;        /* (embedding, channels) */
} resnet_model;

typedef struct {
    float *images[4];          /* NHWC images, each as large as the largest */
    clip_activations *patches; /* (layers); they share one memory */
    clip_activations pool_rows, query_row, out_row;
    float *tokens, *query, *key_value, *attended, *attention;
} resnet_state;

/* ---- the list of layers ---- */

static size_t layer_count(const clip_vision_config *config) {
    size_t count = 3;
    for (int s = 0; s < CLIP_RESNET_STAGES; s++) count += 3 * config->blocks[s] + 1;
    return count;
}

/* Calls `each` for every layer in order, with its name ("conv1", "layer1.0.conv1", "layer1.0.downsample.0") and its norm's. */
typedef void (*layer_visitor)(void *context, size_t index, const clip_convolution_shape *shape, const char *name, const char *norm);

static const char *part_name(char *to, int stage, size_t block, const char *part) {
    char *at = to;
    memcpy(at, "visual.layer", 12);
    at += 12;
    *at++ = (char)('1' + stage);
    *at++ = '.';
    if (block >= 100) *at++ = (char)('0' + block / 100);
    if (block >= 10) *at++ = (char)('0' + block / 10 % 10);
    *at++ = (char)('0' + block % 10);
    *at++ = '.';
    strcpy(at, part);
    return to;
}

static void visit_layers(const clip_vision_config *config, layer_visitor each, void *context) {
    static const char *const STEM[3][2] = {
        {"visual.conv1.", "visual.bn1."}, {"visual.conv2.", "visual.bn2."}, {"visual.conv3.", "visual.bn3."}};
    static const char *const PARTS[4][2] = {
        {"conv1.", "bn1."}, {"conv2.", "bn2."}, {"conv3.", "bn3."}, {"downsample.0.", "downsample.1."}};
    size_t half = config->stem / 2, side = config->image_size, index = 0, channels = config->stem;
    const clip_convolution_shape stem[3] = {{3, half, 3, 2, side}, {half, half, 3, 1, side / 2}, {half, channels, 3, 1, side / 2}};
    for (int i = 0; i < 3; i++) each(context, index++, &stem[i], STEM[i][0], STEM[i][1]);
    side /= 4;
    for (int stage = 0; stage < CLIP_RESNET_STAGES; stage++)
        for (size_t block = 0; block < config->blocks[stage]; block++) {
            size_t planes = config->stem << stage, after = stage && block == 0 ? side / 2 : side;
            const clip_convolution_shape shapes[4] = {{channels, planes, 1, 1, side},
                                                      {planes, planes, 3, 1, side},
                                                      {planes, 4 * planes, 1, 1, after},
                                                      {channels, 4 * planes, 1, 1, after}};
            for (int i = 0; i < (block == 0 ? 4 : 3); i++) {
                char name[CLIP_SLOT_NAME], norm[CLIP_SLOT_NAME];
                each(context, index++, &shapes[i], part_name(name, stage, block, PARTS[i][0]),
                     part_name(norm, stage, block, PARTS[i][1]));
            }
            side = after;
            channels = 4 * planes;
        }
}

/* ---- weights ---- */

typedef struct {
    resnet_model *resnet;
    const clip_kernels *kernels;
    clip_arena *weights, *staging;
    clip_precision precision;
} layout_context;

static void layout_layer(void *context, size_t index, const clip_convolution_shape *shape, const char *name, const char *norm) {
    (void)name, (void)norm;
    layout_context *c = context;
    resnet_layer measured, *layer = c->resnet->layers ? &c->resnet->layers[index] : &measured;
    size_t weights = shape->out * shape->in * shape->kernel * shape->kernel;
    *layer = (resnet_layer){0};
    if (c->precision == CLIP_F32) layer->weight = clip_arena_take(c->staging, weights, sizeof(float));
    else layer->weight_q8 = clip_arena_take(c->staging, weights, 1);
    float **const vectors[] = {&layer->scale, &layer->gain, &layer->beta, &layer->mean, &layer->variance};
    for (int i = 0; i < 5; i++) *vectors[i] = clip_arena_take(c->staging, shape->out, sizeof(float));
    clip_convolution_layout(&layer->convolution, c->kernels, c->weights, shape, c->precision);
}

static clip_status layout(void *model, const clip_kernels *kernels, clip_arena *arena, const clip_config *all,
                          clip_precision precision) {
    resnet_model *resnet = model;
    const clip_vision_config *config = &all->vision;
    *resnet = (resnet_model){
        .config = *config, .side = config->image_size / 32, .channels = config->stem * 32, .count = layer_count(config)};
    resnet->layers = clip_arena_take_structures(arena, resnet->count, sizeof *resnet->layers);
    if (resnet->layers)
        memset(resnet->layers, 0, resnet->count * sizeof *resnet->layers); /* so that destroy may come at any time */
    /* int4 would save little in a ResNet, whose cost is in its 3x3 convolutions */
    if (precision == CLIP_Q4) precision = CLIP_Q8;
    clip_arena staging = clip_arena_measure(), no_weights = clip_arena_measure();
    layout_context context = {resnet, kernels, &no_weights, &staging, precision};
    visit_layers(config, layout_layer, &context);
    context.weights = arena;
    clip_arena again = clip_arena_measure();
    context.staging = &again;
    if (resnet->layers && !arena->sketch) { /* for good: staging is allocated too */
        clip_status status = clip_arena_allocate(&resnet->staging, &staging);
        if (status != CLIP_OK) return status;
        context.staging = &resnet->staging;
    }
    visit_layers(config, layout_layer, &context);
    resnet->positional_embedding = clip_arena_take(arena, (resnet->side * resnet->side + 1) * resnet->channels, sizeof(float));
    clip_linear_layout(&resnet->query, kernels, arena, resnet->channels, resnet->channels, precision);
    clip_linear_layout(&resnet->key, kernels, arena, resnet->channels, resnet->channels, precision);
    clip_linear_layout(&resnet->value, kernels, arena, resnet->channels, resnet->channels, precision);
    clip_linear_layout(&resnet->projection, kernels, arena, resnet->channels, config->embedding, precision);
    return clip_arena_ok(arena) && clip_arena_ok(&staging) ? CLIP_OK : CLIP_ERROR_MEMORY;
}

static size_t slot_count(const clip_config *config) { return layer_count(&config->vision) * SLOTS_PER_LAYER + 9; }

typedef struct {
    resnet_model *resnet;
    clip_slots *slots;
} slots_context;

static void add_layer_slots(void *context, size_t index, const clip_convolution_shape *shape, const char *name, const char *norm) {
    slots_context *c = context;
    resnet_layer *layer = &c->resnet->layers[index];
    size_t columns = shape->in * shape->kernel * shape->kernel;
    if (layer->weight) clip_slots_add_values(c->slots, name, "weight", layer->weight, shape->out, columns);
    else clip_slots_add_int8(c->slots, name, "weight", layer->weight_q8, layer->scale, shape->out, columns);
    clip_slots_set_kernel(c->slots, shape->kernel);
    clip_slots_add_values(c->slots, norm, "weight", layer->gain, shape->out, 1);
    clip_slots_add_values(c->slots, norm, "bias", layer->beta, shape->out, 1);
    clip_slots_add_values(c->slots, norm, "running_mean", layer->mean, shape->out, 1);
    clip_slots_add_values(c->slots, norm, "running_var", layer->variance, shape->out, 1);
}

static void list_slots(void *model, clip_slots *slots) {
    resnet_model *resnet = model;
    static const char POOL[] = "visual.attnpool.";
    size_t channels = resnet->channels;
    slots_context context = {resnet, slots};
    visit_layers(&resnet->config, add_layer_slots, &context);
    clip_slots_add_values(slots, POOL, "positional_embedding", resnet->positional_embedding, resnet->side * resnet->side + 1,
                          channels);
    clip_slots_add_linear(slots, POOL, "q_proj.weight", &resnet->query, 0, channels);
    clip_slots_add_values(slots, POOL, "q_proj.bias", resnet->query.bias, channels, 1);
    clip_slots_add_linear(slots, POOL, "k_proj.weight", &resnet->key, 0, channels);
    clip_slots_add_values(slots, POOL, "k_proj.bias", resnet->key.bias, channels, 1);
    clip_slots_add_linear(slots, POOL, "v_proj.weight", &resnet->value, 0, channels);
    clip_slots_add_values(slots, POOL, "v_proj.bias", resnet->value.bias, channels, 1);
    clip_slots_add_linear(slots, POOL, "c_proj.weight", &resnet->projection, 0, resnet->config.embedding);
    clip_slots_add_values(slots, POOL, "c_proj.bias", resnet->projection.bias, resnet->config.embedding, 1);
}

/* BatchNorm as y = x * factor + bias: factor replaces gain, bias replaces beta. */
static int fold(resnet_layer *layer) {
    int finite = 1;
    for (size_t o = 0; o < layer->convolution.shape.out; o++) {
        layer->gain[o] /= sqrtf(layer->variance[o] + EPSILON);
        layer->beta[o] -= layer->mean[o] * layer->gain[o];
        finite &= isfinite(layer->gain[o]) && isfinite(layer->beta[o]);
    }
    return finite;
}

static clip_status finish(void *model, const clip_kernels *kernels) {
    resnet_model *resnet = model;
    for (size_t i = 0; i < resnet->count; i++) {
        resnet_layer *layer = &resnet->layers[i];
        if (!fold(layer)) return CLIP_ERROR_VALUE;
        clip_status status =
            layer->weight
                ? clip_convolution_set_f32(&layer->convolution, kernels, layer->weight, layer->gain, layer->beta)
                : clip_convolution_set_q8(&layer->convolution, kernels, layer->weight_q8, layer->scale, layer->gain, layer->beta);
        if (status != CLIP_OK) return status;
        layer->weight = layer->scale = layer->gain = layer->beta = layer->mean = layer->variance = NULL;
        layer->weight_q8 = NULL;
    }
    clip_arena_free(&resnet->staging);
    return CLIP_OK;
}

static void destroy(void *model) {
    resnet_model *resnet = model;
    for (size_t i = 0; resnet->layers && i < resnet->count; i++) clip_convolution_free(&resnet->layers[i].convolution);
    clip_arena_free(&resnet->staging);
}

/* ---- workspace ---- */

typedef struct {
    resnet_state *state;
    const clip_kernels *kernels;
    clip_arena *arena;
    clip_precision precision;
    size_t mark, most; /* of the memory that layers share */
    size_t floats;     /* of the largest image */
} state_context;

static void layout_layer_state(void *context, size_t index, const clip_convolution_shape *shape, const char *name,
                               const char *norm) {
    (void)name, (void)norm;
    state_context *c = context;
    size_t after = clip_convolution_side(shape);
    if (shape->side * shape->side * shape->in > c->floats) c->floats = shape->side * shape->side * shape->in;
    if (after * after * shape->out > c->floats) c->floats = after * after * shape->out;
    clip_activations measured, *patches = c->state->patches ? &c->state->patches[index] : &measured;
    c->arena->used = c->mark;
    clip_convolution_layout_patches(patches, c->kernels, c->arena, shape, c->precision);
    if (c->arena->used > c->most) c->most = c->arena->used;
}

static void layout_state(void *scratch, const clip_kernels *kernels, clip_arena *arena, const clip_config *all,
                         clip_precision precision) {
    resnet_state *state = scratch;
    const clip_vision_config *config = &all->vision;
    size_t side = config->image_size / 32, channels = config->stem * 32, tokens = side * side + 1;
    if (precision == CLIP_Q4) precision = CLIP_Q8;
    state->patches = clip_arena_take(arena, layer_count(config), sizeof *state->patches);
    if (!clip_arena_ok(arena)) return;
    state_context context = {state, kernels, arena, precision, arena->used, arena->used, 0};
    visit_layers(config, layout_layer_state, &context);
    arena->used = context.most;
    for (int i = 0; i < 4; i++) state->images[i] = clip_arena_take(arena, context.floats + CLIP_CONVOLUTION_SLACK, sizeof(float));
    state->tokens = clip_arena_take(arena, tokens * channels, sizeof(float));
    state->query = clip_arena_take(arena, channels, sizeof(float));
    state->key_value = clip_arena_take(arena, tokens * 2 * channels, sizeof(float));
    state->attended = clip_arena_take(arena, channels, sizeof(float));
    state->attention = clip_arena_take(arena, clip_attention_scratch(channels, config->heads, tokens), sizeof(float));
    clip_activations_layout(&state->pool_rows, kernels, arena, tokens, channels, precision);
    clip_activations_layout(&state->query_row, kernels, arena, 1, channels, precision);
    clip_activations_layout(&state->out_row, kernels, arena, 1, channels, precision);
}

/* ---- forward ---- */

typedef struct {
    const float *x;
    size_t side, channels;
    float *y;
} pooling;

static void pool_row(void *context, size_t row) {
    const pooling *p = context;
    size_t half = p->side / 2, channels = p->channels;
    for (size_t column = 0; column < half; column++) {
        const float *a = p->x + (2 * row * p->side + 2 * column) * channels, *b = a + p->side * channels;
        float *to = p->y + (row * half + column) * channels;
        for (size_t c = 0; c < channels; c++) to[c] = (a[c] + a[c + channels] + b[c] + b[c + channels]) * 0.25f;
    }
}

/* x (side, side, channels) -> y (side / 2, side / 2, channels), means of 2x2. */
static void average_pool(clip_pool *pool, const float *x, size_t side, size_t channels, float *y) {
    pooling p = {x, side, channels, y};
    clip_parallel(pool, side / 2, pool_row, &p);
}

typedef struct {
    const resnet_model *resnet;
    const clip_kernels *kernels;
    clip_pool *pool;
    resnet_state *state;
} pass;

static void run(const pass *p, size_t index, const float *x, clip_epilogue epilogue, float *y) {
    clip_convolution_forward(&p->resnet->layers[index].convolution, p->kernels, p->pool, &p->state->patches[index], x, epilogue, y);
}

/* A bottleneck: x -> relu(conv3(conv2(conv1(x))) + shortcut(x)); answers the result in images[0], all four are used. */
static void bottleneck(const pass *p, size_t index, int first) {
    float **images = p->state->images, *x = images[0], *a = images[1], *b = images[2], *c = images[3];
    const resnet_layer *layers = p->resnet->layers + index;
    const clip_convolution_shape *before = &layers[0].convolution.shape, *last = &layers[2].convolution.shape;
    run(p, index, x, CLIP_RELU, a);
    run(p, index + 1, a, CLIP_RELU, b);
    if (last->side != before->side) {
        average_pool(p->pool, b, before->side, last->in, a);
        float *swap = a;
        a = b, b = swap;
    }
    float *sum = x; /* the shortcut, to which conv3 is added */
    if (first) {
        if (last->side != before->side) average_pool(p->pool, x, before->side, before->in, a);
        run(p, index + 3, last->side != before->side ? a : x, CLIP_STORE, c);
        sum = c;
    }
    run(p, index + 2, b, CLIP_ADD, sum);
    for (size_t i = 0; i < last->side * last->side * last->out; i++) sum[i] = sum[i] > 0 ? sum[i] : 0;
    if (first) images[3] = x, images[0] = sum;
}

/* Attention over all positions, asked by their mean (OpenAI's AttentionPool2d). */
static void attention_pool(const pass *p, const float *x, float *embedding) {
    const resnet_model *r = p->resnet;
    resnet_state *s = p->state;
    size_t channels = r->channels, positions = r->side * r->side, tokens = positions + 1;
    for (size_t c = 0; c < channels; c++) {
        float sum = 0;
        for (size_t i = 0; i < positions; i++) sum += x[i * channels + c];
        s->tokens[c] = sum / (float)positions;
    }
    memcpy(s->tokens + channels, x, positions * channels * sizeof(float));
    for (size_t i = 0; i < tokens * channels; i++) s->tokens[i] += r->positional_embedding[i];
    clip_activations_set(&s->pool_rows, p->kernels, p->pool, s->tokens, tokens);
    clip_linear_forward(&r->key, p->kernels, p->pool, &s->pool_rows, CLIP_STORE, s->key_value, 2 * channels);
    clip_linear_forward(&r->value, p->kernels, p->pool, &s->pool_rows, CLIP_STORE, s->key_value + channels, 2 * channels);
    clip_activations_set(&s->query_row, p->kernels, p->pool, s->tokens, 1);
    clip_linear_forward(&r->query, p->kernels, p->pool, &s->query_row, CLIP_STORE, s->query, channels);
    const clip_sequence all = {.first = 0, .count = tokens};
    const size_t mean = 0;
    clip_attention(p->kernels, p->pool, s->query, s->key_value, channels, r->config.heads, &all, 1, &mean, 1, s->attended,
                   s->attention);
    clip_activations_set(&s->out_row, p->kernels, p->pool, s->attended, 1);
    clip_linear_forward(&r->projection, p->kernels, p->pool, &s->out_row, CLIP_STORE, embedding, r->config.embedding);
}

static void encode_image(const void *model, const clip_kernels *kernels, clip_pool *pool, void *scratch, const float *pixels,
                         float *embedding) {
    const resnet_model *resnet = model;
    resnet_state *state = scratch;
    const pass p = {resnet, kernels, pool, state};
    float **images = state->images;
    size_t size = resnet->config.image_size, area = size * size;
    for (size_t i = 0; i < area; i++)
        for (size_t c = 0; c < 3; c++) images[0][3 * i + c] = pixels[c * area + i];
    run(&p, 0, images[0], CLIP_RELU, images[1]);
    run(&p, 1, images[1], CLIP_RELU, images[2]);
    run(&p, 2, images[2], CLIP_RELU, images[1]);
    average_pool(pool, images[1], size / 2, resnet->config.stem, images[0]);
    size_t index = 3;
    for (int stage = 0; stage < CLIP_RESNET_STAGES; stage++)
        for (size_t block = 0; block < resnet->config.blocks[stage]; block++) {
            bottleneck(&p, index, block == 0);
            index += block == 0 ? 4 : 3;
        }
    attention_pool(&p, images[0], embedding);
}

const clip_network clip_resnet_network = {
    .model_bytes = sizeof(resnet_model),
    .state_bytes = sizeof(resnet_state),
    .layout = layout,
    .layout_state = layout_state,
    .slot_count = slot_count,
    .slots = list_slots,
    .finish = finish,
    .destroy = destroy,
    .encode_image = encode_image,
};
