/* image.h - photo bytes to the square RGB8 crop that a model sees, bit for bit as Pillow and transformers make it.
 *
 * The room image/: the bytes of a photo to the pixels that a tower reads. Knows no model. It may use compute/.
 *
 *     bytes --format.c--> header --jpeg_rows.c, png.c, gif.c, bmp.c, psd.c, pnm.c--> rows of RGB
 *           --resize.c: orientation, bicubic or bilinear, centre crop--> (size, size, 3)
 *
 * Reference: Pillow's Resample.c (8-bit path) behind transformers' CLIPImageProcessorPil: alpha is dropped, not
 * composited; CMYK is converted naively; colour profiles are ignored; the long side is int(size * long / short); the
 * crop starts at (n - size) / 2. 16-bit grey is scaled to 8 bits (Pillow clips it, which is a bug not worth copying).
 */
#ifndef CLIP_IMAGE_H
#define CLIP_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "image/limits.h"
#include "image/resize.h"
#include "status.h"

typedef struct {
    uint32_t width, height; /* pixels, as stored, before orientation */
    uint32_t orientation;   /* EXIF 1..8; 1 where there is none */
    uint64_t memory;        /* bytes that decoding takes at most, besides the file's own */
} clip_image_info;

/* Reads only headers. CLIP_ERROR_IMAGE_FORMAT for a format that is not known here (WebP, AVIF, TIFF ... or a rare
 * dialect of one that is), CLIP_ERROR_IMAGE; CLIP_ERROR_IMAGE_SIZE for no pixels, or for more pixels or memory than limits.h allows:
 * then info tells how many. */
clip_status clip_image_probe(const uint8_t *bytes, size_t length, clip_image_info *info);

/* Decodes `bytes`, resizes and crops as `crop` says (resize.h) into rgb (size, size, 3); sizes are 1..CLIP_IMAGE_MAX_CROP; info may
 * be NULL.
 *
 *     JPEG   baseline, progressive; grey, YCbCr, RGB, CMYK, YCCK; as libjpeg's defaults decode it
 *     PNG    all; 16 bits are cut to 8. The data's own checksum is verified
 *     GIF    first frame; transparent pixels have their palette colour
 *     BMP    1 to 32 bits, bit fields, RLE4, RLE8
 *     PSD    the flattened picture, RGB of 8 or 16 bits
 *     PNM    P5, P6, of any depth
 *
 * The orientation of EXIF (JPEG, PNG), of ImageMagick's text chunk in PNG, or of XMP is applied. A file that ends early
 * is CLIP_ERROR_IMAGE, never a picture with a grey rest; data lost or too much within a JPEG's scan costs the pixels that
 * it held, as in libjpeg. Nothing is allocated for what a short file cannot hold, nor more than limits.h allows to a file
 * of that length. Memory: JPEG needs its planes (1.5 bytes a pixel; progressive 4.5) and its file once more, PNG what its data
 * inflates to (up to 8 bytes a pixel) and its file once more, GIF one byte a pixel, the others next to none. CLIP_ERROR_IMAGE_FORMAT, CLIP_ERROR_IMAGE_SIZE, CLIP_ERROR_IMAGE, CLIP_ERROR_MEMORY. */
clip_status clip_image_prepare_encoded(const uint8_t *bytes, size_t length, const clip_crop *crop, uint8_t *rgb,
                                       clip_image_info *info);
/* The same as most CLIPs want it: the short side at `size`, bicubic. */
clip_status clip_image_crop_encoded(const uint8_t *bytes, size_t length, uint32_t size, uint8_t *rgb, clip_image_info *info);

/* Both from pixels that somebody else decoded: `pixels` (height, width, channels) with channels 3 or 4 (the fourth
 * is alpha, dropped), orientation 1..8 still to be applied (1: none). */
clip_status clip_image_prepare_pixels(const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t channels,
                                      uint32_t orientation, const clip_crop *crop, uint8_t *rgb);
clip_status clip_image_crop_pixels(const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t channels, uint32_t orientation,
                                   uint32_t size, uint8_t *rgb);

#endif
