/* Any bytes as a photo: a status, no crash, and a size that was promised before. Seeds: any small pictures. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/image.h"

#define SIZE 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t rgb[SIZE * SIZE * 3];
    clip_image_info probed, info;
    const clip_status headers = clip_image_probe(data, size, &probed);
    /* Large pictures are slow, not interesting. */
    if (headers == CLIP_OK && (uint64_t)probed.width * probed.height > 1 << 20) return 0;
    const clip_status status = clip_image_crop_encoded(data, size, SIZE, rgb, &info);
    if (headers != CLIP_OK && status != headers) abort();
    if (status == CLIP_OK && memcmp(&probed, &info, sizeof info) != 0) abort();
    return 0;
}
