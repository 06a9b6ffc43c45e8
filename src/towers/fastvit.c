/* fastvit.c - the image towers of MobileCLIP S0, S1 and S2 (Vasu et al. 2023 and 2024; timm's fastvit_mci0 to 2): trunk, average pool, linear.
 *
 *     stem: three convolutions, GELU after each; the image has a quarter of its sides then
 *     stages 1 to 4: [depthwise 7x7 of stride 2, squeeze-and-excite in the last two, GELU, 1x1, GELU] but in the first; blocks
 *         x = depthwise 3x3(x),  x += contract(gelu(expand(depthwise 7x7(x))))
 *         in the last stage, after x += depthwise 7x7(x) once: x += out(attention(norm(x))) instead of the 3x3
 *     head: depthwise 3x3 to twice the channels, squeeze-and-excite, GELU, mean over the image, linear
 *
 * A convolution was trained as several that are added up, each with a batch norm: finish makes one of them. Images are (height, width,
 * channels) in f32. What is computed of each channel by itself stays f32; where a channel has two outputs, all first ones come before all
 * second ones, and what reads them has its weights in that order.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compute/attention.h"
#include "compute/vector_math.h"
#include "towers/fastvit_convolution.h"
#include "towers/network.h"
#include "towers/patches.h"

#define STAGES    CLIP_RESNET_STAGES
#define RATIO     3  /* of an MLP's hidden channels */
#define HEAD      32 /* channels of a head of attention */
#define PATCH     27
#define STEM_ROWS 16  /* output rows of the stem at a time */
#define ROWS      256 /* pixels that products take at a time */

/* ---- the network ---- */

typedef struct {
    size_t channels, reduced;    /* 0: there is none */
    float *reduce, *reduce_bias; /* (reduced, channels), (reduced) */
    float *expand, *expand_bias; /* (channels, reduced), (channels) */
} squeeze;

typedef struct {
    int attends;
    clip_fastvit_convolution mixer, wide; /* 3x3, 7x7 */
    clip_batch_norm norm;                 /* attention: before it, folded in place */
    clip_linear query, key_value, out;    /* (c, c), (2c, c), (c, c) */
    clip_linear expand, contract;         /* (RATIO c, c), (c, RATIO c) */
    float *attention_gamma, *gamma;       /* (c) each, until finish */
} block;

typedef struct {
    size_t channels, side, count;
    clip_fastvit_convolution down, point, position; /* not in the first stage, not in the first, only in the last */
    squeeze squeeze;
    block *blocks; /* (count) */
} stage;

typedef struct {
    clip_vision_config config;
    clip_fastvit_convolution stem[3], last;
    squeeze squeeze;
    stage stages[STAGES];
    clip_linear head;
    clip_arena staging; /* what comes from the file, freed by finish */
} fastvit;

typedef struct {
    float *patches;
    clip_activations patch_rows;
    float *large, *x, *y;                                  /* the image at half its sides, and twice at a quarter */
    clip_activations narrow[STAGES], wide[STAGES], pooled; /* (ROWS, c), (ROWS, RATIO c), (1, 16 w) */
    float *hidden;                                         /* (ROWS, RATIO c) */
    float *query, *key_value, *attended, *attention;
    float *mean, *gate; /* (16 w) */
} fastvit_state;

/* What the network is made of, without memory. */
static void describe(fastvit *net, const clip_vision_config *config) {
    size_t width = config->stem, side = config->image_size / 2;
    *net = (fastvit){.config = *config};
    net->stem[0] =
        (clip_fastvit_convolution){.form = CLIP_FASTVIT_ONE, .in = 3, .out = width, .kernel = 3, .stride = 2, .side = 2 * side};
    net->stem[1] = (clip_fastvit_convolution){
        .form = CLIP_FASTVIT_ONE, .in = width, .out = width, .kernel = 3, .stride = 2, .side = side, .depthwise = 1};
    net->stem[2] =
        (clip_fastvit_convolution){.form = CLIP_FASTVIT_ONE, .in = width, .out = width, .kernel = 1, .stride = 1, .side = side / 2};
    for (size_t s = 0; s < STAGES; s++) {
        stage *g = &net->stages[s];
        size_t before = width << (s ? s - 1 : 0), after = width << s;
        g->channels = after;
        g->side = (side / 2) >> s;
        g->count = config->blocks[s];
        g->down = (clip_fastvit_convolution){CLIP_FASTVIT_LARGE, .in = before,        .out = after,  .kernel = 7,
                                             .stride = 2,        .side = 2 * g->side, .depthwise = 1};
        g->point = (clip_fastvit_convolution){CLIP_FASTVIT_ONE, .in = after,     .out = after, .kernel = 1,
                                              .stride = 1,      .side = g->side, .split = 1};
        g->position = (clip_fastvit_convolution){CLIP_FASTVIT_POSITION, .in = after,     .out = after,  .kernel = 7,
                                                 .stride = 1,           .side = g->side, .depthwise = 1};
        if (s > 1) g->squeeze = (squeeze){.channels = after, .reduced = after / 4};
    }
    side = net->stages[STAGES - 1].side;
    width <<= STAGES - 1;
    net->last = (clip_fastvit_convolution){CLIP_FASTVIT_ONE, .in = width,  .out = 2 * width, .kernel = 3,
                                           .stride = 1,      .side = side, .depthwise = 1};
    net->squeeze = (squeeze){.channels = 2 * width, .reduced = width / 8};
}

static int is_last(const fastvit *net, const stage *g) { return g == &net->stages[STAGES - 1]; }

static void describe_block(const fastvit *net, const stage *g, block *b) {
    size_t c = g->channels;
    *b = (block){.attends = is_last(net, g)};
    b->mixer = (clip_fastvit_convolution){CLIP_FASTVIT_MIXER, .in = c,         .out = c,      .kernel = 3,
                                          .stride = 1,        .side = g->side, .depthwise = 1};
    b->wide = (clip_fastvit_convolution){CLIP_FASTVIT_NORMED, .in = c,         .out = c,      .kernel = 7,
                                         .stride = 1,         .side = g->side, .depthwise = 1};
}

static void layout_squeeze(squeeze *s, clip_arena *arena) {
    if (!s->reduced) return;
    s->reduce = clip_arena_take(arena, s->reduced * s->channels, sizeof(float));
    s->reduce_bias = clip_arena_take(arena, s->reduced, sizeof(float));
    s->expand = clip_arena_take(arena, s->reduced * s->channels, sizeof(float));
    s->expand_bias = clip_arena_take(arena, s->channels, sizeof(float));
}

static void layout_block(block *b, const stage *g, const clip_kernels *kernels, clip_arena *arena, clip_precision precision) {
    size_t c = g->channels;
    clip_fastvit_convolution_layout(&b->wide, kernels, arena, precision);
    if (b->attends) {
        clip_batch_norm_layout(&b->norm, arena, c);
        clip_linear_layout(&b->query, kernels, arena, c, c, precision);
        clip_linear_layout(&b->key_value, kernels, arena, c, 2 * c, precision);
        clip_linear_layout(&b->out, kernels, arena, c, c, precision);
        if (b->query.bias) memset(b->query.bias, 0, c * sizeof(float));
        if (b->key_value.bias) memset(b->key_value.bias, 0, 2 * c * sizeof(float));
    } else {
        clip_fastvit_convolution_layout(&b->mixer, kernels, arena, precision);
    }
    clip_linear_layout(&b->expand, kernels, arena, c, RATIO * c, precision);
    clip_linear_layout(&b->contract, kernels, arena, RATIO * c, c, precision);
}

/* What is dropped once it is folded. */
static void layout_staging(fastvit *net, clip_arena *arena) {
    for (size_t i = 0; i < 3; i++) clip_fastvit_branches_layout(&net->stem[i], arena);
    for (stage *g = net->stages; g < net->stages + STAGES; g++) {
        if (g > net->stages) clip_fastvit_branches_layout(&g->down, arena);
        if (g > net->stages) clip_fastvit_branches_layout(&g->point, arena);
        if (is_last(net, g)) clip_fastvit_branches_layout(&g->position, arena);
        for (block *b = g->blocks; b < g->blocks + g->count; b++) {
            clip_fastvit_branches_layout(&b->wide, arena);
            if (!b->attends) clip_fastvit_branches_layout(&b->mixer, arena);
            else b->attention_gamma = clip_arena_take(arena, g->channels, sizeof(float));
            b->gamma = clip_arena_take(arena, g->channels, sizeof(float));
        }
    }
    clip_fastvit_branches_layout(&net->last, arena);
}

static clip_status layout(void *model, const clip_kernels *kernels, clip_arena *arena, const clip_config *all,
                          clip_precision precision) {
    fastvit *net = model;
    if (precision == CLIP_Q4) precision = CLIP_Q8; /* int4 is for transformers' blocks */
    describe(net, &all->vision);
    for (size_t i = 0; i < 3; i++) clip_fastvit_convolution_layout(&net->stem[i], kernels, arena, precision);
    int laid = 1;
    for (stage *g = net->stages; g < net->stages + STAGES; g++) {
        if (g > net->stages) {
            clip_fastvit_convolution_layout(&g->down, kernels, arena, precision);
            layout_squeeze(&g->squeeze, arena);
            clip_fastvit_convolution_layout(&g->point, kernels, arena, precision);
        }
        if (is_last(net, g)) clip_fastvit_convolution_layout(&g->position, kernels, arena, precision);
        g->blocks = clip_arena_take_structures(arena, g->count, sizeof *g->blocks);
        laid &= g->blocks != NULL;
        for (size_t i = 0; i < g->count; i++) {
            block measured, *b = g->blocks ? &g->blocks[i] : &measured;
            describe_block(net, g, b);
            layout_block(b, g, kernels, arena, precision);
        }
    }
    clip_fastvit_convolution_layout(&net->last, kernels, arena, precision);
    layout_squeeze(&net->squeeze, arena);
    clip_linear_layout(&net->head, kernels, arena, net->last.out, all->vision.embedding, precision);
    if (!clip_arena_ok(arena)) return CLIP_ERROR_MEMORY;
    if (!laid) return CLIP_OK;
    clip_arena staging = clip_arena_measure();
    layout_staging(net, &staging);
    clip_status status = clip_arena_allocate(&net->staging, &staging);
    if (status == CLIP_OK) layout_staging(net, &net->staging);
    return status;
}

static size_t slot_count(const clip_config *config) {
    size_t blocks = 0;
    for (size_t s = 0; s < STAGES; s++) blocks += config->vision.blocks[s];
    return 160 + 32 * blocks;
}

static void add_squeeze(squeeze *s, clip_slots *slots, const char *prefix) {
    if (!s->reduced) return;
    clip_fastvit_add_weight(slots, prefix, "se.fc1.", "weight", s->reduce, s->reduced, s->channels, 1);
    clip_slots_add_values(slots, prefix, "se.fc1.bias", s->reduce_bias, s->reduced, 1);
    clip_fastvit_add_weight(slots, prefix, "se.fc2.", "weight", s->expand, s->channels, s->reduced, 1);
    clip_slots_add_values(slots, prefix, "se.fc2.bias", s->expand_bias, s->channels, 1);
}

static void add_linear(clip_linear *linear, clip_slots *slots, const char *prefix, const char *weight, const char *bias,
                       size_t kernel) {
    clip_slots_add_linear(slots, prefix, weight, linear, 0, linear->out);
    if (kernel) clip_slots_set_kernel(slots, kernel);
    clip_slots_add_values(slots, prefix, bias, linear->bias, linear->out, 1);
}

/* prefix + name to `to`. */
static const char *within(char *to, const char *prefix, const char *name) { return strcat(strcpy(to, prefix), name); }

static void add_block(block *b, size_t c, clip_slots *slots, const char *prefix) {
    char inner[CLIP_SLOT_NAME];
    if (b->attends) {
        clip_batch_norm_slots(slots, prefix, "norm.", &b->norm, c);
        clip_slots_add_split(slots, prefix, "token_mixer.qkv.weight", 3 * c, c);
        clip_slots_add_linear(slots, prefix, "token_mixer.q.weight", &b->query, 0, c);
        clip_slots_add_linear(slots, prefix, "token_mixer.k.weight", &b->key_value, 0, c);
        clip_slots_add_linear(slots, prefix, "token_mixer.v.weight", &b->key_value, c, c);
        add_linear(&b->out, slots, prefix, "token_mixer.proj.weight", "token_mixer.proj.bias", 0);
        clip_slots_add_values(slots, prefix, "layer_scale_1.gamma", b->attention_gamma, c, 1);
    } else {
        clip_fastvit_convolution_slots(&b->mixer, slots, within(inner, prefix, "token_mixer."));
    }
    clip_fastvit_convolution_slots(&b->wide, slots, within(inner, prefix, "mlp."));
    add_linear(&b->expand, slots, prefix, "mlp.fc1.weight", "mlp.fc1.bias", 1);
    add_linear(&b->contract, slots, prefix, "mlp.fc2.weight", "mlp.fc2.bias", 1);
    clip_slots_add_values(slots, prefix, b->attends ? "layer_scale_2.gamma" : "layer_scale.gamma", b->gamma, c, 1);
}

static void list_slots(void *model, clip_slots *slots) {
    fastvit *net = model;
    char prefix[CLIP_SLOT_NAME], inner[CLIP_SLOT_NAME], blocks[CLIP_SLOT_NAME];
    for (size_t i = 0; i < 3; i++)
        clip_fastvit_convolution_slots(&net->stem[i], slots, clip_slots_numbered(prefix, "visual.trunk.stem.", i));
    for (size_t s = 0; s < STAGES; s++) {
        stage *g = &net->stages[s];
        clip_slots_numbered(prefix, "visual.trunk.stages.", s);
        if (s) {
            within(inner, prefix, "downsample.proj.0.");
            clip_fastvit_convolution_slots(&g->down, slots, inner);
            add_squeeze(&g->squeeze, slots, inner);
            clip_fastvit_convolution_slots(&g->point, slots, within(inner, prefix, "downsample.proj.1."));
        }
        if (is_last(net, g)) clip_fastvit_convolution_slots(&g->position, slots, within(inner, prefix, "pos_emb."));
        within(blocks, prefix, "blocks.");
        for (size_t i = 0; i < g->count; i++) add_block(&g->blocks[i], g->channels, slots, clip_slots_numbered(inner, blocks, i));
    }
    clip_fastvit_convolution_slots(&net->last, slots, "visual.trunk.final_conv.");
    add_squeeze(&net->squeeze, slots, "visual.trunk.final_conv.");
    add_linear(&net->head, slots, "visual.trunk.head.fc.", "weight", "bias", 0);
}

/* What it makes, times gamma. */
static clip_status scale(clip_linear *linear, float *gamma) {
    int finite = 1;
    float *bias = malloc(linear->out * sizeof *bias);
    if (!bias) return CLIP_ERROR_MEMORY;
    for (size_t o = 0; o < linear->out; o++) {
        bias[o] = linear->bias[o] * gamma[o];
        finite &= isfinite(bias[o]);
    }
    clip_linear_fold(linear, gamma, bias);
    free(bias);
    return finite ? CLIP_OK : CLIP_ERROR_VALUE;
}

static clip_status finish_block(block *b, size_t c, const clip_kernels *kernels) {
    clip_status status = clip_fastvit_convolution_finish(&b->wide, kernels);
    if (status == CLIP_OK && !b->attends) status = clip_fastvit_convolution_finish(&b->mixer, kernels);
    if (status == CLIP_OK && b->attends) status = clip_batch_norm_fold(&b->norm, c, CLIP_FASTVIT_EPSILON, 1);
    if (status == CLIP_OK && b->attends) status = scale(&b->out, b->attention_gamma);
    return status == CLIP_OK ? scale(&b->contract, b->gamma) : status;
}

static clip_status finish(void *model, const clip_kernels *kernels) {
    fastvit *net = model;
    clip_status status = clip_fastvit_convolution_finish(&net->last, kernels);
    for (size_t i = 0; i < 3 && status == CLIP_OK; i++) status = clip_fastvit_convolution_finish(&net->stem[i], kernels);
    for (stage *g = net->stages; g < net->stages + STAGES && status == CLIP_OK; g++) {
        if (g > net->stages) status = clip_fastvit_convolution_finish(&g->down, kernels);
        if (g > net->stages && status == CLIP_OK) status = clip_fastvit_convolution_finish(&g->point, kernels);
        if (is_last(net, g) && status == CLIP_OK) status = clip_fastvit_convolution_finish(&g->position, kernels);
        for (size_t i = 0; i < g->count && status == CLIP_OK; i++) status = finish_block(&g->blocks[i], g->channels, kernels);
    }
    clip_arena_free(&net->staging);
    return status;
}

static void destroy(void *model) { clip_arena_free(&((fastvit *)model)->staging); }

static void layout_state(void *scratch, const clip_kernels *kernels, clip_arena *arena, const clip_config *all,
                         clip_precision precision) {
    fastvit_state *s = scratch;
    size_t side = all->vision.image_size / 2, width = all->vision.stem, quarter = side * side / 4 * width;
    size_t channels = width << (STAGES - 1), pixels = side / 16 * (side / 16);
    if (precision == CLIP_Q4) precision = CLIP_Q8;
    s->patches = clip_arena_take(arena, STEM_ROWS * side * PATCH, sizeof(float));
    clip_activations_layout(&s->patch_rows, kernels, arena, STEM_ROWS * side, PATCH, CLIP_F32);
    s->large = clip_arena_take(arena, 4 * quarter, sizeof(float));
    s->x = clip_arena_take(arena, quarter, sizeof(float));
    s->y = clip_arena_take(arena, quarter, sizeof(float));
    for (size_t g = 0; g < STAGES; g++) {
        clip_activations_layout(&s->narrow[g], kernels, arena, ROWS, width << g, precision);
        clip_activations_layout(&s->wide[g], kernels, arena, ROWS, RATIO * width << g, precision);
    }
    clip_activations_layout(&s->pooled, kernels, arena, 1, 2 * channels, precision);
    s->hidden = clip_arena_take(arena, ROWS * RATIO * channels, sizeof(float));
    s->query = clip_arena_take(arena, pixels * channels, sizeof(float));
    s->key_value = clip_arena_take(arena, pixels * 2 * channels, sizeof(float));
    s->attended = clip_arena_take(arena, pixels * channels, sizeof(float));
    s->attention = clip_arena_take(arena, clip_attention_scratch(channels, channels / HEAD, pixels), sizeof(float));
    s->mean = clip_arena_take(arena, 2 * channels, sizeof(float));
    s->gate = clip_arena_take(arena, 2 * channels, sizeof(float));
}

/* ---- forward ---- */

typedef struct {
    const fastvit *net;
    const clip_kernels *kernels;
    clip_pool *pool;
    fastvit_state *s;
} run;

/* y (pixels, out) = W x + b, some rows at a time. */
static void product(const run *r, const clip_linear *linear, clip_activations *rows, const float *x, size_t pixels,
                    clip_epilogue epilogue, float *y) {
    for (size_t first = 0; first < pixels; first += ROWS) {
        clip_activations_set(rows, r->kernels, r->pool, x + first * linear->in, pixels - first < ROWS ? pixels - first : ROWS);
        clip_linear_forward(linear, r->kernels, r->pool, rows, epilogue, y + first * linear->out, linear->out);
    }
}

/* x += contract(gelu(expand(y))) */
static void mlp(const run *r, const block *b, size_t g, const float *y, size_t pixels, float *x) {
    size_t c = b->expand.in;
    for (size_t first = 0; first < pixels; first += ROWS) {
        size_t rows = pixels - first < ROWS ? pixels - first : ROWS;
        product(r, &b->expand, &r->s->narrow[g], y + first * c, rows, CLIP_GELU, r->s->hidden);
        product(r, &b->contract, &r->s->wide[g], r->s->hidden, rows, CLIP_ADD, x + first * c);
    }
}

/* mean (channels) over the pixels of x. */
static void average(const float *x, size_t pixels, size_t channels, float *mean) {
    memset(mean, 0, channels * sizeof *mean);
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) mean[c] += x[p * channels + c];
    for (size_t c = 0; c < channels; c++) mean[c] /= (float)pixels;
}

/* Where channel c of `channels` is among all first ones, then all second ones. */
static size_t place(size_t c, size_t channels) { return c % 2 * (channels / 2) + c / 2; }

/* gate (channels) = sigmoid(expand(relu(reduce(mean)))), Hu et al. 2017 */
static void excite(const squeeze *q, const float *mean, float *hidden, float *gate) {
    for (size_t r = 0; r < q->reduced; r++) {
        float sum = q->reduce_bias[r];
        for (size_t c = 0; c < q->channels; c++) sum += q->reduce[r * q->channels + c] * mean[place(c, q->channels)];
        hidden[r] = fmaxf(sum, 0);
    }
    for (size_t c = 0; c < q->channels; c++) {
        float sum = q->expand_bias[c];
        for (size_t r = 0; r < q->reduced; r++) sum += q->expand[c * q->reduced + r] * hidden[r];
        gate[place(c, q->channels)] = 1 / (1 + expf(-sum));
    }
}

typedef struct {
    float *x;
    const float *gate; /* NULL: 1 */
    size_t pixels, channels;
} activation;

#define PIXELS_A_TASK 64

static void activate_rows(void *context, size_t index) {
    const activation *a = context;
    size_t end = (index + 1) * PIXELS_A_TASK < a->pixels ? (index + 1) * PIXELS_A_TASK : a->pixels;
    for (size_t p = index * PIXELS_A_TASK; p < end; p++)
        for (size_t c = 0; c < a->channels; c += 4) {
            float *x = a->x + p * a->channels + c;
            v128_t z = wasm_v128_load(x);
            if (a->gate) z = wasm_f32x4_mul(z, wasm_v128_load(a->gate + c));
            wasm_v128_store(x, clip_gelu(z));
        }
}

/* x = gelu(x gate), the gate being made of x. */
static void activate(const run *r, const squeeze *q, float *x, size_t pixels, size_t channels) {
    activation a = {x, NULL, pixels, channels};
    if (q && q->reduced) {
        average(x, pixels, channels, r->s->mean);
        excite(q, r->s->mean, r->s->hidden, r->s->gate);
        a.gate = r->s->gate;
    }
    clip_parallel(r->pool, (pixels + PIXELS_A_TASK - 1) / PIXELS_A_TASK, activate_rows, &a);
}

/* y = d x for each of `pixels`, d being the convolution's identity. */
static void times_identity(const clip_fastvit_convolution *c, const float *x, size_t pixels, float *y) {
    size_t half = c->in / 2;
    for (size_t p = 0; p < pixels; p++, x += c->in)
        for (size_t i = 0; i < c->in; i += 8, y += 8) {
            v128_t low = wasm_v128_load(c->split ? x + i / 2 : x + i),
                   high = wasm_v128_load(c->split ? x + half + i / 2 : x + i + 4);
            v128_t near = c->split ? wasm_i32x4_shuffle(low, high, 0, 4, 1, 5) : low;
            v128_t far = c->split ? wasm_i32x4_shuffle(low, high, 2, 6, 3, 7) : high;
            wasm_v128_store(y, wasm_f32x4_mul(near, wasm_v128_load(c->identity + i)));
            wasm_v128_store(y + 4, wasm_f32x4_mul(far, wasm_v128_load(c->identity + i + 4)));
        }
}

/* y = gelu(W x + b), the convolution being 1x1, in stage g. */
static void point(const run *r, const clip_fastvit_convolution *c, size_t g, const float *x, float *y) {
    clip_activations plain = {.width = c->in, .precision = CLIP_F32};
    size_t pixels = c->side * c->side;
    if (!c->identity) {
        product(r, &c->dense, &plain, x, pixels, CLIP_GELU, y);
        return;
    }
    times_identity(c, x, pixels, y);
    product(r, &c->dense, &r->s->narrow[g], x, pixels, CLIP_ADD, y);
    activate(r, NULL, y, pixels, c->out);
}

static void attend(const run *r, const block *b, size_t g, size_t pixels, float *x) {
    fastvit_state *s = r->s;
    size_t c = b->expand.in;
    const clip_sequence all = {.first = 0, .count = pixels};
    for (size_t i = 0; i < pixels * c; i++) s->y[i] = x[i] * b->norm.gain[i % c] + b->norm.beta[i % c];
    product(r, &b->query, &s->narrow[g], s->y, pixels, CLIP_STORE, s->query);
    product(r, &b->key_value, &s->narrow[g], s->y, pixels, CLIP_STORE, s->key_value);
    clip_attention(r->kernels, r->pool, s->query, s->key_value, c, c / HEAD, &all, 1, NULL, 0, s->attended, s->attention);
    product(r, &b->out, &s->narrow[g], s->attended, pixels, CLIP_ADD, x);
}

static void swap(fastvit_state *s) {
    float *x = s->x;
    s->x = s->y;
    s->y = x;
}

static void run_stage(const run *r, size_t index) {
    const stage *g = &r->net->stages[index];
    fastvit_state *s = r->s;
    size_t pixels = g->side * g->side, c = g->channels;
    if (index) {
        clip_depthwise_forward_plain(&g->down.wise, r->pool, s->x, s->y);
        activate(r, &g->squeeze, s->y, pixels, c);
        point(r, &g->point, index, s->y, s->x);
    }
    if (is_last(r->net, g)) {
        clip_depthwise_forward_plain(&g->position.wise, r->pool, s->x, s->y);
        swap(s);
    }
    for (const block *b = g->blocks; b < g->blocks + g->count; b++) {
        if (b->attends) {
            attend(r, b, index, pixels, s->x);
        } else {
            clip_depthwise_forward_plain(&b->mixer.wise, r->pool, s->x, s->y);
            swap(s);
        }
        clip_depthwise_forward_plain(&b->wide.wise, r->pool, s->x, s->y);
        mlp(r, b, index, s->y, pixels, s->x);
    }
}

static void run_stem(const run *r, const float *pixels) {
    fastvit_state *s = r->s;
    size_t size = r->net->config.image_size, side = size / 2, width = r->net->config.stem;
    for (size_t row = 0; row < side; row += STEM_ROWS) {
        size_t rows = side - row < STEM_ROWS ? side - row : STEM_ROWS;
        clip_gather_stem(pixels, size, 1, row, rows, s->patches);
        clip_activations_set(&s->patch_rows, r->kernels, r->pool, s->patches, rows * side);
        clip_linear_forward(&r->net->stem[0].dense, r->kernels, r->pool, &s->patch_rows, CLIP_GELU, s->large + row * side * width,
                            width);
    }
    clip_depthwise_forward_plain(&r->net->stem[1].wise, r->pool, s->large, s->y);
    activate(r, NULL, s->y, side * side / 4, width);
    point(r, &r->net->stem[2], 0, s->y, s->x);
}

static void encode_image(const void *model, const clip_kernels *kernels, clip_pool *pool, void *scratch, const float *pixels,
                         float *embedding) {
    const fastvit *net = model;
    fastvit_state *s = scratch;
    const run r = {net, kernels, pool, s};
    size_t channels = net->last.out, side = net->last.side;
    run_stem(&r, pixels);
    for (size_t i = 0; i < STAGES; i++) run_stage(&r, i);
    clip_depthwise_forward_plain(&net->last.wise, pool, s->x, s->y);
    activate(&r, &net->squeeze, s->y, side * side, channels);
    average(s->y, side * side, channels, s->gate);
    for (size_t c = 0; c < channels; c++) s->mean[c] = s->gate[place(c, channels)];
    product(&r, &net->head, &s->pooled, s->mean, 1, CLIP_STORE, embedding);
}

const clip_network clip_fastvit_network = {
    .model_bytes = sizeof(fastvit),
    .state_bytes = sizeof(fastvit_state),
    .fast = 1, /* S0 is small, and made for speed: a sixth of its time, and a cosine of 0.998 to f32 with random weights */
    .layout = layout,
    .layout_state = layout_state,
    .slot_count = slot_count,
    .slots = list_slots,
    .finish = finish,
    .destroy = destroy,
    .encode_image = encode_image,
};
