/* Any bytes as a text: a status, no crash, and ids that keep the tokenizer's promises. Seeds: any texts. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/tokenizer/tokenizer.h"

#define MANY 4096

static const char MERGES[] = "#version: 0.2\n! !\n!! !!\n!!!! !</w>\na b\nab ab\nab a</w>\ni n\nin i</w>\n\xc3\x8c \xc4\xa3\n";

static void check(const clip_tokenizer *tokenizer, const char *text, size_t size) {
    static uint32_t ids[MANY], cut[MANY];
    const uint32_t end = clip_tokenizer_vocabulary(tokenizer) - 1;
    size_t count, cut_count;
    const clip_status status = clip_tokenizer_encode(tokenizer, text, size, ids, MANY, &count);
    if (status == CLIP_ERROR_TEXT) return;
    if (status != CLIP_OK || count < 2 || count > MANY || ids[0] != end - 1 || ids[count - 1] != end) abort();
    for (size_t i = 0; i < count; i++)
        if (ids[i] > end) abort();
    /* NFC makes a text at most three times as long (U+1D160: 4 bytes, then 12), and a byte makes at most one id. */
    if (count - 2 > 3 * size) abort();
    /* A cut text is the beginning of the whole one, and the end token. */
    for (size_t capacity = 2; capacity <= count; capacity += 1 + capacity / 2) {
        if (clip_tokenizer_encode(tokenizer, text, size, cut, capacity, &cut_count) != CLIP_OK || cut_count != capacity) abort();
        if (memcmp(cut, ids, (capacity - 1) * sizeof *ids) != 0 || cut[capacity - 1] != end) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static clip_tokenizer *tokenizer;
    if (!tokenizer && clip_tokenizer_create(&tokenizer, MERGES, sizeof MERGES - 1, 0) != CLIP_OK) abort();
    char *copy = malloc(size ? size : 1); /* exactly as long as it says, so that a byte read too far is seen */
    if (!copy) return 0;
    if (size) memcpy(copy, data, size);
    check(tokenizer, copy, size);
    free(copy);
    return 0;
}
