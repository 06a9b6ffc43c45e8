/* tokenizer_kind.h - what tokenizers of each kind can do. Whoever opens only one kind links only that: the core module has CLIP's own
 * (tokenizer.c), the readers' the others (subwords_tokenizer.c).
 */
#ifndef CLIP_TOKENIZER_KIND_H
#define CLIP_TOKENIZER_KIND_H

#include "tokenizer/tokenizer.h"

/* As the functions of tokenizer.h; encode's text is valid UTF-8, and its capacity 2 or more. */
typedef struct {
    void (*destroy)(clip_tokenizer *tokenizer);
    uint32_t (*vocabulary)(const clip_tokenizer *tokenizer);
    uint32_t (*padding)(const clip_tokenizer *tokenizer, int *left);
    clip_status (*encode)(const clip_tokenizer *tokenizer, const char *text, size_t length, uint32_t *ids, size_t capacity,
                          size_t *count);
} clip_tokenizer_kind;

/* Each kind's own structure begins with this. */
struct clip_tokenizer {
    const clip_tokenizer_kind *kind;
};

#endif
