/* network.h - what each network says of itself, so that tower.c can make, load and run any of them.
 *
 * A network's file has its model (weights) and its state (scratch of a forward pass) as structures of its own, and one table that says
 * how large they are and what to call. Layouts are called twice, with measuring arenas and then for good; both structures are zeroed
 * before the first. A forward pass allocates nothing.
 */
#ifndef CLIP_NETWORK_H
#define CLIP_NETWORK_H

#include "arena.h"
#include "compute/linear.h"
#include "towers/token_table.h"
#include "weights/config.h"
#include "weights/slots.h"

typedef struct {
    size_t model_bytes, state_bytes;
    int fast; /* whether it takes the fastest int8 kernels, however small it is */
    /* Weights from `arena`. CLIP_ERROR_MEMORY. */
    clip_status (*layout)(void *model, const clip_kernels *kernels, clip_arena *arena, const clip_config *config,
                          clip_precision precision);
    /* Scratch from `arena`. */
    void (*layout_state)(void *state, const clip_kernels *kernels, clip_arena *arena, const clip_config *config,
                         clip_precision precision);
    /* The tensors that it wants, and at most how many they are. */
    size_t (*slot_count)(const clip_config *config);
    void (*slots)(void *model, clip_slots *slots);
    /* Readies the weights once all tensors are there; NULL if nothing is to be done. CLIP_ERROR_MEMORY, CLIP_ERROR_VALUE. */
    clip_status (*finish)(void *model, const clip_kernels *kernels);
    /* Frees what is not the arena's, at any time after the first layout; NULL if nothing is. */
    void (*destroy)(void *model);
    /* Images: pixels (3, image_size, image_size), normalised -> embedding (embedding). */
    void (*encode_image)(const void *model, const clip_kernels *kernels, clip_pool *pool, void *state, const float *pixels,
                         float *embedding);
    /* Texts: as clip_text_encode in tower.h. CLIP_ERROR_ARGUMENT. */
    clip_status (*encode_texts)(const void *model, const clip_kernels *kernels, clip_pool *pool, void *state, const uint32_t *ids,
                                const uint32_t *lengths, size_t count, float *embeddings);
    /* Texts: where their tokens' embeddings are. */
    clip_token_table *(*table)(void *model);
} clip_network;

extern const clip_network clip_vit_network, clip_resnet_network, clip_siglip_network, clip_efficientnet_network,
    clip_fastvit_network, clip_bert_network, clip_text_network;

#endif
