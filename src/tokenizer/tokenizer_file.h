/* tokenizer_file.h - a tokenizer.json as it was read: its vocabulary in tables, all else as a tree; and what becomes of it. */
#ifndef CLIP_TOKENIZER_FILE_H
#define CLIP_TOKENIZER_FILE_H

#include "tokenizer/json_events.h"
#include "tokenizer/subwords.h"

#define CLIP_NO_NODE UINT32_MAX

typedef struct {
    uint8_t kind;             /* a clip_event: OBJECT, ARRAY, STRING or WORD */
    uint32_t key, key_length; /* in text; of an object's members */
    uint32_t text, text_length;
    uint32_t first, last, next; /* children, and the next of the same parent */
} clip_file_node;

typedef struct {
    uint32_t place, length, id; /* place: in piece_bytes */
    double score;
} clip_file_piece;

typedef struct {
    uint32_t place, left, right; /* bytes of both parts, which stand together from place on in merge_bytes */
} clip_file_merge;

/* A growing table. */
typedef struct {
    void *items; /* owned */
    size_t count, capacity;
} clip_table;
/* Room for `count` more items; the first new one, or NULL. */
void *clip_table_add(clip_table *table, size_t count, size_t size);

typedef struct {
    clip_table nodes, text, pieces, piece_bytes, merges, merge_bytes;
    char *detail; /* CLIP_FILE_DETAIL bytes: what is wrong, for people */
    char pad[64]; /* a token's text, from elsewhere */
    size_t pad_length;
    int pad_left;
} clip_tokenizer_file;
#define CLIP_FILE_DETAIL 120

/* Lookups in the tree; CLIP_NO_NODE in gives CLIP_NO_NODE out. */
const clip_file_node *clip_file_at(const clip_tokenizer_file *file, uint32_t node);
uint32_t clip_file_get(const clip_tokenizer_file *file, uint32_t object, const char *key);
int clip_file_is(const clip_tokenizer_file *file, uint32_t node, const char *text);
/* Absent, or the word null. */
int clip_file_is_null(const clip_tokenizer_file *file, uint32_t node);
const char *clip_file_text(const clip_tokenizer_file *file, uint32_t node, size_t *length);
/* A whole number of at most `limit`: 1 and *value set, or 0. */
int clip_file_whole(const clip_tokenizer_file *file, uint32_t node, uint32_t limit, uint32_t *value);
/* Writes `what`, a space and the text of `node` to the detail, and answers CLIP_ERROR_TOKENIZER. */
clip_status clip_file_refuse(const clip_tokenizer_file *file, const char *what, uint32_t node);

/* What the tree says, in the block's terms. */
typedef struct {
    clip_subword_header header;
    clip_step steps[CLIP_MAX_STEPS];
    uint32_t specials[2 * CLIP_MAX_SPECIALS]; /* before, then after */
    clip_table added, strings;                /* of clip_added; bytes */
    char *charsmap;                           /* owned: trie, then normalized */
} clip_tokenizer_settings;

/* Reads everything but the vocabulary. clean: see clip_tokenizer_reader_create. Free with
 * clip_tokenizer_settings_free also if it fails. CLIP_ERROR_TOKENIZER with the detail set, CLIP_ERROR_MEMORY. */
clip_status clip_tokenizer_settings_read(clip_tokenizer_settings *settings, const clip_tokenizer_file *file, uint32_t clean);
void clip_tokenizer_settings_free(clip_tokenizer_settings *settings);

/* The block of it all, malloced. CLIP_ERROR_TOKENIZER, CLIP_ERROR_MEMORY. */
clip_status clip_subwords_build(const clip_tokenizer_file *file, clip_tokenizer_settings *settings, uint8_t **block,
                                size_t *length);

#endif
