/* JPEG, PNG and GIF through stb_image, which is compiled into this file alone and stays hidden in it. JPEG uses
 * stb_image's inner functions: planes are decoded, then upsampled and turned to RGB one row at a time, only where the
 * crop asks. */
#include "image/rows.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "image/bytes.h"
#include "image/jpeg.h"
#include "image/limits.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_GIF
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_NO_THREAD_LOCALS /* with the setters unused, what they would set are constants */
#define STBI_NO_FAILURE_STRINGS
#define STBI_ASSERT(x)      ((void)0)
#define STBI_MAX_DIMENSIONS CLIP_IMAGE_MAX_SIDE
#define STBI_NO_SIMD        /* jpeg.c has what is worth it */
/* To the file's end, where the compiler finds out what is never used or, inlined, never set (callbacks, of which we
 * have none). */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "stb_image.h"
#pragma GCC diagnostic pop

/* stb_image says no more than "failed". Whether memory was the reason is found out by asking for as much again. */
static clip_status why_failed(const clip_header *header, size_t bytes_per_pixel) {
    void *probe = malloc((size_t)header->width * header->height * bytes_per_pixel);
    free(probe);
    return probe ? CLIP_ERROR_IMAGE : CLIP_ERROR_MEMORY;
}

/* ---- JPEG ---- */

enum { GREY, RGB, YCBCR, CMYK, YCCK };

typedef struct {
    stbi__context context;
    stbi__jpeg jpeg;
    int colours;    /* which of these the components are */
    uint16_t *sums; /* scratch for upsampling */
} jpeg_rows;

/* As libjpeg guesses (jdapimin.c, default_decompress_parms): by JFIF's marker, else Adobe's, else the components' names. */
static int colours_of(const stbi__jpeg *jpeg) {
    const int adobe = jpeg->app14_color_transform; /* -1 if there is no such marker */
    if (jpeg->s->img_n == 1) return GREY;
    if (jpeg->s->img_n == 4) return adobe > 0 ? YCCK : CMYK;
    if (jpeg->jfif) return YCBCR;
    if (adobe >= 0) return adobe == 0 ? RGB : YCBCR;
    return jpeg->rgb == 3 ? RGB : YCBCR;
}

/* Columns [first, first + count) of row y of component k at the picture's full resolution; valid until the component's
 * next row. Samples are centred among the pixels they stand for, as JFIF says: the nearer of two lines weighs three
 * quarters. */
static const uint8_t *component_row(jpeg_rows *rows, int k, uint32_t y, size_t first, size_t count) {
    stbi__jpeg *jpeg = &rows->jpeg;
    const uint32_t across = (uint32_t)(jpeg->img_h_max / jpeg->img_comp[k].h),
                   down = (uint32_t)(jpeg->img_v_max / jpeg->img_comp[k].v);
    const size_t width = (jpeg->s->img_x + across - 1) / across, stride = (size_t)jpeg->img_comp[k].w2;
    const uint32_t last = (uint32_t)jpeg->img_comp[k].y - 1, line = y / down < last ? y / down : last;
    const int below = y % down >= down / 2; /* whether the next line is nearer than the one before */
    const uint32_t other = below ? (line < last ? line + 1 : last) : (line > 0 ? line - 1 : 0);
    const uint8_t *near = jpeg->img_comp[k].data + line * stride, *far = jpeg->img_comp[k].data + other * stride;
    uint8_t *out = jpeg->img_comp[k].linebuf;
    if (across == 1 && down == 1) return near + first;
    if (across == 1 && down == 2) {
        clip_jpeg_upsample_down(near + first, far + first, below, count, out);
        return out;
    }
    if (across == 2 && down <= 2 && width > 2) { /* libjpeg takes narrower ones as below */
        clip_jpeg_upsample(near, down == 2 ? far : NULL, width, first / 2, (first + count + 1) / 2, rows->sums, out);
        return out + first;
    }
    for (size_t x = 0; x < count; x++) out[x] = near[(first + x) / across];
    return out;
}

/* a b / 255, rounded, as Pillow's MULDIV255. */
static uint8_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = a * b + 128;
    return (uint8_t)((product + (product >> 8)) >> 8);
}

/* Pillow's naive conversion of ink (Convert.c, cmyk2rgb); Adobe stores all four inverted. */
static void cmyk_to_rgbx(const uint8_t *const plane[4], uint32_t count, uint8_t *rgbx) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t paper = plane[3][i];
        for (int k = 0; k < 3; k++) rgbx[4 * i + (uint32_t)k] = (uint8_t)(paper - multiply(255u - plane[k][i], paper));
    }
}

static void jpeg_row(void *state, uint32_t y, uint32_t first, uint32_t count, uint8_t *rgbx) {
    jpeg_rows *rows = state;
    const uint8_t *plane[4] = {NULL};
    for (int k = 0; k < rows->context.img_n; k++) plane[k] = component_row(rows, k, y, first, count);
    switch (rows->colours) {
    case GREY:
        for (uint32_t i = 0; i < count; i++) memset(rgbx + 4 * i, plane[0][i], 4);
        break;
    case RGB:
        for (uint32_t i = 0; i < count; i++)
            for (uint32_t k = 0; k < 3; k++) rgbx[4 * i + k] = plane[k][i];
        break;
    case YCBCR: clip_jpeg_to_rgbx(plane[0], plane[1], plane[2], count, rgbx); break;
    case CMYK: cmyk_to_rgbx(plane, count, rgbx); break;
    case YCCK: /* C = 255 - R, and so on: the ink's inverse, inverted again by Adobe's habit */
        clip_jpeg_to_rgbx(plane[0], plane[1], plane[2], count, rgbx);
        for (uint32_t i = 0; i < count; i++)
            for (uint32_t k = 0; k < 3; k++) rgbx[4 * i + k] = (uint8_t)(plane[3][i] - multiply(rgbx[4 * i + k], plane[3][i]));
        break;
    }
}

static void jpeg_close(void *state) {
    jpeg_rows *rows = state;
    stbi__cleanup_jpeg(&rows->jpeg);
    free(rows->sums);
    free(rows);
}

static clip_status open_jpeg(clip_rows *out, const clip_header *header, const uint8_t *bytes, size_t length) {
    jpeg_rows *rows = calloc(1, sizeof *rows);
    if (!rows) return CLIP_ERROR_MEMORY;
    stbi__jpeg *jpeg = &rows->jpeg;
    stbi__start_mem(&rows->context, bytes, (int)length);
    jpeg->s = &rows->context;
    stbi__setup_jpeg(jpeg);
    jpeg->idct_block_kernel = clip_jpeg_idct;
    if (!stbi__decode_jpeg_image(jpeg)) {
        jpeg_close(rows);
        return why_failed(header, 6);
    }
    /* A file that has ended, or whose markers make no sense, counts as decoded too; one that is whole was read up to
     * its end marker. (Scans that end early, but properly, leave grey, in libjpeg as well.) Skipped segments may lead
     * past the end. */
    const uint8_t *end = rows->context.img_buffer;
    int whole = end - bytes >= 2 && end <= bytes + length && end[-1] == 0xD9 && end[-2] == 0xFF;
    if (!whole || rows->context.img_x != header->width || rows->context.img_y != header->height) {
        jpeg_close(rows);
        return CLIP_ERROR_IMAGE;
    }
    rows->sums = malloc(((size_t)header->width + 2) * sizeof *rows->sums);
    int complete = rows->sums != NULL;
    for (int k = 0; k < rows->context.img_n; k++) {
        jpeg->img_comp[k].linebuf = malloc((size_t)header->width + 1); /* upsampling makes pairs */
        complete &= jpeg->img_comp[k].linebuf != NULL;
    }
    if (!complete) {
        jpeg_close(rows);
        return CLIP_ERROR_MEMORY;
    }
    rows->colours = colours_of(jpeg);
    *out = (clip_rows){rows, jpeg_row, jpeg_close};
    return CLIP_OK;
}

/* ---- PNG and GIF: whole pictures of 1 to 4 channels ---- */

typedef struct {
    uint8_t *pixels;          /* (height, width, channels), stb_image's */
    uint32_t width, channels; /* 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA */
} whole_picture;

static void whole_row(void *state, uint32_t y, uint32_t first, uint32_t count, uint8_t *rgbx) {
    const whole_picture *picture = state;
    const uint32_t channels = picture->channels;
    const uint8_t *from = picture->pixels + ((size_t)y * picture->width + first) * channels;
    if (channels == 4) {
        memcpy(rgbx, from, (size_t)count * 4);
        return;
    }
    const uint32_t green = channels >= 3 ? 1 : 0, blue = channels >= 3 ? 2 : 0;
    for (uint32_t i = 0; i < count; i++, from += channels, rgbx += 4) {
        rgbx[0] = from[0];
        rgbx[1] = from[green];
        rgbx[2] = from[blue];
    }
}

static void whole_close(void *state) {
    whole_picture *picture = state;
    stbi_image_free(picture->pixels);
    free(picture);
}

static clip_status open_whole(clip_rows *out, const clip_header *header, const uint8_t *bytes, size_t length) {
    whole_picture *picture = calloc(1, sizeof *picture);
    if (!picture) return CLIP_ERROR_MEMORY;
    int width, height, channels;
    picture->pixels = stbi_load_from_memory(bytes, (int)length, &width, &height, &channels, 0);
    if (!picture->pixels) {
        free(picture);
        return why_failed(header, 8);
    }
    picture->width = (uint32_t)width;
    picture->channels = header->format == CLIP_GIF ? 4 : (uint32_t)channels;
    if ((uint32_t)width != header->width || (uint32_t)height != header->height) {
        whole_close(picture);
        return CLIP_ERROR_IMAGE;
    }
    *out = (clip_rows){picture, whole_row, whole_close};
    return CLIP_OK;
}

/* stb_image adds 0 to a null pointer at a first IDAT without data, which C does not define: it gets to see the picture without. */
static clip_status open_png(clip_rows *out, const clip_header *header, const uint8_t *bytes, size_t length) {
    uint8_t *without = NULL;
    size_t kept = 0, at = 8;
    while (length - at >= 12 && clip_big32(bytes + at) <= length - at - 12) {
        const size_t chunk = 12 + (size_t)clip_big32(bytes + at);
        const int data = memcmp(bytes + at + 4, "IDAT", 4) == 0;
        if (data && chunk > 12) break;
        if (data && !without) {
            without = malloc(length);
            if (!without) return CLIP_ERROR_MEMORY;
            memcpy(without, bytes, kept = at);
        } else if (!data && without) {
            memcpy(without + kept, bytes + at, chunk);
            kept += chunk;
        }
        at += chunk;
    }
    if (!without) return open_whole(out, header, bytes, length);
    memcpy(without + kept, bytes + at, length - at);
    clip_status status = open_whole(out, header, without, kept + length - at);
    free(without);
    return status;
}

/* stb_image leaves transparent pixels black; Pillow's convert("RGB"), whose answer is wanted, gives them their palette
 * colour. So it gets to see the first frame alone, with transparency and background switched off; then alpha is 0
 * exactly where the frame has drawn nothing. */
static clip_status open_gif(clip_rows *out, const clip_header *header, const uint8_t *bytes, size_t length) {
    clip_gif_frame frame;
    clip_status status = clip_gif_first_frame(&frame, bytes, length);
    if (status) return status;
    uint8_t *opaque = malloc(frame.end);
    if (!opaque) return CLIP_ERROR_MEMORY;
    memcpy(opaque, bytes, frame.end);
    opaque[11] = 0; /* background colour */
    if (frame.control) opaque[frame.control] &= 0xFE;
    status = open_whole(out, header, opaque, frame.end);
    free(opaque);
    if (status) return status;

    uint8_t *pixel = ((whole_picture *)out->state)->pixels;
    for (uint32_t y = 0; y < header->height; y++)
        for (uint32_t x = 0; x < header->width; x++, pixel += 4) {
            if (pixel[3]) continue;
            if (x - frame.left < frame.width && y - frame.top < frame.height) status = CLIP_ERROR_IMAGE; /* ended early */
            memcpy(pixel, frame.around, 3);
        }
    if (status) whole_close(out->state);
    return status;
}

clip_status clip_rows_open_stb(clip_rows *rows, const clip_header *header, const uint8_t *bytes, size_t length) {
    if (length > INT_MAX) return CLIP_ERROR_IMAGE_SIZE;
    switch (header->format) {
    case CLIP_JPEG: return open_jpeg(rows, header, bytes, length);
    case CLIP_PNG: return open_png(rows, header, bytes, length);
    case CLIP_GIF: return open_gif(rows, header, bytes, length);
    default: return CLIP_ERROR_IMAGE_FORMAT;
    }
}
