/* safetensors.h - the container: a table of named tensors at the front of a file.
 *
 *     +-----------+------------------------------------+------------------------------------------+
 *     | u64 (LE)  | N bytes of JSON, padded by spaces  | data: the tensors, end to end, no gaps   |
 *     | N         | {"name": {"dtype", "shape",        |                                          |
 *     |           |           "data_offsets": [a, b]}} |                                          |
 *     +-----------+------------------------------------+------------------------------------------+
 *
 * Reference: huggingface/safetensors. Every bound is checked here, so that nobody downstream has to: offsets ascend without
 * gap or overlap, end at the file's end, and agree with dtype and shape.
 */
#ifndef CLIP_SAFETENSORS_H
#define CLIP_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define CLIP_MAX_HEADER     100000000u /* bytes; the reference's own limit */
#define CLIP_MAX_DIMENSIONS 8
#define CLIP_TENSOR_NAME    200 /* bytes of a name that are kept; CLIP's longest has 71 */

typedef enum { CLIP_DTYPE_OTHER, CLIP_DTYPE_F32, CLIP_DTYPE_F16, CLIP_DTYPE_BF16, CLIP_DTYPE_I8, CLIP_DTYPE_U8 } clip_dtype;

typedef struct {
    char name[CLIP_TENSOR_NAME]; /* NUL-terminated; a longer name is no CLIP tensor's and is kept cut */
    clip_dtype dtype;
    uint32_t dimensions;
    uint64_t shape[CLIP_MAX_DIMENSIONS];
    uint64_t begin, end; /* bytes from the start of the file */
} clip_tensor;

typedef struct {
    clip_tensor *tensors; /* in the order of their data, owned */
    size_t count;
} clip_safetensors;

/* Reads the JSON header of a file of `file_bytes` bytes; `header` is the JSON without the length before it. Free with
 * clip_safetensors_free. CLIP_ERROR_FORMAT, CLIP_ERROR_MEMORY. */
clip_status clip_safetensors_parse(clip_safetensors *out, const char *header, size_t length, uint64_t file_bytes);
void clip_safetensors_free(clip_safetensors *safetensors);

/* Elements of shape[from] and after; shapes are checked, so this cannot overflow. */
uint64_t clip_tensor_elements(const clip_tensor *tensor, uint32_t from);
/* Bytes of one element; 0 for CLIP_DTYPE_OTHER. */
size_t clip_dtype_bytes(clip_dtype dtype);

#endif
