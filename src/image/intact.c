/* Whether a picture's file can be whole. stb_image reads zeros where a file has ended, checks no checksum, and allocates
 * what the header asks for; what it would take for a picture is sorted out here, before it sees it. */
#include "image/format.h"

#include <string.h>

#include "image/bytes.h"

/* ---- JPEG ---- */

/* The file must not be too short for its size: a block of 8x8 pixels takes at least one bit, even if, to annoy, luma is
 * subsampled by four each way. */
static clip_status check_jpeg(const clip_header *header, size_t length) {
    const uint64_t blocks = (uint64_t)((header->width + 7) / 8) * ((header->height + 7) / 8);
    return blocks / 16 > (uint64_t)length * 8 ? CLIP_ERROR_IMAGE : CLIP_OK;
}

/* ---- PNG ---- */

/* CRC-32 as in PNG's annex, four bytes at a time (Intel's slicing-by-4). */
typedef struct {
    uint32_t table[4][256];
} crc;

static void crc_init(crc *c) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ (value & 1 ? 0xEDB88320u : 0);
        c->table[0][i] = value;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 4; k++) c->table[k][i] = c->table[k - 1][i] >> 8 ^ c->table[0][c->table[k - 1][i] & 255];
}

static uint32_t crc_of(const crc *c, const uint8_t *bytes, size_t length) {
    uint32_t value = 0xFFFFFFFFu;
    for (; length >= 4; bytes += 4, length -= 4) {
        value ^= clip_little32(bytes);
        value =
            c->table[3][value & 255] ^ c->table[2][value >> 8 & 255] ^ c->table[1][value >> 16 & 255] ^ c->table[0][value >> 24];
    }
    for (; length > 0; bytes++, length--) value = value >> 8 ^ c->table[0][(value ^ *bytes) & 255];
    return ~value;
}

/* As Pillow, which compares checksums up to the data; those of the data do not matter, as it has one of its own within. */
clip_status clip_png_find_chunks(clip_png_chunks *chunks, const uint8_t *bytes, size_t length) {
    crc c;
    crc_init(&c);
    *chunks = (clip_png_chunks){0};
    for (size_t at = 8; length - at >= 8;) {
        const uint8_t *type = bytes + at + 4;
        size_t chunk = clip_big32(bytes + at), left = length - at - 8;
        const int data = memcmp(type, "IDAT", 4) == 0;
        if (chunks->compressed && !data) break;
        if (!data) {
            if (left < 4 || chunk > left - 4 || memcmp(type, "IEND", 4) == 0) return CLIP_ERROR_IMAGE;
            if (crc_of(&c, type, chunk + 4) != clip_big32(type + 4 + chunk)) return CLIP_ERROR_IMAGE;
            if (memcmp(type, "PLTE", 4) == 0) {
                chunks->palette = at + 8;
                chunks->colours = (uint32_t)(chunk / 3 < 256 ? chunk / 3 : 256);
            } else if (at > 8 && !(type[0] & 0x20)) {
                return CLIP_ERROR_IMAGE; /* it cannot be understood without this chunk, whatever it is */
            }
        } else {
            if (!chunks->compressed) chunks->data = at; /* the first may be empty */
            chunks->compressed += chunk < left ? chunk : left;
            if (left < 4 || chunk > left - 4) break;
        }
        at += 12 + chunk;
    }
    return chunks->compressed ? CLIP_OK : CLIP_ERROR_IMAGE;
}

/* Deflate makes at most 1032 bytes of one (RFC 1951: 258 bytes from two bits), so that a short file cannot claim a large
 * picture. */
static clip_status check_png(const clip_header *header, const uint8_t *bytes, size_t length) {
    clip_png_chunks chunks;
    const clip_status status = clip_png_find_chunks(&chunks, bytes, length);
    if (status) return status;
    if (bytes[25] == 3 && !chunks.colours) return CLIP_ERROR_IMAGE;
    const uint64_t row = ((uint64_t)header->width * header->channels * header->maximum + 7) / 8;
    return row * header->height / 1032 <= chunks.compressed ? CLIP_OK : CLIP_ERROR_IMAGE;
}

/* ---- GIF ---- */

clip_status clip_gif_first_frame(clip_gif_frame *frame, const uint8_t *bytes, size_t length) {
    *frame = (clip_gif_frame){0};
    if (length < 13) return CLIP_ERROR_IMAGE;
    size_t at = 13, control = 0;
    if (bytes[10] & 0x80) {
        frame->palette = at;
        frame->colours = 2u << (bytes[10] & 7);
        at += frame->colours * 3;
    }
    for (;;) {
        if (at >= length || length - at < 11 || bytes[at] == 0x3B) return CLIP_ERROR_IMAGE;
        if (bytes[at] == 0x2C) break;
        if (bytes[at] != 0x21) { /* what is between blocks is passed over, as Pillow and browsers do */
            at++;
            continue;
        }
        if (bytes[at + 1] == 0xF9 && bytes[at + 2] == 4) control = at + 3;
        for (at += 2;; at += 1 + (size_t)bytes[at]) { /* sub-blocks up to an empty one */
            if (at >= length) return CLIP_ERROR_IMAGE;
            if (bytes[at] == 0) break;
        }
        at++;
    }
    frame->left = clip_little16(bytes + at + 1);
    frame->top = clip_little16(bytes + at + 3);
    frame->width = clip_little16(bytes + at + 5);
    frame->height = clip_little16(bytes + at + 7);
    const uint8_t flags = bytes[at + 9];
    frame->interlaced = (flags & 0x40) != 0;
    at += 10;
    if (flags & 0x80) {
        frame->palette = at;
        frame->colours = 2u << (flags & 7);
        at += frame->colours * 3;
    }
    if (at >= length) return CLIP_ERROR_IMAGE;
    frame->data = at;
    /* Pillow fills the screen around the frame with the transparent colour, or else the palette's first. */
    if (control && (bytes[control] & 1)) frame->around = bytes[control + 3];
    return CLIP_OK;
}

clip_status clip_header_check(const clip_header *header, const uint8_t *bytes, size_t length) {
    switch (header->format) {
    case CLIP_JPEG: return check_jpeg(header, length);
    case CLIP_PNG: return check_png(header, bytes, length);
    default: return CLIP_OK; /* their readers find out themselves */
    }
}
