/* Binary PGM and PPM: the pixels are the file, so that rows are read where they lie. */
#include "image/rows.h"

#include <stdlib.h>

#include "image/bytes.h"

typedef struct {
    const uint8_t *pixels; /* (height, width, channels), of one byte or two */
    uint32_t width, channels, maximum;
} pnm_picture;

static uint8_t scale(uint32_t value, uint32_t maximum) {
    if (value >= maximum) return 255;
    return (uint8_t)((value * 510 + maximum) / (2 * maximum)); /* rounded; value is below 65536 */
}

static void pnm_row(void *state, uint32_t y, uint32_t first, uint32_t count, uint8_t *rgbx) {
    const pnm_picture *picture = state;
    const uint32_t channels = picture->channels, wide = picture->maximum > 255;
    const uint8_t *from = picture->pixels + (((size_t)y * picture->width + first) * channels << wide);
    for (uint32_t i = 0; i < count; i++, rgbx += 4) {
        for (uint32_t k = 0; k < channels; k++, from += 1 + wide)
            rgbx[k] = scale(wide ? clip_big16(from) : *from, picture->maximum);
        if (channels == 1) rgbx[1] = rgbx[2] = rgbx[0];
    }
}

clip_status clip_rows_open_pnm(clip_rows *rows, const clip_header *header, const uint8_t *bytes, size_t length) {
    uint64_t bytes_per_pixel = header->channels * (header->maximum > 255 ? 2u : 1u);
    if ((uint64_t)header->width * header->height * bytes_per_pixel > length - header->data) return CLIP_ERROR_IMAGE;
    pnm_picture *picture = malloc(sizeof *picture);
    if (!picture) return CLIP_ERROR_MEMORY;
    *picture = (pnm_picture){bytes + header->data, header->width, header->channels, header->maximum};
    *rows = (clip_rows){picture, pnm_row, free};
    return CLIP_OK;
}
