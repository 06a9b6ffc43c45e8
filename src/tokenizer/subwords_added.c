/* subwords_added.c - added tokens: by the hash of their bytes, apart for those that are looked for in the text as it came and those that
 * are looked for in the normalized one, where they are normalized themselves. */
#include <stdlib.h>
#include <string.h>

#include "tokenizer/subwords.h"
#include "tokenizer/unicode.h"

typedef struct {
    char *bytes; /* owned */
    size_t length;
} content;

struct clip_added_finder {
    content *contents;       /* (added) */
    uint32_t *hash[2], mask; /* added + 1; [1]: normalized */
    size_t longest[2];
    uint8_t begins[2][256]; /* whether one begins with this byte */
};

static clip_status read_content(const clip_subwords *s, const clip_added *added, content *to) {
    clip_text_buffer text = {.limit = 1 << 16}, spare = text;
    clip_text_append(&text, s->strings + added->place, added->length);
    clip_status status = text.status;
    if (status == CLIP_OK && added->flags & CLIP_ADDED_NORMALIZED) {
        clip_text_buffer from = text;
        text = (clip_text_buffer){.limit = 1 << 16};
        status = clip_subwords_normalize(s, 0, from.bytes, from.length, &text, &spare);
        free(from.bytes);
    }
    free(spare.bytes);
    *to = (content){text.bytes, text.length};
    if (status == CLIP_OK && text.length > CLIP_MAX_PIECE) status = CLIP_ERROR_TOKENIZER;
    return status;
}

static uint32_t find(const struct clip_added_finder *f, int kind, uint32_t hash, const char *bytes, size_t length) {
    for (uint32_t at = clip_subwords_slot(hash) & f->mask; f->hash[kind][at]; at = (at + 1) & f->mask) {
        const content *c = &f->contents[f->hash[kind][at] - 1];
        if (c->length == length && memcmp(c->bytes, bytes, length) == 0) return f->hash[kind][at] - 1;
    }
    return CLIP_NO_PIECE;
}

static void enter(struct clip_added_finder *f, int kind, uint32_t index) {
    const content *c = &f->contents[index];
    uint32_t hash = CLIP_SUBWORDS_HASH;
    for (size_t i = 0; i < c->length; i++) hash = clip_subwords_hash(hash, c->bytes[i]);
    if (!c->length || find(f, kind, hash, c->bytes, c->length) != CLIP_NO_PIECE) return;
    uint32_t at = clip_subwords_slot(hash) & f->mask;
    while (f->hash[kind][at]) at = (at + 1) & f->mask;
    f->hash[kind][at] = index + 1;
    if (c->length > f->longest[kind]) f->longest[kind] = c->length;
    f->begins[kind][(uint8_t)c->bytes[0]] = 1;
}

clip_status clip_added_open(clip_subwords *s) {
    const uint32_t count = s->header->added;
    if (!count) return CLIP_OK;
    struct clip_added_finder *f = s->finder = calloc(1, sizeof *f);
    if (!f) return CLIP_ERROR_MEMORY;
    uint32_t slots = 16;
    while (slots < 2 * count) slots *= 2;
    f->mask = slots - 1;
    f->contents = calloc(count, sizeof *f->contents);
    f->hash[0] = calloc(slots, sizeof *f->hash[0]);
    f->hash[1] = calloc(slots, sizeof *f->hash[1]);
    clip_status status = f->contents && f->hash[0] && f->hash[1] ? CLIP_OK : CLIP_ERROR_MEMORY;
    for (uint32_t i = 0; i < count && status == CLIP_OK; i++) {
        status = read_content(s, &s->added[i], &f->contents[i]);
        if (status == CLIP_OK) enter(f, s->added[i].flags & CLIP_ADDED_NORMALIZED ? 1 : 0, i);
    }
    return status;
}

void clip_added_close(clip_subwords *s) {
    struct clip_added_finder *f = s->finder;
    if (!f) return;
    for (uint32_t i = 0; f->contents && i < s->header->added; i++) free(f->contents[i].bytes);
    free(f->contents);
    free(f->hash[0]);
    free(f->hash[1]);
    free(f);
    s->finder = NULL;
}

/* The longest token at text's beginning, or CLIP_NO_PIECE. */
static uint32_t longest_at(const struct clip_added_finder *f, int kind, const char *text, size_t length, size_t *size) {
    uint32_t hash = CLIP_SUBWORDS_HASH, best = CLIP_NO_PIECE;
    const size_t most = length < f->longest[kind] ? length : f->longest[kind];
    for (size_t n = 1; n <= most; n++) {
        hash = clip_subwords_hash(hash, text[n - 1]);
        const uint32_t found = find(f, kind, hash, text, n);
        if (found == CLIP_NO_PIECE) continue;
        best = found;
        *size = n;
    }
    return best;
}

/* The character that ends before `at`. */
static uint32_t character_before(const char *text, size_t at) {
    size_t start = at - 1;
    uint32_t c;
    while (start && ((uint8_t)text[start] & 0xc0) == 0x80) start--;
    clip_utf8_decode(text + start, at - start, &c);
    return c;
}

static int is_space(uint32_t c) { return clip_character_class(c) == CLIP_CHARACTER_SPACE; }

int clip_added_find(const clip_subwords *s, int kind, const char *text, size_t length, size_t from, clip_found *found) {
    const struct clip_added_finder *f = s->finder;
    if (!f || !f->longest[kind]) return 0;
    for (size_t at = from; at < length; at++) {
        size_t size = 0, start = at, end;
        if (!f->begins[kind][(uint8_t)text[at]]) continue;
        const uint32_t index = longest_at(f, kind, text + at, length - at, &size);
        if (index == CLIP_NO_PIECE) continue;
        const uint32_t flags = s->added[index].flags;
        uint32_t c;
        end = at + size;
        if (flags & CLIP_ADDED_WORD) {
            const int before = at && clip_character_is_word(character_before(text, at));
            clip_utf8_decode(text + end, length - end, &c);
            if (before || (end < length && clip_character_is_word(c))) {
                at = end - 1;
                continue;
            }
        }
        if (flags & CLIP_ADDED_LEFT)
            while (start > from && is_space(character_before(text, start))) do
                    start--;
                while (((uint8_t)text[start] & 0xc0) == 0x80);
        if (flags & CLIP_ADDED_RIGHT)
            for (size_t more; end < length && (more = clip_utf8_decode(text + end, length - end, &c)) && is_space(c);) end += more;
        *found = (clip_found){start, end, s->added[index].id};
        return 1;
    }
    return 0;
}
