/* Specifications: ITU T.81 (JPEG), W3C PNG third edition, GIF89a, Adobe's Photoshop file formats, Microsoft's
 * BITMAPINFOHEADER, netpbm's pgm(5) and ppm(5). */
#include "image/format.h"

#include <string.h>

#include "image/bytes.h"
#include "image/exif.h"
#include "image/limits.h"

static clip_status set_size(clip_header *header, uint32_t width, uint32_t height) {
    header->width = width;
    header->height = height;
    if (width == 0 || height == 0) return CLIP_ERROR_IMAGE_SIZE;
    if (width > CLIP_IMAGE_MAX_SIDE || height > CLIP_IMAGE_MAX_SIDE) return CLIP_ERROR_IMAGE_SIZE;
    return (uint64_t)width * height <= CLIP_IMAGE_MAX_PIXELS ? CLIP_OK : CLIP_ERROR_IMAGE_SIZE;
}

/* Exif goes before XMP, as in Pillow. */
static void set_orientation(clip_header *header, uint32_t exif, uint32_t xmp) { header->orientation = exif ? exif : xmp ? xmp : 1; }

static int starts_with(const uint8_t *bytes, size_t length, const char *start, size_t start_length) {
    return length >= start_length && memcmp(bytes, start, start_length) == 0;
}
#define STARTS_WITH(bytes, length, literal) starts_with(bytes, length, literal, sizeof(literal) - 1)

/* ---- JPEG: segments up to the first scan ---- */

static int is_frame(uint8_t marker) {
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

/* Planes of all samples, and coefficients where they come in scans, and the file once more. `frame`: as from its precision on. */
static uint64_t jpeg_memory(const uint8_t *frame, size_t length, uint64_t width, uint64_t height, int progressive) {
    uint64_t most_across = 1, most_down = 1, samples = 0;
    const size_t count = frame[5];
    if (count > 4 || length < 6 + 3 * count) return 0; /* the decoder refuses it */
    for (size_t k = 0; k < count; k++) {
        const uint8_t across = frame[7 + 3 * k] >> 4, down = frame[7 + 3 * k] & 15;
        if (across > most_across) most_across = across;
        if (down > most_down) most_down = down;
    }
    const uint64_t units_across = (width + 8 * most_across - 1) / (8 * most_across),
                   units_down = (height + 8 * most_down - 1) / (8 * most_down);
    for (size_t k = 0; k < count; k++)
        samples += units_across * units_down * 64 * (frame[7 + 3 * k] >> 4) * (frame[7 + 3 * k] & 15);
    return samples * (progressive ? 3 : 1);
}

static clip_status read_jpeg(clip_header *header, const uint8_t *bytes, size_t length) {
    static const char exif_name[] = "Exif\0", xmp_name[] = "http://ns.adobe.com/xap/1.0/";
    uint32_t exif = 0, xmp = 0, width = 0, height = 0;
    size_t at = 2;
    int framed = 0;
    for (;;) {
        while (at < length && bytes[at] != 0xFF) at++; /* padding after a segment */
        while (at < length && bytes[at] == 0xFF) at++;
        if (at >= length) return CLIP_ERROR_IMAGE;
        uint8_t marker = bytes[at++];
        if (marker == 0 || marker == 0x01 || (marker >= 0xD0 && marker <= 0xD7)) continue; /* no segment follows */
        if (marker == 0xDA) break;
        if (marker < 0xC0 || marker == 0xD8 || marker == 0xD9 || length - at < 2) return CLIP_ERROR_IMAGE;
        size_t segment = clip_big16(bytes + at);
        if (segment < 2) segment = 2;
        if (segment > length - at) return CLIP_ERROR_IMAGE;
        const uint8_t *data = bytes + at + 2;
        size_t data_length = segment - 2;
        if (is_frame(marker) && !framed) {
            if (data_length < 6) return CLIP_ERROR_IMAGE;
            /* Baseline, extended and progressive with Huffman codes; not lossless, hierarchical or arithmetic, nor 12
             * bits. */
            if (marker > 0xC2 || data[0] != 8) return CLIP_ERROR_IMAGE_FORMAT;
            height = clip_big16(data + 1);
            width = clip_big16(data + 3);
            header->channels = data[5];
            header->memory = jpeg_memory(data, data_length, width, height, marker == 0xC2) + length;
            framed = 1;
        } else if (marker == 0xE1 && starts_with(data, data_length, exif_name, sizeof exif_name)) {
            if (!exif) exif = clip_exif_orientation(data + sizeof exif_name, data_length - sizeof exif_name);
        } else if (marker == 0xE1 && starts_with(data, data_length, xmp_name, sizeof xmp_name)) {
            xmp = clip_exif_orientation_xmp(data + sizeof xmp_name, data_length - sizeof xmp_name);
        }
        at += segment;
    }
    if (!framed) return CLIP_ERROR_IMAGE;
    header->data = at;
    set_orientation(header, exif, xmp);
    return set_size(header, width, height);
}

/* ---- PNG: the first chunk, and those that may tell the orientation, wherever they are ---- */

#define PNG_SIGNATURE "\x89PNG\r\n\x1A\n"

static void read_png_chunk(uint32_t *exif, uint32_t *xmp, const uint8_t *type, const uint8_t *data, size_t length) {
    static const char profile_name[] = "Raw profile type exif", xmp_name[] = "XML:com.adobe.xmp";
    if (memcmp(type, "eXIf", 4) == 0) {
        *exif = clip_exif_orientation(data, length);
    } else if (memcmp(type, "tEXt", 4) == 0 && starts_with(data, length, profile_name, sizeof profile_name)) {
        if (!*exif) *exif = clip_exif_orientation_hex(data + sizeof profile_name, length - sizeof profile_name);
    } else if (memcmp(type, "iTXt", 4) == 0 && starts_with(data, length, xmp_name, sizeof xmp_name)) {
        *xmp = clip_exif_orientation_xmp(data + sizeof xmp_name, length - sizeof xmp_name);
    }
}

static clip_status read_png(clip_header *header, const uint8_t *bytes, size_t length) {
    if (length < 33) return CLIP_ERROR_IMAGE;
    if (memcmp(bytes + 12, "CgBI", 4) == 0) return CLIP_ERROR_IMAGE_FORMAT; /* Apple's own: premultiplied BGR */
    if (clip_big32(bytes + 8) != 13 || memcmp(bytes + 12, "IHDR", 4) != 0) return CLIP_ERROR_IMAGE;
    uint32_t exif = 0, xmp = 0;
    for (size_t at = 33; length - at >= 12;) {
        size_t chunk = clip_big32(bytes + at);
        if (chunk > length - at - 12 || memcmp(bytes + at + 4, "IEND", 4) == 0) break;
        read_png_chunk(&exif, &xmp, bytes + at + 4, bytes + at + 8, chunk);
        at += 12 + chunk;
    }
    set_orientation(header, exif, xmp);
    header->maximum = bytes[24]; /* bits a channel */
    static const uint8_t channels_of_colour[7] = {1, 0, 3, 1, 2, 0, 4};
    const uint8_t colour = bytes[25], bits = bytes[24];
    header->channels = colour < 7 ? channels_of_colour[colour] : 0;
    if (header->channels == 0 || bits == 0 || (bits & (bits - 1)) || bits > (colour == 3 ? 8 : 16)) return CLIP_ERROR_IMAGE;
    if (bits < 8 && colour != 0 && colour != 3) return CLIP_ERROR_IMAGE;
    const uint64_t width = clip_big32(bytes + 16), height = clip_big32(bytes + 20);
    if (width <= CLIP_IMAGE_MAX_SIDE && height <= CLIP_IMAGE_MAX_SIDE)
        header->memory = (width * header->channels * bits / 8 + 2) * height + length;
    return set_size(header, (uint32_t)width, (uint32_t)height);
}

/* ---- GIF, BMP, PSD: fixed places ---- */

static clip_status read_gif(clip_header *header, const uint8_t *bytes, size_t length) {
    clip_gif_frame frame;
    const clip_status status = clip_gif_first_frame(&frame, bytes, length);
    if (status) return status;
    if (frame.width == 0 || frame.height == 0) return CLIP_ERROR_IMAGE_SIZE;
    const uint32_t right = frame.left + frame.width, bottom = frame.top + frame.height, width = clip_little16(bytes + 6),
                   height = clip_little16(bytes + 8);
    header->memory = (uint64_t)frame.width * frame.height;
    return set_size(header, width > right ? width : right, height > bottom ? height : bottom); /* it may be 0 by 0 */
}

static clip_status read_bmp(clip_header *header, const uint8_t *bytes, size_t length) {
    if (length < 26) return CLIP_ERROR_IMAGE;
    header->data = clip_little32(bytes + 10);
    uint32_t info = clip_little32(bytes + 14);
    if (info == 12) { /* OS/2 */
        header->channels = clip_little16(bytes + 24);
        return set_size(header, clip_little16(bytes + 18), clip_little16(bytes + 20));
    }
    if (info < 40 || info > 128) return CLIP_ERROR_IMAGE_FORMAT;
    if (length < 54) return CLIP_ERROR_IMAGE;
    header->channels = clip_little16(bytes + 28);
    uint32_t width = clip_little32(bytes + 18), height = clip_little32(bytes + 22);
    if (height >> 31) height = 0 - height; /* then the first row is on top */
    const uint32_t compression = clip_little32(bytes + 30);
    if (compression == 1 || compression == 2) header->memory = (uint64_t)width * height; /* run lengths */
    return set_size(header, width, height);
}

static clip_status read_psd(clip_header *header, const uint8_t *bytes, size_t length) {
    if (length < 26) return CLIP_ERROR_IMAGE;
    uint32_t mode = clip_big16(bytes + 24);
    header->channels = clip_big16(bytes + 12);
    header->maximum = clip_big16(bytes + 22);
    if (clip_big16(bytes + 4) != 1 || mode != 3) return CLIP_ERROR_IMAGE_FORMAT; /* RGB only */
    if (header->maximum != 8 && header->maximum != 16) return CLIP_ERROR_IMAGE_FORMAT;
    if (header->channels < 3 || header->channels > 16) return CLIP_ERROR_IMAGE_FORMAT;
    clip_status status = set_size(header, clip_big32(bytes + 18), clip_big32(bytes + 14));
    if (status) return status;
    header->memory = (uint64_t)header->height * 3 * sizeof(uint64_t) + (uint64_t)header->width * 2;
    size_t at = 26;
    for (int section = 0; section < 3; section++) { /* palette, resources, layers */
        if (length - at < 4) return CLIP_ERROR_IMAGE;
        size_t skip = clip_big32(bytes + at);
        if (skip > length - at - 4) return CLIP_ERROR_IMAGE;
        at += 4 + skip;
    }
    header->data = at;
    return CLIP_OK;
}

/* ---- PNM: numbers in decimal between white space and comments ---- */

static int is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The next number, at most 65535; 0 if there is none. */
static uint32_t pnm_number(const uint8_t *bytes, size_t length, size_t *at) {
    while (*at < length && (is_space(bytes[*at]) || bytes[*at] == '#')) {
        if (bytes[*at] == '#') {
            while (*at < length && bytes[*at] != '\n' && bytes[*at] != '\r') ++*at;
        } else {
            ++*at;
        }
    }
    uint32_t number = 0;
    for (; *at < length && bytes[*at] >= '0' && bytes[*at] <= '9'; ++*at) {
        number = number * 10 + (bytes[*at] - '0');
        if (number > 65535) return 0;
    }
    return number;
}

static clip_status read_pnm(clip_header *header, const uint8_t *bytes, size_t length) {
    size_t at = 2;
    header->channels = bytes[1] == '6' ? 3 : 1;
    uint32_t width = pnm_number(bytes, length, &at), height = pnm_number(bytes, length, &at);
    clip_status status = set_size(header, width, height);
    if (status) return status;
    header->maximum = pnm_number(bytes, length, &at);
    if (header->maximum == 0 || at >= length || !is_space(bytes[at])) return CLIP_ERROR_IMAGE;
    header->data = at + 1;
    return CLIP_OK;
}

clip_status clip_header_read(clip_header *header, const uint8_t *bytes, size_t length) {
    static const struct {
        const char *magic;
        uint8_t magic_length;
        clip_format format;
        clip_status (*read)(clip_header *, const uint8_t *, size_t);
    } formats[] = {
        {"\xFF\xD8\xFF", 3, CLIP_JPEG, read_jpeg},
        {PNG_SIGNATURE, 8, CLIP_PNG, read_png},
        {"GIF87a", 6, CLIP_GIF, read_gif},
        {"GIF89a", 6, CLIP_GIF, read_gif},
        {"BM", 2, CLIP_BMP, read_bmp},
        {"8BPS", 4, CLIP_PSD, read_psd},
        {"P5", 2, CLIP_PNM, read_pnm},
        {"P6", 2, CLIP_PNM, read_pnm},
    };
    *header = (clip_header){.orientation = 1};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (!starts_with(bytes, length, formats[i].magic, formats[i].magic_length)) continue;
        header->format = formats[i].format;
        const clip_status status = formats[i].read(header, bytes, length);
        const uint64_t most = CLIP_IMAGE_FREE_MEMORY + (uint64_t)length * CLIP_IMAGE_MEMORY_PER_BYTE;
        return status || header->memory <= most ? status : CLIP_ERROR_IMAGE_SIZE;
    }
    return CLIP_ERROR_IMAGE_FORMAT;
}
