/* jpeg.h - from JPEG's coefficients to RGB, number for number as libjpeg does by default (and Pillow and browsers
 * through it): its accurate integer IDCT ("islow", jidctint.c), "fancy" upsampling (jdsample.c) and colour conversion
 * (jdcolor.c). */
#ifndef CLIP_JPEG_H
#define CLIP_JPEG_H

#include <stddef.h>
#include <stdint.h>

/* coefficients (8, 8), dequantized, in natural order -> 8 rows of 8 samples, `stride` bytes apart. */
void clip_jpeg_idct(uint8_t *samples, int stride, short coefficients[64]);

/* Rows of samples that lie twice as dense vertically: near weighs 3/4, far 1/4. below: whether far is the lower one. */
void clip_jpeg_upsample_down(const uint8_t *near, const uint8_t *far, int below, size_t count, uint8_t *out);

/* Twice as dense horizontally, and vertically too unless far is NULL. near, far (width) -> out[2 from .. 2 to), where
 * from < to <= width; sums is (width + 2) of scratch. */
void clip_jpeg_upsample(const uint8_t *near, const uint8_t *far, size_t width, size_t from, size_t to, uint16_t *sums,
                        uint8_t *out);

/* count pixels of YCbCr -> rgbx (count, 4). */
void clip_jpeg_to_rgbx(const uint8_t *luma, const uint8_t *blue, const uint8_t *red, size_t count, uint8_t *rgbx);

/* One component of a progressive picture, all of whose scans are in. */
typedef struct {
    const short *coefficients;    /* (blocks, 8, 8) in rows of `stride` blocks, natural order, not dequantized */
    size_t stride, width, height; /* blocks; the stride is a multiple of a unit's blocks, and rows are up to one too */
    size_t rows_in_unit;          /* rows of blocks for each unit of all components */
    const uint16_t *quantization; /* 64, natural order */
    const int8_t *accuracy;       /* 64, zigzag order: bits of the coefficient that are still missing; -1: all */
} clip_jpeg_plane;

/* Whether low coefficients are missing that neighbours tell about: scans that never came. */
int clip_jpeg_smoothing_helps(const clip_jpeg_plane *planes, size_t count);

/* Guesses those of block (x, y) from the means around it, as libjpeg-turbo does (from 2.1 on). */
void clip_jpeg_smooth(const clip_jpeg_plane *plane, size_t x, size_t y, short block[64]);

#endif
