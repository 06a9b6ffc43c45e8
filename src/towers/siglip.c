/* siglip.c - SigLIP's vision transformer (Zhai et al. 2023; transformers' SiglipVisionModel, timm's vit_*_siglip): patches to an embedding.
 *
 *     x = patch_embedding(patches) + positional_embedding,  x = blocks(x),  x = layer_norm(x)
 *     y = out(attention(query(latent), key_value(x))),  embedding = y + contract(activation(expand(layer_norm(y))))
 *
 * There is no class token and no projection: what is learnt to ask with, the latent, pools the patches.
 */
#include <string.h>

#include "towers/network.h"
#include "towers/patches.h"
#include "towers/transformer.h"

typedef struct {
    clip_vision_config config;
    size_t tokens;
    clip_linear patch_embedding; /* (width, 3 patch patch) */
    float *positional_embedding; /* (tokens, width) */
    clip_transformer transformer;
    float *post_gain, *post_bias;      /* (width) */
    float *latent;                     /* (width) */
    clip_linear query, key_value, out; /* (width, width), (2 width, width), (width, width) */
    float *pool_gain, *pool_bias;      /* (width) */
    clip_linear expand, contract;      /* (mlp, width), (width, mlp) */
} siglip_model;

typedef struct {
    float *patches;              /* (tokens, 3 patch patch) */
    clip_activations patch_rows; /* the same */
    float *x, *y;                /* (tokens, width) */
    size_t *all;                 /* (tokens): 0, 1, ... */
    clip_activations rows;       /* (tokens, width) */
    float *key_value;            /* (tokens, 2 width) */
    float *query, *attended;     /* (width) */
    float *hidden;               /* (mlp) */
    float *attention;            /* scratch, see attention.h */
    clip_activations one, wide;  /* (1, width), (1, mlp) */
    clip_transformer_state transformer;
} siglip_state;

static size_t tokens_of(const clip_vision_config *config) {
    size_t side = config->image_size / config->patch_size;
    return side * side;
}

/* At a tower's ends int4 costs accuracy and saves next to nothing. */
static clip_precision at_ends(clip_precision precision) { return precision == CLIP_F32 ? CLIP_F32 : CLIP_Q8; }

static clip_status layout(void *model, const clip_kernels *kernels, clip_arena *arena, const clip_config *all,
                          clip_precision precision) {
    siglip_model *m = model;
    const clip_vision_config *config = &all->vision;
    size_t width = config->transformer.width, patch = config->patch_size, mlp = config->transformer.mlp;
    clip_precision ends = at_ends(precision);
    *m = (siglip_model){.config = *config, .tokens = tokens_of(config)};
    clip_linear_layout(&m->patch_embedding, kernels, arena, 3 * patch * patch, width, ends);
    m->positional_embedding = clip_arena_take(arena, m->tokens * width, sizeof(float));
    clip_status status = clip_transformer_layout(&m->transformer, kernels, arena, &config->transformer, precision);
    m->post_gain = clip_arena_take(arena, width, sizeof(float));
    m->post_bias = clip_arena_take(arena, width, sizeof(float));
    m->latent = clip_arena_take(arena, width, sizeof(float));
    clip_linear_layout(&m->query, kernels, arena, width, width, ends);
    clip_linear_layout(&m->key_value, kernels, arena, width, 2 * width, ends);
    clip_linear_layout(&m->out, kernels, arena, width, width, ends);
    m->pool_gain = clip_arena_take(arena, width, sizeof(float));
    m->pool_bias = clip_arena_take(arena, width, sizeof(float));
    clip_linear_layout(&m->expand, kernels, arena, width, mlp, ends);
    clip_linear_layout(&m->contract, kernels, arena, mlp, width, ends);
    return status;
}

static size_t slot_count(const clip_config *config) { return 26 + config->vision.transformer.layers * CLIP_SLOTS_PER_BLOCK; }

static void list_slots(void *model, clip_slots *slots) {
    static const char POOL[] = "visual.attn_pool.";
    siglip_model *m = model;
    size_t width = m->config.transformer.width, mlp = m->config.transformer.mlp;
    clip_slots_add_linear(slots, "visual.", "conv1.weight", &m->patch_embedding, 0, width);
    clip_slots_set_kernel(slots, m->config.patch_size);
    clip_slots_add_values(slots, "visual.", "conv1.bias", m->patch_embedding.bias, width, 1);
    clip_slots_add_values(slots, "visual.", "positional_embedding", m->positional_embedding, m->tokens, width);
    clip_transformer_slots(&m->transformer, slots, "visual.transformer.resblocks.");
    clip_slots_add_values(slots, "visual.", "ln_post.weight", m->post_gain, width, 1);
    clip_slots_add_values(slots, "visual.", "ln_post.bias", m->post_bias, width, 1);
    clip_slots_add_values(slots, POOL, "latent", m->latent, width, 1);
    /* timm joins keys and values, torch's attention the queries too */
    clip_slots_add_split_of(slots, POOL, "kv.weight", 2 * width, width, 2, 3);
    clip_slots_add_split(slots, POOL, "in_proj_weight", 3 * width, width);
    clip_slots_add_linear(slots, POOL, "q.weight", &m->query, 0, width);
    clip_slots_add_linear(slots, POOL, "k.weight", &m->key_value, 0, width);
    clip_slots_add_linear(slots, POOL, "v.weight", &m->key_value, width, width);
    clip_slots_add_split_of(slots, POOL, "kv.bias", 2 * width, 1, 2, 3);
    clip_slots_add_split(slots, POOL, "in_proj_bias", 3 * width, 1);
    clip_slots_add_values(slots, POOL, "q.bias", m->query.bias, width, 1);
    clip_slots_add_values(slots, POOL, "k.bias", m->key_value.bias, width, 1);
    clip_slots_add_values(slots, POOL, "v.bias", m->key_value.bias ? m->key_value.bias + width : NULL, width, 1);
    clip_slots_add_linear(slots, POOL, "proj.weight", &m->out, 0, width);
    clip_slots_add_values(slots, POOL, "proj.bias", m->out.bias, width, 1);
    clip_slots_add_values(slots, POOL, "norm.weight", m->pool_gain, width, 1);
    clip_slots_add_values(slots, POOL, "norm.bias", m->pool_bias, width, 1);
    clip_slots_add_linear(slots, POOL, "mlp.fc1.weight", &m->expand, 0, mlp);
    clip_slots_add_values(slots, POOL, "mlp.fc1.bias", m->expand.bias, mlp, 1);
    clip_slots_add_linear(slots, POOL, "mlp.fc2.weight", &m->contract, 0, width);
    clip_slots_add_values(slots, POOL, "mlp.fc2.bias", m->contract.bias, width, 1);
}

static void layout_state(void *scratch, const clip_kernels *kernels, clip_arena *arena, const clip_config *all,
                         clip_precision precision) {
    siglip_state *s = scratch;
    const clip_vision_config *config = &all->vision;
    size_t width = config->transformer.width, patch = config->patch_size, tokens = tokens_of(config), mlp = config->transformer.mlp;
    clip_precision ends = at_ends(precision);
    s->patches = clip_arena_take(arena, tokens * 3 * patch * patch, sizeof(float));
    clip_activations_layout(&s->patch_rows, kernels, arena, tokens, 3 * patch * patch, ends);
    s->x = clip_arena_take(arena, tokens * width, sizeof(float));
    s->y = clip_arena_take(arena, tokens * width, sizeof(float));
    s->all = clip_arena_take(arena, tokens, sizeof *s->all);
    clip_activations_layout(&s->rows, kernels, arena, tokens, width, ends);
    s->key_value = clip_arena_take(arena, tokens * 2 * width, sizeof(float));
    s->query = clip_arena_take(arena, width, sizeof(float));
    s->attended = clip_arena_take(arena, width, sizeof(float));
    s->hidden = clip_arena_take(arena, mlp, sizeof(float));
    s->attention = clip_arena_take(arena, clip_attention_scratch(width, config->transformer.heads, tokens), sizeof(float));
    clip_activations_layout(&s->one, kernels, arena, 1, width, ends);
    clip_activations_layout(&s->wide, kernels, arena, 1, mlp, ends);
    clip_transformer_state_layout(&s->transformer, kernels, arena, &config->transformer, tokens, precision);
}

/* y (tokens, width) -> embedding (width). */
static void pool(const siglip_model *m, const clip_kernels *kernels, clip_pool *threads, siglip_state *s, const clip_sequence *all,
                 float *embedding) {
    const clip_transformer_config *t = &m->config.transformer;
    const size_t first = 0;
    clip_activations_set_layer_norm(&s->rows, kernels, threads, s->y, m->tokens, m->post_gain, m->post_bias, t->epsilon);
    clip_linear_forward(&m->key_value, kernels, threads, &s->rows, CLIP_STORE, s->key_value, 2 * t->width);
    clip_activations_set(&s->one, kernels, threads, m->latent, 1);
    clip_linear_forward(&m->query, kernels, threads, &s->one, CLIP_STORE, s->query, t->width);
    clip_attention(kernels, threads, s->query, s->key_value, t->width, t->heads, all, 1, &first, 1, s->attended, s->attention);
    clip_activations_set(&s->one, kernels, threads, s->attended, 1);
    clip_linear_forward(&m->out, kernels, threads, &s->one, CLIP_STORE, embedding, t->width);
    clip_activations_set_layer_norm(&s->one, kernels, threads, embedding, 1, m->pool_gain, m->pool_bias, t->epsilon);
    clip_linear_forward(&m->expand, kernels, threads, &s->one, t->activation, s->hidden, t->mlp);
    clip_activations_set(&s->wide, kernels, threads, s->hidden, 1);
    clip_linear_forward(&m->contract, kernels, threads, &s->wide, CLIP_ADD, embedding, t->width);
}

static void encode_image(const void *model, const clip_kernels *kernels, clip_pool *threads, void *scratch, const float *pixels,
                         float *embedding) {
    const siglip_model *m = model;
    siglip_state *s = scratch;
    size_t width = m->config.transformer.width;
    clip_gather_patches(pixels, m->config.image_size, m->config.patch_size, s->patches);
    clip_activations_set(&s->patch_rows, kernels, threads, s->patches, m->tokens);
    memcpy(s->x, m->positional_embedding, m->tokens * width * sizeof(float));
    clip_linear_forward(&m->patch_embedding, kernels, threads, &s->patch_rows, CLIP_ADD, s->x, width);
    const clip_sequence all = {.first = 0, .count = m->tokens};
    for (size_t i = 0; i < m->tokens; i++) s->all[i] = i;
    clip_transformer_forward(&m->transformer, kernels, threads, &s->transformer, s->x, m->tokens, &all, 1, s->all, m->tokens, s->y);
    pool(m, kernels, threads, s, &all, embedding);
}

const clip_network clip_siglip_network = {
    .model_bytes = sizeof(siglip_model),
    .state_bytes = sizeof(siglip_state),
    .layout = layout,
    .layout_state = layout_state,
    .slot_count = slot_count,
    .slots = list_slots,
    .encode_image = encode_image,
};
