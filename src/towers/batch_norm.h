/* batch_norm.h - batch normalisation in its inference form (Ioffe and Szegedy 2015), as files have it, until it is folded into what it
 * follows. */
#ifndef CLIP_BATCH_NORM_H
#define CLIP_BATCH_NORM_H

#include "arena.h"
#include "weights/slots.h"

typedef struct {
    float *gain, *beta, *mean, *variance; /* (channels) */
} clip_batch_norm;

void clip_batch_norm_layout(clip_batch_norm *norm, clip_arena *arena, size_t channels);
/* Tensors prefix + name + "weight", "bias", "running_mean", "running_var". */
void clip_batch_norm_slots(clip_slots *slots, const char *prefix, const char *name, const clip_batch_norm *norm, size_t channels);

/* Makes it y = x gain + beta, both times `steps`. CLIP_ERROR_VALUE if that is not finite. */
clip_status clip_batch_norm_fold(clip_batch_norm *norm, size_t channels, float epsilon, float steps);

#endif
