/* Any bytes as the places where files tell how a camera was held: an orientation, or none. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/image/exif.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) return 0;
    if (size) memcpy(copy, data, size);
    if (clip_exif_orientation(copy, size) > 8) abort();
    if (clip_exif_orientation_hex(copy, size) > 8) abort();
    if (clip_exif_orientation_xmp(copy, size) > 8) abort();
    free(copy);
    return 0;
}
