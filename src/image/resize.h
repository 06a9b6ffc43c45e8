/* resize.h - rows of pixels to the square crop of their bicubic reduction (or enlargement), bit for bit as Pillow's. */
#ifndef CLIP_RESIZE_H
#define CLIP_RESIZE_H

#include <stdint.h>

#include "image/rows.h"
#include "status.h"

/* Resizes rows (height, width), turned upright from `orientation` (1..8), so that the short side becomes `size` and the
 * long side int(size * long / short); writes the crop that starts at (n - size) / 2 to rgb (size, size, 3).
 *
 * Every row that the crop depends on is asked for once, in order, and only in the columns that it depends on; a window
 * of them is kept, so that a picture of 12 megapixels takes less than a megabyte. CLIP_ERROR_MEMORY. */
clip_status clip_resize_crop(const clip_rows *rows, uint32_t width, uint32_t height, uint32_t orientation, uint32_t size,
                             uint8_t *rgb);

#endif
