/* Windows and OS/2 bitmaps: rows are read where they lie; run-length coded ones (RLE4, RLE8) are unpacked first. */
#include "image/rows.h"

#include <stdlib.h>
#include <string.h>

#include "image/bytes.h"

enum { PLAIN = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3, ALPHA_BITFIELDS = 6 };

typedef struct {
    const uint8_t *pixels; /* (height, stride), the last row first unless top_down */
    size_t stride;
    uint32_t height, bits, top_down;
    uint32_t mask[3];        /* 16 and 32 bits a pixel */
    uint8_t palette[256][3]; /* up to 8 bits a pixel; black where the file has none */
    uint8_t unpacked[];      /* run-length coded: (height, width) */
} bmp_picture;

/* The bits of `value` under `mask`, which has at most 32 neighbouring ones, spread to 0..255. */
static uint8_t under_mask(uint32_t value, uint32_t mask) {
    if (mask == 0) return 0;
    int shift = __builtin_ctz(mask);
    uint64_t maximum = mask >> shift;
    return (uint8_t)(((value & mask) >> shift) * 255ull / maximum);
}

static void bmp_row(void *state, uint32_t y, uint32_t first, uint32_t count, uint8_t *rgbx) {
    const bmp_picture *picture = state;
    const uint8_t *row = picture->pixels + (picture->top_down ? y : picture->height - 1 - y) * picture->stride;
    const uint32_t bits = picture->bits;
    for (size_t x = first; x < (size_t)first + count; x++, rgbx += 4) {
        if (bits == 24) {
            rgbx[0] = row[3 * x + 2];
            rgbx[1] = row[3 * x + 1];
            rgbx[2] = row[3 * x];
        } else if (bits >= 16) {
            uint32_t value = bits == 32 ? clip_little32(row + 4 * x) : clip_little16(row + 2 * x);
            for (int k = 0; k < 3; k++) rgbx[k] = under_mask(value, picture->mask[k]);
        } else {
            uint32_t index = row[x * bits / 8] >> (8 - bits - x * bits % 8) & ((1u << bits) - 1);
            memcpy(rgbx, picture->palette[index], 3);
        }
    }
}

/* Runs, literal stretches (padded to two bytes) and escapes, into indices (height, width) of the last row first. 0 if
 * broken. */
static int unpack(const uint8_t *at, const uint8_t *end, int four, uint32_t width, uint32_t height, uint8_t *to) {
    uint32_t x = 0, y = 0;
    while (end - at >= 2) {
        uint32_t count = at[0], value = at[1];
        at += 2;
        if (count == 0 && value == 0) { /* end of row */
            x = 0;
            y++;
        } else if (count == 0 && value == 1) { /* end of picture */
            return 1;
        } else if (count == 0 && value == 2) { /* move */
            if (end - at < 2) return 0;
            x += at[0];
            y += at[1];
            at += 2;
        } else {
            const int literal = count == 0;
            if (literal) count = value;
            const size_t stored = four ? (count + 1) / 2 : count;
            if (literal && stored > (size_t)(end - at)) return 0;
            if (y >= height) return 0;
            for (uint32_t i = 0; i < count; i++) {
                uint32_t byte = literal ? at[four ? i / 2 : i] : value;
                if (four) byte = i % 2 ? byte & 15 : byte >> 4;
                if (x < width) to[(size_t)y * width + x++] = (uint8_t)byte;
            }
            if (literal) at += (stored + 1) / 2 * 2 <= (size_t)(end - at) ? (stored + 1) / 2 * 2 : stored;
        }
    }
    return y >= height || (y == height - 1 && x >= width); /* the end mark may be missing, pixels may not */
}

/* Colour masks: those of the file, or those that go without saying. */
static int set_masks(bmp_picture *picture, const uint8_t *bytes, size_t length, uint32_t compression) {
    static const uint32_t fixed16[3] = {0x7C00, 0x03E0, 0x001F}, fixed32[3] = {0xFF0000, 0x00FF00, 0x0000FF};
    memcpy(picture->mask, picture->bits == 32 ? fixed32 : fixed16, sizeof picture->mask);
    if (compression == PLAIN) return 1;
    if (length < 66) return 0;
    for (int k = 0; k < 3; k++) {
        picture->mask[k] = clip_little32(bytes + 54 + 4 * k);
        uint32_t mask = picture->mask[k];
        if (mask && (mask >> __builtin_ctz(mask) & ((uint64_t)(mask >> __builtin_ctz(mask)) + 1)) != 0) return 0; /* gaps */
    }
    return 1;
}

static void set_palette(bmp_picture *picture, const uint8_t *bytes, size_t info, size_t data) {
    const size_t entry = info == 12 ? 3 : 4, start = 14 + info;
    for (size_t i = 0; i < 1u << picture->bits && start + (i + 1) * entry <= data; i++)
        for (size_t k = 0; k < 3; k++) picture->palette[i][k] = bytes[start + i * entry + 2 - k];
}

clip_status clip_rows_open_bmp(clip_rows *rows, const clip_header *header, const uint8_t *bytes, size_t length) {
    const uint32_t info = clip_little32(bytes + 14), bits = header->channels, width = header->width, height = header->height;
    const uint32_t compression = info == 12 ? PLAIN : clip_little32(bytes + 30);
    const int packed = (compression == RLE8 && bits == 8) || (compression == RLE4 && bits == 4);
    const int masked = (compression == BITFIELDS || compression == ALPHA_BITFIELDS) && (bits == 16 || bits == 32);
    if (bits != 1 && bits != 4 && bits != 8 && bits != 16 && bits != 24 && bits != 32) return CLIP_ERROR_IMAGE_FORMAT;
    if (compression != PLAIN && !packed && !masked) return CLIP_ERROR_IMAGE_FORMAT;
    /* Where pixels begin is left out by some; they follow masks and palette then. */
    size_t data = header->data;
    if (data == 0) {
        data = 14 + info + (masked && info == 40 ? (compression == BITFIELDS ? 12 : 16) : 0);
        const uint32_t colours = info == 12 ? 0 : clip_little32(bytes + 46), most = bits <= 8 ? 1u << bits : 0;
        data += (size_t)(colours && colours < most ? colours : most) * (info == 12 ? 3 : 4);
    }
    if (data > length || data < 14 + info) return CLIP_ERROR_IMAGE;
    if (packed && (uint64_t)width * height / 255 > length) return CLIP_ERROR_IMAGE; /* two bytes make at most 255 */

    bmp_picture *picture = calloc(1, sizeof *picture + (packed ? (size_t)width * height : 0));
    if (!picture) return CLIP_ERROR_MEMORY;
    picture->bits = bits;
    picture->height = height;
    picture->top_down = info != 12 && bytes[25] >> 7;
    clip_status status = CLIP_OK;
    if (packed) {
        picture->pixels = picture->unpacked;
        picture->stride = width;
        picture->bits = 8;
        if (!unpack(bytes + data, bytes + length, bits == 4, width, height, picture->unpacked)) status = CLIP_ERROR_IMAGE;
    } else {
        const uint64_t used = ((uint64_t)width * bits + 7) / 8, stride = (used + 3) / 4 * 4;
        picture->pixels = bytes + data;
        picture->stride = (size_t)stride;
        if (stride * (height - 1) + used > length - data) status = CLIP_ERROR_IMAGE;
    }
    if (bits <= 8) set_palette(picture, bytes, info, data);
    if ((bits == 16 || bits == 32) && !set_masks(picture, bytes, length, compression)) status = CLIP_ERROR_IMAGE;
    if (status) {
        free(picture);
        return status;
    }
    *rows = (clip_rows){picture, bmp_row, free};
    return CLIP_OK;
}
