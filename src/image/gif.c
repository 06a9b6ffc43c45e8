/* GIF: the first frame, as Pillow's convert("RGB") has it: transparent pixels have their palette's colour. Ours, since
 * stb_image wants what the last twenty years have left out (a palette, a clear code at the start and in time, a screen
 * as large as the frame), and keeps nine bytes a pixel. */
#include "image/rows.h"

#include <stdlib.h>
#include <string.h>

#include "image/bytes.h"

#define MOST_BITS  12
#define MOST_CODES (1 << MOST_BITS)

typedef struct {
    clip_gif_frame frame;
    uint8_t palette[256][3];
    uint8_t pixels[]; /* (frame.height, frame.width), places in the palette */
} gif_picture;

static void gif_row(void *state, uint32_t y, uint32_t first, uint32_t count, uint8_t *rgbx) {
    const gif_picture *picture = state;
    const clip_gif_frame *frame = &picture->frame;
    const uint8_t *row = y - frame->top < frame->height ? picture->pixels + (size_t)(y - frame->top) * frame->width : NULL;
    for (uint32_t x = first; x < first + count; x++, rgbx += 4) {
        const int inside = row && x - frame->left < frame->width;
        memcpy(rgbx, picture->palette[inside ? row[x - frame->left] : frame->around], 3);
    }
}

/* Where the frame's rows go that come in four passes: every 8th, the 8ths between, the 4ths, the halves. */
static uint32_t next_row(uint32_t y, uint32_t height, int *pass) {
    static const uint8_t first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    y += step[*pass];
    while (y >= height && *pass < 3) y = first[++*pass];
    return y;
}

typedef struct {
    uint16_t before[MOST_CODES]; /* a code's string is that of another code ... */
    uint8_t last[MOST_CODES];    /* ... and a pixel */
    uint8_t string[MOST_CODES];
} lzw_table;

/* Unpacks as many pixels as the frame has (LZW, GIF89a appendix F). 0 if the data is broken or ends before. A full table
 * is used on until it is cleared; it need not be cleared at the start. */
static int unpack(const uint8_t *at, const uint8_t *end, lzw_table *table, gif_picture *picture) {
    const uint32_t width = picture->frame.width, height = picture->frame.height;
    const uint32_t bits_at_first = *at++;
    if (bits_at_first < 1 || bits_at_first > 8) return 0;
    const uint32_t clear = 1u << bits_at_first, stop = clear + 1;
    uint32_t x = 0, y = 0, size = bits_at_first + 1, next = clear + 2, previous = MOST_CODES, held = 0, bits = 0, block = 0;
    uint8_t first_pixel = 0;
    int pass = 0;
    for (uint32_t i = 0; i < clear; i++) table->last[i] = (uint8_t)i;
    for (;;) {
        while (bits < size) {
            if (block == 0) {
                if (at >= end || *at == 0) return 0;
                block = *at++;
            }
            if (at >= end) return 0;
            held |= (uint32_t)*at++ << bits;
            bits += 8;
            block--;
        }
        const uint32_t code = held & ((1u << size) - 1);
        held >>= size;
        bits -= size;
        if (code == clear) {
            size = bits_at_first + 1;
            next = clear + 2;
            previous = MOST_CODES;
            continue;
        }
        if (code == stop || code > next || (code == next && previous == MOST_CODES)) return 0;
        /* the string, from its end; a code that is about to be made is the one before and its first pixel */
        uint32_t from = MOST_CODES, walk = code;
        if (code == next) {
            table->string[--from] = first_pixel;
            walk = previous;
        }
        for (; walk >= clear; walk = table->before[walk]) table->string[--from] = table->last[walk];
        table->string[--from] = first_pixel = (uint8_t)walk;
        if (previous != MOST_CODES && next < MOST_CODES) {
            table->before[next] = (uint16_t)previous;
            table->last[next++] = first_pixel;
            if (next == 1u << size && size < MOST_BITS) size++;
        }
        previous = code;
        for (; from < MOST_CODES; from++) {
            picture->pixels[(size_t)y * width + x] = table->string[from];
            if (++x < width) continue;
            x = 0;
            y = picture->frame.interlaced ? next_row(y, height, &pass) : y + 1;
            if (y >= height) return 1;
        }
    }
}

clip_status clip_rows_open_gif(clip_rows *rows, const clip_header *header, const uint8_t *bytes, size_t length) {
    (void)header;
    clip_gif_frame frame;
    const clip_status status = clip_gif_first_frame(&frame, bytes, length);
    if (status) return status;
    /* A code has at least two bits and makes at most 4096 pixels; a short file cannot have a large frame. */
    const uint64_t pixels = (uint64_t)frame.width * frame.height;
    if (pixels / MOST_CODES / 4 > length - frame.data) return CLIP_ERROR_IMAGE;
    gif_picture *picture = malloc(sizeof *picture + (size_t)pixels);
    lzw_table *table = malloc(sizeof *table);
    if (!picture || !table) {
        free(picture);
        free(table);
        return CLIP_ERROR_MEMORY;
    }
    picture->frame = frame;
    for (uint32_t i = 0; i < 256; i++) { /* without a palette, and beyond its end, it is grey, as in Pillow */
        if (i < frame.colours) memcpy(picture->palette[i], bytes + frame.palette + 3 * (size_t)i, 3);
        else memset(picture->palette[i], (int)i, 3);
    }
    const int whole = unpack(bytes + frame.data, bytes + length, table, picture);
    free(table);
    if (!whole) {
        free(picture);
        return CLIP_ERROR_IMAGE;
    }
    *rows = (clip_rows){picture, gif_row, free};
    return CLIP_OK;
}
