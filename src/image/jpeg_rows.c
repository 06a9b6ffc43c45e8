/* JPEG as rows: its planes are upsampled and turned to RGB one row at a time, only where the crop asks. */
#include "image/rows.h"

#include <stdlib.h>
#include <string.h>

#include "image/jpeg.h"
#include "image/jpeg_file.h"

typedef struct {
    clip_jpeg_picture picture;
    size_t width;
    uint16_t *sums;   /* scratch for upsampling */
    uint8_t *line[4]; /* (width + 1) of each component: upsampling makes pairs */
} jpeg_rows;

/* Columns [first, first + count) of row y of component k at the picture's full resolution; valid until the component's
 * next row. Samples are centred among the pixels they stand for, as JFIF says: the nearer of two lines weighs three
 * quarters. */
static const uint8_t *component_row(jpeg_rows *rows, size_t k, uint32_t y, size_t first, size_t count) {
    const clip_jpeg_component *component = &rows->picture.components[k];
    const uint32_t across = component->across, down = component->down;
    const size_t width = (rows->width + across - 1) / across;
    const uint32_t last = component->lines - 1, line = y / down < last ? y / down : last;
    const int below = y % down >= down / 2; /* whether the next line is nearer than the one before */
    const uint32_t other = below ? (line < last ? line + 1 : last) : (line > 0 ? line - 1 : 0);
    const uint8_t *near = component->samples + line * component->stride, *far = component->samples + other * component->stride;
    uint8_t *out = rows->line[k];
    if (across == 1 && down == 1) return near + first;
    if (across == 1 && down == 2) {
        clip_jpeg_upsample_down(near + first, far + first, below, count, out);
        return out;
    }
    if (across == 2 && down <= 2 && width > 2) { /* libjpeg takes narrower ones as below */
        clip_jpeg_upsample(near, down == 2 ? far : NULL, width, first / 2, (first + count + 1) / 2, rows->sums, out);
        return out + first;
    }
    for (size_t x = 0; x < count; x++) out[x] = near[(first + x) / across];
    return out;
}

/* a b / 255, rounded, as Pillow's MULDIV255. */
static uint8_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = a * b + 128;
    return (uint8_t)((product + (product >> 8)) >> 8);
}

/* Pillow's naive conversion of ink (Convert.c, cmyk2rgb); Adobe stores all four inverted. */
static void cmyk_to_rgbx(const uint8_t *const plane[4], uint32_t count, uint8_t *rgbx) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t paper = plane[3][i];
        for (int k = 0; k < 3; k++) rgbx[4 * i + (uint32_t)k] = (uint8_t)(paper - multiply(255u - plane[k][i], paper));
    }
}

static void jpeg_row(void *state, uint32_t y, uint32_t first, uint32_t count, uint8_t *rgbx) {
    jpeg_rows *rows = state;
    const uint8_t *plane[4] = {NULL};
    for (size_t k = 0; k < rows->picture.count; k++) plane[k] = component_row(rows, k, y, first, count);
    switch (rows->picture.colours) {
    case CLIP_JPEG_GREY:
        for (uint32_t i = 0; i < count; i++) memset(rgbx + 4 * i, plane[0][i], 4);
        break;
    case CLIP_JPEG_RGB:
        for (uint32_t i = 0; i < count; i++)
            for (uint32_t k = 0; k < 3; k++) rgbx[4 * i + k] = plane[k][i];
        break;
    case CLIP_JPEG_YCBCR: clip_jpeg_to_rgbx(plane[0], plane[1], plane[2], count, rgbx); break;
    case CLIP_JPEG_CMYK: cmyk_to_rgbx(plane, count, rgbx); break;
    case CLIP_JPEG_YCCK: /* C = 255 - R, and so on: the ink's inverse, inverted again by Adobe's habit */
        clip_jpeg_to_rgbx(plane[0], plane[1], plane[2], count, rgbx);
        for (uint32_t i = 0; i < count; i++)
            for (uint32_t k = 0; k < 3; k++) rgbx[4 * i + k] = (uint8_t)(plane[3][i] - multiply(rgbx[4 * i + k], plane[3][i]));
        break;
    }
}

static void jpeg_close(void *state) {
    jpeg_rows *rows = state;
    clip_jpeg_free(&rows->picture);
    for (int k = 0; k < 4; k++) free(rows->line[k]);
    free(rows->sums);
    free(rows);
}

clip_status clip_rows_open_jpeg(clip_rows *out, const clip_header *header, const uint8_t *bytes, size_t length) {
    jpeg_rows *rows = calloc(1, sizeof *rows);
    if (!rows) return CLIP_ERROR_MEMORY;
    rows->width = header->width;
    clip_status status = clip_jpeg_decode(&rows->picture, header, bytes, length);
    if (!status) {
        rows->sums = malloc((rows->width + 2) * sizeof *rows->sums);
        if (!rows->sums) status = CLIP_ERROR_MEMORY;
        for (size_t k = 0; k < rows->picture.count; k++)
            if (!(rows->line[k] = malloc(rows->width + 1))) status = CLIP_ERROR_MEMORY;
    }
    if (status) {
        jpeg_close(rows);
        return status;
    }
    *out = (clip_rows){rows, jpeg_row, jpeg_close};
    return CLIP_OK;
}
