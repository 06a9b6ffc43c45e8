/* resize.h - rows of pixels to the square crop of their reduction (or enlargement), bit for bit as Pillow's. */
#ifndef CLIP_RESIZE_H
#define CLIP_RESIZE_H

#include <stdint.h>

#include "image/rows.h"
#include "status.h"

/* How a picture becomes what a model sees. */
typedef struct {
    uint32_t size;    /* pixels a side of the crop */
    uint32_t shorter; /* pixels that the short side gets before the crop, at least `size`; 0: both sides get `size`, whatever the
                         picture's proportions ("squash"), and nothing is cropped */
    int bilinear;     /* Pillow's BILINEAR, as SigLIP 2 and MobileCLIP have it; otherwise BICUBIC */
} clip_crop;

/* Resizes rows (height, width), turned upright from `orientation` (1..8), so that the short side becomes crop->shorter and the
 * long side int(shorter * long / short); writes the crop that starts at (n - size) / 2 to rgb (size, size, 3).
 *
 * Every row that the crop depends on is asked for once, in order, and only in the columns that it depends on; a window
 * of them is kept, so that a picture of 12 megapixels takes less than a megabyte. CLIP_ERROR_MEMORY. */
clip_status clip_resize_crop(const clip_rows *rows, uint32_t width, uint32_t height, uint32_t orientation, const clip_crop *crop,
                             uint8_t *rgb);

#endif
