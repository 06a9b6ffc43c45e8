/* text.c - CLIP's text transformer: token ids to embeddings.
 *
 * The tower is causal and is read at each text's end token, so padding never matters and is never computed: texts of a batch
 * lie end to end as rows. A prefix that all texts of a batch share ("<start> a photo of a") is computed once: causal attention
 * gives its rows the same values in every text.
 */
#include <string.h>

#include "towers/network.h"
#include "towers/transformer.h"

typedef struct {
    clip_text_config config;
    clip_token_table tokens;
    float *positional_embedding; /* (context, width) */
    clip_transformer transformer;
    float *final_gain, *final_bias; /* (width) */
    clip_linear projection;         /* (embedding, width), no bias */
} text_model;

typedef struct {
    size_t rows;              /* of a batch, at most */
    float *x;                 /* (rows, width) */
    float *pooled;            /* (rows, width) */
    size_t *ends;             /* (rows) row of each text's end token */
    clip_sequence *sequences; /* (rows) */
    clip_activations pooled_rows;
    clip_transformer_state transformer;
} text_state;

/* Rows a batch computes at a time: enough that kernels run at their speed, few enough that activations stay in the L2 cache. */
#define BATCH_ROWS 256

static size_t batch_rows(const clip_text_config *config) { return config->context > BATCH_ROWS ? config->context : BATCH_ROWS; }

static clip_status layout(void *model, const clip_kernels *kernels, clip_arena *arena, const clip_config *all,
                          clip_precision precision) {
    text_model *text = model;
    const clip_text_config *config = &all->text;
    size_t width = config->transformer.width;
    *text = (text_model){.config = *config};
    clip_token_table_layout(&text->tokens, arena, config->vocabulary, width, precision);
    text->positional_embedding = clip_arena_take(arena, config->context * width, sizeof(float));
    clip_status status = clip_transformer_layout(&text->transformer, kernels, arena, &config->transformer, precision);
    text->final_gain = clip_arena_take(arena, width, sizeof(float));
    text->final_bias = clip_arena_take(arena, width, sizeof(float));
    clip_linear_layout(&text->projection, kernels, arena, width, config->embedding, precision == CLIP_F32 ? CLIP_F32 : CLIP_Q8);
    return status;
}

static size_t slot_count(const clip_config *config) { return 6 + config->text.transformer.layers * CLIP_SLOTS_PER_BLOCK; }

static void list_slots(void *model, clip_slots *slots) {
    text_model *text = model;
    size_t width = text->config.transformer.width;
    clip_token_table_slot(&text->tokens, slots);
    clip_slots_add_values(slots, "", "positional_embedding", text->positional_embedding, text->config.context, width);
    clip_transformer_slots(&text->transformer, slots, "transformer.resblocks.");
    clip_slots_add_values(slots, "", "ln_final.weight", text->final_gain, width, 1);
    clip_slots_add_values(slots, "", "ln_final.bias", text->final_bias, width, 1);
    if (text->config.projection_bias)
        clip_slots_add_values(slots, "", "text_projection.bias", text->projection.bias, text->config.embedding, 1);
    clip_slots_add_linear(slots, "", "text_projection", &text->projection, 0, text->config.embedding);
}

static void layout_state(void *scratch, const clip_kernels *kernels, clip_arena *arena, const clip_config *all,
                         clip_precision precision) {
    text_state *state = scratch;
    const clip_text_config *config = &all->text;
    size_t rows = batch_rows(config), width = config->transformer.width;
    state->rows = rows;
    state->x = clip_arena_take(arena, rows * width, sizeof(float));
    state->pooled = clip_arena_take(arena, rows * width, sizeof(float));
    state->ends = clip_arena_take(arena, rows, sizeof *state->ends);
    state->sequences = clip_arena_take(arena, rows + 1, sizeof *state->sequences);
    clip_activations_layout(&state->pooled_rows, kernels, arena, rows, width, precision == CLIP_F32 ? CLIP_F32 : CLIP_Q8);
    clip_transformer_state_layout(&state->transformer, kernels, arena, &config->transformer, rows, precision);
}

/* Position of the id where a text is read. */
static size_t end_position(const text_model *text, const uint32_t *ids, size_t length) {
    size_t largest = 0;
    if (text->config.end == CLIP_END_IS_LAST) return length - 1;
    for (size_t i = 0; i < length; i++) {
        if (ids[i] == text->config.end) return i;
        if (ids[i] > ids[largest]) largest = i;
    }
    /* No end id: with OpenAI's rule the largest counts; with the other the reference's argmax of all-zero matches is 0. */
    return text->config.end == CLIP_END_IS_LARGEST ? largest : 0;
}

/* x (width) = token embedding of `id` + positional embedding of `position`. */
static void embed(const text_model *text, uint32_t id, size_t position, float *x) {
    size_t width = text->config.transformer.width;
    memcpy(x, text->positional_embedding + position * width, width * sizeof *x);
    clip_token_table_add(&text->tokens, id, x);
}

/* Length of the prefix that the first `count` texts share, short of each text's read position: that row is each text's own. */
static size_t shared_prefix(const text_model *text, const uint32_t *ids, const uint32_t *lengths, size_t count) {
    size_t prefix = text->config.bidirectional ? 0 : end_position(text, ids, lengths[0]);
    const uint32_t *other = ids;
    for (size_t t = 1; t < count; t++) {
        other += lengths[t - 1];
        size_t end = end_position(text, other, lengths[t]), same = 0;
        while (same < prefix && same < end && other[same] == ids[same]) same++;
        prefix = same;
    }
    return count > 1 ? prefix : 0;
}

static clip_status check(const text_model *text, const uint32_t *ids, const uint32_t *lengths, size_t count) {
    for (size_t t = 0; t < count; t++) {
        if (lengths[t] == 0 || lengths[t] > text->config.context) return CLIP_ERROR_ARGUMENT;
        for (size_t i = 0; i < lengths[t]; i++)
            if (*ids++ >= text->config.vocabulary) return CLIP_ERROR_ARGUMENT;
    }
    return CLIP_OK;
}

/* One batch: rows are [shared prefix | first text's rest | second text's rest | ...], each rest up to its read position. */
static void forward_batch(const text_model *text, const clip_kernels *kernels, clip_pool *pool, text_state *state,
                          const uint32_t *ids, const uint32_t *lengths, size_t count, size_t prefix, float *embeddings) {
    size_t width = text->config.transformer.width, rows = 0, sequences = 0;
    for (; rows < prefix; rows++) embed(text, ids[rows], rows, state->x + rows * width);
    if (prefix) state->sequences[sequences++] = (clip_sequence){.first = 0, .count = prefix, .causal = 1};
    for (size_t t = 0; t < count; ids += lengths[t++]) {
        size_t end = end_position(text, ids, lengths[t]), first = rows;
        size_t last = text->config.bidirectional ? lengths[t] - 1 : end; /* what comes after the end is seen by none, if causal */
        for (size_t i = prefix; i <= last; i++, rows++) embed(text, ids[i], i, state->x + rows * width);
        state->sequences[sequences++] =
            (clip_sequence){.first = first, .count = rows - first, .prefix = prefix, .causal = !text->config.bidirectional};
        state->ends[t] = first + end - prefix;
    }
    clip_transformer_forward(&text->transformer, kernels, pool, &state->transformer, state->x, rows, state->sequences, sequences,
                             state->ends, count, state->pooled);
    clip_activations_set_layer_norm(&state->pooled_rows, kernels, pool, state->pooled, count, text->final_gain, text->final_bias,
                                    text->config.transformer.epsilon);
    clip_linear_forward(&text->projection, kernels, pool, &state->pooled_rows, CLIP_STORE, embeddings, text->config.embedding);
}

static clip_status encode_texts(const void *model, const clip_kernels *kernels, clip_pool *pool, void *scratch, const uint32_t *ids,
                                const uint32_t *lengths, size_t count, float *embeddings) {
    const text_model *text = model;
    text_state *state = scratch;
    clip_status status = check(text, ids, lengths, count);
    if (status != CLIP_OK) return status;
    for (size_t t = 0; t < count;) {
        /* As many texts as fit without counting on a prefix, then as many more as the prefix makes room for. */
        size_t batch = 0, whole = 0, prefix = 0;
        while (t + batch < count) {
            size_t next = whole + lengths[t + batch], shared = prefix;
            if (next > state->rows) {
                shared = shared_prefix(text, ids, lengths + t, batch + 1);
                if (next - shared * batch > state->rows) break;
            }
            whole = next;
            batch++;
        }
        prefix = shared_prefix(text, ids, lengths + t, batch);
        forward_batch(text, kernels, pool, state, ids, lengths + t, batch, prefix, embeddings);
        for (size_t i = 0; i < batch; i++) ids += lengths[t + i];
        embeddings += batch * text->config.embedding;
        t += batch;
    }
    return CLIP_OK;
}

static clip_token_table *table(void *model) { return &((text_model *)model)->tokens; }

const clip_network clip_text_network = {
    .model_bytes = sizeof(text_model),
    .state_bytes = sizeof(text_state),
    .layout = layout,
    .layout_state = layout_state,
    .slot_count = slot_count,
    .slots = list_slots,
    .encode_texts = encode_texts,
    .table = table,
};
