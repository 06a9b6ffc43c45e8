#include "image/image.h"

#include <string.h>

#include "image/format.h"
#include "image/resize.h"
#include "image/rows.h"

static clip_image_info info_of(const clip_header *header) {
    return (clip_image_info){header->width, header->height, header->orientation, header->memory};
}

clip_status clip_image_probe(const uint8_t *bytes, size_t length, clip_image_info *info) {
    if (!bytes || !info) return CLIP_ERROR_ARGUMENT;
    clip_header header;
    const clip_status status = clip_header_read(&header, bytes, length);
    if (!status || status == CLIP_ERROR_IMAGE_SIZE) *info = info_of(&header);
    return status;
}

static clip_status open_rows(clip_rows *rows, const clip_header *header, const uint8_t *bytes, size_t length) {
    switch (header->format) {
    case CLIP_BMP: return clip_rows_open_bmp(rows, header, bytes, length);
    case CLIP_PNM: return clip_rows_open_pnm(rows, header, bytes, length);
    case CLIP_PSD: return clip_rows_open_psd(rows, header, bytes, length);
    case CLIP_JPEG: return clip_rows_open_jpeg(rows, header, bytes, length);
    case CLIP_PNG: return clip_rows_open_png(rows, header, bytes, length);
    case CLIP_GIF: return clip_rows_open_gif(rows, header, bytes, length);
    }
    return CLIP_ERROR_IMAGE_FORMAT;
}

static int makes_sense(const clip_crop *crop) {
    return crop->size >= 1 && crop->size <= CLIP_IMAGE_MAX_CROP && crop->shorter <= CLIP_IMAGE_MAX_CROP &&
           (crop->shorter == 0 || crop->shorter >= crop->size);
}

clip_status clip_image_prepare_encoded(const uint8_t *bytes, size_t length, const clip_crop *crop, uint8_t *rgb,
                                       clip_image_info *info) {
    if (!bytes || !rgb || !makes_sense(crop)) return CLIP_ERROR_ARGUMENT;
    clip_header header;
    clip_rows rows;
    clip_status status = clip_header_read(&header, bytes, length);
    if (!status) status = clip_header_check(&header, bytes, length);
    if (!status) status = open_rows(&rows, &header, bytes, length);
    if (status) return status;
    status = clip_resize_crop(&rows, header.width, header.height, header.orientation, crop, rgb);
    rows.close(rows.state);
    if (!status && info) *info = info_of(&header);
    return status;
}

clip_status clip_image_crop_encoded(const uint8_t *bytes, size_t length, uint32_t size, uint8_t *rgb, clip_image_info *info) {
    const clip_crop crop = {.size = size, .shorter = size};
    return clip_image_prepare_encoded(bytes, length, &crop, rgb, info);
}

typedef struct {
    const uint8_t *pixels; /* (height, width, channels) */
    size_t width, channels;
} pixel_rows;

static void pixels_row(void *state, uint32_t y, uint32_t first, uint32_t count, uint8_t *rgbx) {
    const pixel_rows *rows = state;
    const uint8_t *from = rows->pixels + (y * rows->width + first) * rows->channels;
    if (rows->channels == 4) {
        memcpy(rgbx, from, (size_t)count * 4);
        return;
    }
    for (uint32_t i = 0; i < count; i++) memcpy(rgbx + 4 * i, from + 3 * i, 3);
}

clip_status clip_image_prepare_pixels(const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t channels,
                                      uint32_t orientation, const clip_crop *crop, uint8_t *rgb) {
    if (!pixels || !rgb || !makes_sense(crop)) return CLIP_ERROR_ARGUMENT;
    if ((channels != 3 && channels != 4) || orientation < 1 || orientation > 8) return CLIP_ERROR_ARGUMENT;
    if (width == 0 || height == 0 || width > CLIP_IMAGE_MAX_SIDE || height > CLIP_IMAGE_MAX_SIDE) return CLIP_ERROR_IMAGE_SIZE;
    if ((uint64_t)width * height > CLIP_IMAGE_MAX_PIXELS) return CLIP_ERROR_IMAGE_SIZE;
    pixel_rows state = {pixels, width, channels};
    const clip_rows rows = {&state, pixels_row, NULL};
    return clip_resize_crop(&rows, width, height, orientation, crop, rgb);
}

clip_status clip_image_crop_pixels(const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t channels, uint32_t orientation,
                                   uint32_t size, uint8_t *rgb) {
    const clip_crop crop = {.size = size, .shorter = size};
    return clip_image_prepare_pixels(pixels, width, height, channels, orientation, &crop, rgb);
}
