/* conv_stem.h - what MobileCLIP-B's ViT has for a patch embedding (timm's vit_base_mci_224): three convolutions whose strides are their
 * kernels, 4x4 and twice 2x2, with batch norms and GELUs between them.
 */
#ifndef CLIP_CONV_STEM_H
#define CLIP_CONV_STEM_H

#include "arena.h"
#include "compute/linear.h"
#include "towers/batch_norm.h"
#include "weights/slots.h"

#define CLIP_CONV_STEM_PATCH 16
#define CLIP_CONV_STEM_SLOTS 12

typedef struct {
    size_t size, width; /* pixels a side; of the tokens */
    clip_linear linear[3];
    clip_batch_norm norm[2];
} clip_conv_stem;

typedef struct {
    float *patches, *between; /* of the largest layer */
    clip_activations rows[3];
} clip_conv_stem_state;

void clip_conv_stem_layout(clip_conv_stem *stem, const clip_kernels *kernels, clip_arena *arena, size_t size, size_t width,
                           clip_precision precision);
void clip_conv_stem_state_layout(clip_conv_stem_state *state, const clip_kernels *kernels, clip_arena *arena, size_t size,
                                 size_t width, clip_precision precision);
void clip_conv_stem_slots(clip_conv_stem *stem, clip_slots *slots);
/* Once all tensors are there. CLIP_ERROR_VALUE. */
clip_status clip_conv_stem_finish(clip_conv_stem *stem);

/* pixels (3, size, size) added to x (tokens, width). */
void clip_conv_stem_forward(const clip_conv_stem *stem, const clip_kernels *kernels, clip_pool *pool, clip_conv_stem_state *state,
                            const float *pixels, float *x);

#endif
