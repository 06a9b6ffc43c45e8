/* tower.h - a tower from configuration to embeddings: it is made, fed a file as that streams, and run.
 *
 * The room towers/: the networks, each from its layout in memory to its forward pass. It may use weights/, image/ and compute/.
 */
#ifndef CLIP_TOWER_H
#define CLIP_TOWER_H

#include <stddef.h>
#include <stdint.h>

#include "compute/linear.h"
#include "compute/machine.h"
#include "status.h"
#include "towers/token_table.h"
#include "weights/names.h"

typedef struct clip_tower clip_tower;

/* `config` is the text of a clip.json, a Hugging Face config.json or an open_clip_config.json. Allocates the weights at their
 * final size and a workspace. `machine` must outlive the tower. CLIP_ERROR_CONFIG, CLIP_ERROR_MEMORY. */
clip_status clip_tower_create_on(clip_tower **out, const clip_machine *machine, clip_tower_kind kind, const char *config,
                                 size_t length, clip_precision precision);
/* A tower without memory for weights, to be asked whether a file suits it: open it and push what it wants, which is the header and no
 * more. Errors are those of the tower itself; good for nothing else. */
clip_status clip_tower_sketch_on(clip_tower **out, const clip_machine *machine, clip_tower_kind kind, const char *config,
                                 size_t length);
void clip_tower_destroy(clip_tower *tower);

typedef struct {
    uint32_t embedding;          /* floats in an embedding */
    uint32_t image_size;         /* vision: pixels a side */
    uint32_t context;            /* text: ids at most, start and end included */
    uint32_t vocabulary;         /* text: entries */
    float mean[3], deviation[3]; /* vision: of pixels in 0..1 */
    float logit_scale;           /* factor of the cosine before softmax; 0 until a file brought it */
    float logit_bias;            /* added to that before a sigmoid, where the model has one; otherwise 0 */
    uint32_t filled;             /* text: texts are to be filled up to the context (the tokenizer knows with what) */
} clip_tower_info;

void clip_tower_describe(const clip_tower *tower, clip_tower_info *info);

/* Begins to read a safetensors file of `bytes` bytes, which has all of the tower. As soon as its header is there, it is an error if a
 * tensor is missing (CLIP_ERROR_MISSING), is one that the tower does not know (CLIP_ERROR_UNKNOWN), or does not fit in all its
 * dimensions (CLIP_ERROR_SHAPE). Another file may be begun instead as long as no row has come. */
clip_status clip_tower_open(clip_tower *tower, uint64_t bytes);

/* The next range of the file that is wanted: what the tower does not use is left out, so that it need not be fetched.
 * 0 when the file needs nothing more. */
int clip_tower_want(const clip_tower *tower, uint64_t *offset, uint64_t *length);

/* Takes bytes that start at the wanted offset; any number up to the wanted length. Errors name their tensor, see
 * clip_tower_detail. After an error the tower is only good for destroying. */
clip_status clip_tower_push(clip_tower *tower, const uint8_t *bytes, size_t length);

/* Checks that every tensor came and readies the tower. CLIP_ERROR_MISSING. */
clip_status clip_tower_finish(clip_tower *tower);

/* Name of the tensor that the last error is about, "" if none; lives as long as the tower. */
const char *clip_tower_detail(const clip_tower *tower);

/* text: the merges list that came with the file (tensor tokenizer.merges), or NULL. Freed by clip_tower_drop_merges or destroy. */
const char *clip_tower_merges(const clip_tower *tower, size_t *length);
void clip_tower_drop_merges(clip_tower *tower);

/* text: before a file is opened: the table of token embeddings does not come with the file, which may lack it, but row by row, as
 * texts need them. CLIP_ERROR_ARGUMENT. */
clip_status clip_tower_defer_table(clip_tower *tower);
/* text: the table; its `place` is where the opened file has it, once the header was pushed. NULL: a vision tower's. */
clip_token_table *clip_tower_table(clip_tower *tower);

/* rgb (count, image_size, image_size, 3) -> embeddings (count, embedding), not normalised. */
clip_status clip_vision_encode(clip_tower *tower, const uint8_t *rgb, size_t count, float *embeddings);
/* pixels (count, 3, image_size, image_size), normalised with mean and deviation -> the same. */
clip_status clip_vision_encode_pixels(clip_tower *tower, const float *pixels, size_t count, float *embeddings);

/* ids: `count` sequences end to end, lengths[i] ids each (1 .. context, below vocabulary) -> embeddings (count, embedding), not
 * normalised. Computes only real tokens, and a prefix that all sequences of a batch share only once. CLIP_ERROR_MISSING: the table was
 * deferred, and a row that is needed has not come. */
clip_status clip_text_encode(clip_tower *tower, const uint32_t *ids, const uint32_t *lengths, size_t count, float *embeddings);

#endif
