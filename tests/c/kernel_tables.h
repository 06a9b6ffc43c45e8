/* The kernels that this build can really run. */
#ifndef KERNEL_TABLES_H
#define KERNEL_TABLES_H

#include "../../src/compute/kernels.h"

#define REAL_TABLES 3 /* at most */

static inline size_t real_tables(clip_kernels *out) {
    size_t count = 0;
    clip_kernels_simd(&out[count++]);
    clip_kernels_choose(&out[count++]);
#ifdef CLIP_RELAXED
    clip_kernels_simd(&out[count]);
    clip_kernels_relaxed_pairs(&out[count++]);
#endif
    return count;
}

#endif
