/* Any bytes as a tokenizer.json (first byte even) or as a kept form (odd): a status with its reason, no crash, and a tokenizer whose ids are
 * below its vocabulary, the same however the file was cut into pieces. Seeds: those of tests/tokenizers, cut short. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/tokenizer/tokenizer.h"

#define MANY 512

static const char *const TEXTS[] = {"a photo of a dog", " A\tb  C_d! \xe6\x96\x87\xe5\xad\x97 e\xcc\x81 \xf0\x9f\x98\x80 12",
                                    "<s> [CLS] ##a \xe2\x96\x81\xe2\x96\x81", ""};

static void check(const uint8_t *kept, size_t length) {
    clip_tokenizer *tokenizer;
    uint32_t ids[MANY];
    if (clip_tokenizer_open(&tokenizer, kept, length) != CLIP_OK) {
        if (tokenizer) abort();
        return;
    }
    for (size_t t = 0; t < sizeof TEXTS / sizeof *TEXTS; t++) {
        size_t count;
        const clip_status status = clip_tokenizer_encode(tokenizer, TEXTS[t], strlen(TEXTS[t]), ids, MANY, &count);
        if (status != CLIP_OK) continue;
        if (count > MANY) abort();
        for (size_t i = 0; i < count; i++)
            if (ids[i] >= clip_tokenizer_vocabulary(tokenizer)) abort();
    }
    clip_tokenizer_destroy(tokenizer);
}

static clip_status read_all(clip_tokenizer_reader **reader, int clean, const uint8_t *bytes, size_t length, size_t step) {
    if (clip_tokenizer_reader_create(reader, clean) != CLIP_OK) abort();
    clip_status status = CLIP_OK;
    for (size_t at = 0; at < length && status == CLIP_OK; at += step)
        status = clip_tokenizer_reader_push(*reader, bytes + at, length - at < step ? length - at : step);
    return status == CLIP_OK ? clip_tokenizer_reader_finish(*reader) : status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    uint8_t *copy = malloc(size - 1 + (size == 1)); /* exactly as long as it says, so that a byte read too far is seen */
    memcpy(copy, data + 1, size - 1);
    if (data[0] & 1) {
        check(copy, size - 1);
    } else {
        clip_tokenizer_reader *whole, *pieces;
        const int clean = data[0] & 2 ? 15 : data[0] & 4 ? 24 : 0;
        const clip_status status = read_all(&whole, clean, copy, size - 1, size);
        if (read_all(&pieces, clean, copy, size - 1, 1 + data[0] / 4) != status) abort();
        if (strcmp(clip_tokenizer_reader_detail(whole), clip_tokenizer_reader_detail(pieces)) != 0) abort();
        if (status == CLIP_ERROR_TOKENIZER && !*clip_tokenizer_reader_detail(whole)) abort();
        if (status == CLIP_OK) {
            size_t length, other;
            const uint8_t *kept = clip_tokenizer_reader_kept(whole, &length), *same = clip_tokenizer_reader_kept(pieces, &other);
            if (length != other || memcmp(kept, same, length) != 0) abort();
            check(kept, length);
        }
        clip_tokenizer_reader_destroy(whole);
        clip_tokenizer_reader_destroy(pieces);
    }
    free(copy);
    return 0;
}
