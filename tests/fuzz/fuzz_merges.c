/* Any bytes as a merges list: taken or refused, and a vocabulary that the asked one bounds. Seeds: merges.txt of any model. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/tokenizer/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint32_t ids[4096];
    if (!size) return 0;
    clip_tokenizer *tokenizer;
    const uint32_t vocabulary = data[0] & 1 ? 514u + data[0] / 2 : 0;
    const size_t length = size - 1;
    char *copy = malloc(length ? length : 1); /* exactly as long as it says, so that a byte read too far is seen */
    if (!copy) return 0;
    memcpy(copy, data + 1, length);
    if (clip_tokenizer_create(&tokenizer, copy, length, vocabulary) == CLIP_OK) {
        const uint32_t entries = clip_tokenizer_vocabulary(tokenizer);
        size_t count;
        if (entries < 514 || (vocabulary && entries > vocabulary)) abort();
        if (clip_tokenizer_encode(tokenizer, copy, length, ids, 4096, &count) == CLIP_OK)
            for (size_t i = 0; i < count; i++)
                if (ids[i] >= entries) abort();
        clip_tokenizer_destroy(tokenizer);
    } else if (tokenizer) abort();
    free(copy);
    return 0;
}
