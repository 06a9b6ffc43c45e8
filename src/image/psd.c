/* Photoshop's flattened picture, RGB of 8 or 16 bits: channel after channel, raw or with each row packed (PackBits). */
#include "image/rows.h"

#include <stdlib.h>
#include <string.h>

#include "image/bytes.h"

typedef struct {
    const uint8_t *bytes;
    size_t length;
    uint32_t width, height, sample; /* bytes a sample; the first is the more significant one */
    uint64_t *packed;               /* (3, height + 1) where each row starts in `bytes`; NULL if raw */
    size_t data;                    /* raw: where the pixels start */
    uint8_t row[];                  /* (width, sample) unpacked */
} psd_picture;

/* Unpacks one row of `size` bytes; what is missing stays 0. */
static void unpack(const uint8_t *from, const uint8_t *end, uint8_t *to, size_t size) {
    size_t done = 0;
    while (done < size && end - from >= 2) {
        uint32_t code = *from++;
        if (code == 128) continue;
        size_t count = code < 128 ? code + 1 : 257 - code;
        if (count > size - done) count = size - done;
        if (code < 128) {
            if (count > (size_t)(end - from)) count = (size_t)(end - from);
            memcpy(to + done, from, count);
            from += count;
        } else {
            memset(to + done, *from++, count);
        }
        done += count;
    }
    memset(to + done, 0, size - done);
}

static void psd_row(void *state, uint32_t y, uint32_t first, uint32_t count, uint8_t *rgbx) {
    psd_picture *picture = state;
    const size_t size = (size_t)picture->width * picture->sample;
    for (uint32_t k = 0; k < 3; k++) {
        const uint8_t *from;
        if (picture->packed) {
            const uint64_t *start = picture->packed + (size_t)k * picture->height + y;
            unpack(picture->bytes + start[0], picture->bytes + start[1], picture->row, size);
            from = picture->row;
        } else {
            from = picture->bytes + picture->data + ((size_t)k * picture->height + y) * size;
        }
        from += (size_t)first * picture->sample;
        for (uint32_t i = 0; i < count; i++) rgbx[4 * i + k] = from[i * picture->sample];
    }
}

static void psd_close(void *state) {
    psd_picture *picture = state;
    free(picture->packed);
    free(picture);
}

/* Fills picture->packed from the table of row lengths. A row's two packed bytes make at most 128. */
static clip_status find_rows(psd_picture *picture, uint32_t channels) {
    const uint64_t rows = (uint64_t)picture->height * channels;
    if (rows * 2 > picture->length - picture->data) return CLIP_ERROR_IMAGE;
    picture->packed = malloc(((size_t)picture->height * 3 + 1) * sizeof *picture->packed);
    if (!picture->packed) return CLIP_ERROR_MEMORY;
    const uint8_t *counts = picture->bytes + picture->data;
    uint64_t at = picture->data + rows * 2;
    for (size_t i = 0; i < (size_t)picture->height * 3; i++) {
        uint32_t count = clip_big16(counts + 2 * i);
        if ((uint64_t)count * 64 < (uint64_t)picture->width * picture->sample) return CLIP_ERROR_IMAGE;
        picture->packed[i] = at;
        at += count;
    }
    picture->packed[(size_t)picture->height * 3] = at;
    return at <= picture->length ? CLIP_OK : CLIP_ERROR_IMAGE;
}

clip_status clip_rows_open_psd(clip_rows *rows, const clip_header *header, const uint8_t *bytes, size_t length) {
    if (length - header->data < 2) return CLIP_ERROR_IMAGE;
    const uint32_t compression = clip_big16(bytes + header->data), sample = header->maximum / 8;
    if (compression > 1) return CLIP_ERROR_IMAGE_FORMAT; /* deflate, which Photoshop does not write here */
    psd_picture *picture = calloc(1, sizeof *picture + (size_t)header->width * sample);
    if (!picture) return CLIP_ERROR_MEMORY;
    picture->bytes = bytes;
    picture->length = length;
    picture->width = header->width;
    picture->height = header->height;
    picture->sample = sample;
    picture->data = header->data + 2;
    clip_status status = CLIP_OK;
    if (compression == 1) {
        status = find_rows(picture, header->channels);
    } else if ((uint64_t)header->width * header->height * 3 * sample > length - picture->data) {
        status = CLIP_ERROR_IMAGE;
    }
    if (status) {
        psd_close(picture);
        return status;
    }
    *rows = (clip_rows){picture, psd_row, psd_close};
    return CLIP_OK;
}
