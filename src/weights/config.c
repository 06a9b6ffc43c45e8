#include "weights/config.h"

#include "weights/json.h"

static const float OPENAI_MEAN[3] = {.48145466f, .4578275f, .40821073f};
static const float OPENAI_DEVIATION[3] = {.26862954f, .26130258f, .27577711f};

/* A whole number in 1..limit under `key`; `otherwise` if the key is absent or null (0: it must be there). */
static int read_size(const clip_json *json, int object, const char *key, uint64_t limit, size_t otherwise, size_t *value) {
    int token = clip_json_get(json, object, key);
    uint64_t number;
    if (token == CLIP_JSON_NONE || clip_json_is(json, token, "null")) {
        *value = otherwise;
        return otherwise != 0;
    }
    if (!clip_json_whole(json, token, limit, &number) || number == 0) return 0;
    *value = (size_t)number;
    return 1;
}

/* Three numbers, each of absolute value at most 16; leaves `values` if the key is absent. */
static int read_triple(const clip_json *json, int object, const char *key, int positive, float values[3]) {
    int array = clip_json_get(json, object, key);
    if (array == CLIP_JSON_NONE || clip_json_is(json, array, "null")) return 1;
    if (clip_json_kind_of(json, array) != CLIP_JSON_ARRAY || clip_json_size(json, array) != 3) return 0;
    int element = clip_json_first(json, array);
    for (int i = 0; i < 3; i++, element = clip_json_next(json, array, element)) {
        double number;
        if (!clip_json_number(json, element, &number) || number > 16 || number < (positive ? 1e-3 : -16)) return 0;
        values[i] = (float)number;
    }
    return 1;
}

/* What a file leaves out is what CLIPTextConfig and CLIPVisionConfig have. */
static int read_hugging_face_transformer(const clip_json *json, int object, size_t width, size_t heads,
                                         clip_transformer_config *t) {
    int activation = clip_json_get(json, object, "hidden_act");
    if (activation == CLIP_JSON_NONE || clip_json_is(json, activation, "quick_gelu")) t->activation = CLIP_QUICK_GELU;
    else if (clip_json_is(json, activation, "gelu")) t->activation = CLIP_GELU;
    else if (clip_json_is(json, activation, "gelu_pytorch_tanh")) t->activation = CLIP_GELU_TANH;
    else return 0;
    double epsilon = 1e-5;
    int token = clip_json_get(json, object, "layer_norm_eps");
    if (token != CLIP_JSON_NONE && (!clip_json_number(json, token, &epsilon) || epsilon <= 0 || epsilon > 1)) return 0;
    t->epsilon = (float)epsilon;
    return read_size(json, object, "hidden_size", CLIP_MAX_WIDTH, width, &t->width) &&
           read_size(json, object, "num_hidden_layers", CLIP_MAX_LAYERS, 12, &t->layers) &&
           read_size(json, object, "num_attention_heads", CLIP_MAX_WIDTH, heads, &t->heads) &&
           read_size(json, object, "intermediate_size", CLIP_MAX_MLP, 4 * width, &t->mlp) && t->width % t->heads == 0;
}

/* A text tower of BERT's family, as web/models/forms/bert.js writes it down. */
static int read_bert(clip_text_config *t, const clip_json *json, int text) {
    int pool = clip_json_get(json, text, "pool");
    size_t first, hidden;
    int untyped = clip_json_is(json, clip_json_get(json, text, "type_vocab_size"), "0"); /* DistilBERT's tokens have no types */
    t->form = CLIP_BERT;
    if (clip_json_is(json, pool, "first")) t->pool = CLIP_POOL_FIRST;
    else if (clip_json_is(json, pool, "pooler")) t->pool = CLIP_POOL_FIRST_TANH;
    else if (clip_json_is(json, pool, "mean")) t->pool = CLIP_POOL_MEAN;
    else return 0;
    if (!read_hugging_face_transformer(json, text, 768, 12, &t->transformer) ||
        !read_size(json, text, "max_position_embeddings", CLIP_MAX_CONTEXT, 512, &t->positions) ||
        !read_size(json, text, "first_position", 15, 16, &first) ||
        !read_size(json, text, "vocab_size", CLIP_MAX_VOCABULARY, 30522, &t->vocabulary) ||
        (!untyped && !read_size(json, text, "type_vocab_size", 64, 2, &t->types)) ||
        !read_size(json, text, "projection_hidden", CLIP_MAX_WIDTH - 1, CLIP_MAX_WIDTH, &hidden))
        return 0;
    t->first_position = first == 16 ? 0 : first; /* absent: BERT's */
    t->projection_hidden = hidden == CLIP_MAX_WIDTH ? 0 : hidden;
    if (t->positions <= t->first_position) return 0;
    return read_size(json, text, "context_length", t->positions - t->first_position, t->positions - t->first_position, &t->context);
}

/* SiglipConfig, with everything said; also what web/models/forms makes of OpenCLIP's and timm's. */
static int read_siglip(clip_config *config, const clip_json *json, int root) {
    int vision = clip_json_get(json, root, "vision_config"), text = clip_json_get(json, root, "text_config");
    clip_vision_config *v = &config->vision;
    clip_text_config *t = &config->text;
    v->form = CLIP_SIGLIP_VISION;
    t->bidirectional = t->projection_bias = 1;
    t->end = CLIP_END_IS_LAST;
    if (!read_hugging_face_transformer(json, vision, 768, 12, &v->transformer) ||
        !read_hugging_face_transformer(json, text, 768, 12, &t->transformer) ||
        !read_size(json, vision, "image_size", CLIP_MAX_IMAGE, 224, &v->image_size) ||
        !read_size(json, vision, "patch_size", CLIP_MAX_IMAGE, 16, &v->patch_size) ||
        !read_size(json, text, "max_position_embeddings", CLIP_MAX_CONTEXT, 64, &t->context) ||
        !read_size(json, text, "vocab_size", CLIP_MAX_VOCABULARY, 32000, &t->vocabulary) ||
        !read_size(json, text, "projection_size", CLIP_MAX_WIDTH, t->transformer.width, &t->embedding))
        return 0;
    v->embedding = v->transformer.width;
    return v->embedding == t->embedding;
}

static int read_hugging_face(clip_config *config, const clip_json *json, int root) {
    int vision = clip_json_get(json, root, "vision_config"), text = clip_json_get(json, root, "text_config");
    clip_vision_config *v = &config->vision;
    clip_text_config *t = &config->text;
    size_t channels, embedding;
    if (clip_json_kind_of(json, vision) != CLIP_JSON_OBJECT || clip_json_kind_of(json, text) != CLIP_JSON_OBJECT) return 0;
    int bert = clip_json_is(json, clip_json_get(json, text, "model_type"), "bert");
    if (!read_hugging_face_transformer(json, vision, 768, 12, &v->transformer) ||
        !(bert ? read_bert(t, json, text) : read_hugging_face_transformer(json, text, 512, 8, &t->transformer)))
        return 0;
    if (!read_size(json, root, "projection_dim", CLIP_MAX_WIDTH, 512, &embedding) ||
        !read_size(json, vision, "num_channels", 3, 3, &channels) || channels != 3 ||
        !read_size(json, vision, "image_size", CLIP_MAX_IMAGE, 224, &v->image_size) ||
        !read_size(json, vision, "patch_size", CLIP_MAX_IMAGE, 32, &v->patch_size))
        return 0;
    v->embedding = t->embedding = embedding;
    if (bert) return 1;
    if (!read_size(json, text, "max_position_embeddings", CLIP_MAX_CONTEXT, 77, &t->context) ||
        !read_size(json, text, "vocab_size", CLIP_MAX_VOCABULARY, 49408, &t->vocabulary))
        return 0;
    size_t end;
    if (!read_size(json, text, "eos_token_id", CLIP_MAX_VOCABULARY, 49407, &end)) return 0;
    t->end = end == 2 ? CLIP_END_IS_LARGEST : (uint32_t)end;
    return 1;
}

/* OpenAI's and OpenCLIP's transformers have an MLP of four times the width unless mlp_ratio says otherwise. */
static int read_mlp(const clip_json *json, int object, clip_transformer_config *t) {
    double ratio = 4;
    int token = clip_json_get(json, object, "mlp_ratio");
    if (token != CLIP_JSON_NONE && (!clip_json_number(json, token, &ratio) || ratio < 0.125 || ratio > 16)) return 0;
    t->mlp = (size_t)((double)t->width * ratio);
    return t->mlp > 0 && t->mlp <= CLIP_MAX_MLP;
}

/* OpenCLIP's form for an image tower of timm's. EfficientNet-Lites are known, with the pool and the projection that they have there. */
static int read_timm(const clip_json *json, int vision, clip_vision_config *v) {
    static const char *const NAMES[] = {"tf_efficientnet_lite0", "tf_efficientnet_lite1", "tf_efficientnet_lite2",
                                        "tf_efficientnet_lite3", "tf_efficientnet_lite4"};
    int name = clip_json_get(json, vision, "timm_model_name"), pool = clip_json_get(json, vision, "timm_pool"),
        projection = clip_json_get(json, vision, "timm_proj");
    v->form = CLIP_EFFICIENTNET_LITE;
    while (v->lite < 5 && !clip_json_is(json, name, NAMES[v->lite])) v->lite++;
    v->projection_bias = clip_json_is(json, clip_json_get(json, vision, "timm_proj_bias"), "true");
    return v->lite < 5 && (pool == CLIP_JSON_NONE || clip_json_is(json, pool, "avg") || clip_json_is(json, pool, "")) &&
           (projection == CLIP_JSON_NONE || clip_json_is(json, projection, "linear"));
}

/* A convolutional network's: how many blocks each stage has, and how many channels the stem. */
static int read_stages(const clip_json *json, int vision, clip_vision_config *v) {
    int layers = clip_json_get(json, vision, "layers");
    if (!read_size(json, vision, "width", CLIP_MAX_WIDTH / 32, 64, &v->stem) ||
        clip_json_kind_of(json, layers) != CLIP_JSON_ARRAY || clip_json_size(json, layers) != CLIP_RESNET_STAGES || v->stem % 2 ||
        v->image_size % 32)
        return 0;
    int element = clip_json_first(json, layers);
    for (int i = 0; i < CLIP_RESNET_STAGES; i++, element = clip_json_next(json, layers, element)) {
        uint64_t blocks;
        if (!clip_json_whole(json, element, CLIP_MAX_LAYERS, &blocks) || blocks == 0) return 0;
        v->blocks[i] = (size_t)blocks;
    }
    return 1;
}

static int read_open_clip(clip_config *config, const clip_json *json, int root) {
    int vision = clip_json_get(json, root, "vision_cfg"), text = clip_json_get(json, root, "text_cfg");
    clip_vision_config *v = &config->vision;
    clip_text_config *t = &config->text;
    size_t embedding, head_width, heads;
    if (clip_json_kind_of(json, vision) != CLIP_JSON_OBJECT || clip_json_kind_of(json, text) != CLIP_JSON_OBJECT) return 0;
    if (!read_size(json, root, "embed_dim", CLIP_MAX_WIDTH, 0, &embedding)) return 0;
    v->embedding = t->embedding = embedding;
    clip_epilogue activation = clip_json_is(json, clip_json_get(json, root, "quick_gelu"), "true") ? CLIP_QUICK_GELU : CLIP_GELU;

    int bert = clip_json_is(json, clip_json_get(json, text, "model_type"), "bert");
    t->transformer.activation = activation;
    t->transformer.epsilon = 1e-5f;
    if (bert && !read_bert(t, json, text)) return 0;
    if (!bert && (!read_size(json, text, "width", CLIP_MAX_WIDTH, 512, &t->transformer.width) ||
                  !read_size(json, text, "layers", CLIP_MAX_LAYERS, 12, &t->transformer.layers) ||
                  !read_size(json, text, "heads", CLIP_MAX_WIDTH, 8, &t->transformer.heads) ||
                  !read_size(json, text, "context_length", CLIP_MAX_CONTEXT, 77, &t->context) ||
                  !read_size(json, text, "vocab_size", CLIP_MAX_VOCABULARY, 49408, &t->vocabulary) ||
                  !read_mlp(json, text, &t->transformer) || t->transformer.width % t->transformer.heads))
        return 0;
    t->bidirectional |= clip_json_is(json, clip_json_get(json, text, "no_causal_mask"), "true");
    size_t end;
    if (!read_size(json, text, "eos_id", CLIP_MAX_VOCABULARY, CLIP_MAX_VOCABULARY, &end)) return 0;
    t->end = end == CLIP_MAX_VOCABULARY ? CLIP_END_IS_LARGEST : (uint32_t)end;

    if (!read_size(json, vision, "image_size", CLIP_MAX_IMAGE, 224, &v->image_size) ||
        !read_size(json, vision, "head_width", CLIP_MAX_WIDTH, 64, &head_width))
        return 0;
    if (clip_json_is(json, clip_json_get(json, vision, "timm_model_name"), "fastvit")) {
        v->form = CLIP_FASTVIT;
        return read_stages(json, vision, v) && v->stem % 16 == 0;
    }
    v->conv_stem = clip_json_is(json, clip_json_get(json, vision, "timm_model_name"), "vit_mci");
    if (!v->conv_stem && clip_json_get(json, vision, "timm_model_name") != CLIP_JSON_NONE) return read_timm(json, vision, v);
    if (clip_json_kind_of(json, clip_json_get(json, vision, "layers")) == CLIP_JSON_ARRAY) {
        v->form = CLIP_MODIFIED_RESNET;
        if (!read_stages(json, vision, v)) return 0;
        if (!read_size(json, vision, "heads", CLIP_MAX_WIDTH, v->stem * 32 / head_width, &v->heads)) return 0;
        return v->stem * 32 % v->heads == 0;
    }
    v->transformer.activation = activation;
    v->transformer.epsilon = 1e-5f;
    if (!read_size(json, vision, "width", CLIP_MAX_WIDTH, 768, &v->transformer.width) ||
        !read_size(json, vision, "layers", CLIP_MAX_LAYERS, 12, &v->transformer.layers) ||
        !read_size(json, vision, "patch_size", CLIP_MAX_IMAGE, 16, &v->patch_size) || !read_mlp(json, vision, &v->transformer))
        return 0;
    if (v->conv_stem) {
        v->transformer.activation = CLIP_GELU;
        v->transformer.epsilon = 1e-6f;
        if (v->patch_size != 16 || v->transformer.width % 32 || v->image_size % 16) return 0;
    }
    heads = v->transformer.width / head_width;
    return read_size(json, vision, "heads", CLIP_MAX_WIDTH, heads, &v->transformer.heads) &&
           v->transformer.width % v->transformer.heads == 0;
}

static int read_config(clip_config *config, const clip_json *json) {
    clip_vision_config *v = &config->vision;
    for (int i = 0; i < 3; i++) {
        v->mean[i] = OPENAI_MEAN[i];
        v->deviation[i] = OPENAI_DEVIATION[i];
    }
    int root = 0, inner = clip_json_get(json, 0, "config"), preprocess = clip_json_get(json, 0, "preprocess");
    if (inner != CLIP_JSON_NONE) root = inner;
    int wrapped = clip_json_get(json, root, "model_cfg");
    if (wrapped != CLIP_JSON_NONE) {
        if (preprocess == CLIP_JSON_NONE) preprocess = clip_json_get(json, root, "preprocess_cfg");
        root = wrapped;
    }
    int known = clip_json_get(json, root, "vision_cfg") != CLIP_JSON_NONE               ? read_open_clip(config, json, root)
                : clip_json_is(json, clip_json_get(json, root, "model_type"), "siglip") ? read_siglip(config, json, root)
                                                                                        : read_hugging_face(config, json, root);
    if (!known || !read_triple(json, preprocess, "mean", 0, v->mean) || !read_triple(json, preprocess, "std", 1, v->deviation))
        return 0;
    if (v->form != CLIP_VISION_TRANSFORMER && v->form != CLIP_SIGLIP_VISION) return 1;
    if (v->patch_size > v->image_size) return 0;
    size_t side = v->image_size / v->patch_size;
    return side * side <= 16384; /* attention of 16,384 tokens is a day's work, not an image's */
}

clip_status clip_config_parse(clip_config *config, const char *text, size_t length) {
    clip_json json;
    *config = (clip_config){0};
    clip_status status = clip_json_parse(&json, text, length);
    if (status != CLIP_OK) return status == CLIP_ERROR_FORMAT ? CLIP_ERROR_CONFIG : status;
    int known = read_config(config, &json);
    clip_json_free(&json);
    return known ? CLIP_OK : CLIP_ERROR_CONFIG;
}
