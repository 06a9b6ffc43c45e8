#include "towers/vit.h"

#include <string.h>

clip_status clip_vit_layout(clip_vit *vit, const clip_kernels *kernels, clip_arena *arena, const clip_vision_config *config,
                            clip_precision precision) {
    size_t width = config->transformer.width, patch = config->patch_size;
    *vit = (clip_vit){.config = *config, .side = config->image_size / patch};
    vit->tokens = vit->side * vit->side + 1;
    /* The patch embedding sees pixels, the projection makes the answer: int4 costs accuracy there and saves next to nothing. */
    clip_precision ends = precision == CLIP_F32 ? CLIP_F32 : CLIP_Q8;
    clip_linear_layout(&vit->patch_embedding, kernels, arena, 3 * patch * patch, width, ends);
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

size_t clip_vit_slot_count(const clip_vision_config *config) { return 8 + config->transformer.layers * CLIP_SLOTS_PER_BLOCK; }

void clip_vit_slots(clip_vit *vit, clip_slots *slots) {
    size_t width = vit->config.transformer.width;
    clip_slots_add_linear(slots, "visual.", "conv1.weight", &vit->patch_embedding, 0, width);
    clip_slots_add_values(slots, "visual.", "class_embedding", vit->class_embedding, width, 1);
    clip_slots_add_values(slots, "visual.", "positional_embedding", vit->positional_embedding, vit->tokens, width);
    clip_slots_add_values(slots, "visual.", "ln_pre.weight", vit->pre_gain, width, 1);
    clip_slots_add_values(slots, "visual.", "ln_pre.bias", vit->pre_bias, width, 1);
    clip_transformer_slots(&vit->transformer, slots, "visual.transformer.resblocks.");
    clip_slots_add_values(slots, "visual.", "ln_post.weight", vit->post_gain, width, 1);
    clip_slots_add_values(slots, "visual.", "ln_post.bias", vit->post_bias, width, 1);
    clip_slots_add_linear(slots, "visual.", "proj", &vit->projection, 0, vit->config.embedding);
}

void clip_vit_state_layout(clip_vit_state *state, const clip_kernels *kernels, clip_arena *arena, const clip_vision_config *config,
                           clip_precision precision) {
    size_t width = config->transformer.width, patch = config->patch_size, side = config->image_size / patch;
    clip_precision ends = precision == CLIP_F32 ? CLIP_F32 : CLIP_Q8;
    state->patches = clip_arena_take(arena, side * side * 3 * patch * patch, sizeof(float));
    clip_activations_layout(&state->patch_rows, kernels, arena, side * side, 3 * patch * patch, ends);
    state->x = clip_arena_take(arena, (side * side + 1) * width, sizeof(float));
    state->pooled = clip_arena_take(arena, width, sizeof(float));
    clip_activations_layout(&state->pooled_row, kernels, arena, 1, width, ends);
    clip_transformer_state_layout(&state->transformer, kernels, arena, &config->transformer, side * side + 1, precision);
}

/* pixels (3, size, size) -> patches (side^2, 3, patch, patch): a convolution whose stride is its kernel is a product. Pixels
 * beyond the last whole patch are not seen, as in the reference's convolution. */
static void gather_patches(const clip_vit *vit, const float *pixels, float *patches) {
    size_t size = vit->config.image_size, patch = vit->config.patch_size;
    for (size_t row = 0; row < vit->side; row++)
        for (size_t column = 0; column < vit->side; column++)
            for (size_t channel = 0; channel < 3; channel++)
                for (size_t y = 0; y < patch; y++, patches += patch)
                    memcpy(patches, pixels + (channel * size + row * patch + y) * size + column * patch, patch * sizeof *patches);
}

void clip_vit_forward(const clip_vit *vit, const clip_kernels *kernels, clip_pool *pool, clip_vit_state *state, const float *pixels,
                      float *embedding) {
    size_t width = vit->config.transformer.width;
    gather_patches(vit, pixels, state->patches);
    clip_activations_set(&state->patch_rows, kernels, pool, state->patches, vit->tokens - 1);
    memcpy(state->x, vit->positional_embedding, vit->tokens * width * sizeof(float));
    for (size_t i = 0; i < width; i++) state->x[i] += vit->class_embedding[i];
    clip_linear_forward(&vit->patch_embedding, kernels, pool, &state->patch_rows, CLIP_ADD, state->x + width, width);
    clip_layer_norm(kernels, pool, state->x, vit->tokens, width, vit->pre_gain, vit->pre_bias, vit->config.transformer.epsilon,
                    state->x);

    const clip_sequence all = {.first = 0, .count = vit->tokens};
    const size_t class_token = 0;
    clip_transformer_forward(&vit->transformer, kernels, pool, &state->transformer, state->x, vit->tokens, &all, 1, &class_token, 1,
                             state->pooled);
    clip_activations_set_layer_norm(&state->pooled_row, kernels, pool, state->pooled, 1, vit->post_gain, vit->post_bias,
                                    vit->config.transformer.epsilon);
    clip_linear_forward(&vit->projection, kernels, pool, &state->pooled_row, CLIP_STORE, embedding, vit->config.embedding);
}
