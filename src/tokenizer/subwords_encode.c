/* subwords_encode.c - a text to ids: added tokens out of it, normalizer, added tokens again, pre-tokenizer, model, specials around. */
#include <stdlib.h>

#include "tokenizer/subwords.h"
#include "tokenizer/unicode.h"

#define MAX_TEXT (1u << 20) /* bytes; no model's context holds the ids of a tenth of that */

/* Buffers of one encoding, reused from part to part. */
typedef struct {
    const clip_subwords *s;
    clip_ids *ids;
    clip_text_buffer cleaned, text, part, spare;
    clip_words words, spare_words;
} encoding;

/* Normalized text without added tokens. */
static clip_status encode_part(encoding *e, const char *bytes, size_t length, int first) {
    e->part.length = e->words.count = 0;
    clip_text_append(&e->part, bytes, length);
    if (e->part.status != CLIP_OK || !length) return e->part.status;
    if (!e->words.capacity) {
        e->words.words = malloc(64 * sizeof *e->words.words);
        if (!e->words.words) return CLIP_ERROR_MEMORY;
        e->words.capacity = 64;
    }
    e->words.words[0] = (clip_word){0, length, first};
    e->words.count = 1;
    clip_status status = clip_subwords_split(e->s, &e->part, &e->spare, &e->words, &e->spare_words);
    for (size_t i = 0; i < e->words.count && status == CLIP_OK && !clip_ids_full(e->ids); i++)
        status = clip_subwords_encode_word(e->s, e->part.bytes + e->words.words[i].start, e->words.words[i].length, e->ids);
    return status;
}

/* Text as it came, without added tokens. */
static clip_status encode_raw(encoding *e, const char *bytes, size_t length, int first) {
    clip_status status = clip_subwords_normalize(e->s, 0, bytes, length, &e->text, &e->spare);
    clip_found found;
    size_t at = 0;
    while (status == CLIP_OK && !clip_ids_full(e->ids) && clip_added_find(e->s, 1, e->text.bytes, e->text.length, at, &found)) {
        status = encode_part(e, e->text.bytes + at, found.start - at, first && at == 0);
        clip_ids_put(e->ids, found.id);
        at = found.end;
    }
    if (status == CLIP_OK && at < e->text.length)
        status = encode_part(e, e->text.bytes + at, e->text.length - at, first && at == 0);
    return status;
}

clip_status clip_subwords_encode(const clip_subwords *s, const char *text, size_t length, uint32_t *ids, size_t capacity,
                                 size_t *count) {
    const clip_subword_header *h = s->header;
    *count = 0;
    if (capacity < h->before + h->after) return CLIP_ERROR_ARGUMENT;
    if (length > MAX_TEXT) {
        length = MAX_TEXT;
        while (length && ((uint8_t)text[length] & 0xc0) == 0x80) length--; /* not within a character */
    }
    clip_ids body = {ids + h->before, capacity - h->before - h->after, 0};
    const size_t limit = 40 * length + 65536;
    encoding e = {.s = s,
                  .ids = &body,
                  .cleaned = {.limit = limit},
                  .text = {.limit = limit},
                  .part = {.limit = limit},
                  .spare = {.limit = limit}};
    clip_status status = CLIP_OK;
    if (h->clean) {
        status = clip_subwords_normalize(s, 1, text, length, &e.cleaned, &e.spare);
        text = e.cleaned.length ? e.cleaned.bytes : "";
        length = e.cleaned.length;
    }
    clip_found found;
    size_t at = 0;
    while (status == CLIP_OK && !clip_ids_full(&body) && clip_added_find(s, 0, text, length, at, &found)) {
        status = encode_raw(&e, text + at, found.start - at, at == 0);
        clip_ids_put(&body, found.id);
        at = found.end;
    }
    if (status == CLIP_OK && at < length) status = encode_raw(&e, text + at, length - at, at == 0);
    free(e.cleaned.bytes);
    free(e.text.bytes);
    free(e.part.bytes);
    free(e.spare.bytes);
    free(e.words.words);
    free(e.spare_words.words);
    if (status != CLIP_OK) return status;
    for (uint32_t i = 0; i < h->before; i++) ids[i] = s->specials[i];
    for (uint32_t i = 0; i < h->after; i++) ids[h->before + body.count + i] = s->specials[h->before + i];
    *count = h->before + body.count + h->after;
    return CLIP_OK;
}
