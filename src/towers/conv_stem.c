#include "towers/conv_stem.h"

#include "towers/patches.h"

#define EPSILON 1e-5f

/* Inputs and outputs of a layer, and how many pixels of the image its output's are wide. */
static size_t inputs(size_t layer, size_t width) { return layer ? width : 48; }
static size_t outputs(size_t layer, size_t width) { return layer == 2 ? width : width / 4; }
static size_t scale(size_t layer) { return (size_t)4 << layer; }

void clip_conv_stem_layout(clip_conv_stem *stem, const clip_kernels *kernels, clip_arena *arena, size_t size, size_t width,
                           clip_precision precision) {
    *stem = (clip_conv_stem){.size = size, .width = width};
    for (size_t i = 0; i < 3; i++) {
        clip_linear_layout(&stem->linear[i], kernels, arena, inputs(i, width), outputs(i, width), precision);
        if (i < 2) clip_batch_norm_layout(&stem->norm[i], arena, outputs(i, width));
    }
}

void clip_conv_stem_state_layout(clip_conv_stem_state *state, const clip_kernels *kernels, clip_arena *arena, size_t size,
                                 size_t width, clip_precision precision) {
    size_t pixels = size / scale(0) * (size / scale(0));
    state->patches = clip_arena_take(arena, pixels * (width / 4 > 48 ? width / 4 : 48), sizeof(float));
    state->between = clip_arena_take(arena, pixels * (width / 4), sizeof(float));
    for (size_t i = 0; i < 3; i++)
        clip_activations_layout(&state->rows[i], kernels, arena, pixels >> 2 * i, inputs(i, width), precision);
}

void clip_conv_stem_slots(clip_conv_stem *stem, clip_slots *slots) {
    char prefix[CLIP_SLOT_NAME];
    for (size_t i = 0; i < 3; i++) {
        clip_slots_numbered(prefix, "visual.trunk.patch_embed.backbone.", i);
        clip_slots_add_linear(slots, prefix, "conv.weight", &stem->linear[i], 0, stem->linear[i].out);
        clip_slots_set_kernel(slots, i ? 2 : 4);
        if (i < 2) clip_batch_norm_slots(slots, prefix, "bn.", &stem->norm[i], stem->linear[i].out);
        else clip_slots_add_values(slots, prefix, "conv.bias", stem->linear[i].bias, stem->linear[i].out, 1);
    }
}

clip_status clip_conv_stem_finish(clip_conv_stem *stem) {
    clip_status status = CLIP_OK;
    for (size_t i = 0; i < 2 && status == CLIP_OK; i++) {
        status = clip_batch_norm_fold(&stem->norm[i], stem->linear[i].out, EPSILON, 1);
        if (status == CLIP_OK) clip_linear_fold(&stem->linear[i], stem->norm[i].gain, stem->norm[i].beta);
    }
    return status;
}

/* x (2 side, 2 side, channels) -> patches (side side, channels, 2, 2), as weights lie. */
static void gather(const float *x, size_t side, size_t channels, float *patches) {
    for (size_t row = 0; row < side; row++)
        for (size_t column = 0; column < side; column++) {
            const float *corner = x + (2 * row * 2 * side + 2 * column) * channels, *below = corner + 2 * side * channels;
            for (size_t c = 0; c < channels; c++, patches += 4) {
                patches[0] = corner[c];
                patches[1] = corner[channels + c];
                patches[2] = below[c];
                patches[3] = below[channels + c];
            }
        }
}

void clip_conv_stem_forward(const clip_conv_stem *stem, const clip_kernels *kernels, clip_pool *pool, clip_conv_stem_state *state,
                            const float *pixels, float *x) {
    clip_gather_patches(pixels, stem->size, scale(0), state->patches);
    for (size_t i = 0; i < 3; i++) {
        size_t side = stem->size / scale(i), out = stem->linear[i].out;
        if (i) gather(state->between, side, stem->width / 4, state->patches);
        clip_activations_set(&state->rows[i], kernels, pool, state->patches, side * side);
        clip_linear_forward(&stem->linear[i], kernels, pool, &state->rows[i], i < 2 ? CLIP_GELU : CLIP_ADD,
                            i < 2 ? state->between : x, out);
    }
}
