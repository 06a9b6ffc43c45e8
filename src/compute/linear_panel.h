/* linear_panel.h - sizes of packed weights; for linear.c and linear_pack.c. */
#ifndef CLIP_LINEAR_PANEL_H
#define CLIP_LINEAR_PANEL_H

#include "compute/kernels.h"

static inline size_t clip_panels(const clip_linear *linear) { return (linear->out + CLIP_PANEL - 1) / CLIP_PANEL; }

/* Bytes of one panel. */
static inline size_t clip_panel_bytes(const clip_linear *linear) {
    return linear->depth * CLIP_PANEL * (linear->precision == CLIP_F32 ? sizeof(float) : 1);
}

#endif
