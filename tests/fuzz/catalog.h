/* Reads bytes as a file of some form through a catalog, checks what it promises, and reads what it says is there. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/weights/catalog.h"

static void read_part(const clip_catalog *catalog, size_t i, const uint8_t *data, size_t size) {
    const clip_part *part = clip_catalog_part(catalog, i);
    uint64_t bytes = part->tensor.end - part->tensor.begin;
    if (part->kind <= CLIP_PART_ZIP || part->external || bytes == 0 || part->expanded == 0 || part->expanded > 1 << 16) return;
    if (bytes % part->expanded) abort(); /* all of it is whole units */
    if (part->offset > size || part->skip > size - part->offset || part->unit > size - part->offset - part->skip) return;
    uint8_t *from = malloc((size_t)part->unit), *to = malloc((size_t)part->expanded);
    memcpy(from, data + part->offset + part->skip, (size_t)part->unit);
    if (clip_catalog_expand(catalog, i, bytes / part->expanded - 1, 1, from, to) != CLIP_OK) abort();
    free(from);
    free(to);
}

static int read_catalog(clip_file_form form, const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    size_t piece = 1 + data[0] * (size_t)7; /* the first byte says how to read the rest */
    data++, size--;
    clip_catalog *catalog;
    if (clip_catalog_create(&catalog) != CLIP_OK) return 0;
    clip_status status = clip_catalog_open(catalog, form, size);
    uint64_t offset, wanted;
    for (int rounds = 0; status == CLIP_OK && clip_catalog_want(catalog, &offset, &wanted); rounds++) {
        if (offset > size || wanted > size - offset || wanted == 0 || rounds > 1 << 20) abort(); /* what the file has, and an end */
        size_t part = wanted < piece ? (size_t)wanted : piece;
        uint8_t *copy = malloc(part);
        memcpy(copy, data + offset, part);
        status = clip_catalog_push(catalog, copy, part);
        free(copy);
    }
    if (status == CLIP_OK && clip_catalog_finish(catalog) == CLIP_OK) {
        size_t length;
        clip_safetensors file;
        const uint8_t *header = clip_catalog_header(catalog, &length);
        if (clip_catalog_bytes(catalog) < (uint64_t)1 << 53 &&
            clip_safetensors_parse(&file, (const char *)header + 8, length - 8, clip_catalog_bytes(catalog)) == CLIP_OK) {
            if (file.count != clip_catalog_count(catalog)) abort();
            clip_safetensors_free(&file);
        }
        for (size_t i = 0; i < clip_catalog_count(catalog); i++) read_part(catalog, i, data, size);
    }
    clip_catalog_destroy(catalog);
    return 0;
}
