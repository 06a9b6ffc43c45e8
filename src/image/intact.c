/* Whether a picture's file is whole. stb_image reads zeros where a file has ended, checks no checksum, and allocates
 * what the header asks for; what it would take for a picture is sorted out here, before it sees it. */
#include "image/format.h"

#include <string.h>

#include "image/bytes.h"

/* ---- JPEG ---- */

#define MOST_SCANS 100 /* progressive files have about ten; each costs a walk over all blocks, whatever it holds */

/* An end marker must come, after not too many scans, and the file must not be too short for its size: a block of 8x8 pixels takes
 * at least one bit, even if, to annoy, luma is subsampled by four each way. */
static clip_status check_jpeg(const clip_header *header, const uint8_t *bytes, size_t length) {
    const uint64_t blocks = (uint64_t)((header->width + 7) / 8) * ((header->height + 7) / 8);
    if (blocks / 16 > (uint64_t)length * 8) return CLIP_ERROR_IMAGE;
    size_t at = header->data;
    for (int scans = 1; scans <= MOST_SCANS;) {
        const uint8_t *next = at < length ? memchr(bytes + at, 0xFF, length - at) : NULL;
        if (!next || next + 1 >= bytes + length) return CLIP_ERROR_IMAGE;
        at = (size_t)(next - bytes) + 1;
        const uint8_t marker = bytes[at];
        if (marker == 0xFF) continue; /* filling */
        at++;
        if (marker == 0xD9) return CLIP_OK;
        if (marker <= 0x01 || (marker >= 0xD0 && marker <= 0xD7)) continue; /* a data byte, or a restart */
        scans += marker == 0xDA;
        if (length - at < 2) return CLIP_ERROR_IMAGE;
        at += clip_big16(bytes + at);
    }
    return CLIP_ERROR_IMAGE;
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

/* Chunks are compared with their checksums up to IEND; deflate makes at most 1032 bytes of one (RFC 1951: 258 bytes
 * from two bits), so that a short file cannot claim a large picture. */
static clip_status check_png(const clip_header *header, const uint8_t *bytes, size_t length) {
    crc c;
    crc_init(&c);
    uint64_t compressed = 0;
    for (size_t at = 8;;) {
        if (length - at < 12) return CLIP_ERROR_IMAGE;
        size_t chunk = clip_big32(bytes + at);
        if (chunk > length - at - 12) return CLIP_ERROR_IMAGE;
        const uint8_t *type = bytes + at + 4;
        int ancillary = type[0] & 0x20;
        if (!ancillary && crc_of(&c, type, chunk + 4) != clip_big32(type + 4 + chunk)) return CLIP_ERROR_IMAGE;
        if (memcmp(type, "IDAT", 4) == 0) compressed += chunk;
        if (memcmp(type, "IEND", 4) == 0) break;
        at += 12 + chunk;
    }
    uint64_t row = ((uint64_t)header->width * header->channels * header->maximum + 7) / 8;
    return row * header->height / 1032 <= compressed ? CLIP_OK : CLIP_ERROR_IMAGE;
}

/* ---- GIF ---- */

clip_status clip_gif_first_frame(clip_gif_frame *frame, const uint8_t *bytes, size_t length) {
    *frame = (clip_gif_frame){0};
    uint8_t flags = bytes[10];
    const uint8_t *palette = NULL;
    size_t at = 13, entries = 0;
    if (flags & 0x80) {
        palette = bytes + at;
        entries = (size_t)2 << (flags & 7);
        at += entries * 3;
    }
    for (;;) {
        if (at >= length || length - at < 10) return CLIP_ERROR_IMAGE;
        if (bytes[at] == 0x2C) break;
        if (bytes[at] != 0x21) return CLIP_ERROR_IMAGE;
        if (bytes[at + 1] == 0xF9 && bytes[at + 2] == 4) frame->control = at + 3;
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
    flags = bytes[at + 9];
    at += 10;
    if (flags & 0x80) {
        palette = bytes + at;
        entries = (size_t)2 << (flags & 7);
        at += entries * 3;
    }
    if (at >= length) return CLIP_ERROR_IMAGE;
    /* Pillow fills the screen around the frame with the transparent colour, or else the palette's first. */
    size_t fill = frame->control && (bytes[frame->control] & 1) ? bytes[frame->control + 3] : 0;
    if (palette && fill < entries) memcpy(frame->around, palette + fill * 3, 3);
    for (at += 1;; at += 1 + (size_t)bytes[at]) { /* code size, then sub-blocks */
        if (at >= length) return CLIP_ERROR_IMAGE;
        if (bytes[at] == 0) break;
    }
    frame->end = at + 1;
    return CLIP_OK;
}

clip_status clip_header_check(const clip_header *header, const uint8_t *bytes, size_t length) {
    clip_gif_frame frame;
    switch (header->format) {
    case CLIP_JPEG: return check_jpeg(header, bytes, length);
    case CLIP_PNG: return check_png(header, bytes, length);
    case CLIP_GIF: return clip_gif_first_frame(&frame, bytes, length);
    default: return CLIP_OK; /* their readers find out themselves */
    }
}
