/* model.h - what the fuzzers of towers and conversion share: small configurations, and pieces of any size. */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The first bytes of an input say how the rest is read. tests/fuzz/seeds.mjs writes files that fit these. */
#define FUZZ_CONTROL 4

static const char FUZZ_VIT[] =
    "{\"projection_dim\":8,\"vision_config\":{\"hidden_size\":32,\"num_hidden_layers\":1,\"num_attention_heads\":2,"
    "\"intermediate_size\":32,\"image_size\":8,\"patch_size\":4},\"text_config\":{\"hidden_size\":32,\"num_hidden_layers\":1,"
    "\"num_attention_heads\":2,\"intermediate_size\":64,\"max_position_embeddings\":6,\"vocab_size\":20,\"eos_token_id\":19}}";
static const char FUZZ_RESNET[] =
    "{\"embed_dim\":8,\"vision_cfg\":{\"image_size\":32,\"layers\":[1,1,1,1],\"width\":2,\"head_width\":32},"
    "\"text_cfg\":{\"context_length\":6,\"vocab_size\":20,\"width\":32,\"heads\":2,\"layers\":1,\"mlp_ratio\":2}}";

static const char FUZZ_SIGLIP[] =
    "{\"model_type\":\"siglip\",\"vision_config\":{\"hidden_size\":32,\"intermediate_size\":64,\"num_hidden_layers\":1,"
    "\"num_attention_heads\":2,\"hidden_act\":\"gelu\",\"image_size\":8,\"patch_size\":4},\"text_config\":{\"hidden_size\":32,"
    "\"intermediate_size\":64,\"num_hidden_layers\":1,\"num_attention_heads\":2,\"hidden_act\":\"gelu_pytorch_tanh\","
    "\"max_position_embeddings\":6,\"vocab_size\":20,\"projection_size\":32}}";
static const char FUZZ_BERT[] =
    "{\"model_type\":\"clip\",\"projection_dim\":8,\"vision_config\":{\"hidden_size\":32,\"num_hidden_layers\":1,\"num_attention_"
    "heads\":2,"
    "\"intermediate_size\":32,\"image_size\":8,\"patch_size\":4},\"text_config\":{\"model_type\":\"bert\",\"hidden_size\":32,"
    "\"intermediate_size\":64,\"num_hidden_layers\":1,\"num_attention_heads\":2,\"hidden_act\":\"gelu\",\"layer_norm_eps\":1e-5,"
    "\"max_position_embeddings\":40,\"vocab_size\":20,\"type_vocab_size\":2,\"pool\":\"first\"}}";
static const char FUZZ_EFFICIENTNET[] =
    "{\"embed_dim\":8,\"vision_cfg\":{\"image_size\":32,\"timm_model_name\":\"tf_efficientnet_lite0\",\"timm_pool\":\"avg\","
    "\"timm_proj\":\"linear\"},\"text_cfg\":{\"context_length\":6,\"vocab_size\":20,\"width\":32,\"heads\":2,\"layers\":1,\"mlp_"
    "ratio\":2}}";

static const char FUZZ_FASTVIT[] =
    "{\"embed_dim\":8,\"vision_cfg\":{\"timm_model_name\":\"fastvit\",\"layers\":[1,1,1,1],\"width\":16,\"image_size\":64},\"text_"
    "cfg\":{"
    "\"context_length\":6,\"vocab_size\":20,\"width\":32,\"heads\":2,\"layers\":1,\"mlp_ratio\":2,\"no_causal_mask\":true}}";

/* A repeatable source of piece sizes (xorshift): mostly small, now and then large. */
static inline size_t fuzz_piece(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return 1 + (*state & 1 ? *state >> 8 & 15 : *state & 2 ? *state >> 8 & 255 : *state >> 8 & 4095);
}

#endif
