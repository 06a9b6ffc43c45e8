/* names.h - tensor names of Hugging Face's CLIPModel in terms of OpenAI's, which the towers use. */
#ifndef CLIP_NAMES_H
#define CLIP_NAMES_H

#include "weights/slots.h"

typedef enum { CLIP_VISION = 0, CLIP_TEXT = 1 } clip_tower_kind;

typedef struct {
    char name[CLIP_TENSOR_NAME]; /* OpenAI's name, without ".scale" */
    int vision, text;            /* which towers it belongs to; logit_scale belongs to both */
    int transposed;              /* floating point forms of this name are stored (in, out) */
    int scales;                  /* it was "<name>.scale" */
} clip_tensor_name;

/* Whether it is a tensor that no forward pass reads: counters and position ids that a training framework leaves behind. */
int clip_name_is_inert(const clip_tensor_name *name);

/* Translates; a name that is neither's comes out as it is, belonging to no tower. */
void clip_name_canonical(clip_tensor_name *out, const char *name);

/* In which precision a model of precision `asked` keeps a floating point tensor of this name: matrices as asked, except that int4
 * is for the transformers' blocks, where most weights are, and int8 for what stands at a tower's ends; norms, biases, positional
 * embeddings, and the few weights of depthwise convolutions and of a stem f32. The towers' layouts follow the same rule. */
clip_precision clip_name_precision(const clip_tensor_name *name, const clip_tensor *tensor, clip_precision asked);

/* Whether what stays f32 travels as f16, which is exact enough for it: of a quantized model depthwise convolutions, those that others
 * are added to when it is loaded, and squeeze-and-excite's. */
int clip_name_is_half(const clip_tensor_name *name, clip_precision asked);

#endif
