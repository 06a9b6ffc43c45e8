/* jpeg_file.h - a JPEG's bytes to planes of samples, whatever has befallen the file since it was written. */
#ifndef CLIP_JPEG_FILE_H
#define CLIP_JPEG_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "image/format.h"
#include "status.h"

typedef enum { CLIP_JPEG_GREY, CLIP_JPEG_RGB, CLIP_JPEG_YCBCR, CLIP_JPEG_CMYK, CLIP_JPEG_YCCK } clip_jpeg_colours;

typedef struct {
    const uint8_t *samples; /* (lines, stride), the decoder's */
    size_t stride;
    uint32_t lines;        /* that are of the picture */
    uint32_t across, down; /* pixels that a sample stands for */
} clip_jpeg_component;

typedef struct {
    clip_jpeg_colours colours; /* which the components are */
    size_t count;
    clip_jpeg_component components[4];
    void *decoder;
} clip_jpeg_picture;

/* Decodes all of it. Free it with clip_jpeg_free. CLIP_ERROR_IMAGE where libjpeg gives up, or the file has ended before
 * its picture; _IMAGE_SIZE, _MEMORY. */
clip_status clip_jpeg_decode(clip_jpeg_picture *picture, const clip_header *header, const uint8_t *bytes, size_t length);
void clip_jpeg_free(clip_jpeg_picture *picture);

#endif
