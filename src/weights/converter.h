/* converter.h - a stream of safetensors in, a stream of our safetensors out. */
#ifndef CLIP_CONVERTER_H
#define CLIP_CONVERTER_H

#include "weights/names.h"

typedef struct clip_converter clip_converter;

/* Converts one tower of a file. merges (may be NULL) is put into a text tower's file. */
clip_status clip_converter_create(clip_converter **out, clip_tower_kind kind, clip_precision precision, const char *merges,
                                  size_t merges_length);
void clip_converter_destroy(clip_converter *converter);
/* Before a file is opened: the table of token embeddings is left out, see clip_tower_defer_table. */
void clip_converter_leave_table(clip_converter *converter);
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
/* What is added to that before a sigmoid; 0 if the file had none. */
float clip_converter_logit_bias(const clip_converter *converter);

#endif
