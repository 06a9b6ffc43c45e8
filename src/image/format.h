/* format.h - what a picture's headers say, read before anything is decoded or allocated. */
#ifndef CLIP_FORMAT_H
#define CLIP_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

typedef enum { CLIP_JPEG, CLIP_PNG, CLIP_GIF, CLIP_BMP, CLIP_PSD, CLIP_PNM } clip_format;

typedef struct {
    clip_format format;
    uint32_t width, height; /* pixels as stored; neither 0 nor more than limits.h allows */
    uint32_t orientation;   /* 1..8 */
    size_t data;            /* JPEG: just past the first scan's marker. PNM, BMP: where pixels begin. PSD: the compression field */
    uint32_t channels;      /* channels stored; BMP: bits a pixel */
    uint32_t maximum;       /* PNM: the value of full brightness. PNG, PSD: bits a channel */
    uint64_t memory;        /* bytes that decoding takes at most, besides the file's own */
} clip_header;

/* CLIP_ERROR_IMAGE_FORMAT for what is not known here (or a known format's dialect that is not), CLIP_ERROR_IMAGE,
 * CLIP_ERROR_IMAGE_SIZE for a picture of no pixels, or of more pixels or memory than limits.h allows; sizes are told then, too. */
clip_status clip_header_read(clip_header *header, const uint8_t *bytes, size_t length);

/* Whether the rest of the file is all there, as far as that can be told without decoding: decoders take missing bytes
 * for zeros, and reserve memory for what the header promises. PNG's checksums are compared. CLIP_ERROR_IMAGE. */
clip_status clip_header_check(const clip_header *header, const uint8_t *bytes, size_t length);

/* PNG: where its data is. */
typedef struct {
    size_t palette;    /* its first entry, RGB */
    uint32_t colours;  /* entries; 0 if there is no palette */
    size_t data;       /* the first of the data chunks, which follow each other */
    size_t compressed; /* bytes in them, as far as the file goes */
} clip_png_chunks;

/* What comes before the data must be sound, checksums too; what comes after does not matter. CLIP_ERROR_IMAGE. */
clip_status clip_png_find_chunks(clip_png_chunks *chunks, const uint8_t *bytes, size_t length);

/* GIF: the first frame. */
typedef struct {
    size_t data;                       /* its code size, then its data in blocks */
    uint32_t left, top, width, height; /* of the frame on the screen, which grows if it must */
    int interlaced;
    size_t palette;   /* its first entry, RGB */
    uint32_t colours; /* entries; 0 if there is no palette */
    uint32_t around;  /* the place in the palette of the screen around the frame */
} clip_gif_frame;

clip_status clip_gif_first_frame(clip_gif_frame *frame, const uint8_t *bytes, size_t length);

#endif
