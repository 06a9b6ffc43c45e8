/* vit.h - CLIP's vision transformer (Dosovitskiy et al. 2021; OpenAI's VisionTransformer): patches to an embedding. */
#ifndef CLIP_VIT_H
#define CLIP_VIT_H

#include "towers/transformer.h"

typedef struct {
    clip_vision_config config;
    size_t side, tokens;         /* patches a side; side^2 + 1 */
    clip_linear patch_embedding; /* (width, 3 patch patch), no bias */
    float *class_embedding;      /* (width) */
    float *positional_embedding; /* (tokens, width) */
    float *pre_gain, *pre_bias;  /* (width) */
    clip_transformer transformer;
    float *post_gain, *post_bias; /* (width) */
    clip_linear projection;       /* (embedding, width), no bias */
} clip_vit;

typedef struct {
    float *patches;              /* (side^2, 3 patch patch) */
    clip_activations patch_rows; /* the same */
    float *x;                    /* (tokens, width), the residual stream */
    float *pooled;               /* (1, width) */
    clip_activations pooled_row; /* (1, width) */
    clip_transformer_state transformer;
} clip_vit_state;

/* Weights from `arena`, twice: measuring, then for good. CLIP_ERROR_MEMORY. */
clip_status clip_vit_layout(clip_vit *vit, const clip_kernels *kernels, clip_arena *arena, const clip_vision_config *config,
                            clip_precision precision);
size_t clip_vit_slot_count(const clip_vision_config *config);
void clip_vit_slots(clip_vit *vit, clip_slots *slots);
void clip_vit_state_layout(clip_vit_state *state, const clip_kernels *kernels, clip_arena *arena, const clip_vision_config *config,
                           clip_precision precision);

/* pixels (3, image_size, image_size), normalised -> embedding (embedding). */
void clip_vit_forward(const clip_vit *vit, const clip_kernels *kernels, clip_pool *pool, clip_vit_state *state, const float *pixels,
                      float *embedding);

#endif
