/* PNG: stb_image inflates and unfilters; the chunks around are ours, as Pillow reads them. What comes after the data
 * does not matter; the data must be whole, down to its own checksum. */
#define STBI_ONLY_PNG
#include "image/stb.h"

#include "image/bytes.h"
#include "image/rows.h"

typedef struct {
    uint8_t *pixels; /* (height, width, channels), `sample` bytes each, the second the more significant one; stb_image's */
    uint32_t width, channels, sample;
    int indexed; /* pixels are places in the palette */
    uint8_t palette[256][3];
} png_picture;

static void png_row(void *state, uint32_t y, uint32_t first, uint32_t count, uint8_t *rgbx) {
    const png_picture *picture = state;
    const size_t step = (size_t)picture->channels * picture->sample, high = picture->sample - 1;
    const uint8_t *from = picture->pixels + ((size_t)y * picture->width + first) * step + high;
    if (step == 4 && !high) {
        memcpy(rgbx, from, (size_t)count * 4);
        return;
    }
    const size_t green = picture->channels >= 3 ? picture->sample : 0, blue = 2 * green;
    for (uint32_t i = 0; i < count; i++, from += step, rgbx += 4) {
        if (picture->indexed) {
            memcpy(rgbx, picture->palette[*from], 3);
            continue;
        }
        rgbx[0] = from[0];
        rgbx[1] = from[green];
        rgbx[2] = from[blue];
    }
}

static void png_close(void *state) {
    png_picture *picture = state;
    stbi_image_free(picture->pixels);
    free(picture);
}

/* Adler-32 (RFC 1950), in stretches that cannot overflow. */
static uint32_t adler_of(const uint8_t *bytes, size_t length) {
    uint32_t a = 1, b = 0;
    while (length > 0) {
        const size_t stretch = length < 5552 ? length : 5552;
        for (size_t i = 0; i < stretch; i++) b += a += bytes[i];
        a %= 65521;
        b %= 65521;
        bytes += stretch;
        length -= stretch;
    }
    return b << 16 | a;
}

/* The data chunks, one after the other; malloced. */
static uint8_t *gather(const clip_png_chunks *chunks, const uint8_t *bytes, size_t length) {
    uint8_t *data = malloc(chunks->compressed + 1);
    size_t done = 0;
    for (size_t at = chunks->data; data && done < chunks->compressed;) {
        size_t chunk = clip_big32(bytes + at);
        if (chunk > length - at - 8) chunk = length - at - 8;
        memcpy(data + done, bytes + at + 8, chunk);
        done += chunk;
        at += 12 + chunk;
    }
    return data;
}

/* The rows with their filters; malloced. NULL if the data is broken or ends early. */
static uint8_t *inflate_rows(const uint8_t *data, size_t compressed, size_t guess, size_t *length) {
    stbi__zbuf buffer;
    buffer.zbuffer = (stbi_uc *)data;
    buffer.zbuffer_end = (stbi_uc *)data + compressed;
    char *first = malloc(guess);
    if (!first) return NULL;
    int whole = stbi__do_zlib(&buffer, first, (int)guess, 1, 1);
    uint8_t *rows = (uint8_t *)buffer.zout_start;
    *length = (size_t)(buffer.zout - buffer.zout_start);
    /* Bits that were read ahead; at the end of the data stb_image adds two bytes that do not exist. */
    const long ahead = buffer.num_bits / 8 - (buffer.hit_zeof_once ? 2 : 0);
    const uint8_t *checksum = buffer.zbuffer - (ahead > 0 ? ahead : 0);
    whole = whole && buffer.zbuffer_end - checksum >= 4 && clip_big32(checksum) == adler_of(rows, *length);
    if (whole) return rows;
    free(rows);
    return NULL;
}

clip_status clip_rows_open_png(clip_rows *out, const clip_header *header, const uint8_t *bytes, size_t length) {
    clip_png_chunks chunks;
    clip_status status = clip_png_find_chunks(&chunks, bytes, length);
    if (status) return status;
    const uint32_t colour = bytes[25], interlaced = bytes[28], depth = header->maximum;
    if (interlaced > 1 || bytes[26] != 0 || bytes[27] != 0) return CLIP_ERROR_IMAGE; /* compression, filters */
    const uint64_t guess = (((uint64_t)header->width * header->channels * depth + 7) / 8 + 1) * header->height;
    const uint64_t pixels = (uint64_t)header->width * header->height;
    if (length > INT_MAX || guess > INT_MAX || pixels * header->channels * (depth == 16 ? 2 : 1) > INT_MAX)
        return CLIP_ERROR_IMAGE_SIZE;

    png_picture *picture = calloc(1, sizeof *picture);
    if (!picture) return CLIP_ERROR_MEMORY;
    picture->width = header->width;
    picture->channels = header->channels;
    picture->sample = depth == 16 ? 2 : 1;
    picture->indexed = colour == 3;
    for (uint32_t i = 0; i < 256; i++) { /* places beyond the palette are grey, as in Pillow */
        if (i < chunks.colours) memcpy(picture->palette[i], bytes + chunks.palette + 3 * (size_t)i, 3);
        else memset(picture->palette[i], (int)i, 3);
    }
    uint8_t *data = gather(&chunks, bytes, length);
    size_t rows_length = 0;
    uint8_t *rows = data ? inflate_rows(data, chunks.compressed, (size_t)guess, &rows_length) : NULL;
    free(data);
    stbi__context context = {.img_x = header->width, .img_y = header->height, .img_n = (int)header->channels};
    stbi__png png = {.s = &context};
    const int whole = rows && stbi__create_png_image(&png, rows, (stbi__uint32)rows_length, context.img_n, (int)depth, (int)colour,
                                                     (int)interlaced);
    free(rows);
    picture->pixels = png.out;
    if (!whole) {
        png_close(picture);
        return why_failed(header, 8);
    }
    *out = (clip_rows){picture, png_row, png_close};
    return CLIP_OK;
}
