/* pickle.h - the tensors that a pickle of torch.save speaks of, without running anything.
 *
 * Python's pickles are programs for a small stack machine that may call any function. This one knows the opcodes that protocols 2 to 4
 * need for containers, numbers and strings; of functions only the two that rebuild tensors and parameters, OrderedDict, and the types
 * of storages. Whatever else a pickle names is an error that says its name. Reference: pickletools.py, torch/_utils.py. */
#ifndef CLIP_PICKLE_H
#define CLIP_PICKLE_H

#include "weights/safetensors.h"

#define CLIP_MAX_PICKLE (16u << 20) /* bytes; those of published models have less than one million */

typedef struct {
    const char *name; /* in the pickle's text */
    size_t length;
    const char *key; /* the storage's */
    size_t key_length;
    clip_dtype dtype;
    uint32_t element;    /* bytes */
    uint64_t numbers;    /* in the storage */
    uint64_t first;      /* the tensor's first element in it */
    uint32_t dimensions; /* shape and stride are checked to stay in the storage */
    uint64_t shape[CLIP_MAX_DIMENSIONS], stride[CLIP_MAX_DIMENSIONS];
} clip_pickle_tensor;

typedef struct {
    clip_pickle_tensor *tensors; /* owned */
    size_t count;
    const char *refused; /* what an error of CLIP_ERROR_UNKNOWN names: "module name" in the pickle's text */
    size_t refused_length;
} clip_pickle;

/* Reads a pickle whose root is {name: tensor}, or has that under "state_dict", "model" or "model_state_dict". `bytes` must outlive
 * the answer. CLIP_ERROR_FORMAT, CLIP_ERROR_UNKNOWN, CLIP_ERROR_SHAPE, CLIP_ERROR_MEMORY. Free with clip_pickle_free. */
clip_status clip_pickle_read(clip_pickle *pickle, const uint8_t *bytes, size_t length);
void clip_pickle_free(clip_pickle *pickle);

#endif
