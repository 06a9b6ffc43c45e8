/* tokenizer.c - text to ids, in the reference's order: special tokens, NFC, white space, lower case, words, byte pairs.
 *
 * White space separates what can be treated apart (no composition crosses it), so a text is worked through run by run, and no
 * further than its ids are asked for.
 */
#include "tokenizer/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/merges.h"
#include "tokenizer/tokenizer_kind.h"
#include "tokenizer/unicode.h"

/* Bytes of a run without white space; what is longer is cut into such parts. A word's encoding takes a hundred bytes of memory
 * for each of its own, so the limit is what a hostile label may cost. */
#define MAX_RUN 65536

static const char START[] = "<|startoftext|>", END[] = "<|endoftext|>";

/* CLIP's own kind. */
typedef struct {
    clip_tokenizer base;
    clip_merges merges;
    uint32_t *ids;       /* (symbols + 2) of entries that are numbered otherwise, or NULL; owned */
    uint32_t vocabulary; /* with ids: one more than the largest */
} byte_pairs;

/* Where the line "#ids" begins, with the newline before it, or length. */
static size_t find_ids(const char *text, size_t length) {
    static const char MARK[] = "\n#ids ";
    const size_t size = sizeof MARK - 1;
    for (const char *at = text; (at = memchr(at, '\n', length - (size_t)(at - text))); at++) {
        if (length - (size_t)(at - text) < size) break;
        if (memcmp(at, MARK, size) == 0) return (size_t)(at - text);
    }
    return length;
}

/* Reads the ids, as many as there are entries, separated by spaces. */
static clip_status read_ids(byte_pairs *tokenizer, const char *text, size_t length) {
    const uint32_t entries = tokenizer->merges.symbols + 2;
    tokenizer->ids = malloc(entries * sizeof *tokenizer->ids);
    if (!tokenizer->ids) return CLIP_ERROR_MEMORY;
    size_t at = 0;
    for (uint32_t i = 0; i < entries; i++) {
        uint32_t id = 0, digits = 0;
        while (at < length && text[at] == ' ') at++;
        for (; at < length && text[at] >= '0' && text[at] <= '9' && digits < 8; at++, digits++)
            id = id * 10 + (uint32_t)(text[at] - '0');
        if (digits == 0 || (at < length && text[at] != ' ' && text[at] != '\n')) return CLIP_ERROR_MERGES;
        tokenizer->ids[i] = id;
        if (id >= tokenizer->vocabulary) tokenizer->vocabulary = id + 1;
    }
    return CLIP_OK;
}

/* ---- ids so far, and scratch for one word ---- */

typedef struct {
    uint32_t symbol;
    int32_t previous, next; /* in the word; -1: none. A symbol that was merged away has symbol CLIP_NO_SYMBOL */
} link;

typedef struct {
    uint32_t result;                    /* rank + 512: the smaller merges first */
    int32_t left;                       /* position of the pair's left symbol; ties go to the first */
    uint32_t left_symbol, right_symbol; /* what the pair was, to see whether it still is */
} candidate;

typedef struct {
    const clip_merges *merges;
    uint32_t *ids;
    size_t capacity, count; /* of ids; one place is kept for the end token */
    link *links;            /* room for the longest word */
    candidate *heap;        /* twice that: each merge makes two new pairs at most, and uses up one symbol */
    size_t heap_size;
} encoder;

static int full(const encoder *e) { return e->count + 1 >= e->capacity; }

static void put(encoder *e, uint32_t id) {
    if (!full(e)) e->ids[e->count++] = id;
}

/* ---- byte-pair encoding of one word: the pair of lowest rank merges first, the leftmost of equals ---- */

static int before(const candidate *a, const candidate *b) {
    return a->result != b->result ? a->result < b->result : a->left < b->left;
}

static void heap_push(encoder *e, candidate c) {
    size_t at = e->heap_size++;
    for (; at && before(&c, &e->heap[(at - 1) / 2]); at = (at - 1) / 2) e->heap[at] = e->heap[(at - 1) / 2];
    e->heap[at] = c;
}

static candidate heap_pop(encoder *e) {
    candidate top = e->heap[0], last = e->heap[--e->heap_size];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < e->heap_size) {
        if (child + 1 < e->heap_size && before(&e->heap[child + 1], &e->heap[child])) child++;
        if (!before(&e->heap[child], &last)) break;
        e->heap[at] = e->heap[child];
        at = child;
    }
    e->heap[at] = last;
    return top;
}

static void consider(encoder *e, int32_t left) {
    if (left < 0 || e->links[left].next < 0) return;
    uint32_t a = e->links[left].symbol, b = e->links[e->links[left].next].symbol, result = clip_merges_find(e->merges, a, b);
    if (result != CLIP_NO_SYMBOL) heap_push(e, (candidate){result, left, a, b});
}

static void encode_word(encoder *e, const char *word, size_t length) {
    int32_t count = (int32_t)length;
    link *links = e->links;
    for (int32_t i = 0; i < count; i++) links[i] = (link){clip_byte_symbol((uint8_t)word[i]), i - 1, i + 1 < count ? i + 1 : -1};
    links[count - 1].symbol += 256; /* </w> */
    e->heap_size = 0;
    for (int32_t i = 0; i < count; i++) consider(e, i);
    while (e->heap_size) {
        candidate c = heap_pop(e);
        link *left = &links[c.left];
        if (left->symbol != c.left_symbol || left->next < 0 || links[left->next].symbol != c.right_symbol)
            continue; /* since changed */
        link *right = &links[left->next];
        left->symbol = c.result;
        right->symbol = CLIP_NO_SYMBOL;
        left->next = right->next;
        if (right->next >= 0) links[right->next].previous = c.left;
        consider(e, left->previous);
        consider(e, c.left);
    }
    for (int32_t i = 0; i >= 0 && !full(e); i = links[i].next) put(e, links[i].symbol);
}

/* ---- words: '[sdmt]|'re|'ve|'ll | letters | one number | others, white space left out ---- */

static size_t contraction(const char *text, size_t length) {
    static const char *const ENDINGS[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++) {
        size_t size = strlen(ENDINGS[i]);
        if (length >= size && memcmp(text, ENDINGS[i], size) == 0) return size;
    }
    return 0;
}

/* text is composed and in lower case, and holds no special token: an end token here was typed in capitals, which the reference
 * does not take for one. Its first split keeps it whole all the same, and its second makes three words of it. */
static void encode_words(encoder *e, const char *text, size_t length) {
    while (length && !full(e)) {
        uint32_t character;
        if (length >= sizeof END - 1 && memcmp(text, END, sizeof END - 1) == 0) {
            encode_word(e, text, 2);
            encode_word(e, text + 2, sizeof END - 1 - 4);
            encode_word(e, text + sizeof END - 1 - 2, 2);
            text += sizeof END - 1, length -= sizeof END - 1;
            continue;
        }
        size_t size = contraction(text, length);
        if (!size) {
            size = clip_utf8_decode(text, length, &character);
            clip_character class = clip_character_class(character);
            if (class == CLIP_CHARACTER_SPACE) {
                text += size, length -= size;
                continue;
            }
            while (class != CLIP_CHARACTER_NUMBER && size < length) {
                size_t more = clip_utf8_decode(text + size, length - size, &character);
                if (clip_character_class(character) != class) break;
                size += more;
            }
        }
        encode_word(e, text, size);
        text += size, length -= size;
    }
}

/* ---- runs between white space ---- */

/* The first place of `what` in text, or length. */
static size_t find(const char *text, size_t length, const char *what) {
    size_t size = strlen(what);
    for (size_t i = 0; i + size <= length; i++)
        if (text[i] == what[0] && memcmp(text + i, what, size) == 0) return i;
    return length;
}

/* Lower case of composed text; at most half as long again (U+0130, two bytes, becomes three; U+023A, two, becomes three). */
static size_t lower(const char *text, size_t length, char *to) {
    size_t used = 0;
    while (length) {
        uint32_t character, mapped[2];
        size_t size = clip_utf8_decode(text, length, &character), count = clip_character_lower(character, mapped);
        for (size_t i = 0; i < count; i++) used += clip_utf8_encode(mapped[i], to + used);
        text += size, length -= size;
    }
    return used;
}

/* Text without an end token: composed, in lower case, then cut at start tokens, which the reference finds in normalised text. */
static clip_status encode_plain(encoder *e, const char *text, size_t length) {
    char *composed, *lowered;
    size_t composed_length;
    if (!length) return CLIP_OK;
    clip_status status = clip_utf8_compose(text, length, &composed, &composed_length);
    if (status != CLIP_OK) return status;
    size_t room = composed_length * 2 + 4;
    lowered = malloc(room);
    e->links = malloc(room * sizeof *e->links);
    e->heap = malloc(3 * room * sizeof *e->heap);
    status = CLIP_ERROR_MEMORY;
    if (lowered && e->links && e->heap) {
        status = CLIP_OK;
        size_t left = lower(composed, composed_length, lowered);
        for (const char *at = lowered; left;) {
            size_t plain = find(at, left, START);
            encode_words(e, at, plain);
            at += plain, left -= plain;
            if (left) {
                put(e, e->merges->symbols);
                at += sizeof START - 1, left -= sizeof START - 1;
            }
        }
    }
    free(e->heap);
    free(e->links);
    free(lowered);
    free(composed);
    return status;
}

/* A run without ASCII white space. */
static clip_status encode_run(encoder *e, const char *text, size_t length) {
    clip_status status = CLIP_OK;
    while (length && status == CLIP_OK && !full(e)) {
        size_t plain = find(text, length, END);
        status = encode_plain(e, text, plain);
        text += plain, length -= plain;
        if (length && status == CLIP_OK) {
            put(e, e->merges->symbols + 1);
            text += sizeof END - 1, length -= sizeof END - 1;
        }
    }
    return status;
}

static int is_ascii_space(char c) { return c == ' ' || (c >= 9 && c <= 13); }

static clip_status encode(const clip_tokenizer *base, const char *text, size_t length, uint32_t *ids, size_t capacity,
                          size_t *count) {
    const byte_pairs *tokenizer = (const byte_pairs *)base;
    encoder e = {.merges = &tokenizer->merges, .ids = ids, .capacity = capacity};
    clip_status status = CLIP_OK;
    put(&e, tokenizer->merges.symbols);
    while (length && status == CLIP_OK && !full(&e)) {
        size_t run = 0;
        while (run < length && run < MAX_RUN && !is_ascii_space(text[run])) run++;
        while (run < length && run >= MAX_RUN - 4 && ((uint8_t)text[run] & 0xc0) == 0x80) run--; /* not within a character */
        status = encode_run(&e, text, run);
        if (run < length && is_ascii_space(text[run])) run++;
        text += run, length -= run;
    }
    if (status != CLIP_OK) return status;
    ids[e.count++] = tokenizer->merges.symbols + 1;
    *count = e.count;
    for (size_t i = 0; tokenizer->ids && i < e.count; i++) ids[i] = tokenizer->ids[ids[i]];
    return CLIP_OK;
}

/* ---- the kind ---- */

static void destroy(clip_tokenizer *base) {
    byte_pairs *tokenizer = (byte_pairs *)base;
    clip_merges_free(&tokenizer->merges);
    free(tokenizer->ids);
    free(tokenizer);
}

static uint32_t vocabulary_of(const clip_tokenizer *base) {
    const byte_pairs *tokenizer = (const byte_pairs *)base;
    return tokenizer->ids ? tokenizer->vocabulary : tokenizer->merges.symbols + 2;
}

static uint32_t no_padding(const clip_tokenizer *base, int *left) {
    (void)base;
    *left = 0;
    return UINT32_MAX;
}

static const clip_tokenizer_kind BYTE_PAIRS = {destroy, vocabulary_of, no_padding, encode};

clip_status clip_tokenizer_create(clip_tokenizer **out, const char *merges, size_t length, uint32_t vocabulary) {
    *out = NULL;
    if (vocabulary && vocabulary < CLIP_FIRST_MERGE + 2) return CLIP_ERROR_MERGES;
    byte_pairs *tokenizer = calloc(1, sizeof *tokenizer);
    if (!tokenizer) return CLIP_ERROR_MEMORY;
    tokenizer->base.kind = &BYTE_PAIRS;
    const size_t list = find_ids(merges, length);
    clip_status status =
        clip_merges_read(&tokenizer->merges, merges, list, vocabulary ? vocabulary - CLIP_FIRST_MERGE - 2 : UINT32_MAX);
    if (status == CLIP_OK && list < length) status = read_ids(tokenizer, merges + list + 6, length - list - 6);
    if (status == CLIP_OK) *out = &tokenizer->base;
    else destroy(&tokenizer->base);
    return status;
}

/* ---- of every kind ---- */

void clip_tokenizer_destroy(clip_tokenizer *tokenizer) {
    if (tokenizer) tokenizer->kind->destroy(tokenizer);
}

uint32_t clip_tokenizer_padding(const clip_tokenizer *tokenizer, int *left) { return tokenizer->kind->padding(tokenizer, left); }

uint32_t clip_tokenizer_vocabulary(const clip_tokenizer *tokenizer) { return tokenizer->kind->vocabulary(tokenizer); }

clip_status clip_tokenizer_encode(const clip_tokenizer *tokenizer, const char *text, size_t length, uint32_t *ids, size_t capacity,
                                  size_t *count) {
    *count = 0;
    if (capacity < 2) return CLIP_ERROR_ARGUMENT;
    if (!clip_utf8_valid(text, length)) return CLIP_ERROR_TEXT;
    return tokenizer->kind->encode(tokenizer, text, length, ids, capacity, count);
}
