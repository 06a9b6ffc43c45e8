/* tokenizer_settings.c - what a tokenizer.json says about preparing texts, as steps; what it says that is not known is refused by name. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_file.h"
#include "tokenizer/unicode.h"

typedef struct {
    const clip_tokenizer_file *file;
    clip_tokenizer_settings *to;
} reading;

#define NODES(file, parent, child)                                                                                              \
    for (uint32_t child = clip_file_at(file, parent) ? clip_file_at(file, parent)->first : CLIP_NO_NODE; child != CLIP_NO_NODE; \
         child = clip_file_at(file, child)->next)

static clip_status keep(reading *r, const char *bytes, size_t length, uint32_t *place) {
    char *to = clip_table_add(&r->to->strings, length, 1);
    if (!to && length) return CLIP_ERROR_MEMORY;
    *place = (uint32_t)(r->to->strings.count - length);
    memcpy(to ? to : (char[1]){0}, bytes, length);
    return CLIP_OK;
}

static clip_status add_step(reading *r, uint32_t kind, uint32_t flags, const char *a, size_t a_length, const char *b,
                            size_t b_length) {
    clip_subword_header *h = &r->to->header;
    if (h->steps == CLIP_MAX_STEPS) return clip_file_refuse(r->file, "too many steps", CLIP_NO_NODE);
    clip_step *step = &r->to->steps[h->steps++];
    *step = (clip_step){.kind = kind, .flags = flags, .a_length = (uint32_t)a_length, .b_length = (uint32_t)b_length};
    clip_status status = keep(r, a, a_length, &step->a);
    return status == CLIP_OK ? keep(r, b, b_length, &step->b) : status;
}

/* A member that is true; `otherwise` where there is none. */
static uint32_t flag(reading *r, uint32_t object, const char *key, int otherwise) {
    uint32_t node = clip_file_get(r->file, object, key);
    return clip_file_is_null(r->file, node) ? (uint32_t)otherwise : (uint32_t)clip_file_is(r->file, node, "true");
}

/* ---- patterns: a string, or of regular expressions those that are one character or class, repeated or not ---- */

typedef struct {
    char class[256];
    size_t length;
    uint32_t least; /* 0: each by itself */
    int literal;    /* no expression at all: a plain string */
} pattern;

static int class_add(pattern *p, uint32_t from, uint32_t to) {
    if (p->length + 8 > sizeof p->class) return 0;
    p->length += clip_utf8_encode(from, p->class + p->length);
    p->length += clip_utf8_encode(to, p->class + p->length);
    return 1;
}

/* An escaped or plain character or class within text; answers its bytes, 0 if it is not known. *single: the character, or UINT32_MAX. */
static size_t class_atom(const char *text, size_t length, pattern *p, uint32_t *single) {
    size_t size = clip_utf8_decode(text, length, single);
    if (*single != '\\') return size;
    if (length < 2) return 0;
    size += clip_utf8_decode(text + 1, length - 1, single);
    if (*single == 's') {
        *single = UINT32_MAX;
        return class_add(p, 0xffff, 0xffff) ? size : 0;
    }
    static const char NAMES[] = "nrt", VALUES[] = "\n\r\t";
    for (size_t i = 0; i < 3; i++)
        if (*single == (uint8_t)NAMES[i]) {
            *single = (uint8_t)VALUES[i];
            return size;
        }
    return (*single | 32) >= 'a' && (*single | 32) <= 'z' ? 0 : *single >= '0' && *single <= '9' ? 0 : size;
}

static size_t read_class(const char *text, size_t length, pattern *p) {
    size_t at = 1;
    if (at < length && text[at] == '^') return 0;
    while (at < length && text[at] != ']') {
        uint32_t from, to;
        size_t size = text[at] == '[' ? 0 : class_atom(text + at, length - at, p, &from); /* "[[:alpha:]]" and the like */
        if (!size) return 0;
        at += size;
        if (from == UINT32_MAX) continue;
        to = from;
        if (at + 1 < length && text[at] == '-' && text[at + 1] != ']') {
            size = class_atom(text + at + 1, length - at - 1, p, &to);
            if (!size || to == UINT32_MAX || to < from) return 0;
            at += 1 + size;
        }
        if (!class_add(p, from, to)) return 0;
    }
    return at < length ? at + 1 : 0;
}

/* 1, 2, … of "+", "{n,}"; 0 of nothing. Answers 0 if it is something else. */
static int read_repeat(const char *text, size_t length, uint32_t *least) {
    *least = 0;
    if (!length) return 1;
    if (length == 1 && text[0] == '+') *least = 1;
    if (length == 4 && text[0] == '{' && text[1] >= '1' && text[1] <= '9' && text[2] == ',' && text[3] == '}')
        *least = (uint32_t)(text[1] - '0');
    return *least != 0;
}

static int read_expression(const char *text, size_t length, pattern *p) {
    int plain = length > 1;
    for (size_t i = 0; i < length; i++) plain &= text[i] != 0 && !strchr(".^$*+?()[]{}|\\", text[i]);
    if (plain) {
        p->literal = 1;
        return 1;
    }
    if (!length) return 0;
    size_t size;
    if (text[0] == '[') {
        size = read_class(text, length, p);
    } else {
        uint32_t single;
        if (strchr(".^$*+?()]{}|", text[0])) return 0;
        size = class_atom(text, length, p, &single);
        if (size && single != UINT32_MAX && !class_add(p, single, single)) return 0;
    }
    return size && p->length && read_repeat(text + size, length - size, &p->least);
}

/* The pattern of a step; its text where it is a plain string. */
static clip_status read_pattern(reading *r, uint32_t step, pattern *p, const char **text, size_t *length) {
    uint32_t node = clip_file_get(r->file, step, "pattern"), string = clip_file_get(r->file, node, "String");
    *p = (pattern){.literal = 1};
    if (string == CLIP_NO_NODE && clip_file_at(r->file, node) && clip_file_at(r->file, node)->kind == CLIP_EVENT_STRING)
        string = node;
    *text = clip_file_text(r->file, string, length);
    if (*length) return CLIP_OK;
    uint32_t expression = clip_file_get(r->file, node, "Regex");
    *text = clip_file_text(r->file, expression, length);
    *p = (pattern){.literal = 0};
    return *length && read_expression(*text, *length, p) ? CLIP_OK : clip_file_refuse(r->file, "pattern", expression);
}

/* ---- normalizers ---- */

static int base64(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static clip_status read_charsmap(reading *r, uint32_t step) {
    size_t length, used = 0;
    uint32_t node = clip_file_get(r->file, step, "precompiled_charsmap");
    const char *text = clip_file_text(r->file, node, &length);
    if (clip_file_is_null(r->file, node) || !length) return CLIP_OK; /* nothing is mapped */
    if (r->to->charsmap) return clip_file_refuse(r->file, "a second charsmap", CLIP_NO_NODE);
    uint8_t *bytes = malloc(length + 8);
    if (!bytes) return CLIP_ERROR_MEMORY;
    r->to->charsmap = (char *)bytes;
    uint32_t bits = 0, count = 0;
    for (size_t i = 0; i < length && text[i] != '='; i++) {
        const int value = base64(text[i]);
        if (value < 0) return clip_file_refuse(r->file, "precompiled_charsmap is not base64", CLIP_NO_NODE);
        bits = bits << 6 | (uint32_t)value;
        if (++count % 4) bytes[used++] = (uint8_t)(bits >> (6 - 2 * ((count - 1) % 4))), used -= count % 4 == 1;
        else bytes[used++] = (uint8_t)bits;
    }
    uint32_t size = 0;
    if (used >= 4) size = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    if (used < 8 || size < 4 || size % 4 || size > used - 4)
        return clip_file_refuse(r->file, "precompiled_charsmap is malformed", CLIP_NO_NODE);
    memmove(bytes, bytes + 4, used - 4);
    bytes[used - 4] = 0;
    r->to->header.trie = size / 4;
    r->to->header.normalized = (uint32_t)(used - 4 - size + 1); /* and a NUL, should the last entry have none */
    return add_step(r, CLIP_STEP_CHARSMAP, 0, "", 0, "", 0);
}

static clip_status read_replace(reading *r, uint32_t node) {
    pattern p;
    const char *text, *content;
    size_t length, content_length;
    clip_status status = read_pattern(r, node, &p, &text, &length);
    if (status != CLIP_OK) return status;
    content = clip_file_text(r->file, clip_file_get(r->file, node, "content"), &content_length);
    if (p.literal) return add_step(r, CLIP_STEP_REPLACE, 0, text, length, content, content_length);
    return add_step(r, CLIP_STEP_REPLACE_CLASS, p.least, p.class, p.length, content, content_length);
}

static clip_status read_bert_normalizer(reading *r, uint32_t node) {
    const uint32_t lower = flag(r, node, "lowercase", 1);
    const uint32_t flags = flag(r, node, "clean_text", 1) * CLIP_BERT_CLEAN |
                           flag(r, node, "handle_chinese_chars", 1) * CLIP_BERT_CHINESE |
                           flag(r, node, "strip_accents", (int)lower) * CLIP_BERT_ACCENTS | lower * CLIP_BERT_LOWER;
    return add_step(r, CLIP_STEP_BERT, flags, "", 0, "", 0);
}

static clip_status read_normalizer(reading *r, uint32_t node, int depth) {
    static const struct {
        const char *type;
        uint32_t kind;
    } PLAIN[] = {
        {"NFC", CLIP_STEP_NFC}, {"NFD", CLIP_STEP_NFD}, {"Lowercase", CLIP_STEP_LOWER}, {"StripAccents", CLIP_STEP_STRIP_ACCENTS}};
    if (clip_file_is_null(r->file, node)) return CLIP_OK;
    const uint32_t type = clip_file_get(r->file, node, "type");
    for (size_t i = 0; i < sizeof PLAIN / sizeof *PLAIN; i++)
        if (clip_file_is(r->file, type, PLAIN[i].type)) return add_step(r, PLAIN[i].kind, 0, "", 0, "", 0);
    if (clip_file_is(r->file, type, "Precompiled")) return read_charsmap(r, node);
    if (clip_file_is(r->file, type, "Replace")) return read_replace(r, node);
    if (clip_file_is(r->file, type, "BertNormalizer")) return read_bert_normalizer(r, node);
    if (clip_file_is(r->file, type, "Strip"))
        return add_step(r, CLIP_STEP_STRIP, flag(r, node, "strip_left", 1) | flag(r, node, "strip_right", 1) << 1, "", 0, "", 0);
    if (clip_file_is(r->file, type, "Prepend")) {
        size_t length;
        const char *text = clip_file_text(r->file, clip_file_get(r->file, node, "prepend"), &length);
        return add_step(r, CLIP_STEP_PREPEND, 0, "", 0, text, length);
    }
    if (!clip_file_is(r->file, type, "Sequence") || depth > 4) return clip_file_refuse(r->file, "normalizer", type);
    clip_status status = CLIP_OK;
    NODES(r->file, clip_file_get(r->file, node, "normalizers"), child)
    if (status == CLIP_OK) status = read_normalizer(r, child, depth + 1);
    return status;
}

/* ---- pre-tokenizers ---- */

static int read_behaviour(reading *r, uint32_t node, uint32_t otherwise, uint32_t *behaviour) {
    static const char *const NAMES[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
    const uint32_t name = clip_file_get(r->file, node, "behavior");
    *behaviour = otherwise;
    if (clip_file_is_null(r->file, name)) return otherwise <= CLIP_CONTIGUOUS;
    for (uint32_t i = 0; i <= CLIP_CONTIGUOUS; i++)
        if (clip_file_is(r->file, name, NAMES[i])) {
            *behaviour = i;
            return 1;
        }
    return 0;
}

static clip_status read_metaspace(reading *r, uint32_t node) {
    size_t length;
    const char *text = clip_file_text(r->file, clip_file_get(r->file, node, "replacement"), &length);
    const uint32_t scheme = clip_file_get(r->file, node, "prepend_scheme");
    uint32_t flags = flag(r, node, "add_prefix_space", 1);
    if (clip_file_is(r->file, scheme, "always")) flags = 1;
    else if (clip_file_is(r->file, scheme, "first")) flags = 2;
    else if (clip_file_is(r->file, scheme, "never")) flags = 0;
    else if (!clip_file_is_null(r->file, scheme)) return clip_file_refuse(r->file, "prepend_scheme", scheme);
    if (!length) return clip_file_refuse(r->file, "a Metaspace without replacement", CLIP_NO_NODE);
    return add_step(r, CLIP_STEP_METASPACE, flags | flag(r, node, "split", 1) << 2, text, length, "", 0);
}

static clip_status read_split(reading *r, uint32_t node) {
    pattern p;
    const char *text;
    size_t length;
    uint32_t behaviour;
    clip_status status = read_pattern(r, node, &p, &text, &length);
    if (status != CLIP_OK) return status;
    if (!read_behaviour(r, node, UINT32_MAX, &behaviour))
        return clip_file_refuse(r->file, "behavior", clip_file_get(r->file, node, "behavior"));
    if (!p.literal)
        return clip_file_refuse(r->file, "Split at the pattern",
                                clip_file_get(r->file, clip_file_get(r->file, node, "pattern"), "Regex"));
    return add_step(r, CLIP_STEP_SPLIT, behaviour | flag(r, node, "invert", 0) << 3, text, length, "", 0);
}

static clip_status read_pre_tokenizer(reading *r, uint32_t node, int depth) {
    static const struct {
        const char *type;
        uint32_t kind;
    } PLAIN[] = {
        {"WhitespaceSplit", CLIP_STEP_SPACES}, {"Whitespace", CLIP_STEP_WORDS}, {"BertPreTokenizer", CLIP_STEP_BERT_WORDS}};
    if (clip_file_is_null(r->file, node)) return CLIP_OK;
    const uint32_t type = clip_file_get(r->file, node, "type");
    for (size_t i = 0; i < sizeof PLAIN / sizeof *PLAIN; i++)
        if (clip_file_is(r->file, type, PLAIN[i].type)) return add_step(r, PLAIN[i].kind, 0, "", 0, "", 0);
    if (clip_file_is(r->file, type, "Metaspace")) return read_metaspace(r, node);
    if (clip_file_is(r->file, type, "Split")) return read_split(r, node);
    if (clip_file_is(r->file, type, "Digits"))
        return add_step(r, CLIP_STEP_DIGITS, flag(r, node, "individual_digits", 0), "", 0, "", 0);
    if (clip_file_is(r->file, type, "Punctuation")) {
        uint32_t behaviour;
        if (!read_behaviour(r, node, CLIP_ISOLATED, &behaviour))
            return clip_file_refuse(r->file, "behavior", clip_file_get(r->file, node, "behavior"));
        return add_step(r, CLIP_STEP_PUNCTUATION, behaviour, "", 0, "", 0);
    }
    if (!clip_file_is(r->file, type, "Sequence") || depth > 4) return clip_file_refuse(r->file, "pre_tokenizer", type);
    clip_status status = CLIP_OK;
    NODES(r->file, clip_file_get(r->file, node, "pretokenizers"), child)
    if (status == CLIP_OK) status = read_pre_tokenizer(r, child, depth + 1);
    return status;
}

/* ---- what stands around a text ---- */

static clip_status add_special(reading *r, uint32_t id, int after) {
    clip_subword_header *h = &r->to->header;
    if (h->before + h->after == 2 * CLIP_MAX_SPECIALS || h->before + !after > CLIP_MAX_SPECIALS ||
        h->after + after > CLIP_MAX_SPECIALS)
        return clip_file_refuse(r->file, "too many special tokens around a text", CLIP_NO_NODE);
    r->to->specials[h->before + h->after] = id;
    if (after) h->after++;
    else h->before++;
    return CLIP_OK;
}

static clip_status read_template(reading *r, uint32_t node) {
    const clip_tokenizer_file *file = r->file;
    const uint32_t known = clip_file_get(file, node, "special_tokens");
    int after = 0;
    NODES(file, clip_file_get(file, node, "single"), piece) {
        const uint32_t special = clip_file_get(file, piece, "SpecialToken");
        if (special == CLIP_NO_NODE) {
            if (after || clip_file_get(file, piece, "Sequence") == CLIP_NO_NODE)
                return clip_file_refuse(file, "post_processor's template", CLIP_NO_NODE);
            after = 1;
            continue;
        }
        size_t length;
        const char *name = clip_file_text(file, clip_file_get(file, special, "id"), &length);
        uint32_t entry = CLIP_NO_NODE, id;
        NODES(file, known, token) {
            const clip_file_node *n = clip_file_at(file, token);
            if (n->key_length == length && memcmp((const char *)file->text.items + n->key, name, length) == 0) entry = token;
        }
        int any = 0;
        NODES(file, clip_file_get(file, entry, "ids"), number) {
            if (!clip_file_whole(file, number, CLIP_MAX_PIECES - 1, &id))
                return clip_file_refuse(file, "post_processor's id", number);
            const clip_status status = add_special(r, id, after);
            if (status != CLIP_OK) return status;
            any = 1;
        }
        if (!any) return clip_file_refuse(file, "post_processor's token", clip_file_get(file, special, "id"));
    }
    return after ? CLIP_OK : clip_file_refuse(file, "post_processor's template", CLIP_NO_NODE);
}

static clip_status read_pair(reading *r, uint32_t pair, int after) {
    const clip_file_node *n = clip_file_at(r->file, pair);
    uint32_t id;
    if (!n || n->first == CLIP_NO_NODE ||
        !clip_file_whole(r->file, clip_file_at(r->file, n->first)->next, CLIP_MAX_PIECES - 1, &id))
        return clip_file_refuse(r->file, "post_processor's token", pair);
    return add_special(r, id, after);
}

static clip_status read_post_processor(reading *r, uint32_t node, int depth) {
    if (clip_file_is_null(r->file, node)) return CLIP_OK;
    const uint32_t type = clip_file_get(r->file, node, "type");
    const int around = clip_file_is(r->file, type, "BertProcessing") || clip_file_is(r->file, type, "RobertaProcessing");
    if (clip_file_is(r->file, type, "TemplateProcessing") || around) {
        if (r->to->header.before + r->to->header.after) return clip_file_refuse(r->file, "a second post_processor", type);
        if (!around) return read_template(r, node);
        const clip_status status = read_pair(r, clip_file_get(r->file, node, "cls"), 0);
        return status == CLIP_OK ? read_pair(r, clip_file_get(r->file, node, "sep"), 1) : status;
    }
    if (!clip_file_is(r->file, type, "Sequence") || depth > 4) return clip_file_refuse(r->file, "post_processor", type);
    clip_status status = CLIP_OK;
    NODES(r->file, clip_file_get(r->file, node, "processors"), child)
    if (status == CLIP_OK) status = read_post_processor(r, child, depth + 1);
    return status;
}

/* ---- added tokens and padding ---- */

static int longer_first(const void *a, const void *b) {
    const clip_added *x = a, *y = b;
    return x->length != y->length ? (x->length > y->length ? -1 : 1) : x->place < y->place ? -1 : 1;
}

static clip_status read_added(reading *r) {
    const clip_tokenizer_file *file = r->file;
    NODES(file, clip_file_get(file, 0, "added_tokens"), token) {
        clip_added added = {0};
        size_t length;
        const char *content = clip_file_text(file, clip_file_get(file, token, "content"), &length);
        if (!length || length > CLIP_MAX_PIECE ||
            !clip_file_whole(file, clip_file_get(file, token, "id"), CLIP_MAX_PIECES - 1, &added.id))
            return clip_file_refuse(file, "added token", clip_file_get(file, token, "content"));
        const uint32_t special = flag(r, token, "special", 0);
        added.flags = flag(r, token, "normalized", !special) * CLIP_ADDED_NORMALIZED |
                      flag(r, token, "lstrip", 0) * CLIP_ADDED_LEFT | flag(r, token, "rstrip", 0) * CLIP_ADDED_RIGHT |
                      flag(r, token, "single_word", 0) * CLIP_ADDED_WORD;
        added.length = (uint32_t)length;
        const clip_status status = keep(r, content, length, &added.place);
        clip_added *to = status == CLIP_OK ? clip_table_add(&r->to->added, 1, sizeof added) : NULL;
        if (!to) return CLIP_ERROR_MEMORY;
        *to = added;
        if (clip_file_is(file, clip_file_get(file, token, "content"), "<pad>") ||
            clip_file_is(file, clip_file_get(file, token, "content"), "[PAD]"))
            r->to->header.pad = added.id;
    }
    if (r->to->added.count > CLIP_MAX_ADDED) return clip_file_refuse(file, "too many added tokens", CLIP_NO_NODE);
    if (r->to->added.count) qsort(r->to->added.items, r->to->added.count, sizeof(clip_added), longer_first);
    r->to->header.added = (uint32_t)r->to->added.count;
    return CLIP_OK;
}

static clip_status read_padding(reading *r) {
    const uint32_t padding = clip_file_get(r->file, 0, "padding");
    if (clip_file_is_null(r->file, padding)) return CLIP_OK;
    if (!clip_file_whole(r->file, clip_file_get(r->file, padding, "pad_id"), CLIP_MAX_PIECES - 1, &r->to->header.pad))
        return clip_file_refuse(r->file, "padding", clip_file_get(r->file, padding, "pad_id"));
    r->to->header.pad_left = (uint32_t)clip_file_is(r->file, clip_file_get(r->file, padding, "direction"), "Left");
    return CLIP_OK;
}

/* ---- the model, but for its vocabulary ---- */

static clip_status read_model(reading *r) {
    static const char *const KNOWN[] = {"type",
                                        "vocab",
                                        "merges",
                                        "unk_token",
                                        "unk_id",
                                        "byte_fallback",
                                        "dropout",
                                        "fuse_unk",
                                        "continuing_subword_prefix",
                                        "end_of_word_suffix",
                                        "ignore_merges",
                                        "max_input_chars_per_word"};
    const clip_tokenizer_file *file = r->file;
    const uint32_t model = clip_file_get(file, 0, "model"), type = clip_file_get(file, model, "type");
    clip_subword_header *h = &r->to->header;
    NODES(file, model, member) {
        const clip_file_node *n = clip_file_at(file, member);
        int known = 0;
        for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
            known |=
                n->key_length == strlen(KNOWN[i]) && memcmp((const char *)file->text.items + n->key, KNOWN[i], n->key_length) == 0;
        if (!known && !clip_file_is_null(file, member))
            return clip_file_refuse(file, "the model has a key that is not known, of value", member);
    }
    if (clip_file_is(file, type, "Unigram")) h->model = CLIP_UNIGRAM;
    else if (clip_file_is(file, type, "BPE")) h->model = CLIP_BYTE_PAIRS;
    else if (clip_file_is(file, type, "WordPiece")) h->model = CLIP_WORD_PIECE;
    else return clip_file_refuse(file, "model", type);
    const uint32_t dropout = clip_file_get(file, model, "dropout"), suffix = clip_file_get(file, model, "end_of_word_suffix"),
                   prefix = clip_file_get(file, model, "continuing_subword_prefix");
    size_t length;
    if (!clip_file_is_null(file, dropout) && !clip_file_is(file, dropout, "0") && !clip_file_is(file, dropout, "0.0"))
        return clip_file_refuse(file, "dropout", dropout);
    clip_file_text(file, suffix, &length);
    if (!clip_file_is_null(file, suffix) && length) return clip_file_refuse(file, "end_of_word_suffix", suffix);
    const char *continuing = clip_file_text(file, prefix, &length);
    if (clip_file_is_null(file, prefix)) length = 0;
    if (h->model != CLIP_WORD_PIECE && length) return clip_file_refuse(file, "continuing_subword_prefix", prefix);
    if (h->model == CLIP_WORD_PIECE) {
        h->continuing_length = (uint32_t)length;
        const clip_status status = keep(r, continuing, length, &h->continuing);
        if (status != CLIP_OK) return status;
        if (length > 64) return clip_file_refuse(file, "continuing_subword_prefix", prefix);
    }
    h->word_characters = 100;
    const uint32_t limit = clip_file_get(file, model, "max_input_chars_per_word");
    if (!clip_file_is_null(file, limit) && !clip_file_whole(file, limit, 1u << 20, &h->word_characters))
        return clip_file_refuse(file, "max_input_chars_per_word", limit);
    h->flags = flag(r, model, "byte_fallback", 0) * CLIP_BYTE_FALLBACK | flag(r, model, "fuse_unk", 0) * CLIP_FUSE_UNKNOWN |
               flag(r, model, "ignore_merges", 0) * CLIP_IGNORE_MERGES;
    if (h->model == CLIP_UNIGRAM && !clip_file_whole(file, clip_file_get(file, model, "unk_id"), CLIP_MAX_PIECES - 1, &h->unknown))
        return clip_file_refuse(file, "unk_id", clip_file_get(file, model, "unk_id"));
    return CLIP_OK;
}

/* What is asked for before anything else. */
static clip_status add_clean(reading *r, uint32_t clean) {
    static const char PUNCTUATION[] = "!/:@[`{~"; /* from, to */
    clip_status status = CLIP_OK;
    if (clean & CLIP_CLEAN_UNDERSCORES) status = add_step(r, CLIP_STEP_REPLACE, 0, "_", 1, " ", 1);
    if (clean & CLIP_CLEAN_PUNCTUATION && status == CLIP_OK)
        status = add_step(r, CLIP_STEP_REPLACE_CLASS, 0, PUNCTUATION, sizeof PUNCTUATION - 1, "", 0);
    if (clean & (CLIP_CLEAN_LOWER | CLIP_CLEAN_LOWER_EACH) && status == CLIP_OK)
        status = add_step(r, CLIP_STEP_LOWER, (clean & CLIP_CLEAN_LOWER) != 0, "", 0, "", 0);
    if (clean & CLIP_CLEAN_SPACES && status == CLIP_OK) /* Python's, which four controls are */
        status = add_step(r, CLIP_STEP_REPLACE_CLASS, 1, "\xef\xbf\xbf\xef\xbf\xbf\x1c\x1f", 8, " ", 1);
    if (clean & CLIP_CLEAN_SPACES && status == CLIP_OK) status = add_step(r, CLIP_STEP_STRIP, 3, "", 0, "", 0);
    r->to->header.clean = r->to->header.steps;
    return status;
}

clip_status clip_tokenizer_settings_read(clip_tokenizer_settings *settings, const clip_tokenizer_file *file, uint32_t clean) {
    *settings = (clip_tokenizer_settings){.header = {.magic = CLIP_SUBWORDS_MAGIC, .unknown = CLIP_NO_PIECE, .pad = CLIP_NO_PIECE}};
    reading r = {file, settings};
    clip_status status = add_clean(&r, clean);
    if (status == CLIP_OK) status = read_model(&r);
    if (status == CLIP_OK) status = read_normalizer(&r, clip_file_get(file, 0, "normalizer"), 0);
    if (status == CLIP_OK) status = read_pre_tokenizer(&r, clip_file_get(file, 0, "pre_tokenizer"), 0);
    if (status == CLIP_OK) status = read_post_processor(&r, clip_file_get(file, 0, "post_processor"), 0);
    if (status == CLIP_OK) status = read_added(&r);
    return status == CLIP_OK ? read_padding(&r) : status;
}

void clip_tokenizer_settings_free(clip_tokenizer_settings *settings) {
    free(settings->added.items);
    free(settings->strings.items);
    free(settings->charsmap);
    *settings = (clip_tokenizer_settings){0};
}
