/* subwords_tokenizer.c - a subword vocabulary as a tokenizer. */
#include <stdlib.h>
#include <string.h>

#include "tokenizer/subwords.h"
#include "tokenizer/tokenizer_kind.h"

typedef struct {
    clip_tokenizer base;
    clip_subwords subwords;
} tokenizer_of_subwords;

static const clip_subwords *subwords_of(const clip_tokenizer *base) { return &((const tokenizer_of_subwords *)base)->subwords; }

static void destroy(clip_tokenizer *base) {
    clip_subwords_close(&((tokenizer_of_subwords *)base)->subwords);
    free(base);
}

static uint32_t vocabulary_of(const clip_tokenizer *base) { return clip_subwords_vocabulary(subwords_of(base)); }

static uint32_t padding_of(const clip_tokenizer *base, int *left) {
    const clip_subword_header *header = subwords_of(base)->header;
    *left = header->pad_left != 0;
    return header->pad;
}

static clip_status encode(const clip_tokenizer *base, const char *text, size_t length, uint32_t *ids, size_t capacity,
                          size_t *count) {
    return clip_subwords_encode(subwords_of(base), text, length, ids, capacity, count);
}

static const clip_tokenizer_kind SUBWORDS = {destroy, vocabulary_of, padding_of, encode};

clip_status clip_tokenizer_open(clip_tokenizer **out, const uint8_t *kept, size_t length) {
    *out = NULL;
    if (length > CLIP_MAX_SUBWORDS) return CLIP_ERROR_TOKENIZER;
    tokenizer_of_subwords *tokenizer = calloc(1, sizeof *tokenizer);
    uint8_t *block = malloc(length + !length);
    if (!tokenizer || !block) {
        free(block);
        free(tokenizer);
        return CLIP_ERROR_MEMORY;
    }
    if (length) memcpy(block, kept, length);
    const clip_status status = clip_subwords_open(&tokenizer->subwords, block, length); /* owns it now, and frees it if it fails */
    if (status != CLIP_OK) {
        free(tokenizer);
        return status;
    }
    tokenizer->base.kind = &SUBWORDS;
    *out = &tokenizer->base;
    return CLIP_OK;
}
