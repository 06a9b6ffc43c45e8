/* catalog.h - the tensors of files that are not one safetensors file, seen as one.
 *
 *     torch.save's zip of a pickle     torch.h      pytorch_model.bin, open_clip_pytorch_model.bin, *.pt
 *     ONNX                             onnx.h       onnx/vision_model_quantized.onnx
 *     safetensors, several of them     catalog.c    model-00001-of-00002.safetensors
 *
 * A catalog reads what says where the tensors are (an index, of each file), and makes a safetensors header of it. Whoever reads that
 * imagined file is told, tensor by tensor, which bytes of which file to fetch, and turns them into the tensor's with
 * clip_catalog_expand where they are not the same. So towers and converters know one form, and memory does not grow with the files.
 */
#ifndef CLIP_CATALOG_H
#define CLIP_CATALOG_H

#include "weights/safetensors.h"

typedef enum { CLIP_FILE_SAFETENSORS, CLIP_FILE_TORCH, CLIP_FILE_ONNX } clip_file_form;

typedef enum {
    CLIP_PART_BYTES,   /* the tensor's bytes, at offset */
    CLIP_PART_ZIP,     /* the same in a zip: at offset is the local header of the zip's entry, behind which they lie at `skip` */
    CLIP_PART_STRIDED, /* as ZIP, but in another order: all of the storage that the tensor is in is needed at once */
    CLIP_PART_AFFINE,  /* U8 or I8 that stand for (value - zero point) * scale */
    CLIP_PART_BLOCKS,  /* rows of 4 bits, in blocks that each have a scale (MatMulNBits) */
} clip_part_kind;

/* A tensor, and how it comes from a file. */
typedef struct {
    clip_tensor tensor; /* begin, end: in the imagined file, once the catalog is finished */
    clip_part_kind kind;
    uint32_t file;                        /* as counted by clip_catalog_open; or, if external, by clip_catalog_external */
    int external;                         /* ONNX's data in a file of its own */
    uint64_t offset, skip;                /* see the kinds */
    uint64_t unit, expanded;              /* so many bytes of the file become so many of the tensor; all of it is whole units */
    uint64_t stride[CLIP_MAX_DIMENSIONS]; /* STRIDED, in elements */
    /* AFFINE and BLOCKS; owned */
    float *scale;
    int32_t *zero;           /* as many as scales; NULL: all are 0 (AFFINE) or 8 (BLOCKS) */
    uint64_t scales, period; /* AFFINE: element i has scale i / period % scales */
    uint64_t block;          /* BLOCKS: elements */
    int is_signed;           /* AFFINE: I8 */
} clip_part;

typedef struct clip_catalog clip_catalog;

/* A reader of one form's index: `step` is given the bytes that it asked for last (none at first), and asks for the next with
 * clip_catalog_need, or for none when it is done. `close` frees its state. */
typedef struct {
    clip_status (*step)(clip_catalog *catalog, void *state, const uint8_t *bytes, size_t length);
    void (*close)(void *state);
} clip_index_reader;

clip_status clip_catalog_create(clip_catalog **out);
void clip_catalog_destroy(clip_catalog *catalog);

/* Begins to read the index of the next file, of `bytes` bytes. Files count from 0. */
clip_status clip_catalog_open(clip_catalog *catalog, clip_file_form form, uint64_t bytes);
/* The range that is wanted next, all of it; 0 when the file's index is read. */
int clip_catalog_want(const clip_catalog *catalog, uint64_t *offset, uint64_t *length);
/* Takes bytes from the wanted offset on. CLIP_ERROR_FORMAT, _SHAPE, _DTYPE, _UNKNOWN (something that is no tensor), _MEMORY; see
 * clip_catalog_detail. */
clip_status clip_catalog_push(clip_catalog *catalog, const uint8_t *bytes, size_t length);
/* What the last error is about, "" if nothing; lives as long as the catalog. */
const char *clip_catalog_detail(const clip_catalog *catalog);

/* Makes the imagined file once all indexes are read: tensors lie in it in the order of their bytes in the files. */
clip_status clip_catalog_finish(clip_catalog *catalog);
/* Its beginning: length and header. */
const uint8_t *clip_catalog_header(const clip_catalog *catalog, size_t *length);
uint64_t clip_catalog_bytes(const clip_catalog *catalog);
size_t clip_catalog_count(const clip_catalog *catalog);
const clip_part *clip_catalog_part(const clip_catalog *catalog, size_t i);
/* Name of a file that ONNX keeps data in, NULL beyond the last. */
const char *clip_catalog_external(const clip_catalog *catalog, size_t i);

/* Units [first, first + count) of a part from the file's bytes into `to` (count * expanded). Not for BYTES and ZIP. */
clip_status clip_catalog_expand(const clip_catalog *catalog, size_t i, uint64_t first, uint64_t count, const uint8_t *from,
                                uint8_t *to);

/* ---- for the readers ---- */

uint64_t clip_catalog_file_bytes(const clip_catalog *catalog);
/* Asks for a range of the file. CLIP_ERROR_FORMAT if the file has none such, or it is more than `limit`. */
clip_status clip_catalog_need(clip_catalog *catalog, uint64_t offset, uint64_t length, uint64_t limit);
/* Adds a part, whose scale and zero become the catalog's; `name` need not end. CLIP_ERROR_FORMAT for a name that no tensor has. */
clip_status clip_catalog_add(clip_catalog *catalog, const char *name, size_t length, const clip_part *part);
/* The number of an external file's name, added if it is new. */
clip_status clip_catalog_add_external(clip_catalog *catalog, const char *name, size_t length, uint32_t *number);
/* Notes what an error is about, and answers it. */
clip_status clip_catalog_fail(clip_catalog *catalog, clip_status status, const char *detail, size_t length);

#endif
