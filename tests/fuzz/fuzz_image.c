/* Any bytes as a photo: a status, no crash, and the size that was promised before. Seeds: any small pictures. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/image/bytes.h"
#include "../../src/image/image.h"

#define SIZE 16

/* PNG's checksums made right, or else nothing would get past them. */
static void mend_png(uint8_t *bytes, size_t size) {
    for (size_t at = 8; at + 12 <= size;) {
        const size_t chunk = clip_big32(bytes + at);
        if (chunk > size - at - 12) return;
        uint32_t value = 0xFFFFFFFFu;
        for (size_t i = at + 4; i < at + 8 + chunk; i++) {
            value ^= bytes[i];
            for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ (value & 1 ? 0xEDB88320u : 0);
        }
        value = ~value;
        for (int k = 0; k < 4; k++) bytes[at + 8 + chunk + (size_t)k] = (uint8_t)(value >> (24 - 8 * k));
        at += 12 + chunk;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t rgb[SIZE * SIZE * 3];
    clip_image_info probed, info;
    const clip_status headers = clip_image_probe(data, size, &probed);
    /* Large pictures are slow, not interesting. */
    if (headers == CLIP_OK && (uint64_t)probed.width * probed.height > 1 << 18) return 0;
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) return 0;
    memcpy(copy, data, size);
    if (size > 8 && memcmp(copy, "\x89PNG", 4) == 0) mend_png(copy, size);
    const clip_status status = clip_image_crop_encoded(copy, size, SIZE, rgb, &info);
    free(copy);
    if (headers != CLIP_OK && status != headers) abort();
    if (status != CLIP_OK) return 0;
    if (info.width != probed.width || info.height != probed.height) abort();
    if (info.orientation != probed.orientation || info.memory != probed.memory) abort();
    return 0;
}
