/* Any bytes as a tower's file, pushed in pieces of any size: taken or refused as when it is pushed whole, and then with the same
 * answers. The first bytes say which tower, which precision and how large the pieces are. */
#include <math.h>

#include "../../src/clip.h"
#include "model.h"

#define EMBEDDING 32 /* at most */

typedef struct {
    clip_status status;
    float embedding[2 * EMBEDDING];
} answer;

static clip_engine *engine;

/* Weights of a large tower, which an input has no room for: f16 of about 0.07. */
static uint8_t made_up(uint64_t place) { return place % 2 ? 0x2c : (uint8_t)(place * 37); }

static void load_and_run(answer *out, const uint8_t *control, const uint8_t *file, size_t length, uint64_t size, uint32_t pieces) {
    clip_tower *tower;
    const clip_tower_kind kind = control[0] & 1 ? CLIP_TEXT : CLIP_VISION;
    static const char *const others[] = {NULL, FUZZ_SIGLIP, FUZZ_BERT, FUZZ_EFFICIENTNET, FUZZ_FASTVIT};
    const uint32_t which = control[3] % 8 % 5;
    const char *config = which ? others[which] : control[0] & 2 ? FUZZ_RESNET : FUZZ_VIT;
    memset(out, 0, sizeof *out);
    out->status = clip_tower_create(&tower, engine, kind, config, strlen(config), (clip_precision)(control[0] / 4 % 3));
    if (out->status != CLIP_OK) abort(); /* the configurations are good */
    out->status = clip_tower_open(tower, size);
    uint64_t offset, wanted;
    while (out->status == CLIP_OK && clip_tower_want(tower, &offset, &wanted)) {
        if (wanted == 0 || offset > size || wanted > size - offset) {
            if (offset + wanted <= 8 + (uint64_t)size) abort();
            out->status = CLIP_ERROR_FORMAT; /* the header lies about its length: there is no more */
            break;
        }
        const size_t most = pieces ? fuzz_piece(&pieces) : (size_t)wanted, part = wanted < most ? (size_t)wanted : most;
        uint8_t *copy = malloc(part);
        if (!copy) break;
        for (size_t i = 0; i < part; i++) copy[i] = offset + i < length ? file[offset + i] : made_up(offset + i);
        out->status = clip_tower_push(tower, copy, part);
        free(copy);
    }
    if (out->status == CLIP_OK) out->status = clip_tower_finish(tower);
    if (out->status == CLIP_OK && kind == CLIP_VISION) {
        static const uint8_t rgb[2 * 64 * 64 * 3] = {9, 200, 30, 77, 0, 255, 128};
        out->status = clip_vision_encode(tower, rgb, 2, out->embedding);
    } else if (out->status == CLIP_OK) {
        static const uint32_t ids[] = {18, 1, 2, 19, 18, 19, 18, 4, 5, 19, 0, 0}, some[] = {4, 2}, full[] = {6, 6};
        const uint32_t *lengths = which == 1 ? full : some; /* SigLIP's texts are filled up */
        size_t length;
        clip_tower_merges(tower, &length);
        clip_tower_drop_merges(tower);
        out->status = clip_text_encode(tower, ids, lengths, 2, out->embedding);
        if (out->status != CLIP_OK) abort();
    }
    clip_tower_destroy(tower);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < FUZZ_CONTROL) return 0;
    if (!engine) engine = clip_engine_create(1);
    const uint8_t *file = data + FUZZ_CONTROL;
    size_t length = size - FUZZ_CONTROL;
    uint64_t bytes = length;
    if (data[3] & 8 && length >= 4) { /* four bytes more say how long the file is, of which the input has the beginning */
        bytes = file[0] | (uint32_t)file[1] << 8 | (uint32_t)(file[2] & 15) << 16;
        file += 4;
        length -= 4;
        if (bytes < length) bytes = length;
    }
    answer whole, pieces;
    load_and_run(&whole, data, file, length, bytes, 0);
    load_and_run(&pieces, data, file, length, bytes, 1u + data[1] + 256u * data[2]);
    if (whole.status != pieces.status) abort();
    for (size_t i = 0; i < 2 * EMBEDDING; i++) /* weights near the end of f32 may leave it: then both do */
        if (isfinite(whole.embedding[i]) ? whole.embedding[i] != pieces.embedding[i] : isfinite(pieces.embedding[i])) abort();
    return 0;
}
