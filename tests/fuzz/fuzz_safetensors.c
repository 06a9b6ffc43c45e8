/* Any bytes as a model file, through the converter: header, stream and quantizer see them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/clip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    clip_converter *converter;
    size_t piece = 1 + data[0] * (size_t)7; /* the first two bytes say how to read the rest */
    clip_status status =
        clip_converter_create(&converter, data[1] & 1 ? CLIP_TEXT : CLIP_VISION, (clip_precision)(data[1] / 2 % 3), "a b", 3);
    if (status != CLIP_OK) return 0;
    data += 2, size -= 2;
    status = clip_converter_open(converter, size);
    uint64_t offset, wanted;
    while (status == CLIP_OK && clip_converter_want(converter, &offset, &wanted)) {
        if (offset > size || wanted > size - offset) abort(); /* it may only ask for what the file has */
        size_t part = wanted < piece ? (size_t)wanted : piece;
        uint8_t *copy = malloc(part);
        memcpy(copy, data + offset, part);
        status = clip_converter_push(converter, copy, part);
        free(copy);
    }
    clip_converter_destroy(converter);
    return 0;
}
