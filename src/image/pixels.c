#include "image/pixels.h"

void clip_pixels_normalise(const uint8_t *rgb, size_t size, const float mean[3], const float deviation[3], float *planes) {
    size_t count = size * size;
    for (size_t channel = 0; channel < 3; channel++) {
        float level[256]; /* in the reference's order of operations, so that values are the same to the last bit or nearly */
        for (int i = 0; i < 256; i++) level[i] = ((float)i / 255.0f - mean[channel]) / deviation[channel];
        for (size_t i = 0; i < count; i++) planes[channel * count + i] = level[rgb[3 * i + channel]];
    }
}
