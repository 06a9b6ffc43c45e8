/* tokenizer_file.c - a tokenizer.json as it streams: the vocabulary and the merges go to tables, all else to a small tree. */
#include "tokenizer/tokenizer_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/tokenizer.h"

#define MAX_NODES  (1u << 20)
#define MAX_TEXT   (16u << 20) /* bytes of the tree's strings */
#define MAX_BYTES  (64u << 20) /* of the pieces, and of the merges */
#define MAX_MERGES (1u << 21)

void *clip_table_add(clip_table *table, size_t count, size_t size) {
    if (table->count + count > table->capacity) {
        size_t capacity = table->capacity ? table->capacity : 256;
        while (capacity < table->count + count) capacity *= 2;
        void *more = realloc(table->items, capacity * size);
        if (!more) return NULL;
        table->items = more;
        table->capacity = capacity;
    }
    void *first = table->items ? (char *)table->items + table->count * size : NULL;
    table->count += count;
    return first;
}

/* ---- the tree ---- */

const clip_file_node *clip_file_at(const clip_tokenizer_file *file, uint32_t node) {
    return node < file->nodes.count ? (const clip_file_node *)file->nodes.items + node : NULL;
}

uint32_t clip_file_get(const clip_tokenizer_file *file, uint32_t object, const char *key) {
    const clip_file_node *n = clip_file_at(file, object);
    const size_t length = strlen(key);
    if (!n || n->kind != CLIP_EVENT_OBJECT) return CLIP_NO_NODE;
    for (uint32_t child = n->first; child != CLIP_NO_NODE; child = n->next) {
        n = clip_file_at(file, child);
        if (n->key_length == length && memcmp((const char *)file->text.items + n->key, key, length) == 0) return child;
    }
    return CLIP_NO_NODE;
}

const char *clip_file_text(const clip_tokenizer_file *file, uint32_t node, size_t *length) {
    const clip_file_node *n = clip_file_at(file, node);
    *length = n ? n->text_length : 0;
    return *length ? (const char *)file->text.items + n->text : "";
}

int clip_file_is(const clip_tokenizer_file *file, uint32_t node, const char *text) {
    size_t length;
    const char *found = clip_file_text(file, node, &length);
    return length == strlen(text) && memcmp(found, text, length) == 0;
}

int clip_file_is_null(const clip_tokenizer_file *file, uint32_t node) {
    const clip_file_node *n = clip_file_at(file, node);
    return !n || (n->kind == CLIP_EVENT_WORD && clip_file_is(file, node, "null"));
}

static int whole(const char *text, size_t length, uint32_t limit, uint32_t *value) {
    uint32_t number = 0;
    if (!length || length > 9) return 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') return 0;
        number = number * 10 + (uint32_t)(text[i] - '0');
    }
    *value = number;
    return number <= limit;
}

int clip_file_whole(const clip_tokenizer_file *file, uint32_t node, uint32_t limit, uint32_t *value) {
    size_t length;
    const char *text = clip_file_text(file, node, &length);
    const clip_file_node *n = clip_file_at(file, node);
    return n && n->kind == CLIP_EVENT_WORD && whole(text, length, limit, value);
}

clip_status clip_file_refuse(const clip_tokenizer_file *file, const char *what, uint32_t node) {
    size_t length, used = strlen(what);
    const char *text = clip_file_text(file, node, &length);
    memcpy(file->detail, what, used);
    if (length && used + 2 < CLIP_FILE_DETAIL) {
        file->detail[used++] = ' ';
        if (length > CLIP_FILE_DETAIL - 1 - used) {
            length = CLIP_FILE_DETAIL - 1 - used;
            while (length && ((uint8_t)text[length] & 0xc0) == 0x80) length--;
        }
        for (size_t i = 0; i < length; i++) file->detail[used++] = (uint8_t)text[i] < ' ' ? ' ' : text[i];
    }
    file->detail[used] = 0;
    return CLIP_ERROR_TOKENIZER;
}

/* ---- reading ---- */

typedef enum { TREE, PIECE_OBJECT, PIECE_LIST, MERGE_LIST } place;

struct clip_tokenizer_reader {
    clip_tokenizer_file file;
    clip_json_events events;
    uint32_t clean;
    place at;
    unsigned inner;                 /* TREE: open containers; otherwise containers within the list */
    uint32_t open[CLIP_JSON_DEPTH]; /* TREE: their nodes */
    uint32_t key, key_length;
    unsigned parts; /* of the entry of a list: how many came */
    int failed;
    uint8_t *block; /* owned */
    size_t block_length;
    char detail[CLIP_FILE_DETAIL];
};

static clip_status keep_text(clip_tokenizer_reader *r, clip_table *table, size_t limit, const char *bytes, size_t length,
                             uint32_t *at) {
    if (length > limit - table->count) return clip_file_refuse(&r->file, "too much in it", CLIP_NO_NODE);
    char *to = clip_table_add(table, length, 1);
    if (!to && length) return CLIP_ERROR_MEMORY;
    if (length) memcpy(to, bytes, length);
    *at = (uint32_t)(table->count - length);
    return CLIP_OK;
}

static clip_status add_node(clip_tokenizer_reader *r, clip_event kind, const char *bytes, size_t length) {
    clip_tokenizer_file *file = &r->file;
    if (file->nodes.count == MAX_NODES) return clip_file_refuse(file, "too much in it", CLIP_NO_NODE);
    clip_file_node node = {.kind = (uint8_t)kind,
                           .key = r->key,
                           .key_length = r->key_length,
                           .text_length = (uint32_t)length,
                           .first = CLIP_NO_NODE,
                           .last = CLIP_NO_NODE,
                           .next = CLIP_NO_NODE};
    const clip_status status = keep_text(r, &file->text, MAX_TEXT, bytes, length, &node.text);
    if (status != CLIP_OK) return status;
    const uint32_t index = (uint32_t)file->nodes.count;
    clip_file_node *to = clip_table_add(&file->nodes, 1, sizeof node);
    if (!to) return CLIP_ERROR_MEMORY;
    *to = node;
    r->key_length = 0;
    if (r->inner) {
        clip_file_node *nodes = file->nodes.items, *parent = &nodes[r->open[r->inner - 1]];
        if (parent->last == CLIP_NO_NODE) parent->first = index;
        else nodes[parent->last].next = index;
        parent->last = index;
    }
    if (kind == CLIP_EVENT_OBJECT || kind == CLIP_EVENT_ARRAY) r->open[r->inner++] = index;
    return CLIP_OK;
}

static int key_is(const clip_tokenizer_reader *r, uint32_t at, uint32_t length, const char *key) {
    return length == strlen(key) && memcmp((const char *)r->file.text.items + at, key, length) == 0;
}

/* Whether the container that begins is the model's vocabulary or its merges. */
static int begins_list(clip_tokenizer_reader *r, clip_event event) {
    const clip_file_node *parent = r->inner == 2 ? clip_file_at(&r->file, r->open[1]) : NULL;
    if (!parent || !key_is(r, parent->key, parent->key_length, "model") || parent->kind != CLIP_EVENT_OBJECT) return 0;
    if (key_is(r, r->key, r->key_length, "vocab") && !r->file.pieces.count)
        r->at = event == CLIP_EVENT_OBJECT ? PIECE_OBJECT : PIECE_LIST;
    else if (key_is(r, r->key, r->key_length, "merges") && event == CLIP_EVENT_ARRAY && !r->file.merges.count) r->at = MERGE_LIST;
    else return 0;
    r->key_length = r->parts = 0;
    return 1;
}

static clip_status tree_event(clip_tokenizer_reader *r, clip_event event, const char *bytes, size_t length) {
    switch (event) {
    case CLIP_EVENT_KEY: r->key_length = (uint32_t)length; return keep_text(r, &r->file.text, MAX_TEXT, bytes, length, &r->key);
    case CLIP_EVENT_END: r->inner--; return CLIP_OK;
    case CLIP_EVENT_OBJECT:
    case CLIP_EVENT_ARRAY:
        if (begins_list(r, event)) return CLIP_OK;
        return add_node(r, event, "", 0);
    default: return add_node(r, event, bytes, length);
    }
}

static clip_status add_piece(clip_tokenizer_reader *r, const char *bytes, size_t length) {
    clip_file_piece piece = {.length = (uint32_t)length, .id = (uint32_t)r->file.pieces.count};
    if (length > CLIP_MAX_PIECE || r->file.pieces.count == CLIP_MAX_PIECES)
        return clip_file_refuse(&r->file, "too long or too many pieces", CLIP_NO_NODE);
    const clip_status status = keep_text(r, &r->file.piece_bytes, MAX_BYTES, bytes, length, &piece.place);
    clip_file_piece *to = status == CLIP_OK ? clip_table_add(&r->file.pieces, 1, sizeof piece) : NULL;
    if (!to) return status == CLIP_OK ? CLIP_ERROR_MEMORY : status;
    *to = piece;
    return CLIP_OK;
}

static clip_status wrong_entry(clip_tokenizer_reader *r, const char *what) {
    return clip_file_refuse(&r->file, what, CLIP_NO_NODE);
}

static clip_file_piece *last_piece(clip_tokenizer_reader *r) {
    return (clip_file_piece *)r->file.pieces.items + r->file.pieces.count - 1;
}

/* "piece": id */
static clip_status piece_object_event(clip_tokenizer_reader *r, clip_event event, const char *bytes, size_t length) {
    switch (event) {
    case CLIP_EVENT_KEY: return add_piece(r, bytes, length);
    case CLIP_EVENT_END: r->at = TREE; return CLIP_OK;
    case CLIP_EVENT_WORD:
        if (whole(bytes, length, CLIP_MAX_PIECES - 1, &last_piece(r)->id)) return CLIP_OK;
        /* fallthrough */
    default: return wrong_entry(r, "an id in the vocabulary is not a whole number below 1048576");
    }
}

/* ["piece", score] */
static clip_status piece_list_event(clip_tokenizer_reader *r, clip_event event, const char *bytes, size_t length) {
    char copy[66], *end;
    if (event == CLIP_EVENT_ARRAY && !r->inner) {
        r->inner = 1;
        r->parts = 0;
        return CLIP_OK;
    }
    if (event == CLIP_EVENT_END) {
        if (!r->inner) r->at = TREE;
        else if (r->parts != 2) return wrong_entry(r, "an entry of the vocabulary is not a piece and a score");
        r->inner = 0;
        return CLIP_OK;
    }
    if (r->inner && event == CLIP_EVENT_STRING && r->parts++ == 0) return add_piece(r, bytes, length);
    if (r->inner && event == CLIP_EVENT_WORD && r->parts++ == 1 && length < sizeof copy) {
        memcpy(copy, bytes, length);
        copy[length] = 0;
        last_piece(r)->score = strtod(copy, &end);
        if (end == copy + length && isfinite(last_piece(r)->score)) return CLIP_OK;
    }
    return wrong_entry(r, "an entry of the vocabulary is not a piece and a score");
}

static clip_status add_merge_part(clip_tokenizer_reader *r, const char *bytes, size_t length) {
    uint32_t at;
    if (length > CLIP_MAX_PIECE) return wrong_entry(r, "a merge of too long parts");
    const clip_status status = keep_text(r, &r->file.merge_bytes, MAX_BYTES, bytes, length, &at);
    if (status != CLIP_OK) return status;
    if (r->parts++) {
        ((clip_file_merge *)r->file.merges.items)[r->file.merges.count - 1].right = (uint32_t)length;
        return CLIP_OK;
    }
    if (r->file.merges.count == MAX_MERGES) return wrong_entry(r, "too many merges");
    clip_file_merge *to = clip_table_add(&r->file.merges, 1, sizeof *to);
    if (!to) return CLIP_ERROR_MEMORY;
    *to = (clip_file_merge){at, (uint32_t)length, 0};
    return CLIP_OK;
}

/* "left right" or ["left", "right"] */
static clip_status merge_event(clip_tokenizer_reader *r, clip_event event, const char *bytes, size_t length) {
    if (event == CLIP_EVENT_ARRAY && !r->inner) {
        r->inner = 1;
        r->parts = 0;
        return CLIP_OK;
    }
    if (event == CLIP_EVENT_END) {
        if (!r->inner) r->at = TREE;
        else if (r->parts != 2) return wrong_entry(r, "a merge is not two parts");
        r->inner = 0;
        return CLIP_OK;
    }
    if (event != CLIP_EVENT_STRING) return wrong_entry(r, "a merge is not two parts");
    if (r->inner) return r->parts < 2 ? add_merge_part(r, bytes, length) : wrong_entry(r, "a merge is not two parts");
    const char *space = memchr(bytes, ' ', length);
    if (!space || memchr(space + 1, ' ', length - (size_t)(space + 1 - bytes))) return wrong_entry(r, "a merge is not two parts");
    r->parts = 0;
    const clip_status status = add_merge_part(r, bytes, (size_t)(space - bytes));
    return status == CLIP_OK ? add_merge_part(r, space + 1, length - (size_t)(space + 1 - bytes)) : status;
}

/* While a list is read, `inner` counts within it; the tree's count waits, as lists lie two containers deep. */
static clip_status on_event(void *context, clip_event event, const char *bytes, size_t length) {
    clip_tokenizer_reader *r = context;
    if (r->at == TREE) {
        const clip_status status = tree_event(r, event, bytes, length);
        if (r->at != TREE) r->inner = 0;
        return status;
    }
    const clip_status status = r->at == PIECE_OBJECT ? piece_object_event(r, event, bytes, length)
                               : r->at == PIECE_LIST ? piece_list_event(r, event, bytes, length)
                                                     : merge_event(r, event, bytes, length);
    if (r->at == TREE) r->inner = 2;
    return status;
}

clip_status clip_tokenizer_reader_create(clip_tokenizer_reader **out, uint32_t clean) {
    clip_tokenizer_reader *r = *out = calloc(1, sizeof *r);
    if (!r) return CLIP_ERROR_MEMORY;
    r->clean = clean;
    r->file.detail = r->detail;
    clip_json_events_open(&r->events, on_event, r);
    return CLIP_OK;
}

clip_status clip_tokenizer_reader_set_padding(clip_tokenizer_reader *r, const char *token, size_t length, int left) {
    if (length > sizeof r->file.pad) return CLIP_ERROR_ARGUMENT;
    memcpy(r->file.pad, token, length);
    r->file.pad_length = length;
    r->file.pad_left = left;
    return CLIP_OK;
}

static void free_file(clip_tokenizer_file *file) {
    free(file->nodes.items);
    free(file->text.items);
    free(file->pieces.items);
    free(file->piece_bytes.items);
    free(file->merges.items);
    free(file->merge_bytes.items);
    *file = (clip_tokenizer_file){.detail = file->detail};
}

void clip_tokenizer_reader_destroy(clip_tokenizer_reader *r) {
    if (!r) return;
    clip_json_events_close(&r->events);
    free_file(&r->file);
    free(r->block);
    free(r);
}

clip_status clip_tokenizer_reader_push(clip_tokenizer_reader *r, const uint8_t *bytes, size_t length) {
    if (r->failed || r->block) return CLIP_ERROR_ARGUMENT;
    const clip_status status = clip_json_events_push(&r->events, (const char *)bytes, length);
    r->failed = status != CLIP_OK;
    if (status != CLIP_ERROR_FORMAT) return status;
    return clip_file_refuse(&r->file, "it is not JSON", CLIP_NO_NODE);
}

clip_status clip_tokenizer_reader_finish(clip_tokenizer_reader *r) {
    if (r->failed || r->block) return CLIP_ERROR_ARGUMENT;
    r->failed = 1;
    if (r->file.nodes.count && clip_file_at(&r->file, 0)->kind != CLIP_EVENT_OBJECT)
        return clip_file_refuse(&r->file, "it is no JSON object", CLIP_NO_NODE);
    if (!clip_json_events_done(&r->events)) return clip_file_refuse(&r->file, "it ends early", CLIP_NO_NODE);
    clip_tokenizer_settings settings;
    clip_status status = clip_tokenizer_settings_read(&settings, &r->file, r->clean);
    if (status == CLIP_OK) status = clip_subwords_build(&r->file, &settings, &r->block, &r->block_length);
    clip_tokenizer_settings_free(&settings);
    if (status != CLIP_OK) return status;
    r->failed = 0;
    free_file(&r->file);
    return CLIP_OK;
}

const uint8_t *clip_tokenizer_reader_kept(const clip_tokenizer_reader *r, size_t *length) {
    *length = r->block_length;
    return r->block;
}

const char *clip_tokenizer_reader_detail(const clip_tokenizer_reader *r) { return r->detail; }
