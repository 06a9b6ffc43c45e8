/* status.h - what a function of this library can answer.
 *
 * Library code returns codes and never prints; words for people are made at the edges (web/error.js, the tests).
 */
#ifndef CLIP_STATUS_H
#define CLIP_STATUS_H

typedef enum {
    CLIP_OK = 0,
    CLIP_IGNORED = 1,              /* not an error: this tensor belongs to another tower, or to nothing we compute */
    CLIP_ERROR_MEMORY = -1,        /* an allocation failed, or a size would overflow */
    CLIP_ERROR_ARGUMENT = -2,      /* the caller broke the function's contract */
    CLIP_ERROR_FORMAT = -3,        /* safetensors: malformed, truncated, overlapping or lying header */
    CLIP_ERROR_CONFIG = -4,        /* configuration: not JSON, a field missing, or a size that makes no model */
    CLIP_ERROR_SHAPE = -5,         /* a tensor's shape is not what the configuration asks for */
    CLIP_ERROR_DTYPE = -6,         /* a tensor's element type cannot be used for its purpose */
    CLIP_ERROR_MISSING = -7,       /* a tensor the model needs never came */
    CLIP_ERROR_VALUE = -8,         /* a weight is NaN or infinite */
    CLIP_ERROR_IMAGE = -9,         /* image bytes are broken */
    CLIP_ERROR_IMAGE_FORMAT = -10, /* image bytes are of a format that this decoder does not know */
    CLIP_ERROR_IMAGE_SIZE = -11,   /* image has no pixels, or more than the decoder accepts */
    CLIP_ERROR_MERGES = -12,       /* tokenizer: malformed merges list */
    CLIP_ERROR_TEXT = -13,         /* text is not well-formed UTF-8 */
    CLIP_ERROR_UNKNOWN = -14,      /* a tensor of the tower that nothing in it takes: the model computes something else */
    CLIP_ERROR_TOKENIZER = -20,    /* tokenizer.json: malformed, or asks for what is not known */
} clip_status;

/* A short stable English text for a code; never NULL. */
const char *clip_status_text(clip_status status);

#endif
