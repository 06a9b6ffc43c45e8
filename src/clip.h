/* clip.h - CLIP (Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision") in C.
 *
 * An image tower and a text tower map photos and phrases to vectors whose cosine says how well they fit. This library
 * reads models in safetensors form, decodes and prepares images, tokenizes text, and runs both towers in f32, int8 or
 * int4 on WebAssembly SIMD. It does no input or output, prints nothing, keeps no global state; everything hangs on handles.
 *
 *     clip_engine *engine = clip_engine_create(1);
 *     clip_tower *vision;
 *     clip_tower_create(&vision, engine, CLIP_VISION, config_json, config_length, CLIP_Q8);
 *     clip_tower_open(vision, file_bytes);
 *     while (clip_tower_want(vision, &offset, &length))                 // streams: a tensor is packed as it arrives,
 *         clip_tower_push(vision, bytes_of_file_at(offset), some);      // the file is never in memory as a whole
 *     clip_tower_finish(vision);
 *     clip_image_crop_encoded(jpeg, jpeg_length, size, rgb, NULL);
 *     clip_vision_encode(vision, rgb, 1, embedding);
 *
 * Every function that can fail answers a clip_status (status.h). A handle belongs to who created it and is freed by the
 * destroy function of its name; destroying NULL is allowed. A failed create leaves *out NULL. Engines are independent of
 * each other; handles of one engine must be used from one thread at a time.
 */
#ifndef CLIP_H
#define CLIP_H

#include <stddef.h>
#include <stdint.h>

#include "image/image.h"
#include "compute/linear.h"
#include "status.h"
#include "tokenizer/tokenizer.h"

/* ---- engine: the kernels chosen for this machine, and the threads ---- */

typedef struct clip_engine clip_engine;

/* `threads` counts the caller's own; the others are started by the host, each calling clip_engine_work. NULL: out of memory. */
clip_engine *clip_engine_create(uint32_t threads);
void clip_engine_destroy(clip_engine *engine);

/* Body of worker thread `index` (1 .. threads - 1); returns when the engine is destroyed. */
void clip_engine_work(clip_engine *engine, uint32_t index);

/* Name of the int8 kernels in force, for reports; static storage. */
const char *clip_engine_kernels(const clip_engine *engine);

/* ---- towers ---- */

typedef struct clip_tower clip_tower;
typedef enum { CLIP_VISION = 0, CLIP_TEXT = 1 } clip_tower_kind;

/* `config` is the text of a clip.json, a Hugging Face config.json or an open_clip_config.json. Allocates the weights at their
 * final size and a workspace. CLIP_ERROR_CONFIG, CLIP_ERROR_MEMORY. */
clip_status clip_tower_create(clip_tower **out, clip_engine *engine, clip_tower_kind kind, const char *config, size_t length,
                              clip_precision precision);
void clip_tower_destroy(clip_tower *tower);

typedef struct {
    uint32_t embedding;          /* floats in an embedding */
    uint32_t image_size;         /* vision: pixels a side */
    uint32_t context;            /* text: ids at most, start and end included */
    uint32_t vocabulary;         /* text: entries */
    float mean[3], deviation[3]; /* vision: of pixels in 0..1 */
    float logit_scale;           /* factor of the cosine before softmax; 0 until a file brought it */
} clip_tower_info;

void clip_tower_describe(const clip_tower *tower, clip_tower_info *info);

/* Begins to read a safetensors file of `bytes` bytes. A model may be spread over several files, one after the other. */
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

/* rgb (count, image_size, image_size, 3) -> embeddings (count, embedding), not normalised. */
clip_status clip_vision_encode(clip_tower *tower, const uint8_t *rgb, size_t count, float *embeddings);
/* pixels (count, 3, image_size, image_size), normalised with mean and deviation -> the same. */
clip_status clip_vision_encode_pixels(clip_tower *tower, const float *pixels, size_t count, float *embeddings);

/* ids: `count` sequences end to end, lengths[i] ids each (1 .. context, below vocabulary) -> embeddings (count, embedding), not
 * normalised. Computes only real tokens, and a prefix that all sequences of a batch share only once. */
clip_status clip_text_encode(clip_tower *tower, const uint32_t *ids, const uint32_t *lengths, size_t count, float *embeddings);

/* ---- comparison ---- */

/* Cosines (a, b) of rows of x (a, width) and y (b, width); 0 where a row is zero. */
void clip_similarity(const float *x, size_t a, const float *y, size_t b, size_t width, float *cosines);
/* Softmax of scale * values, in place; values (count). */
void clip_softmax(float *values, size_t count, float scale);

/* ---- conversion: a stream of safetensors in, a stream of our safetensors out ---- */

typedef struct clip_converter clip_converter;

/* Converts one tower of a file. merges (may be NULL) is put into a text tower's file. */
clip_status clip_converter_create(clip_converter **out, clip_tower_kind kind, clip_precision precision, const char *merges,
                                  size_t merges_length);
void clip_converter_destroy(clip_converter *converter);
clip_status clip_converter_open(clip_converter *converter, uint64_t bytes);
int clip_converter_want(const clip_converter *converter, uint64_t *offset, uint64_t *length);
/* Takes bytes as clip_tower_push does; what they became is then at clip_converter_output until the next push. */
clip_status clip_converter_push(clip_converter *converter, const uint8_t *bytes, size_t length);
const uint8_t *clip_converter_output(const clip_converter *converter, size_t *length);
/* Size of the whole output file; known once the header was pushed, 0 before. */
uint64_t clip_converter_bytes(const clip_converter *converter);
const char *clip_converter_detail(const clip_converter *converter);
/* exp of the logit_scale tensor, 0 if none came. */
float clip_converter_logit_scale(const clip_converter *converter);

#endif
