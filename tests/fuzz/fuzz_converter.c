/* Any bytes as a model's file, converted in pieces of any size: the same file comes out as when it is pushed whole, of the size that
 * was promised, and that is a safetensors file. */
#include "../../src/clip.h"
#include "../../src/weights/safetensors.h"
#include "model.h"

typedef struct {
    clip_status status;
    uint64_t promised;
    uint8_t *bytes;
    size_t length;
} output;

static void convert(output *out, const uint8_t *control, const uint8_t *file, size_t size, uint32_t pieces) {
    clip_converter *converter;
    memset(out, 0, sizeof *out);
    out->status = clip_converter_create(&converter, control[0] & 1 ? CLIP_TEXT : CLIP_VISION, (clip_precision)(control[0] / 4 % 3),
                                        control[0] & 2 ? "a b\n" : NULL, 4);
    if (out->status != CLIP_OK) return;
    out->status = clip_converter_open(converter, size);
    uint64_t offset, wanted;
    while (out->status == CLIP_OK && clip_converter_want(converter, &offset, &wanted)) {
        if (wanted == 0 || offset > size || wanted > size - offset) abort(); /* it may only ask for what the file has */
        const size_t most = pieces ? fuzz_piece(&pieces) : (size_t)wanted, part = wanted < most ? (size_t)wanted : most;
        uint8_t *copy = malloc(part);
        if (!copy) break;
        memcpy(copy, file + offset, part);
        out->status = clip_converter_push(converter, copy, part);
        free(copy);
        size_t length;
        const uint8_t *made = clip_converter_output(converter, &length);
        if (out->status != CLIP_OK || !length) continue;
        out->bytes = realloc(out->bytes, out->length + length);
        memcpy(out->bytes + out->length, made, length);
        out->length += length;
    }
    out->promised = clip_converter_bytes(converter);
    clip_converter_destroy(converter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < FUZZ_CONTROL) return 0;
    output whole, pieces;
    convert(&whole, data, data + FUZZ_CONTROL, size - FUZZ_CONTROL, 0);
    convert(&pieces, data, data + FUZZ_CONTROL, size - FUZZ_CONTROL, 1u + data[1] + 256u * data[2]);
    if (whole.status != pieces.status) abort();
    if (whole.status == CLIP_OK && whole.length) {
        if (whole.length != pieces.length || memcmp(whole.bytes, pieces.bytes, whole.length) != 0) abort();
        clip_safetensors table;
        uint64_t header = 0;
        for (int i = 7; i >= 0; i--) header = header << 8 | whole.bytes[i];
        /* Without any tensor that is wanted the list of merges, which stands at the end, is not written. */
        if (whole.length == whole.promised) {
            if (clip_safetensors_parse(&table, (const char *)whole.bytes + 8, (size_t)header, whole.length) != CLIP_OK) abort();
            clip_safetensors_free(&table);
        } else if (whole.length != 8 + header) abort();
    }
    free(whole.bytes);
    free(pieces.bytes);
    return 0;
}
