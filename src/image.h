/* image.h - photo bytes to the square RGB8 crop that a model sees, exactly as Pillow and transformers make it.
 *
 *     bytes --decode (stb_image), EXIF orientation--> RGB8 --bicubic, short side = size--> --centre crop--> (size, size, 3)
 *
 * Reference: Pillow's Resample.c (8-bit path) behind transformers' CLIPImageProcessorPil: alpha is dropped, not composited;
 * CMYK is converted naively; colour profiles are ignored; the long side is int(size * long / short); the crop starts at
 * (n - size) / 2. 16-bit PNGs are scaled to 8 bits (Pillow clips grey ones, which is a bug not worth copying).
 */
#ifndef CLIP_IMAGE_H
#define CLIP_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define CLIP_IMAGE_MAX_CROP 1024           /* pixels a side of a crop */
#define CLIP_IMAGE_MAX_SIDE 65535          /* pixels; what JPEG can say */
#define CLIP_IMAGE_MAX_PIXELS (256u << 20) /* 268 megapixels: 805 MB as RGB8, what a 32-bit address space can bear */

typedef struct {
    uint32_t width, height; /* pixels, as stored, before orientation */
    uint32_t orientation;   /* EXIF 1..8; 1 where there is none */
} clip_image_info;

/* Reads only headers. CLIP_ERROR_IMAGE_FORMAT for a format that is not known, _IMAGE_SIZE, _IMAGE. */
clip_status clip_image_probe(const uint8_t *bytes, size_t length, clip_image_info *info);

/* Decodes `bytes` (JPEG, PNG, BMP, GIF's first frame, PSD, PNM; 8 or 16 bits, grey, palette, RGB, CMYK), applies EXIF
 * orientation (JPEG APP1, PNG eXIf), resizes and crops into rgb (size, size, 3). info may be NULL. Allocates and frees
 * what it needs meanwhile. size is 1..1024. */
clip_status clip_image_crop_encoded(const uint8_t *bytes, size_t length, uint32_t size, uint8_t *rgb, clip_image_info *info);

/* The same from pixels that somebody else decoded: `pixels` (height, width, channels) with channels 3 or 4 (the fourth is
 * alpha, dropped), orientation 1..8 still to be applied (1: none). */
clip_status clip_image_crop_pixels(const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t channels, uint32_t orientation,
                                   uint32_t size, uint8_t *rgb);

#endif
