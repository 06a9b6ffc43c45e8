/* vit.c - CLIP's vision transformer (Dosovitskiy et al. 2021; OpenAI's VisionTransformer): patches to an embedding.
 *
 * MobileCLIP-B's (timm's vit_base_mci_224) has convolutions instead of the patch embedding, no place for the class token, no norm before the
 * blocks, and a bias after the projection.
 */
#include <string.h>

#include "towers/conv_stem.h"
#include "towers/network.h"
#include "towers/patches.h"
#include "towers/transformer.h"

typedef struct {
    clip_vision_config config;
    size_t side, tokens;         /* patches a side; side^2 + 1 */
    clip_linear patch_embedding; /* (width, 3 patch patch), no bias; or stem */
    clip_conv_stem stem;
    float *class_embedding;      /* (width) */
    float *positional_embedding; /* (tokens, width); with a stem (side^2, width) */
    float *pre_gain, *pre_bias;  /* (width), without a stem */
    clip_transformer transformer;
    float *post_gain, *post_bias; /* (width) */
    clip_linear projection;       /* (embedding, width), a bias only with a stem */
} vit_model;

typedef struct {
    float *patches;              /* (side^2, 3 patch patch) */
    clip_activations patch_rows; /* the same */
    clip_conv_stem_state stem;
    float *x;                    /* (tokens, width), the residual stream */
    float *pooled;               /* (1, width) */
    clip_activations pooled_row; /* (1, width) */
    clip_transformer_state transformer;
} vit_state;

static clip_status layout(void *model, const clip_kernels *kernels, clip_arena *arena, const clip_config *all,
                          clip_precision precision) {
    vit_model *vit = model;
    const clip_vision_config *config = &all->vision;
    size_t width = config->transformer.width, patch = config->patch_size;
    *vit = (vit_model){.config = *config, .side = config->image_size / patch};
    vit->tokens = vit->side * vit->side + 1;
    /* The patch embedding sees pixels, the projection makes the answer: int4 costs accuracy there and saves next to nothing. */
    clip_precision ends = precision == CLIP_F32 ? CLIP_F32 : CLIP_Q8;
    if (config->conv_stem) clip_conv_stem_layout(&vit->stem, kernels, arena, config->image_size, width, ends);
    else clip_linear_layout(&vit->patch_embedding, kernels, arena, 3 * patch * patch, width, ends);
    vit->class_embedding = clip_arena_take(arena, width, sizeof(float));
    vit->positional_embedding = clip_arena_take(arena, vit->tokens * width, sizeof(float));
    vit->pre_gain = clip_arena_take(arena, width, sizeof(float));
    vit->pre_bias = clip_arena_take(arena, width, sizeof(float));
    clip_status status = clip_transformer_layout(&vit->transformer, kernels, arena, &config->transformer, precision);
    vit->post_gain = clip_arena_take(arena, width, sizeof(float));
    vit->post_bias = clip_arena_take(arena, width, sizeof(float));
    clip_linear_layout(&vit->projection, kernels, arena, width, config->embedding, ends);
    return status;
}

static size_t slot_count(const clip_config *config) {
    return 8 + CLIP_CONV_STEM_SLOTS + config->vision.transformer.layers * CLIP_SLOTS_PER_BLOCK;
}

/* What MobileCLIP-B's has of its own. */
static void list_stem_slots(vit_model *vit, clip_slots *slots) {
    size_t width = vit->config.transformer.width;
    clip_conv_stem_slots(&vit->stem, slots);
    clip_slots_add_values(slots, "visual.", "positional_embedding", vit->positional_embedding, vit->tokens - 1, width);
    clip_slots_add_linear(slots, "visual.trunk.", "head.weight", &vit->projection, 0, vit->config.embedding);
    clip_slots_add_values(slots, "visual.trunk.", "head.bias", vit->projection.bias, vit->config.embedding, 1);
}

static void list_plain_slots(vit_model *vit, clip_slots *slots) {
    size_t width = vit->config.transformer.width;
    clip_slots_add_linear(slots, "visual.", "conv1.weight", &vit->patch_embedding, 0, width);
    clip_slots_set_kernel(slots, vit->config.patch_size);
    clip_slots_add_values(slots, "visual.", "positional_embedding", vit->positional_embedding, vit->tokens, width);
    clip_slots_add_values(slots, "visual.", "ln_pre.weight", vit->pre_gain, width, 1);
    clip_slots_add_values(slots, "visual.", "ln_pre.bias", vit->pre_bias, width, 1);
    clip_slots_add_linear(slots, "visual.", "proj", &vit->projection, 0, vit->config.embedding);
}

static void list_slots(void *model, clip_slots *slots) {
    vit_model *vit = model;
    size_t width = vit->config.transformer.width;
    if (vit->config.conv_stem) list_stem_slots(vit, slots);
    else list_plain_slots(vit, slots);
    clip_slots_add_values(slots, "visual.", "class_embedding", vit->class_embedding, width, 1);
    clip_transformer_slots(&vit->transformer, slots, "visual.transformer.resblocks.");
    clip_slots_add_values(slots, "visual.", "ln_post.weight", vit->post_gain, width, 1);
    clip_slots_add_values(slots, "visual.", "ln_post.bias", vit->post_bias, width, 1);
}

static clip_status finish(void *model, const clip_kernels *kernels) {
    vit_model *vit = model;
    (void)kernels;
    return vit->config.conv_stem ? clip_conv_stem_finish(&vit->stem) : CLIP_OK;
}

static void layout_state(void *scratch, const clip_kernels *kernels, clip_arena *arena, const clip_config *all,
                         clip_precision precision) {
    vit_state *state = scratch;
    const clip_vision_config *config = &all->vision;
    size_t width = config->transformer.width, patch = config->patch_size, side = config->image_size / patch;
    clip_precision ends = precision == CLIP_F32 ? CLIP_F32 : CLIP_Q8;
    if (config->conv_stem) {
        clip_conv_stem_state_layout(&state->stem, kernels, arena, config->image_size, width, ends);
    } else {
        state->patches = clip_arena_take(arena, side * side * 3 * patch * patch, sizeof(float));
        clip_activations_layout(&state->patch_rows, kernels, arena, side * side, 3 * patch * patch, ends);
    }
    state->x = clip_arena_take(arena, (side * side + 1) * width, sizeof(float));
    state->pooled = clip_arena_take(arena, width, sizeof(float));
    clip_activations_layout(&state->pooled_row, kernels, arena, 1, width, ends);
    clip_transformer_state_layout(&state->transformer, kernels, arena, &config->transformer, side * side + 1, precision);
}

/* What the blocks are given: x (tokens, width). */
static void embed_with_stem(const vit_model *vit, const clip_kernels *kernels, clip_pool *pool, vit_state *state,
                            const float *pixels) {
    size_t width = vit->config.transformer.width;
    memcpy(state->x, vit->class_embedding, width * sizeof(float));
    memcpy(state->x + width, vit->positional_embedding, (vit->tokens - 1) * width * sizeof(float));
    clip_conv_stem_forward(&vit->stem, kernels, pool, &state->stem, pixels, state->x + width);
}

static void embed(const vit_model *vit, const clip_kernels *kernels, clip_pool *pool, vit_state *state, const float *pixels) {
    size_t width = vit->config.transformer.width;
    clip_gather_patches(pixels, vit->config.image_size, vit->config.patch_size, state->patches);
    clip_activations_set(&state->patch_rows, kernels, pool, state->patches, vit->tokens - 1);
    memcpy(state->x, vit->positional_embedding, vit->tokens * width * sizeof(float));
    for (size_t i = 0; i < width; i++) state->x[i] += vit->class_embedding[i];
    clip_linear_forward(&vit->patch_embedding, kernels, pool, &state->patch_rows, CLIP_ADD, state->x + width, width);
    clip_layer_norm(kernels, pool, state->x, vit->tokens, width, vit->pre_gain, vit->pre_bias, vit->config.transformer.epsilon,
                    state->x);
}

static void encode_image(const void *model, const clip_kernels *kernels, clip_pool *pool, void *scratch, const float *pixels,
                         float *embedding) {
    const vit_model *vit = model;
    vit_state *state = scratch;
    if (vit->config.conv_stem) embed_with_stem(vit, kernels, pool, state, pixels);
    else embed(vit, kernels, pool, state, pixels);
    const clip_sequence all = {.first = 0, .count = vit->tokens};
    const size_t class_token = 0;
    clip_transformer_forward(&vit->transformer, kernels, pool, &state->transformer, state->x, vit->tokens, &all, 1, &class_token, 1,
                             state->pooled);
    clip_activations_set_layer_norm(&state->pooled_row, kernels, pool, state->pooled, 1, vit->post_gain, vit->post_bias,
                                    vit->config.transformer.epsilon);
    clip_linear_forward(&vit->projection, kernels, pool, &state->pooled_row, CLIP_STORE, embedding, vit->config.embedding);
}

const clip_network clip_vit_network = {
    .model_bytes = sizeof(vit_model),
    .state_bytes = sizeof(vit_state),
    .layout = layout,
    .layout_state = layout_state,
    .slot_count = slot_count,
    .slots = list_slots,
    .finish = finish,
    .encode_image = encode_image,
};
