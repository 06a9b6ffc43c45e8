/* config.h - what a model is made of, read from the configuration that comes with it.
 *
 * Three forms are known: Hugging Face's config.json (CLIPConfig), OpenCLIP's open_clip_config.json (with or without its
 * "model_cfg" wrapper), and our clip.json, which holds either of them under "config" and the preprocessing under "preprocess".
 */
#ifndef CLIP_CONFIG_H
#define CLIP_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "compute/linear.h"
#include "status.h"

/* Limits of what is believed: several times the largest published CLIP. They keep every product of sizes below 2^63 and a
 * hostile configuration from asking for terabytes one valid field at a time. */
#define CLIP_MAX_WIDTH      8192
#define CLIP_MAX_MLP        65536
#define CLIP_MAX_LAYERS     128
#define CLIP_MAX_IMAGE      1024
#define CLIP_MAX_CONTEXT    1024
#define CLIP_MAX_VOCABULARY (1u << 20)
#define CLIP_RESNET_STAGES  4

/* A residual attention transformer. */
typedef struct {
    size_t width; /* of the residual stream */
    size_t layers;
    size_t heads;             /* width / heads is a head's width */
    size_t mlp;               /* width of the hidden layer */
    clip_epilogue activation; /* CLIP_QUICK_GELU or CLIP_GELU */
    float epsilon;            /* of layer normalisation */
} clip_transformer_config;

typedef enum {
    CLIP_VISION_TRANSFORMER,
    CLIP_MODIFIED_RESNET,
    CLIP_SIGLIP_VISION,
    CLIP_EFFICIENTNET_LITE,
    CLIP_FASTVIT
} clip_vision_form;

typedef struct {
    size_t image_size; /* pixels a side */
    size_t embedding;  /* width of the shared space */
    clip_vision_form form;
    /* vision transformer */
    size_t patch_size;
    int conv_stem; /* MobileCLIP-B's, see conv_stem.h */
    clip_transformer_config transformer;
    /* ModifiedResNet, FastViT */
    size_t stem;                       /* channels after the stem, "width" in OpenAI's code */
    size_t blocks[CLIP_RESNET_STAGES]; /* of each stage */
    size_t heads;                      /* of the attention pool */
    /* EfficientNet-Lite */
    size_t lite;                 /* 0..4 */
    int projection_bias;         /* whether the projection has one */
    float mean[3], deviation[3]; /* of pixels in 0..1 */
} clip_vision_config;

typedef enum { CLIP_TEXT_TRANSFORMER, CLIP_BERT } clip_text_form;
/* BERT: what of a text's rows is projected. */
typedef enum { CLIP_POOL_FIRST, CLIP_POOL_FIRST_TANH, CLIP_POOL_MEAN } clip_text_pool;

typedef struct {
    clip_text_form form;
    size_t context;    /* ids at most */
    size_t vocabulary; /* entries */
    size_t embedding;
    clip_transformer_config transformer;
    /* Where the embedding is read: the first `end` id, or, with `end` = CLIP_END_IS_LARGEST, the largest id (OpenAI's rule, and
     * Hugging Face's where eos_token_id is the legacy 2). */
    uint32_t end;
    int bidirectional;   /* every row sees every other, fillings too: texts come filled up to the context, see clip_tower_info */
    int projection_bias; /* the projection has one */
    /* BERT */
    size_t positions;         /* rows of their table */
    size_t first_position;    /* the first token's; RoBERTa's tables begin with two rows that nobody uses */
    size_t types;             /* of tokens; all texts are of the first */
    size_t projection_hidden; /* width of a GELU layer before the projection, 0 if there is none */
    clip_text_pool pool;
} clip_text_config;

#define CLIP_END_IS_LARGEST UINT32_MAX
#define CLIP_END_IS_LAST    (UINT32_MAX - 1) /* the last position, whatever stands there */

typedef struct {
    clip_vision_config vision;
    clip_text_config text;
} clip_config;

/* Reads any of the three forms. CLIP_ERROR_CONFIG, CLIP_ERROR_MEMORY. */
clip_status clip_config_parse(clip_config *config, const char *json, size_t length);

#endif
