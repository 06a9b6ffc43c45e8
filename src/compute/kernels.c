#include "compute/kernels.h"

void clip_kernels_choose(clip_kernels *kernels) {
    clip_kernels_simd(kernels);
#ifdef CLIP_RELAXED
    clip_kernels_relaxed(kernels);
#endif
}

void clip_kernels_choose_exact(clip_kernels *kernels) {
    clip_kernels exact;
    clip_kernels_choose(kernels);
    if (kernels->q8_form != CLIP_ACTIVATION_U7) return;
    clip_kernels_simd(&exact);
    kernels->q8 = exact.q8;
    kernels->q8_form = exact.q8_form;
    kernels->q8_unit = exact.q8_unit;
}
