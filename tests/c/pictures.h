/* pictures.h - builds small pictures byte by byte, so that tests know what is in them. */
#ifndef TESTS_PICTURES_H
#define TESTS_PICTURES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint8_t *bytes;
    size_t length, capacity;
} picture;

static inline void put(picture *to, const void *bytes, size_t count) {
    if (to->length + count > to->capacity) {
        to->capacity = (to->length + count) * 2;
        to->bytes = realloc(to->bytes, to->capacity);
        if (!to->bytes) abort();
    }
    if (count) memcpy(to->bytes + to->length, bytes, count);
    to->length += count;
}

static inline void put8(picture *to, uint32_t value) { put(to, &(uint8_t){(uint8_t)value}, 1); }
static inline void put_big(picture *to, uint32_t value, int bytes) {
    while (bytes-- > 0) put8(to, value >> 8 * bytes);
}
static inline void put_little(picture *to, uint32_t value, int bytes) {
    for (int k = 0; k < bytes; k++) put8(to, value >> 8 * k);
}
static inline void put_text(picture *to, const char *text) { put(to, text, strlen(text)); }
static inline void picture_free(picture *of) {
    free(of->bytes);
    *of = (picture){0};
}

/* ---- PNG ---- */

static inline uint32_t png_checksum(const uint8_t *bytes, size_t length) {
    uint32_t value = 0xFFFFFFFFu;
    for (size_t i = 0; i < length; i++) {
        value ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ (value & 1 ? 0xEDB88320u : 0);
    }
    return ~value;
}

static inline void put_chunk(picture *to, const char *type, const void *data, size_t length) {
    put_big(to, (uint32_t)length, 4);
    const size_t start = to->length;
    put(to, type, 4);
    put(to, data, length);
    put_big(to, png_checksum(to->bytes + start, length + 4), 4);
}

static inline void png_begin(picture *to, uint32_t width, uint32_t height, uint32_t bits, uint32_t colour) {
    *to = (picture){0};
    put(to, "\x89PNG\r\n\x1A\n", 8);
    picture header = {0};
    put_big(&header, width, 4);
    put_big(&header, height, 4);
    put_big(&header, bits << 24 | colour << 16, 4);
    put8(&header, 0);
    put_chunk(to, "IHDR", header.bytes, header.length);
    picture_free(&header);
}

/* Rows of `stride` bytes, unfiltered and uncompressed, then the end. */
static inline void png_end(picture *to, const uint8_t *rows, uint32_t height, size_t stride) {
    picture data = {0};
    put_big(&data, 0x7801, 2);
    uint32_t a = 1, b = 0;                  /* Adler-32 */
    for (uint32_t y = 0; y < height; y++) { /* a stored block a row */
        const uint32_t length = (uint32_t)stride + 1;
        put8(&data, y == height - 1);
        put_little(&data, length, 2);
        put_little(&data, ~length, 2);
        put8(&data, 0); /* no filter */
        put(&data, rows + y * stride, stride);
        for (uint32_t k = 0; k < length; k++) {
            a = (a + data.bytes[data.length - length + k]) % 65521;
            b = (b + a) % 65521;
        }
    }
    put_big(&data, b << 16 | a, 4);
    put_chunk(to, "IDAT", data.bytes, data.length);
    put_chunk(to, "IEND", NULL, 0);
    picture_free(&data);
}

/* ---- EXIF ---- */

/* A TIFF structure whose first directory has two entries, the second being the orientation. */
static inline void put_exif(picture *to, uint32_t orientation, int big) {
    void (*number)(picture *, uint32_t, int) = big ? put_big : put_little;
    put_text(to, big ? "MM" : "II");
    number(to, 42, 2);
    number(to, 8, 4);
    number(to, 2, 2);
    number(to, 0x0100, 2); /* ImageWidth */
    number(to, 4, 2);
    number(to, 1, 4);
    number(to, 5, 4);
    number(to, 0x0112, 2);
    number(to, 3, 2);
    number(to, 1, 4);
    number(to, orientation, 2);
    number(to, 0, 2);
    number(to, 0, 4); /* no other directory */
}

/* ---- GIF ---- */

/* Pixels 0..3, each after a clear code, so that all codes have three bits. */
static inline void put_gif_data(picture *to, const uint8_t *pixels, size_t count) {
    picture packed = {0};
    uint32_t bits = 0, held = 0;
    put8(to, 2); /* code size */
    for (size_t i = 0; i <= 2 * count; i++) {
        const uint32_t code = i == 2 * count ? 5 : i % 2 ? pixels[i / 2] : 4;
        held |= code << bits;
        for (bits += 3; bits >= 8; bits -= 8, held >>= 8) put8(&packed, held);
    }
    put8(&packed, held);
    for (size_t at = 0; at < packed.length; at += 255) {
        const size_t block = packed.length - at < 255 ? packed.length - at : 255;
        put8(to, (uint32_t)block);
        put(to, packed.bytes + at, block);
    }
    put8(to, 0);
    picture_free(&packed);
}

#endif
