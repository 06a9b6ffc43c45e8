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

#include "compute/compare.h"
#include "image/image.h"
#include "status.h"
#include "tokenizer/tokenizer.h"
#include "towers/tower.h"
#include "weights/catalog.h"
#include "weights/converter.h"

/* ---- engine: the kernels chosen for this machine, and the threads ---- */

typedef struct clip_engine clip_engine;

/* `threads` counts the caller's own; the others are started by the host, each calling clip_engine_work. NULL: out of memory. */
clip_engine *clip_engine_create(uint32_t threads);
void clip_engine_destroy(clip_engine *engine);

/* Body of worker thread `index` (1 .. threads - 1); returns when the engine is destroyed. */
void clip_engine_work(clip_engine *engine, uint32_t index);

/* Whether the caller's thread works without the others from now on. A copy of an engine's memory, which has no other threads, is told so
 * before it works. */
void clip_engine_alone(clip_engine *engine, int alone);

/* Name of the int8 kernels in force, for reports; static storage. */
const char *clip_engine_kernels(const clip_engine *engine);

/* A tower on this engine, which must outlive it; see clip_tower_create_on in towers/tower.h, which has all else about towers. */
clip_status clip_tower_sketch(clip_tower **out, clip_engine *engine, clip_tower_kind kind, const char *config, size_t length);
clip_status clip_tower_create(clip_tower **out, clip_engine *engine, clip_tower_kind kind, const char *config, size_t length,
                              clip_precision precision);

#endif
