#include "towers/fastvit_convolution.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "weights/quantize.h"

typedef struct {
    const char *name;
    size_t kernel; /* 0: the identity; OWN: the convolution's */
} branch_name;
#define OWN 99

/* Names of the branches. Those of CLIP_FASTVIT_ONE may lack the second and the third; the last of CLIP_FASTVIT_MIXER is taken off. */
static const branch_name NAMES[][CLIP_FASTVIT_BRANCHES] = {
    [CLIP_FASTVIT_ONE] = {{"conv_kxk.0.", OWN}, {"conv_scale.", 1}, {"identity.", 0}},
    [CLIP_FASTVIT_LARGE] = {{"large_conv.", OWN}, {"small_conv.", 3}},
    [CLIP_FASTVIT_NORMED] = {{"conv.", OWN}},
    [CLIP_FASTVIT_MIXER] = {{"mixer.conv_kxk.0.", OWN}, {"mixer.conv_scale.", 1}, {"mixer.identity.", 0}, {"norm.identity.", 0}},
    [CLIP_FASTVIT_POSITION] = {{"pos_enc.", OWN}},
};

static size_t inputs(const clip_fastvit_convolution *c) { return c->depthwise ? 1 : c->in; }

/* Side of the kernel of branch b, 0: an identity; SIZE_MAX: there is no such branch. */
static size_t branch_kernel(const clip_fastvit_convolution *c, size_t b) {
    const branch_name *name = &NAMES[c->form][b];
    if (!name->name || (c->form == CLIP_FASTVIT_ONE && b == 1 && c->kernel == 1) ||
        (c->form == CLIP_FASTVIT_ONE && b == 2 && (c->in != c->out || c->stride > 1)))
        return SIZE_MAX;
    return name->kernel == OWN ? c->kernel : name->kernel;
}

/* Where the identity was added, a row has one weight that is far larger than the others, of which int8 would leave little: in int8 it is
 * kept apart. */
void clip_fastvit_convolution_layout(clip_fastvit_convolution *c, const clip_kernels *kernels, clip_arena *arena,
                                     clip_precision precision) {
    const clip_depthwise_shape shape = {c->in, c->kernel, c->stride, c->side, c->out / c->in};
    if (c->depthwise) clip_depthwise_layout(&c->wise, arena, &shape, CLIP_F32);
    if (c->depthwise) return;
    int apart = c->kernel == 1 && precision != CLIP_F32;
    clip_linear_layout(&c->dense, kernels, arena, c->in * c->kernel * c->kernel, c->out, apart ? CLIP_Q8 : CLIP_F32);
    if (apart) c->identity = clip_arena_take(arena, c->out, sizeof(float));
}

void clip_fastvit_branches_layout(clip_fastvit_convolution *c, clip_arena *arena) {
    for (size_t b = 0, kernel; b < CLIP_FASTVIT_BRANCHES; b++) {
        if ((kernel = branch_kernel(c, b)) == SIZE_MAX) continue;
        if (kernel) c->weight[b] = clip_arena_take(arena, c->out * inputs(c) * kernel * kernel, sizeof(float));
        clip_batch_norm_layout(&c->norm[b], arena, c->out);
    }
    if (c->form == CLIP_FASTVIT_MIXER) c->gamma = clip_arena_take(arena, c->out, sizeof(float));
}

void clip_fastvit_add_weight(clip_slots *slots, const char *prefix, const char *name, const char *rest, float *values, size_t rows,
                             size_t columns, size_t kernel) {
    char whole[CLIP_SLOT_NAME];
    clip_slots_add_values(slots, prefix, strcat(strcpy(whole, name), rest), values, rows, columns * kernel * kernel);
    clip_slots_set_kernel(slots, kernel);
}

void clip_fastvit_convolution_slots(clip_fastvit_convolution *c, clip_slots *slots, const char *prefix) {
    for (size_t b = 0, kernel; b < CLIP_FASTVIT_BRANCHES; b++) {
        const char *name = NAMES[c->form][b].name;
        char norm[CLIP_SLOT_NAME];
        if ((kernel = branch_kernel(c, b)) == SIZE_MAX) continue;
        if (c->form == CLIP_FASTVIT_POSITION) {
            clip_fastvit_add_weight(slots, prefix, name, "weight", c->weight[b], c->out, 1, kernel);
            clip_slots_add_values(slots, prefix, "pos_enc.bias", c->norm[b].beta, c->out, 1);
            continue;
        }
        if (kernel) clip_fastvit_add_weight(slots, prefix, name, "conv.weight", c->weight[b], c->out, inputs(c), kernel);
        clip_batch_norm_slots(slots, prefix, strcat(strcpy(norm, name), kernel ? "bn." : ""), &c->norm[b], c->out);
    }
    if (c->form == CLIP_FASTVIT_MIXER) clip_slots_add_values(slots, prefix, "layer_scale.gamma", c->gamma, c->out, 1);
}

/* Branch b added to the sum's weights (out, inputs, kernel, kernel) and biases (out). */
static clip_status add_branch(clip_fastvit_convolution *c, size_t b, size_t kernel, float *sum, float *bias) {
    size_t taps = c->kernel * c->kernel, edge = (c->kernel - (kernel ? kernel : 1)) / 2;
    const float *w = c->weight[b];
    clip_status status =
        clip_batch_norm_fold(&c->norm[b], c->out, CLIP_FASTVIT_EPSILON, c->form == CLIP_FASTVIT_MIXER && b == 3 ? -1 : 1);
    for (size_t o = 0; o < c->out && status == CLIP_OK; o++) {
        const float gain = c->norm[b].gain[o];
        bias[o] += c->norm[b].beta[o];
        if (!kernel) sum[(o * inputs(c) + (c->depthwise ? 0 : o)) * taps + taps / 2] += gain;
        for (size_t i = 0; i < inputs(c) * kernel; i++) {
            float *row = sum + (o * inputs(c) + i / kernel) * taps + (i % kernel + edge) * c->kernel + edge;
            for (size_t x = 0; x < kernel; x++) row[x] += *w++ * gain;
        }
    }
    return status;
}

/* A row of a 1x1 convolution's weights in the order of the input's channels; `spare` has room for one. */
static const float *ordered(const clip_fastvit_convolution *c, const float *row, float *spare) {
    if (!c->split) return row;
    for (size_t i = 0; i < c->in; i++) spare[i % 2 * (c->in / 2) + i / 2] = row[i];
    return spare;
}

static void set_dense(clip_fastvit_convolution *c, const clip_kernels *kernels, float *weight, float *spare) {
    for (size_t o = 0; o < c->out; o++, weight += c->dense.in) {
        if (!c->identity) {
            clip_linear_set_rows(&c->dense, kernels, o, 1, ordered(c, weight, spare));
            continue;
        }
        float scale;
        c->identity[o] = weight[o];
        weight[o] = 0;
        int8_t *q = (int8_t *)(spare + c->in);
        clip_quantize_q8(ordered(c, weight, spare), c->in, q, &scale);
        clip_linear_set_rows_q8(&c->dense, kernels, o, 1, q);
        clip_linear_set_scales(&c->dense, kernels, o, 1, &scale);
    }
}

clip_status clip_fastvit_convolution_finish(clip_fastvit_convolution *c, const clip_kernels *kernels) {
    size_t taps = c->kernel * c->kernel, width = inputs(c) * taps, count = c->out * width;
    float *sum = calloc(count + 2 * c->out + 2 * width, sizeof *sum), *bias = sum + count, *ones = bias + c->out;
    if (!sum) return CLIP_ERROR_MEMORY;
    clip_status status = CLIP_OK;
    if (c->form == CLIP_FASTVIT_POSITION)
        for (size_t o = 0; o < c->out; o++) {
            c->norm[0].gain[o] = 1;
            c->norm[0].mean[o] = 0;
            c->norm[0].variance[o] = 1 - CLIP_FASTVIT_EPSILON;
        }
    for (size_t b = 0, kernel; b < CLIP_FASTVIT_BRANCHES && status == CLIP_OK; b++)
        if ((kernel = branch_kernel(c, b)) != SIZE_MAX) status = add_branch(c, b, kernel, sum, bias);
    for (size_t o = 0; o < c->out; o++) {
        ones[o] = 1;
        for (size_t i = 0; i < width && c->form == CLIP_FASTVIT_MIXER; i++) sum[o * width + i] *= c->gamma[o];
        if (c->form == CLIP_FASTVIT_MIXER) bias[o] *= c->gamma[o];
        if (c->form == CLIP_FASTVIT_MIXER || c->form == CLIP_FASTVIT_POSITION) sum[o * width + taps / 2] += 1;
    }
    for (size_t i = 0; i < count + c->out && status == CLIP_OK; i++)
        if (!isfinite(sum[i])) status = CLIP_ERROR_VALUE;
    if (status == CLIP_OK && c->depthwise) clip_depthwise_set(&c->wise, sum, ones, bias);
    if (status == CLIP_OK && !c->depthwise) {
        set_dense(c, kernels, sum, ones + c->out);
        memcpy(c->dense.bias, bias, c->out * sizeof *bias);
    }
    free(sum);
    return status;
}
