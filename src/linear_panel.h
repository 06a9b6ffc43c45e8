/* linear_panel.h - sizes of packed weights; for linear.c and linear_pack.c. */
#ifndef CLIP_LINEAR_PANEL_H
#define CLIP_LINEAR_PANEL_H

#include "kernels.h"

static inline size_t clip_panels(const clip_linear *linear) { return (linear->out + CLIP_PANEL - 1) / CLIP_PANEL; }
static inline size_t clip_groups(const clip_linear *linear) { return linear->in / CLIP_Q4_GROUP; }

/* Bytes of one panel. */
static inline size_t clip_panel_bytes(const clip_linear *linear) {
    switch (linear->precision) {
    case CLIP_F32: return linear->depth * CLIP_PANEL * sizeof(float);
    case CLIP_Q8: return linear->depth * CLIP_PANEL;
    case CLIP_Q4: return linear->depth * CLIP_PANEL / 2;
    }
    return 0;
}

#endif
