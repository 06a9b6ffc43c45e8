/* bert.c - BERT's encoder (Devlin et al. 2019) as a text tower, and what RoBERTa and Chinese-CLIP do otherwise as data of clip_text_config:
 *
 *     x = layer_norm(token + position + type 0)
 *     x = layer_norm(x + out(attention(query(x), key_value(x)))),  x = layer_norm(x + contract(gelu(expand(x))))
 *     embedding = projection(pooled), pooled: the first row, that through a layer and tanh, or the mean of all rows
 *
 * The norms come after what they norm, unlike CLIP's; the blocks' weights are the same. Fillings are masked in the reference, so texts are
 * rows of their real tokens only.
 */
#include <math.h>
#include <string.h>

#include "towers/network.h"
#include "towers/transformer.h"

#define BATCH_ROWS 256

typedef struct {
    clip_text_config config;
    clip_token_table tokens;
    float *position, *type; /* (positions, width), (types, width) */
    float *gain, *bias;     /* (width), of the embeddings */
    clip_transformer transformer;
    clip_linear pooler;             /* (width, width) */
    clip_linear hidden, projection; /* (projection_hidden, width), (embedding, width or projection_hidden), no biases */
} bert_model;

typedef struct {
    size_t rows;
    float *x, *pooled, *between; /* (rows, width), (rows, width), (rows, projection_hidden) */
    clip_sequence *sequences;    /* (rows) */
    clip_activations pooled_rows, between_rows;
    clip_transformer_state transformer;
} bert_state;

static size_t batch_rows(const clip_text_config *config) { return config->context > BATCH_ROWS ? config->context : BATCH_ROWS; }

static clip_precision at_ends(clip_precision precision) { return precision == CLIP_F32 ? CLIP_F32 : CLIP_Q8; }

static clip_status layout(void *model, const clip_kernels *kernels, clip_arena *arena, const clip_config *all,
                          clip_precision precision) {
    bert_model *m = model;
    const clip_text_config *config = &all->text;
    size_t width = config->transformer.width, hidden = config->projection_hidden;
    clip_precision ends = at_ends(precision);
    *m = (bert_model){.config = *config};
    clip_token_table_layout(&m->tokens, arena, config->vocabulary, width, precision);
    m->position = clip_arena_take(arena, config->positions * width, sizeof(float));
    if (config->types) m->type = clip_arena_take(arena, config->types * width, sizeof(float));
    m->gain = clip_arena_take(arena, width, sizeof(float));
    m->bias = clip_arena_take(arena, width, sizeof(float));
    clip_status status = clip_transformer_layout(&m->transformer, kernels, arena, &config->transformer, precision);
    if (config->pool == CLIP_POOL_FIRST_TANH) clip_linear_layout(&m->pooler, kernels, arena, width, width, ends);
    if (hidden) clip_linear_layout(&m->hidden, kernels, arena, width, hidden, ends);
    clip_linear_layout(&m->projection, kernels, arena, hidden ? hidden : width, config->embedding, ends);
    return status;
}

static size_t slot_count(const clip_config *config) { return 9 + config->text.transformer.layers * CLIP_SLOTS_PER_BLOCK; }

static void list_slots(void *model, clip_slots *slots) {
    bert_model *m = model;
    const clip_text_config *config = &m->config;
    size_t width = config->transformer.width;
    clip_token_table_slot(&m->tokens, slots);
    clip_slots_add_values(slots, "", "positional_embedding", m->position, config->positions, width);
    if (config->types) clip_slots_add_values(slots, "", "type_embedding", m->type, config->types, width);
    clip_slots_add_values(slots, "", "ln_embedding.weight", m->gain, width, 1);
    clip_slots_add_values(slots, "", "ln_embedding.bias", m->bias, width, 1);
    clip_transformer_slots(&m->transformer, slots, "transformer.resblocks.");
    if (config->pool == CLIP_POOL_FIRST_TANH) {
        clip_slots_add_linear(slots, "", "pooler.weight", &m->pooler, 0, width);
        clip_slots_add_values(slots, "", "pooler.bias", m->pooler.bias, width, 1);
    }
    if (config->projection_hidden)
        clip_slots_add_linear(slots, "", "text_projection.hidden.weight", &m->hidden, 0, config->projection_hidden);
    clip_slots_add_linear(slots, "", "text_projection", &m->projection, 0, config->embedding);
}

static void layout_state(void *scratch, const clip_kernels *kernels, clip_arena *arena, const clip_config *all,
                         clip_precision precision) {
    bert_state *s = scratch;
    const clip_text_config *config = &all->text;
    size_t width = config->transformer.width, hidden = config->projection_hidden;
    s->rows = batch_rows(config);
    s->x = clip_arena_take(arena, s->rows * width, sizeof(float));
    s->pooled = clip_arena_take(arena, s->rows * width, sizeof(float));
    s->between = clip_arena_take(arena, s->rows * (hidden ? hidden : width), sizeof(float));
    s->sequences = clip_arena_take(arena, s->rows, sizeof *s->sequences);
    clip_activations_layout(&s->pooled_rows, kernels, arena, s->rows, width, at_ends(precision));
    clip_activations_layout(&s->between_rows, kernels, arena, s->rows, hidden ? hidden : width, at_ends(precision));
    clip_transformer_state_layout(&s->transformer, kernels, arena, &config->transformer, s->rows, precision);
}

/* x (width) = token embedding + position's + type 0's. */
static void embed(const bert_model *m, uint32_t id, size_t position, float *x) {
    size_t width = m->config.transformer.width;
    const float *place = m->position + (m->config.first_position + position) * width;
    for (size_t i = 0; i < width; i++) x[i] = place[i] + (m->type ? m->type[i] : 0);
    clip_token_table_add(&m->tokens, id, x);
}

static void run_blocks(const bert_model *m, const clip_kernels *kernels, clip_pool *pool, bert_state *s, size_t rows,
                       size_t count) {
    const clip_transformer_config *config = &m->config.transformer;
    clip_transformer_state *t = &s->transformer;
    size_t width = config->width, mlp = config->mlp;
    clip_layer_norm(kernels, pool, s->x, rows, width, m->gain, m->bias, config->epsilon, s->x);
    for (size_t i = 0; i < config->layers; i++) {
        const clip_block *b = &m->transformer.blocks[i];
        clip_activations_set(&t->normed, kernels, pool, s->x, rows);
        clip_linear_forward(&b->key_value, kernels, pool, &t->normed, CLIP_STORE, t->key_value, 2 * width);
        clip_linear_forward(&b->query, kernels, pool, &t->normed, CLIP_STORE, t->query, width);
        clip_attention(kernels, pool, t->query, t->key_value, width, config->heads, s->sequences, count, NULL, 0, t->attended,
                       t->attention);
        clip_activations_set(&t->normed, kernels, pool, t->attended, rows);
        clip_linear_forward(&b->out, kernels, pool, &t->normed, CLIP_ADD, s->x, width);
        clip_layer_norm(kernels, pool, s->x, rows, width, b->ln1_gain, b->ln1_bias, config->epsilon, s->x);
        clip_activations_set(&t->normed, kernels, pool, s->x, rows);
        clip_linear_forward(&b->expand, kernels, pool, &t->normed, config->activation, t->hidden, mlp);
        clip_activations_set(&t->wide, kernels, pool, t->hidden, rows);
        clip_linear_forward(&b->contract, kernels, pool, &t->wide, CLIP_ADD, s->x, width);
        clip_layer_norm(kernels, pool, s->x, rows, width, b->ln2_gain, b->ln2_bias, config->epsilon, s->x);
    }
}

/* Each text's rows to one, in s->pooled. */
static void pool_rows(const bert_model *m, const clip_kernels *kernels, clip_pool *pool, bert_state *s, size_t count) {
    size_t width = m->config.transformer.width;
    for (size_t t = 0; t < count; t++) {
        const clip_sequence *text = &s->sequences[t];
        float *to = s->pooled + t * width;
        memcpy(to, s->x + text->first * width, width * sizeof *to);
        if (m->config.pool != CLIP_POOL_MEAN) continue;
        for (size_t row = 1; row < text->count; row++)
            for (size_t i = 0; i < width; i++) to[i] += s->x[(text->first + row) * width + i];
        for (size_t i = 0; i < width; i++) to[i] /= (float)text->count;
    }
    if (m->config.pool != CLIP_POOL_FIRST_TANH) return;
    clip_activations_set(&s->pooled_rows, kernels, pool, s->pooled, count);
    clip_linear_forward(&m->pooler, kernels, pool, &s->pooled_rows, CLIP_STORE, s->x, width); /* the rows are done with */
    for (size_t i = 0; i < count * width; i++) s->pooled[i] = tanhf(s->x[i]);
}

static void project(const bert_model *m, const clip_kernels *kernels, clip_pool *pool, bert_state *s, size_t count,
                    float *embeddings) {
    clip_activations_set(&s->pooled_rows, kernels, pool, s->pooled, count);
    if (m->config.projection_hidden) {
        clip_linear_forward(&m->hidden, kernels, pool, &s->pooled_rows, CLIP_GELU, s->between, m->config.projection_hidden);
        clip_activations_set(&s->between_rows, kernels, pool, s->between, count);
        clip_linear_forward(&m->projection, kernels, pool, &s->between_rows, CLIP_STORE, embeddings, m->config.embedding);
    } else {
        clip_linear_forward(&m->projection, kernels, pool, &s->pooled_rows, CLIP_STORE, embeddings, m->config.embedding);
    }
}

static clip_status encode_texts(const void *model, const clip_kernels *kernels, clip_pool *pool, void *scratch, const uint32_t *ids,
                                const uint32_t *lengths, size_t count, float *embeddings) {
    const bert_model *m = model;
    bert_state *s = scratch;
    size_t width = m->config.transformer.width, total = 0;
    for (size_t t = 0; t < count; t++) {
        if (lengths[t] == 0 || lengths[t] > m->config.context) return CLIP_ERROR_ARGUMENT;
        for (size_t i = 0; i < lengths[t]; i++)
            if (ids[total++] >= m->config.vocabulary) return CLIP_ERROR_ARGUMENT;
    }
    for (size_t t = 0; t < count;) {
        size_t rows = 0, batch = 0;
        for (; t + batch < count && rows + lengths[t + batch] <= s->rows; batch++) {
            s->sequences[batch] = (clip_sequence){.first = rows, .count = lengths[t + batch]};
            for (size_t i = 0; i < lengths[t + batch]; i++, rows++) embed(m, *ids++, i, s->x + rows * width);
        }
        run_blocks(m, kernels, pool, s, rows, batch);
        pool_rows(m, kernels, pool, s, batch);
        project(m, kernels, pool, s, batch, embeddings);
        embeddings += batch * m->config.embedding;
        t += batch;
    }
    return CLIP_OK;
}

static clip_token_table *table(void *model) { return &((bert_model *)model)->tokens; }

const clip_network clip_bert_network = {
    .model_bytes = sizeof(bert_model),
    .state_bytes = sizeof(bert_state),
    .layout = layout,
    .layout_state = layout_state,
    .slot_count = slot_count,
    .slots = list_slots,
    .encode_texts = encode_texts,
    .table = table,
};
