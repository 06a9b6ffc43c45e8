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

/* pixels (3, size, size) -> patches (rows side, 3, 3, 3) of output rows [first, first + rows) of a 3x3 convolution of stride 2, side = size / 2
 * rounded up, with `before` zeros before the first pixel: as its weights lie, channel, row, column. */
static inline void clip_gather_stem(const float *pixels, size_t size, size_t before, size_t first, size_t rows, float *to) {
    for (size_t row = first; row < first + rows; row++)
        for (size_t column = 0; column < (size + 1) / 2; column++)
            for (size_t c = 0; c < 3; c++)
                for (size_t i = 0; i < 3; i++)
                    for (size_t j = 0; j < 3; j++) { /* beyond an edge numbers wrap, and are too large */
                        size_t y = 2 * row + i - before, x = 2 * column + j - before;
                        *to++ = y < size && x < size ? pixels[(c * size + y) * size + x] : 0;
                    }
}

#endif
