/* rows.h - a picture as a source of rows, so that nobody needs to hold all of it as RGB. */
#ifndef CLIP_ROWS_H
#define CLIP_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "image/format.h"
#include "status.h"

typedef struct {
    void *state; /* the decoder's own */
    /* Writes `count` pixels of row y from column `first` on into rgbx (count, 4); the fourth byte means nothing. */
    void (*row)(void *state, uint32_t y, uint32_t first, uint32_t count, uint8_t *rgbx);
    void (*close)(void *state); /* frees state; NULL where nothing is owned */
} clip_rows;

/* Makes a clip_rows of the picture's rows as stored (orientation is not applied). `bytes` must outlive it. Close it
 * with rows->close(rows->state). CLIP_ERROR_IMAGE if the picture is broken or ends early, _IMAGE_FORMAT, _IMAGE_SIZE,
 * _MEMORY. */
clip_status clip_rows_open_jpeg(clip_rows *rows, const clip_header *header, const uint8_t *bytes, size_t length);
clip_status clip_rows_open_png(clip_rows *rows, const clip_header *header, const uint8_t *bytes, size_t length);
clip_status clip_rows_open_gif(clip_rows *rows, const clip_header *header, const uint8_t *bytes, size_t length);
clip_status clip_rows_open_psd(clip_rows *rows, const clip_header *header, const uint8_t *bytes, size_t length);
clip_status clip_rows_open_pnm(clip_rows *rows, const clip_header *header, const uint8_t *bytes, size_t length);
clip_status clip_rows_open_bmp(clip_rows *rows, const clip_header *header, const uint8_t *bytes, size_t length);

#endif
