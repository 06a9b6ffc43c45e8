/* Any bytes as a safetensors file's header: what is taken lies in the file, end to end, and agrees with its shapes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/weights/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4) return 0;
    clip_safetensors table;
    const size_t length = size - 4;
    const uint64_t file = 8 + length + (data[0] | data[1] << 8 | (uint64_t)data[2] << 16); /* the first bytes say how long it is */
    char *copy = malloc(length ? length : 1);
    if (!copy) return 0;
    memcpy(copy, data + 4, length);
    if (clip_safetensors_parse(&table, copy, length, file) == CLIP_OK) {
        uint64_t at = 8 + length;
        for (size_t i = 0; i < table.count; i++) {
            const clip_tensor *t = &table.tensors[i];
            const size_t element = clip_dtype_bytes(t->dtype);
            if (t->begin != at || t->end < t->begin || t->dimensions > CLIP_MAX_DIMENSIONS) abort();
            if (element && clip_tensor_elements(t, 0) * element != t->end - t->begin) abort();
            if (!memchr(t->name, 0, sizeof t->name)) abort();
            at = t->end;
        }
        if (at != file) abort();
        clip_safetensors_free(&table);
    } else if (table.tensors) abort();
    free(copy);
    return 0;
}
