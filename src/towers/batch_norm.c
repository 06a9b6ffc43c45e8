#include "towers/batch_norm.h"

#include <math.h>
#include <string.h>

void clip_batch_norm_layout(clip_batch_norm *norm, clip_arena *arena, size_t channels) {
    float **const vectors[] = {&norm->gain, &norm->beta, &norm->mean, &norm->variance};
    for (int i = 0; i < 4; i++) *vectors[i] = clip_arena_take(arena, channels, sizeof(float));
}

void clip_batch_norm_slots(clip_slots *slots, const char *prefix, const char *name, const clip_batch_norm *norm, size_t channels) {
    static const char *const PARTS[] = {"weight", "bias", "running_mean", "running_var"};
    float *const vectors[] = {norm->gain, norm->beta, norm->mean, norm->variance};
    for (int i = 0; i < 4; i++) {
        char part[CLIP_SLOT_NAME];
        strcat(strcpy(part, name), PARTS[i]);
        clip_slots_add_values(slots, prefix, part, vectors[i], channels, 1);
    }
}

clip_status clip_batch_norm_fold(clip_batch_norm *norm, size_t channels, float epsilon, float steps) {
    int finite = 1;
    for (size_t c = 0; c < channels; c++) {
        float gain = norm->gain[c] / sqrtf(norm->variance[c] + epsilon);
        norm->beta[c] = (norm->beta[c] - norm->mean[c] * gain) * steps;
        norm->gain[c] = gain * steps;
        finite &= isfinite(norm->gain[c]) && isfinite(norm->beta[c]);
    }
    return finite ? CLIP_OK : CLIP_ERROR_VALUE;
}
