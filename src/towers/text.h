/* text.h - CLIP's text transformer: token ids to embeddings.
 *
 * The tower is causal and is read at each text's end token, so padding never matters and is never computed: texts of a batch
 * lie end to end as rows. A prefix that all texts of a batch share ("<start> a photo of a") is computed once: causal attention
 * gives its rows the same values in every text.
 */
#ifndef CLIP_TEXT_H
#define CLIP_TEXT_H

#include "towers/transformer.h"

typedef struct {
    clip_text_config config;
    float *token_embedding;      /* f32: (vocabulary, width) */
    int8_t *token_embedding_q8;  /* otherwise: the same, with a scale a row */
    float *token_scale;          /* (vocabulary) */
    float *positional_embedding; /* (context, width) */
    clip_transformer transformer;
    float *final_gain, *final_bias; /* (width) */
    clip_linear projection;         /* (embedding, width), no bias */
} clip_text;

typedef struct {
    size_t rows;              /* of a batch, at most */
    float *x;                 /* (rows, width) */
    float *pooled;            /* (rows, width) */
    size_t *ends;             /* (rows) row of each text's end token */
    clip_sequence *sequences; /* (rows) */
    clip_activations pooled_rows;
    clip_transformer_state transformer;
} clip_text_state;

clip_status clip_text_layout(clip_text *text, const clip_kernels *kernels, clip_arena *arena, const clip_text_config *config,
                             clip_precision precision);
size_t clip_text_slot_count(const clip_text_config *config);
void clip_text_slots(clip_text *text, clip_slots *slots);
void clip_text_state_layout(clip_text_state *state, const clip_kernels *kernels, clip_arena *arena, const clip_text_config *config,
                            clip_precision precision);

/* ids: `count` texts end to end, lengths[i] ids each -> embeddings (count, embedding). CLIP_ERROR_ARGUMENT if a length is not
 * 1..context or an id not below vocabulary. */
clip_status clip_text_forward(const clip_text *text, const clip_kernels *kernels, clip_pool *pool, clip_text_state *state,
                              const uint32_t *ids, const uint32_t *lengths, size_t count, float *embeddings);

#endif
