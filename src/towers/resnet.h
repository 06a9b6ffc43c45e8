/* resnet.h - CLIP's ModifiedResNet (OpenAI's model.py; He et al. 2016, with a three-convolution stem, average pooling instead of
 * strides, and attention pooling instead of a mean). Images are (height, width, channels). */
#ifndef CLIP_RESNET_H
#define CLIP_RESNET_H

#include "compute/attention.h"
#include "compute/convolution.h"
#include "compute/linear.h"
#include "weights/config.h"
#include "weights/slots.h"

/* A convolution and its BatchNorm. */
typedef struct {
    clip_convolution convolution; /* with the norm in it, once clip_resnet_finish was called */
    /* as the file has them, until clip_resnet_finish */
    float *weight;                        /* f32: (out, in kernel kernel) */
    int8_t *weight_q8;                    /* otherwise: the same, with a scale an output */
    float *scale;                         /* (out) */
    float *gain, *beta, *mean, *variance; /* (out) */
} clip_resnet_layer;

typedef struct {
    clip_vision_config config;
    size_t side, channels;     /* of the last stage's image */
    clip_resnet_layer *layers; /* stem, then for each bottleneck its three and, in a stage's first, the shortcut's */
    size_t count;
    clip_arena staging;            /* what comes from the file, freed by finish */
    float *positional_embedding;   /* (side^2 + 1, channels) */
    clip_linear query, key, value; /* (channels, channels) */
    clip_linear projection;        /* (embedding, channels) */
} clip_resnet;

typedef struct {
    float *images[4];          /* NHWC images, each as large as the largest */
    clip_activations *patches; /* (layers); they share one memory */
    clip_activations pool_rows, query_row, out_row;
    float *tokens, *query, *key_value, *attended, *attention;
} clip_resnet_state;

clip_status clip_resnet_layout(clip_resnet *resnet, const clip_kernels *kernels, clip_arena *arena,
                               const clip_vision_config *config, clip_precision precision);
size_t clip_resnet_slot_count(const clip_vision_config *config);
void clip_resnet_slots(clip_resnet *resnet, clip_slots *slots);
void clip_resnet_state_layout(clip_resnet_state *state, const clip_kernels *kernels, clip_arena *arena,
                              const clip_vision_config *config, clip_precision precision);
/* Folds BatchNorm and packs the convolutions; call once all tensors are there. CLIP_ERROR_MEMORY, CLIP_ERROR_VALUE. */
clip_status clip_resnet_finish(clip_resnet *resnet, const clip_kernels *kernels);
/* Frees what is not the arena's. A zeroed struct is fine. */
void clip_resnet_destroy(clip_resnet *resnet);

/* pixels (3, image_size, image_size), normalised -> embedding (embedding). */
void clip_resnet_forward(const clip_resnet *resnet, const clip_kernels *kernels, clip_pool *pool, clip_resnet_state *state,
                         const float *pixels, float *embedding);

#endif
