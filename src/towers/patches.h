/* patches.h - an image cut into squares. */
#ifndef CLIP_PATCHES_H
#define CLIP_PATCHES_H

#include <stddef.h>
#include <string.h>

/* pixels (3, size, size) -> patches (side^2, 3, patch, patch), side = size / patch: a convolution whose stride is its kernel is a product.
 * Pixels beyond the last whole patch are not seen, as in the reference's convolution. */
static inline void clip_gather_patches(const float *pixels, size_t size, size_t patch, float *patches) {
    size_t side = size / patch;
    for (size_t row = 0; row < side; row++)
        for (size_t column = 0; column < side; column++)
            for (size_t channel = 0; channel < 3; channel++)
                for (size_t y = 0; y < patch; y++, patches += patch)
                    memcpy(patches, pixels + (channel * size + row * patch + y) * size + column * patch, patch * sizeof *patches);
}

#endif
