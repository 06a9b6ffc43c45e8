#include "towers/transformer.h"

#include <string.h>

clip_status clip_transformer_layout(clip_transformer *transformer, const clip_kernels *kernels, clip_arena *arena,
                                    const clip_transformer_config *config, clip_precision precision) {
    size_t width = config->width;
    transformer->config = *config;
    transformer->blocks = clip_arena_take_structures(arena, config->layers, sizeof(clip_block));
    for (size_t i = 0; i < config->layers; i++) {
        clip_block measured, *block = transformer->blocks ? &transformer->blocks[i] : &measured;
        block->ln1_gain = clip_arena_take(arena, width, sizeof(float));
        block->ln1_bias = clip_arena_take(arena, width, sizeof(float));
        clip_linear_layout(&block->query, kernels, arena, width, width, precision);
        clip_linear_layout(&block->key_value, kernels, arena, width, 2 * width, precision);
        clip_linear_layout(&block->out, kernels, arena, width, width, precision);
        block->ln2_gain = clip_arena_take(arena, width, sizeof(float));
        block->ln2_bias = clip_arena_take(arena, width, sizeof(float));
        clip_linear_layout(&block->expand, kernels, arena, width, config->mlp, precision);
        clip_linear_layout(&block->contract, kernels, arena, config->mlp, width, precision);
    }
    return clip_arena_ok(arena) ? CLIP_OK : CLIP_ERROR_MEMORY;
}

void clip_transformer_slots(clip_transformer *transformer, clip_slots *slots, const char *prefix) {
    size_t width = transformer->config.width, mlp = transformer->config.mlp;
    for (size_t i = 0; i < transformer->config.layers; i++) {
        clip_block *b = &transformer->blocks[i];
        char name[CLIP_SLOT_NAME];
        clip_slots_numbered(name, prefix, i);
        clip_slots_add_values(slots, name, "ln_1.weight", b->ln1_gain, width, 1);
        clip_slots_add_values(slots, name, "ln_1.bias", b->ln1_bias, width, 1);
        clip_slots_add_split(slots, name, "attn.in_proj_weight", 3 * width, width);
        clip_slots_add_linear(slots, name, "attn.q_proj.weight", &b->query, 0, width);
        clip_slots_add_linear(slots, name, "attn.k_proj.weight", &b->key_value, 0, width);
        clip_slots_add_linear(slots, name, "attn.v_proj.weight", &b->key_value, width, width);
        clip_slots_add_split(slots, name, "attn.in_proj_bias", 3 * width, 1);
        clip_slots_add_values(slots, name, "attn.q_proj.bias", b->query.bias, width, 1);
        clip_slots_add_values(slots, name, "attn.k_proj.bias", b->key_value.bias, width, 1);
        clip_slots_add_values(slots, name, "attn.v_proj.bias", b->key_value.bias ? b->key_value.bias + width : NULL, width, 1);
        clip_slots_add_linear(slots, name, "attn.out_proj.weight", &b->out, 0, width);
        clip_slots_add_values(slots, name, "attn.out_proj.bias", b->out.bias, width, 1);
        clip_slots_add_values(slots, name, "ln_2.weight", b->ln2_gain, width, 1);
        clip_slots_add_values(slots, name, "ln_2.bias", b->ln2_bias, width, 1);
        clip_slots_add_linear(slots, name, "mlp.c_fc.weight", &b->expand, 0, mlp);
        clip_slots_add_values(slots, name, "mlp.c_fc.bias", b->expand.bias, mlp, 1);
        clip_slots_add_linear(slots, name, "mlp.c_proj.weight", &b->contract, 0, width);
        clip_slots_add_values(slots, name, "mlp.c_proj.bias", b->contract.bias, width, 1);
    }
}

void clip_transformer_state_layout(clip_transformer_state *state, const clip_kernels *kernels, clip_arena *arena,
                                   const clip_transformer_config *config, size_t rows, clip_precision precision) {
    size_t width = config->width;
    state->rows = rows;
    state->query = clip_arena_take(arena, rows * width, sizeof(float));
    state->key_value = clip_arena_take(arena, rows * 2 * width, sizeof(float));
    state->attended = clip_arena_take(arena, rows * width, sizeof(float));
    state->hidden = clip_arena_take(arena, rows * config->mlp, sizeof(float));
    state->attention = clip_arena_take(arena, clip_attention_scratch(width, config->heads, rows), sizeof(float));
    clip_activations_layout(&state->normed, kernels, arena, rows, width, precision);
    clip_activations_layout(&state->wide, kernels, arena, rows, config->mlp, precision);
}

void clip_transformer_forward(const clip_transformer *transformer, const clip_kernels *kernels, clip_pool *pool,
                              clip_transformer_state *state, float *x, size_t rows, const clip_sequence *sequences, size_t count,
                              const size_t *read, size_t reads, float *y) {
    const clip_transformer_config *config = &transformer->config;
    size_t width = config->width, mlp = config->mlp;
    for (size_t i = 0; i < config->layers; i++) {
        const clip_block *b = &transformer->blocks[i];
        int last = i + 1 == config->layers;
        clip_activations_set_layer_norm(&state->normed, kernels, pool, x, rows, b->ln1_gain, b->ln1_bias, config->epsilon);
        clip_linear_forward(&b->key_value, kernels, pool, &state->normed, CLIP_STORE, state->key_value, 2 * width);
        if (last) { /* from here on only the rows that are read */
            for (size_t r = 0; r < reads; r++) memcpy(y + r * width, x + read[r] * width, width * sizeof *y);
            x = y;
            rows = reads;
            clip_activations_set_layer_norm(&state->normed, kernels, pool, x, rows, b->ln1_gain, b->ln1_bias, config->epsilon);
        }
        clip_linear_forward(&b->query, kernels, pool, &state->normed, CLIP_STORE, state->query, width);
        clip_attention(kernels, pool, state->query, state->key_value, width, config->heads, sequences, count, last ? read : NULL,
                       reads, state->attended, state->attention);
        clip_activations_set(&state->normed, kernels, pool, state->attended, rows);
        clip_linear_forward(&b->out, kernels, pool, &state->normed, CLIP_ADD, x, width);

        clip_activations_set_layer_norm(&state->normed, kernels, pool, x, rows, b->ln2_gain, b->ln2_bias, config->epsilon);
        clip_linear_forward(&b->expand, kernels, pool, &state->normed, config->activation, state->hidden, mlp);
        clip_activations_set(&state->wide, kernels, pool, state->hidden, rows);
        clip_linear_forward(&b->contract, kernels, pool, &state->wide, CLIP_ADD, x, width);
    }
}
