#include "image/exif.h"

#include <string.h>

#include "image/bytes.h"

#define TAG_ORIENTATION 0x0112
#define TYPE_BYTE       1
#define TYPE_SHORT      3
#define TYPE_LONG       4

uint32_t clip_exif_orientation(const uint8_t *tiff, size_t length) {
    if (length < 8) return 0;
    int big = memcmp(tiff, "MM", 2) == 0;
    if (!big && memcmp(tiff, "II", 2) != 0) return 0;
    uint32_t (*get16)(const uint8_t *) = big ? clip_big16 : clip_little16;
    uint32_t (*get32)(const uint8_t *) = big ? clip_big32 : clip_little32;

    uint32_t directory = get32(tiff + 4);
    if (directory > length - 2) return 0;
    uint32_t entries = get16(tiff + directory);
    size_t at = (size_t)directory + 2;
    for (; entries > 0 && length - at >= 12; entries--, at += 12) {
        const uint8_t *entry = tiff + at; /* tag, type, count, value */
        if (get16(entry) != TAG_ORIENTATION) continue;
        uint32_t type = get16(entry + 2), value = 0;
        if (get32(entry + 4) != 1) return 1;
        if (type == TYPE_SHORT) value = get16(entry + 8);
        if (type == TYPE_LONG) value = get32(entry + 8);
        if (type == TYPE_BYTE) value = entry[8];
        return value >= 1 && value <= 8 ? value : 1;
    }
    return 0;
}

static int hex_digit(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* The first directory stands at the front, so that a short piece is enough. */
#define HEX_PIECE 1024

uint32_t clip_exif_orientation_hex(const uint8_t *text, size_t length) {
    uint8_t tiff[HEX_PIECE];
    size_t at = 0, count = 0;
    for (int line = 0; line < 3; line++) { /* an empty line, the profile's name, its length */
        const uint8_t *end = memchr(text + at, '\n', length - at);
        if (!end) return 0;
        at = (size_t)(end - text) + 1;
    }
    int high = -1;
    for (; at < length && count < sizeof tiff; at++) {
        if (text[at] == '\n') continue;
        int digit = hex_digit(text[at]);
        if (digit < 0) break;
        if (high < 0) {
            high = digit;
        } else {
            tiff[count++] = (uint8_t)(high << 4 | digit);
            high = -1;
        }
    }
    if (count < 6 || memcmp(tiff, "Exif\0", 6) != 0) return clip_exif_orientation(tiff, count);
    return clip_exif_orientation(tiff + 6, count - 6);
}

uint32_t clip_exif_orientation_xmp(const uint8_t *xmp, size_t length) {
    static const char name[] = "tiff:Orientation";
    const size_t name_length = sizeof name - 1;
    const uint8_t *at = xmp, *end = xmp + length;
    while ((size_t)(end - at) >= name_length + 3) {
        at = memchr(at, 't', (size_t)(end - at) - name_length - 2);
        if (!at) return 0;
        if (memcmp(at, name, name_length) == 0) {
            const uint8_t *rest = at + name_length; /* either ="8" or >8 */
            const uint8_t *digit = rest[0] == '>' ? rest + 1 : rest[0] == '=' && rest[1] == '"' ? rest + 2 : NULL;
            if (digit && *digit >= '0' && *digit <= '9') return *digit >= '1' && *digit <= '8' ? *digit - '0' : 1;
        }
        at++;
    }
    return 0;
}
