/* Any bytes as pixels: a crop of the size asked for, and of one colour where the picture has one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t rgb[64 * 64 * 3];
    if (size < 6) return 0;
    const uint32_t width = data[0] | (data[1] & 15u) << 8, height = data[2] | (data[1] >> 4) << 8;
    const uint32_t crop = data[4] % 64, channels = data[3] & 7, orientation = data[3] >> 3 & 15;
    const size_t needed = (size_t)width * height * channels;
    if (needed > 1 << 18) return 0;
    uint8_t *pixels = malloc(needed ? needed : 1); /* exactly as many, so that a byte read too far is seen */
    if (!pixels) return 0;
    data += 5, size -= 5;
    for (size_t i = 0; i < needed; i++) pixels[i] = data[i % size];
    const clip_status status = clip_image_crop_pixels(pixels, width, height, channels, orientation, crop, rgb);
    const int good = width && height && crop && (channels == 3 || channels == 4) && orientation >= 1 && orientation <= 8;
    if (good ? status != CLIP_OK : status != CLIP_ERROR_ARGUMENT && status != CLIP_ERROR_IMAGE_SIZE) abort();
    if (good && size == 1)
        for (size_t i = 0; i < (size_t)crop * crop * 3; i++)
            if (rgb[i] != data[0]) abort();
    free(pixels);
    return 0;
}
