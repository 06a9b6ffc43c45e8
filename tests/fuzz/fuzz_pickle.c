/* Any bytes as torch.save's pickle: what comes out must be tensors that stay in their storages. */
#include <stdint.h>
#include <stdlib.h>

#include "../../src/weights/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    clip_pickle pickle;
    if (clip_pickle_read(&pickle, data, size) == CLIP_OK) {
        for (size_t i = 0; i < pickle.count; i++) {
            const clip_pickle_tensor *t = &pickle.tensors[i];
            const char *text = (const char *)data;
            if (t->name < text || t->name + t->length > text + size || t->key < text || t->key + t->key_length > text + size)
                abort();
            uint64_t last = t->first, elements = 1;
            for (uint32_t d = 0; d < t->dimensions; d++) {
                elements *= t->shape[d];
                last += t->shape[d] ? (t->shape[d] - 1) * t->stride[d] : 0;
            }
            if (elements && last >= t->numbers) abort();
        }
    }
    clip_pickle_free(&pickle);
    return 0;
}
