#include "towers/tower.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/pixels.h"
#include "towers/network.h"
#include "weights/names.h"
#include "weights/quantize.h"
#include "weights/slots.h"
#include "weights/stream.h"

#define MAX_MERGES (32u << 20) /* bytes; CLIP's list has half a megabyte */

/* Bytes of weights below which a tower takes the most exact kernels: it is fast anyway, and a small model's margins are small (clip-nano's
 * best of 210 labels is its f32 form's for 97.7 % of photos with 13-bit activations, for 96.5 % with 7-bit ones). */
#define SMALL_TOWER (24u << 20)

struct clip_tower {
    const clip_machine *machine;
    const clip_kernels *kernels; /* the machine's */
    clip_tower_kind kind;
    clip_precision precision;
    clip_config config;
    clip_arena weights, workspace, table; /* table: the slots, freed when loaded */
    const clip_network *network;
    void *model, *state; /* owned; the network's own structures */
    float *planes;       /* vision: (3, image_size, image_size) */
    clip_slots slots;
    clip_stream stream;
    char *merges; /* owned */
    size_t merges_length, merges_arrived;
    float logit_scale; /* exp of the tensor */
    float logit_bias;
    int ready, sketch;
    char detail[CLIP_TENSOR_NAME];
};

/* Which network a configuration asks for. */
static const clip_network *network_of(clip_tower_kind kind, const clip_config *config) {
    static const clip_network *const VISION[] = {[CLIP_VISION_TRANSFORMER] = &clip_vit_network,
                                                 [CLIP_MODIFIED_RESNET] = &clip_resnet_network,
                                                 [CLIP_SIGLIP_VISION] = &clip_siglip_network,
                                                 [CLIP_EFFICIENTNET_LITE] = &clip_efficientnet_network,
                                                 [CLIP_FASTVIT] = &clip_fastvit_network};
    if (kind == CLIP_TEXT) return config->text.form == CLIP_BERT ? &clip_bert_network : &clip_text_network;
    return VISION[config->vision.form];
}

/* Takes weights from `weights` and scratch from `workspace`; called with measuring arenas first. */
static clip_status layout(clip_tower *tower, clip_arena *weights, clip_arena *workspace) {
    const clip_vision_config *vision = &tower->config.vision;
    clip_status status = tower->network->layout(tower->model, tower->kernels, weights, &tower->config, tower->precision);
    tower->network->layout_state(tower->state, tower->kernels, workspace, &tower->config, tower->precision);
    if (tower->kind == CLIP_VISION)
        tower->planes = clip_arena_take(workspace, 3 * vision->image_size * vision->image_size, sizeof(float));
    if (status != CLIP_OK) return status;
    return clip_arena_ok(weights) && clip_arena_ok(workspace) ? CLIP_OK : CLIP_ERROR_MEMORY;
}

static clip_status layout_slots(clip_tower *tower) {
    size_t capacity = tower->network->slot_count(&tower->config);
    clip_arena measure = clip_arena_measure();
    clip_slots_layout(&tower->slots, tower->kernels, &measure, capacity);
    clip_status status = clip_arena_allocate(&tower->table, &measure);
    if (status != CLIP_OK) return status;
    clip_slots_layout(&tower->slots, tower->kernels, &tower->table, capacity);
    tower->network->slots(tower->model, &tower->slots);
    return CLIP_OK;
}

/* Measures, allocates, and lays everything out. */
static clip_status build(clip_tower *tower) {
    clip_arena weights = clip_arena_measure(), workspace = clip_arena_measure(), nothing = clip_arena_measure();
    weights.sketch = tower->sketch;
    tower->model = calloc(1, tower->network->model_bytes);
    tower->state = calloc(1, tower->network->state_bytes);
    if (!tower->model || !tower->state) return CLIP_ERROR_MEMORY;
    clip_status status = layout(tower, &weights, &workspace);
    if (status == CLIP_OK && weights.used < SMALL_TOWER && !tower->network->fast && !tower->sketch) {
        tower->kernels = &tower->machine->exact;
        weights = workspace = clip_arena_measure();
        status = layout(tower, &weights, &workspace);
    }
    if (status == CLIP_OK) status = clip_arena_allocate(&tower->weights, &weights);
    if (status == CLIP_OK && !tower->sketch) status = clip_arena_allocate(&tower->workspace, &workspace);
    if (status == CLIP_OK) status = layout(tower, &tower->weights, tower->sketch ? &nothing : &tower->workspace);
    return status == CLIP_OK ? layout_slots(tower) : status;
}

static clip_status create(clip_tower **out, const clip_machine *machine, clip_tower_kind kind, const char *config, size_t length,
                          clip_precision precision, int sketch) {
    *out = NULL;
    if ((kind != CLIP_VISION && kind != CLIP_TEXT) || precision > CLIP_Q4) return CLIP_ERROR_ARGUMENT;
    clip_tower *tower = calloc(1, sizeof *tower);
    if (!tower) return CLIP_ERROR_MEMORY;
    tower->machine = machine;
    tower->kernels = &machine->kernels;
    tower->kind = kind;
    tower->precision = precision;
    tower->sketch = sketch;
    clip_status status = clip_config_parse(&tower->config, config, length);
    if (status == CLIP_OK) {
        tower->network = network_of(kind, &tower->config);
        status = build(tower);
    }
    if (status != CLIP_OK) {
        clip_tower_destroy(tower);
        return status;
    }
    *out = tower;
    return CLIP_OK;
}

clip_status clip_tower_create_on(clip_tower **out, const clip_machine *machine, clip_tower_kind kind, const char *config,
                                 size_t length, clip_precision precision) {
    return create(out, machine, kind, config, length, precision, 0);
}

clip_status clip_tower_sketch_on(clip_tower **out, const clip_machine *machine, clip_tower_kind kind, const char *config,
                                 size_t length) {
    return create(out, machine, kind, config, length, CLIP_Q8, 1);
}

void clip_tower_destroy(clip_tower *tower) {
    if (!tower) return;
    if (tower->model && tower->network->destroy) tower->network->destroy(tower->model);
    clip_stream_close(&tower->stream);
    clip_arena_free(&tower->table);
    clip_arena_free(&tower->workspace);
    clip_arena_free(&tower->weights);
    free(tower->merges);
    free(tower->model);
    free(tower->state);
    free(tower);
}

void clip_tower_describe(const clip_tower *tower, clip_tower_info *info) {
    const clip_vision_config *vision = &tower->config.vision;
    const clip_text_config *text = &tower->config.text;
    *info = (clip_tower_info){
        .embedding = (uint32_t)vision->embedding, .logit_scale = tower->logit_scale, .logit_bias = tower->logit_bias};
    if (tower->kind == CLIP_TEXT) {
        info->context = (uint32_t)text->context;
        info->vocabulary = (uint32_t)text->vocabulary;
        info->filled = (uint32_t)text->bidirectional;
        return;
    }
    info->image_size = (uint32_t)vision->image_size;
    memcpy(info->mean, vision->mean, sizeof info->mean);
    memcpy(info->deviation, vision->deviation, sizeof info->deviation);
}

/* ---- loading ---- */

static void name_detail(clip_tower *tower, const char *name) {
    strncpy(tower->detail, name, sizeof tower->detail - 1);
    tower->detail[sizeof tower->detail - 1] = 0;
}

static int belongs(const clip_tower *tower, const clip_tensor_name *name) {
    return tower->kind == CLIP_VISION ? name->vision : name->text;
}

/* The tensor as the slot sees it: without first dimensions of 1, which Hugging Face and timm give single rows and tables, and without last
 * ones, which timm gives vectors of channels. */
static clip_tensor flattened(const clip_tensor *tensor, const clip_slot *slot) {
    clip_tensor flat = *tensor;
    while (flat.dimensions > 1 && flat.shape[0] == 1 && slot->rows != 1) {
        flat.dimensions--;
        memmove(flat.shape, flat.shape + 1, flat.dimensions * sizeof *flat.shape);
    }
    while (flat.dimensions > 1 && flat.shape[flat.dimensions - 1] == 1 && slot->columns == 1 && !slot->kernel) flat.dimensions--;
    return flat;
}

static clip_status choose(void *context, const clip_tensor *tensor, uint64_t *rows) {
    clip_tower *tower = context;
    clip_tensor_name name;
    clip_name_canonical(&name, tensor->name);
    *rows = 0;
    if (!belongs(tower, &name)) return CLIP_OK;
    uint64_t elements = clip_tensor_elements(tensor, 0);
    if (strcmp(name.name, "tokenizer.merges") == 0) {
        if (tensor->dtype != CLIP_DTYPE_U8) return CLIP_ERROR_DTYPE;
        if (elements > MAX_MERGES || tower->merges) return CLIP_ERROR_SHAPE;
        tower->merges = malloc((size_t)elements + 1);
        if (!tower->merges) return CLIP_ERROR_MEMORY;
        tower->merges_length = (size_t)elements;
        *rows = 1;
        return CLIP_OK;
    }
    if (strcmp(name.name, "logit_scale") == 0 || strcmp(name.name, "logit_bias") == 0) {
        *rows = 1;
        return elements == 1 ? CLIP_OK : CLIP_ERROR_SHAPE;
    }
    clip_slot *slot = clip_slots_find(&tower->slots, name.name);
    if (!slot) return clip_name_is_inert(&name) ? CLIP_OK : CLIP_ERROR_UNKNOWN;
    clip_tensor flat = flattened(tensor, slot);
    clip_status status = clip_slot_accepts(slot, &flat, name.transposed, name.scales);
    clip_token_table *table = clip_tower_table(tower);
    if (table && strcmp(name.name, CLIP_TOKEN_TABLE) == 0) {
        if (!name.scales && !name.transposed) table->place = flat;
        if (table->deferred) return status;
    }
    if (status == CLIP_OK && !name.scales) status = clip_slot_announce(slot);
    int whole = name.transposed && !name.scales && tensor->dtype != CLIP_DTYPE_I8 && tensor->dtype != CLIP_DTYPE_U8;
    *rows = whole && tensor->dimensions ? tensor->shape[0] : 1;
    return status;
}

/* The slot of a table whose rows come one by one, or NULL. */
static clip_slot *table_apart(clip_tower *tower) {
    const clip_token_table *table = clip_tower_table(tower);
    return table && table->deferred ? clip_slots_find(&tower->slots, CLIP_TOKEN_TABLE) : NULL;
}

/* The header is there: everything must be in it. */
static clip_status begin(void *context, const clip_safetensors *file) {
    clip_tower *tower = context;
    (void)file;
    clip_slot *apart = table_apart(tower);
    if (apart) apart->announced = 1;
    const clip_slot *missing = clip_slots_unannounced(&tower->slots);
    if (missing) name_detail(tower, missing->name);
    return missing ? CLIP_ERROR_MISSING : CLIP_OK;
}

static clip_status set_rows(void *context, const clip_tensor *tensor, uint64_t first, uint64_t rows, const uint8_t *data) {
    clip_tower *tower = context;
    clip_tensor_name name;
    clip_name_canonical(&name, tensor->name);
    if (strcmp(name.name, "tokenizer.merges") == 0) {
        memcpy(tower->merges + first, data, (size_t)rows);
        tower->merges_arrived += (size_t)rows;
        return CLIP_OK;
    }
    if (strcmp(name.name, "logit_bias") == 0) return clip_decode_floats(&tower->logit_bias, data, tensor->dtype, 1);
    if (strcmp(name.name, "logit_scale") == 0) {
        float value;
        clip_status status = clip_decode_floats(&value, data, tensor->dtype, 1);
        if (status != CLIP_OK) return status;
        tower->logit_scale = expf(value);
        return isfinite(tower->logit_scale) && tower->logit_scale > 0 ? CLIP_OK : CLIP_ERROR_VALUE;
    }
    clip_slot *slot = clip_slots_find(&tower->slots, name.name);
    clip_tensor flat = flattened(tensor, slot);
    if (flat.dimensions != tensor->dimensions && tensor->shape[0] == 1) rows = slot->rows; /* it came whole */
    return clip_slot_set(slot, &tower->slots, &flat, name.transposed, name.scales, (size_t)first, (size_t)rows, data);
}

clip_status clip_tower_open(clip_tower *tower, uint64_t bytes) {
    if (tower->ready) return CLIP_ERROR_ARGUMENT;
    const clip_stream_reader reader = {choose, begin, set_rows, tower};
    clip_stream_close(&tower->stream);
    clip_tower_drop_merges(tower);
    for (size_t i = 0; i < tower->slots.count; i++) tower->slots.slots[i].announced = 0;
    if (clip_tower_table(tower)) clip_tower_table(tower)->place = (clip_tensor){.dimensions = 0};
    return clip_stream_open(&tower->stream, &reader, bytes);
}

int clip_tower_want(const clip_tower *tower, uint64_t *offset, uint64_t *length) {
    if (tower->sketch && tower->stream.unit) return 0;
    return clip_stream_want(&tower->stream, offset, length);
}

clip_status clip_tower_push(clip_tower *tower, const uint8_t *bytes, size_t length) {
    if (tower->sketch && tower->stream.unit) return CLIP_ERROR_ARGUMENT;
    clip_status status = clip_stream_push(&tower->stream, bytes, length);
    if (status != CLIP_OK && tower->stream.failed) name_detail(tower, tower->stream.failed->name);
    return status;
}

clip_status clip_tower_finish(clip_tower *tower) {
    if (tower->ready || tower->sketch) return CLIP_ERROR_ARGUMENT;
    clip_slot *apart = table_apart(tower);
    if (apart) apart->arrived = apart->rows;
    const clip_slot *missing = clip_slots_missing(&tower->slots);
    if (missing || tower->merges_arrived != tower->merges_length) {
        name_detail(tower, missing ? missing->name : "tokenizer.merges");
        return CLIP_ERROR_MISSING;
    }
    clip_status status = CLIP_OK;
    if (tower->network->finish) status = tower->network->finish(tower->model, tower->kernels);
    if (status != CLIP_OK) return status;
    clip_stream_close(&tower->stream);
    clip_arena_free(&tower->table);
    tower->slots = (clip_slots){0};
    tower->ready = 1;
    return CLIP_OK;
}

const char *clip_tower_detail(const clip_tower *tower) { return tower->detail; }

const char *clip_tower_merges(const clip_tower *tower, size_t *length) {
    *length = tower->merges ? tower->merges_length : 0;
    return tower->merges;
}

void clip_tower_drop_merges(clip_tower *tower) {
    free(tower->merges);
    tower->merges = NULL;
    tower->merges_length = tower->merges_arrived = 0;
}

clip_token_table *clip_tower_table(clip_tower *tower) { return tower->network->table ? tower->network->table(tower->model) : NULL; }

clip_status clip_tower_defer_table(clip_tower *tower) {
    clip_token_table *table = clip_tower_table(tower);
    if (!table || tower->ready) return CLIP_ERROR_ARGUMENT;
    clip_token_table_defer(table);
    return CLIP_OK;
}

/* ---- running ---- */

static void encode_planes(clip_tower *tower, const float *planes, float *embedding) {
    tower->network->encode_image(tower->model, tower->kernels, tower->machine->pool, tower->state, planes, embedding);
}

clip_status clip_vision_encode(clip_tower *tower, const uint8_t *rgb, size_t count, float *embeddings) {
    if (tower->kind != CLIP_VISION || !tower->ready) return CLIP_ERROR_ARGUMENT;
    const clip_vision_config *vision = &tower->config.vision;
    for (size_t i = 0; i < count; i++) {
        clip_pixels_normalise(rgb + i * 3 * vision->image_size * vision->image_size, vision->image_size, vision->mean,
                              vision->deviation, tower->planes);
        encode_planes(tower, tower->planes, embeddings + i * vision->embedding);
    }
    return CLIP_OK;
}

clip_status clip_vision_encode_pixels(clip_tower *tower, const float *pixels, size_t count, float *embeddings) {
    if (tower->kind != CLIP_VISION || !tower->ready) return CLIP_ERROR_ARGUMENT;
    const clip_vision_config *vision = &tower->config.vision;
    for (size_t i = 0; i < count; i++)
        encode_planes(tower, pixels + i * 3 * vision->image_size * vision->image_size, embeddings + i * vision->embedding);
    return CLIP_OK;
}

clip_status clip_text_encode(clip_tower *tower, const uint32_t *ids, const uint32_t *lengths, size_t count, float *embeddings) {
    if (tower->kind != CLIP_TEXT || !tower->ready) return CLIP_ERROR_ARGUMENT;
    const clip_token_table *table = clip_tower_table(tower);
    size_t total = 0;
    for (size_t t = 0; t < count; t++) total += lengths[t];
    for (size_t i = 0; i < total; i++) {
        uint32_t missing;
        if (ids[i] >= table->rows) return CLIP_ERROR_ARGUMENT;
        if (clip_token_table_missing(table, ids + i, 1, &missing)) return CLIP_ERROR_MISSING;
    }
    return tower->network->encode_texts(tower->model, tower->kernels, tower->machine->pool, tower->state, ids, lengths, count,
                                        embeddings);
}
