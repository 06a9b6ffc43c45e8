#include "kernels.h"

void clip_kernels_choose(clip_kernels *kernels) {
    clip_kernels_simd(kernels);
#ifdef CLIP_RELAXED
    clip_kernels_relaxed(kernels);
#endif
}
