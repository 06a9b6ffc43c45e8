/* stream.h - a safetensors file read as it arrives: whole rows of wanted tensors are handed on, the rest is skipped.
 *
 * Nothing but one unit (a row, usually) is ever held back, so that a tower is packed while its file is still downloading
 * and no file is in memory as a whole.
 */
#ifndef CLIP_STREAM_H
#define CLIP_STREAM_H

#include "weights/safetensors.h"

#define CLIP_MAX_UNIT (64u << 20) /* bytes that may be held back; the largest published CLIP's projection is 6.5 MB */

typedef struct {
    /* Called once for each tensor of the file, in order of data: how many of its first dimension's rows make a unit that must
     * arrive together (1 mostly), or 0 to skip it. Scalars count as one row. */
    clip_status (*choose)(void *context, const clip_tensor *tensor, uint64_t *rows);
    /* Called once after all have been chosen. May be NULL. */
    clip_status (*begin)(void *context, const clip_safetensors *file);
    /* Rows [first, first + rows) of a wanted tensor, at `data` (not aligned). */
    clip_status (*rows)(void *context, const clip_tensor *tensor, uint64_t first, uint64_t rows, const uint8_t *data);
    void *context;
} clip_stream_reader;

typedef struct {
    clip_stream_reader reader;
    uint64_t file_bytes, position; /* position: of the next byte that push takes */
    clip_safetensors file;         /* empty until the header is there */
    uint64_t *unit;                /* for each tensor: bytes of a unit, 0 to skip; owned */
    size_t current;                /* tensor at position */
    uint64_t header_bytes;         /* 0 until the first eight bytes are there */
    uint8_t *held;                 /* header, then the unit that is still incomplete; owned */
    size_t held_bytes, held_capacity;
    const clip_tensor *failed; /* tensor of the last error, or NULL */
} clip_stream;

/* A stream over a file of `file_bytes` bytes. Free with clip_stream_close. */
clip_status clip_stream_open(clip_stream *stream, const clip_stream_reader *reader, uint64_t file_bytes);
void clip_stream_close(clip_stream *stream);

/* The next range that is wanted; small gaps between wanted tensors are included, since asking anew costs more. 0: no more. */
int clip_stream_want(const clip_stream *stream, uint64_t *offset, uint64_t *length);

/* Takes bytes from the wanted offset on. More than the wanted length is CLIP_ERROR_ARGUMENT. */
clip_status clip_stream_push(clip_stream *stream, const uint8_t *bytes, size_t length);

#endif
