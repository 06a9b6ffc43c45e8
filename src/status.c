#include "status.h"

const char *clip_status_text(clip_status status) {
    switch (status) {
    case CLIP_OK: return "ok";
    case CLIP_IGNORED: return "not used by this model";
    case CLIP_ERROR_MEMORY: return "not enough memory";
    case CLIP_ERROR_ARGUMENT: return "invalid argument";
    case CLIP_ERROR_FORMAT: return "damaged, or not of the form that it should have";
    case CLIP_ERROR_CONFIG: return "not a usable model configuration";
    case CLIP_ERROR_SHAPE: return "tensor has a shape that does not fit the configuration";
    case CLIP_ERROR_DTYPE: return "tensor has an element type that cannot be used";
    case CLIP_ERROR_MISSING: return "tensor is missing";
    case CLIP_ERROR_VALUE: return "tensor holds a value that is not finite";
    case CLIP_ERROR_IMAGE: return "image is damaged";
    case CLIP_ERROR_IMAGE_FORMAT: return "image format is not supported";
    case CLIP_ERROR_IMAGE_SIZE: return "image has no pixels or too many";
    case CLIP_ERROR_MERGES: return "not a valid merges list";
    case CLIP_ERROR_TEXT: return "text is not well-formed UTF-8";
    case CLIP_ERROR_UNKNOWN: return "not known to this architecture, which would compute something else";
    case CLIP_ERROR_TOKENIZER: return "not a tokenizer that can be used";
    }
    return "unknown error";
}
