/* token_table.h - the table of token embeddings, of which a text needs few rows.
 *
 * Mostly it comes with the tower's file. Where it is deferred it does not: rows are set one by one, as texts need them, and a bit for each
 * says whether it is there.
 */
#ifndef CLIP_TOKEN_TABLE_H
#define CLIP_TOKEN_TABLE_H

#include "arena.h"
#include "compute/linear.h"
#include "weights/slots.h"

#define CLIP_TOKEN_TABLE "token_embedding.weight"

typedef struct {
    size_t rows, width;
    float *f32;        /* f32: (rows, width) */
    int8_t *q8;        /* otherwise: the same, with a scale a row */
    float *scale;      /* (rows) */
    uint8_t *arrived;  /* a bit a row */
    int deferred;      /* whether those bits count; otherwise all rows are there */
    clip_tensor place; /* where the last opened file has it; no dimensions where it has not */
} clip_token_table;

void clip_token_table_layout(clip_token_table *table, clip_arena *arena, size_t rows, size_t width, clip_precision precision);
void clip_token_table_slot(clip_token_table *table, clip_slots *slots);

/* Row `id` added to x (width). */
void clip_token_table_add(const clip_token_table *table, uint32_t id, float *x);

/* From now on rows come one by one. */
void clip_token_table_defer(clip_token_table *table);
/* Those of `ids` (count) whose rows are not there, to `missing` (count), each as often as it is in `ids`; answers how many. */
size_t clip_token_table_missing(const clip_token_table *table, const uint32_t *ids, size_t count, uint32_t *missing);

/* Bytes of a row as clip_token_table_get writes it: floats, or int8 and a float, its scale. */
size_t clip_token_table_row_bytes(const clip_token_table *table);
/* Rows [first, first + count): as clip_token_table_get writes them (CLIP_DTYPE_I8; of f32 tables CLIP_DTYPE_F32), or floats of another kind.
 * CLIP_ERROR_ARGUMENT, CLIP_ERROR_DTYPE, CLIP_ERROR_VALUE, CLIP_ERROR_MEMORY. */
clip_status clip_token_table_set(clip_token_table *table, clip_dtype dtype, size_t first, size_t count, const uint8_t *bytes);
/* The same rows, which must be there, to `bytes` (count clip_token_table_row_bytes). CLIP_ERROR_ARGUMENT, CLIP_ERROR_MISSING. */
clip_status clip_token_table_get(const clip_token_table *table, size_t first, size_t count, uint8_t *bytes);

#endif
