#include "weights/names.h"

#include <string.h>

#include "weights/quantize.h"

/* Hugging Face's name for a part of a model, OpenAI's for the same. Longest match is not needed: no entry begins another's rest. */
static const char *const PREFIXES[][2] = {
    {"vision_model.encoder.layers.", "visual.transformer.resblocks."},
    {"vision_model.embeddings.class_embedding", "visual.class_embedding"},
    {"vision_model.embeddings.patch_embedding.", "visual.conv1."},
    {"vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"},
    {"vision_model.pre_layrnorm.", "visual.ln_pre."},
    {"vision_model.post_layernorm.", "visual.ln_post."},
    {"visual_projection.weight", "visual.proj"},
    {"vision_model.head.probe", "visual.attn_pool.latent"},
    {"vision_model.head.attention.out_proj.", "visual.attn_pool.proj."},
    {"vision_model.head.attention.", "visual.attn_pool."},
    {"vision_model.head.layernorm.", "visual.attn_pool.norm."},
    {"vision_model.head.mlp.", "visual.attn_pool.mlp."},
    /* timm's, within OpenCLIP's */
    {"visual.trunk.blocks.", "visual.transformer.resblocks."},
    {"visual.trunk.patch_embed.proj.", "visual.conv1."},
    {"visual.trunk.pos_embed", "visual.positional_embedding"},
    {"visual.trunk.norm.", "visual.ln_post."},
    {"visual.trunk.attn_pool.", "visual.attn_pool."},
    {"visual.trunk.cls_token", "visual.class_embedding"},
    {"text_model.encoder.layers.", "transformer.resblocks."},
    {"text_model.embeddings.token_embedding.", "token_embedding."},
    {"text_model.embeddings.position_embedding.weight", "positional_embedding"},
    {"text_model.final_layer_norm.", "ln_final."},
    {"text_projection.weight", "text_projection"},
    {"text_model.head.weight", "text_projection"},
    /* BERT's, in Hugging Face's models; "transformer." in OpenCLIP's */
    {"text_model.encoder.layer.", "transformer.resblocks."},
    {"text_model.embeddings.word_embeddings.", "token_embedding."},
    {"text_model.embeddings.position_embeddings.weight", "positional_embedding"},
    {"text_model.embeddings.token_type_embeddings.weight", "type_embedding"},
    {"text_model.embeddings.LayerNorm.", "ln_embedding."},
    {"text_model.pooler.dense.", "pooler."},
    {"transformer.encoder.layer.", "transformer.resblocks."},
    {"transformer.embeddings.word_embeddings.", "token_embedding."},
    {"transformer.embeddings.position_embeddings.weight", "positional_embedding"},
    {"transformer.embeddings.token_type_embeddings.weight", "type_embedding"},
    {"transformer.embeddings.LayerNorm.", "ln_embedding."},
    {"proj.0.weight", "text_projection.hidden.weight"},
    {"proj.2.weight", "text_projection"},
    {"proj.weight", "text_projection"},
    /* VisionTextDualEncoderModel has whole models in it */
    {"vision_model.vision_model.encoder.layers.", "visual.transformer.resblocks."},
    {"vision_model.vision_model.embeddings.class_embedding", "visual.class_embedding"},
    {"vision_model.vision_model.embeddings.patch_embedding.", "visual.conv1."},
    {"vision_model.vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"},
    {"vision_model.vision_model.pre_layrnorm.", "visual.ln_pre."},
    {"vision_model.vision_model.post_layernorm.", "visual.ln_post."},
    {"text_model.head.bias", "text_projection.bias"},
    /* DistilBERT with the dense layer of sentence-transformers */
    {"transformer.layer.", "transformer.resblocks."},
    {"embeddings.word_embeddings.", "token_embedding."},
    {"embeddings.position_embeddings.weight", "positional_embedding"},
    {"embeddings.LayerNorm.", "ln_embedding."},
    {"linear.weight", "text_projection"},
};
static const char *const LAYER_PARTS[][2] = {
    {"layer_norm1.", "ln_1."},
    {"layer_norm2.", "ln_2."},
    {"self_attn.", "attn."},
    {"mlp.fc1.", "mlp.c_fc."},
    {"mlp.fc2.", "mlp.c_proj."},
    {"norm1.", "ln_1."},
    {"norm2.", "ln_2."},
    {"attn.qkv.", "attn.in_proj_"},
    {"attn.proj.", "attn.out_proj."},
    {"attention.self.query.", "attn.q_proj."},
    {"attention.self.key.", "attn.k_proj."},
    {"attention.self.value.", "attn.v_proj."},
    {"attention.output.dense.", "attn.out_proj."},
    {"attention.output.LayerNorm.", "ln_1."},
    {"intermediate.dense.", "mlp.c_fc."},
    {"output.dense.", "mlp.c_proj."},
    {"output.LayerNorm.", "ln_2."},
    {"attention.q_lin.", "attn.q_proj."},
    {"attention.k_lin.", "attn.k_proj."},
    {"attention.v_lin.", "attn.v_proj."},
    {"attention.out_lin.", "attn.out_proj."},
    {"sa_layer_norm.", "ln_1."},
    {"ffn.lin1.", "mlp.c_fc."},
    {"ffn.lin2.", "mlp.c_proj."},
    {"output_layer_norm.", "ln_2."},
};

static int begins(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

static int ends(const char *text, const char *suffix) {
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

/* Appends as much as fits; a canonical name is never longer than CLIP_TENSOR_NAME unless it is nobody's. */
static void append(char *to, const char *text, size_t length) {
    size_t used = strlen(to);
    if (length > CLIP_TENSOR_NAME - 1 - used) length = CLIP_TENSOR_NAME - 1 - used;
    memcpy(to + used, text, length);
    to[used + length] = 0;
}

/* timm's transformers have one number after "blocks."; its convolutional networks have two, and keep their names. */
static int is_stage(const char *rest) {
    size_t digits = strspn(rest, "0123456789");
    return digits && rest[digits] == '.' && strspn(rest + digits + 1, "0123456789");
}

static void translate(char *to, const char *name) {
    to[0] = 0;
    for (size_t i = 0; i < sizeof PREFIXES / sizeof *PREFIXES; i++) {
        if (!begins(name, PREFIXES[i][0]) || is_stage(name + strlen(PREFIXES[i][0]))) continue;
        append(to, PREFIXES[i][1], strlen(PREFIXES[i][1]));
        name += strlen(PREFIXES[i][0]);
        if (ends(PREFIXES[i][1], "resblocks.")) {
            size_t digits = strspn(name, "0123456789");
            if (name[digits] == '.') digits++;
            append(to, name, digits);
            name += digits;
            for (size_t p = 0; p < sizeof LAYER_PARTS / sizeof *LAYER_PARTS; p++) {
                if (!begins(name, LAYER_PARTS[p][0])) continue;
                append(to, LAYER_PARTS[p][1], strlen(LAYER_PARTS[p][1]));
                name += strlen(LAYER_PARTS[p][0]);
                break;
            }
        }
        break;
    }
    append(to, name, strlen(name));
}

void clip_name_canonical(clip_tensor_name *out, const char *name) {
    static const char SCALE[] = ".scale", TURNED[] = ".transposed";
    char base[CLIP_TENSOR_NAME];
    size_t length = strlen(name);
    out->scales = length > sizeof SCALE - 1 && strcmp(name + length - (sizeof SCALE - 1), SCALE) == 0;
    if (out->scales) length -= sizeof SCALE - 1;
    if (length >= sizeof base) length = sizeof base - 1;
    memcpy(base, name, length);
    base[length] = 0;
    /* catalog.h names so what a file of another form has the other way round */
    int turned = length > sizeof TURNED - 1 && strcmp(base + length - (sizeof TURNED - 1), TURNED) == 0;
    if (turned) base[length - (sizeof TURNED - 1)] = 0;
    /* What OpenCLIP calls a custom text tower has the same parts as the other, in a module of its own. */
    translate(out->name, begins(base, "text.") ? base + 5 : base);
    /* OpenAI keeps its two projections as (in, out) matrices, Hugging Face as linear layers. */
    out->transposed = turned || strcmp(base, "visual.proj") == 0 || strcmp(base, "text_projection") == 0 ||
                      strcmp(base, "text.text_projection") == 0;
    /* Everything under a tower's prefix is the tower's, so that what it does not know is noticed. */
    static const char *const VISION[] = {"visual.", "vision_model.", "visual_projection."};
    static const char *const TEXT[] = {"transformer.",    "token_embedding.", "positional_embedding", "ln_final.",
                                       "text_projection", "tokenizer.merges", "text_model.",          "type_embedding",
                                       "ln_embedding.",   "pooler."};
    out->vision = out->text = strcmp(out->name, "logit_scale") == 0 || strcmp(out->name, "logit_bias") == 0;
    for (size_t i = 0; i < sizeof VISION / sizeof *VISION; i++) out->vision |= begins(out->name, VISION[i]);
    for (size_t i = 0; i < sizeof TEXT / sizeof *TEXT; i++) out->text |= begins(out->name, TEXT[i]);
    out->text |= begins(base, "text.");
}

int clip_name_is_inert(const clip_tensor_name *name) {
    return ends(name->name, "position_ids") || ends(name->name, "num_batches_tracked") || ends(name->name, "attn_mask");
}

int clip_name_is_half(const clip_tensor_name *name, clip_precision asked) {
    static const char *const FEW[] = {"conv_dw.weight", ".conv.weight", "pos_enc.weight", ".se.fc1.weight", ".se.fc2.weight"};
    for (size_t i = 0; i < sizeof FEW / sizeof *FEW && asked != CLIP_F32; i++)
        if (name->vision && ends(name->name, FEW[i])) return 1;
    return 0;
}

clip_precision clip_name_precision(const clip_tensor_name *name, const clip_tensor *tensor, clip_precision asked) {
    int matrix = tensor->dimensions >= 2 && (ends(name->name, ".weight") || ends(name->name, "in_proj_weight") ||
                                             strcmp(name->name, "visual.proj") == 0 || strcmp(name->name, "text_projection") == 0);
    if (!matrix || asked == CLIP_F32 || ends(name->name, "conv_stem.weight") || clip_name_is_half(name, asked)) return CLIP_F32;
    return asked == CLIP_Q4 && strstr(name->name, "resblocks.") && tensor->shape[!name->transposed] % CLIP_Q4_BLOCK == 0 ? CLIP_Q4
                                                                                                                         : CLIP_Q8;
}
