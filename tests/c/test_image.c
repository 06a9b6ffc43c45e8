/* Decoding, orientation and cropping of pictures that are made here; see test_image_golden.c for real ones. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/image/image.h"
#include "pictures.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#ifdef __clang__ /* its JPEG writer shifts bits out of an int */
#pragma clang attribute push(__attribute__((no_sanitize("undefined"))), apply_to = function)
#endif
#include "stb_image_write.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#pragma GCC diagnostic pop

static uint32_t random_state = 1;
static uint32_t random_number(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

/* Noise with hard edges, so that sums overshoot on both sides. */
static uint8_t *random_pixels(size_t count) {
    uint8_t *pixels = malloc(count);
    assert_non_null(pixels);
    for (size_t i = 0; i < count; i++) pixels[i] = random_number() % 3 ? (uint8_t)random_number() : random_number() % 2 ? 255 : 0;
    return pixels;
}

/* ---- Pillow's algorithm, written down a second time and plainly: turn upright, sum along rows, round, sum along
 * columns ---- */

typedef struct {
    const uint8_t *pixels;
    uint32_t width, height, channels, orientation; /* as stored */
} stored;

static uint8_t upright(const stored *from, uint32_t x, uint32_t y, uint32_t k) {
    const uint32_t right = from->width - 1, bottom = from->height - 1;
    uint32_t column = x, row = y;
    switch (from->orientation) {
    case 2: column = right - x; break;
    case 3: column = right - x, row = bottom - y; break;
    case 4: row = bottom - y; break;
    case 5: column = y, row = x; break;
    case 6: column = y, row = bottom - x; break;
    case 7: column = right - y, row = bottom - x; break;
    case 8: column = right - y, row = x; break;
    }
    return from->pixels[((size_t)row * from->width + column) * from->channels + k];
}

static double bicubic(double x) {
    x = fabs(x);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * -0.5;
    return 0;
}

/* The window of output pixel `at` of `out`, over `in` pixels; weights have 22 bits behind the point. */
static uint32_t plain_window(uint32_t in, uint32_t out, uint32_t at, uint32_t *first, int32_t *weights) {
    const double scale = (double)in / out, wide = scale < 1 ? 1 : scale, centre = (at + 0.5) * scale;
    int low = (int)(centre - 2 * wide + 0.5), high = (int)(centre + 2 * wide + 0.5);
    if (low < 0) low = 0;
    if (high > (int)in) high = (int)in;
    double sum = 0;
    for (int k = low; k < high; k++) sum += bicubic((k - centre + 0.5) * (1 / wide));
    for (int k = low; k < high; k++) {
        const double weight = bicubic((k - centre + 0.5) * (1 / wide)) / sum * (1 << 22);
        weights[k - low] = (int32_t)(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    *first = (uint32_t)low;
    return (uint32_t)(high - low);
}

static uint8_t rounded(int64_t sum) {
    sum = (sum + (1 << 21)) >> 22;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static uint8_t *plain_crop(const stored *from, uint32_t size) {
    const uint32_t width = from->orientation >= 5 ? from->height : from->width;
    const uint32_t height = from->orientation >= 5 ? from->width : from->height;
    const double longer = width > height ? width : height, shorter = width > height ? height : width;
    const uint32_t out = (uint32_t)(size * longer / shorter);
    const uint32_t out_width = width > height ? out : size, out_height = width > height ? size : out;
    uint8_t *narrow = malloc((size_t)height * size * 3), *rgb = malloc((size_t)size * size * 3);
    int32_t *weights = malloc(sizeof *weights * ((width > height ? width : height) + 8));
    assert_true(narrow && rgb && weights);
    uint32_t first;
    for (uint32_t x = 0; x < size; x++) {
        const uint32_t count = plain_window(width, out_width, (out_width - size) / 2 + x, &first, weights);
        for (uint32_t y = 0; y < height; y++)
            for (uint32_t k = 0; k < 3; k++) {
                int64_t sum = 0;
                for (uint32_t i = 0; i < count; i++) sum += (int64_t)weights[i] * upright(from, first + i, y, k);
                narrow[((size_t)y * size + x) * 3 + k] = rounded(sum);
            }
    }
    for (uint32_t y = 0; y < size; y++) {
        const uint32_t count = plain_window(height, out_height, (out_height - size) / 2 + y, &first, weights);
        for (uint32_t i = 0; i < size * 3; i++) {
            int64_t sum = 0;
            for (uint32_t k = 0; k < count; k++) sum += (int64_t)weights[k] * narrow[(size_t)(first + k) * size * 3 + i];
            rgb[(size_t)y * size * 3 + i] = rounded(sum);
        }
    }
    free(narrow);
    free(weights);
    return rgb;
}

static void check_pixels(uint32_t width, uint32_t height, uint32_t channels, uint32_t orientation, uint32_t size) {
    uint8_t *pixels = random_pixels((size_t)width * height * channels);
    uint8_t *expected = plain_crop(&(stored){pixels, width, height, channels, orientation}, size);
    uint8_t *rgb = malloc((size_t)size * size * 3); /* of the very size, so that the sanitizer sees an overrun */
    assert_non_null(rgb);
    assert_int_equal(clip_image_crop_pixels(pixels, width, height, channels, orientation, size, rgb), CLIP_OK);
    if (memcmp(rgb, expected, (size_t)size * size * 3) != 0)
        fail_msg("%ux%u, %u channels, orientation %u, to %u", width, height, channels, orientation, size);
    free(rgb);
    free(expected);
    free(pixels);
}

static void crops_as_pillow_does(void **state) {
    (void)state;
    static const uint32_t sides[][2] = {{1, 1},   {1, 2},   {2, 1},    {3, 7},    {16, 16},
                                        {17, 33}, {40, 31}, {200, 64}, {63, 190}, {131, 127}};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
        for (uint32_t orientation = 1; orientation <= 8; orientation++)
            for (uint32_t size = 1; size <= 33; size += size < 4 ? 1 : 7)
                check_pixels(sides[i][0], sides[i][1], 3 + (orientation + size) % 2, orientation, size);
    check_pixels(160, 120, 3, 1, 224);
    check_pixels(40, 50, 4, 6, 1024);
}

static void crops_extreme_shapes(void **state) {
    (void)state;
    for (uint32_t orientation = 1; orientation <= 8; orientation += 5) {
        check_pixels(30000, 2, 3, orientation, 32);
        check_pixels(2, 30000, 3, orientation, 32);
        check_pixels(65535, 1, 4, orientation, 3);
        check_pixels(1, 65535, 4, orientation, 3);
    }
}

static void crops_twelve_megapixels(void **state) {
    (void)state;
    check_pixels(4032, 3024, 3, 1, 64);
    check_pixels(4032, 3024, 3, 6, 64);
}

static void refuses_bad_arguments(void **state) {
    (void)state;
    uint8_t pixels[12] = {0}, rgb[12];
    clip_image_info info;
    assert_int_equal(clip_image_crop_pixels(NULL, 2, 2, 3, 1, 2, rgb), CLIP_ERROR_ARGUMENT);
    assert_int_equal(clip_image_crop_pixels(pixels, 2, 2, 3, 1, 2, NULL), CLIP_ERROR_ARGUMENT);
    assert_int_equal(clip_image_crop_pixels(pixels, 2, 2, 2, 1, 2, rgb), CLIP_ERROR_ARGUMENT);
    assert_int_equal(clip_image_crop_pixels(pixels, 2, 2, 3, 0, 2, rgb), CLIP_ERROR_ARGUMENT);
    assert_int_equal(clip_image_crop_pixels(pixels, 2, 2, 3, 9, 2, rgb), CLIP_ERROR_ARGUMENT);
    assert_int_equal(clip_image_crop_pixels(pixels, 2, 2, 3, 1, 0, rgb), CLIP_ERROR_ARGUMENT);
    assert_int_equal(clip_image_crop_pixels(pixels, 2, 2, 3, 1, CLIP_IMAGE_MAX_CROP + 1, rgb), CLIP_ERROR_ARGUMENT);
    assert_int_equal(clip_image_crop_pixels(pixels, 0, 2, 3, 1, 2, rgb), CLIP_ERROR_IMAGE_SIZE);
    assert_int_equal(clip_image_crop_pixels(pixels, 2, CLIP_IMAGE_MAX_SIDE + 1, 3, 1, 2, rgb), CLIP_ERROR_IMAGE_SIZE);
    assert_int_equal(clip_image_crop_pixels(pixels, 40000, 40000, 3, 1, 2, rgb), CLIP_ERROR_IMAGE_SIZE);
    assert_int_equal(clip_image_crop_encoded(NULL, 4, 2, rgb, NULL), CLIP_ERROR_ARGUMENT);
    assert_int_equal(clip_image_crop_encoded(pixels, 4, 0, rgb, NULL), CLIP_ERROR_ARGUMENT);
    assert_int_equal(clip_image_probe(NULL, 4, &info), CLIP_ERROR_ARGUMENT);
    assert_int_equal(clip_image_crop_encoded(pixels, 0, 2, rgb, NULL), CLIP_ERROR_IMAGE_FORMAT);
    assert_int_equal(clip_image_probe((const uint8_t *)"RIFF\0\0\0\0WEBPVP8 ", 16, &info), CLIP_ERROR_IMAGE_FORMAT);
}

/* ---- formats: what is decoded must crop to the same as the pixels that went in ---- */

/* `of` is freed. A crop as large as the (square) picture shows its very pixels. */
static void check_picture(const char *what, picture *of, const uint8_t *expected, uint32_t side) {
    uint8_t *bytes = malloc(of->length), rgb[64 * 64 * 3];
    assert_non_null(bytes);
    memcpy(bytes, of->bytes, of->length); /* of the very size */
    clip_image_info info = {0};
    const clip_status status = clip_image_crop_encoded(bytes, of->length, side, rgb, &info);
    if (status) fail_msg("%s: %s", what, clip_status_text(status));
    assert_int_equal(info.width, side);
    assert_int_equal(info.height, side);
    for (uint32_t i = 0; i < side * side * 3; i++)
        if (rgb[i] != expected[i]) fail_msg("%s: pixel %u, channel %u is %u, not %u", what, i / 3, i % 3, rgb[i], expected[i]);
    free(bytes);
    picture_free(of);
}

static void reads_png(void **state) {
    (void)state;
    picture png;
    uint8_t *rgba = random_pixels(4 * 4 * 4), rgb[48], wide[4 * 4 * 8];
    for (int i = 0; i < 16; i++) memcpy(rgb + 3 * i, rgba + 4 * i, 3);
    rgba[3] = 0, rgba[7] = 1; /* transparent pixels keep their colour */
    png_begin(&png, 4, 4, 8, 6);
    png_end(&png, rgba, 4, 16);
    check_picture("RGBA", &png, rgb, 4);

    for (int i = 0; i < 64; i++) wide[2 * i] = rgba[i], wide[2 * i + 1] = (uint8_t)random_number();
    png_begin(&png, 4, 4, 16, 6);
    png_end(&png, wide, 4, 32);
    check_picture("RGBA of 16 bits", &png, rgb, 4);

    png_begin(&png, 4, 4, 8, 2);
    put_chunk(&png, "tRNS", (uint8_t[]){0, rgb[0], 0, rgb[1], 0, rgb[2]}, 6);
    png_end(&png, rgb, 4, 12);
    check_picture("RGB with a transparent colour", &png, rgb, 4);

    uint8_t grey[48];
    for (int i = 0; i < 48; i++) grey[i] = rgba[i / 3];
    png_begin(&png, 4, 4, 8, 0);
    png_end(&png, rgba, 4, 4);
    check_picture("grey", &png, grey, 4);

    const uint8_t deep[8] = {0x00, 0x80, 0x80, 0x00, 0xFF, 0x7F, 0x12, 0x34}; /* Pillow clips these */
    const uint8_t expected[12] = {0, 0, 0, 0x80, 0x80, 0x80, 0xFF, 0xFF, 0xFF, 0x12, 0x12, 0x12};
    png_begin(&png, 2, 2, 16, 0);
    png_end(&png, deep, 2, 4);
    check_picture("grey of 16 bits", &png, expected, 2);

    const uint8_t palette[12] = {1, 2, 3, 250, 251, 252, 7, 8, 9, 99, 98, 97};
    const uint8_t coloured[12] = {1, 2, 3, 250, 251, 252, 7, 8, 9, 250, 251, 252};
    png_begin(&png, 2, 2, 2, 3);
    put_chunk(&png, "PLTE", palette, 12);
    put_chunk(&png, "tRNS", (uint8_t[]){0, 128}, 2);
    png_end(&png, (uint8_t[]){0x10, 0x90}, 2, 1);
    check_picture("palette with transparency", &png, coloured, 2);

    png_begin(&png, 4, 4, 8, 2);
    put_chunk(&png, "IDAT", rgb, 0);
    put_chunk(&png, "tEXt", (const uint8_t *)"a\0b", 3);
    put_chunk(&png, "IDAT", rgb, 0);
    png_end(&png, rgb, 4, 12);
    check_picture("RGB whose first data are empty", &png, rgb, 4);
    free(rgba);
}

/* A bitmap's headers; the picture's bytes are to follow. */
static void bmp_begin(picture *to, uint32_t side, int top_down, uint32_t bits, uint32_t compression, const uint32_t *extra,
                      int extras) {
    *to = (picture){0};
    put_text(to, "BM");
    put_little(to, 0, 4);
    put_little(to, 0, 4);
    put_little(to, 54 + 4 * (uint32_t)extras, 4);
    put_little(to, 40, 4);
    put_little(to, side, 4);
    put_little(to, top_down ? 0 - side : side, 4);
    put_little(to, 1, 2);
    put_little(to, bits, 2);
    put_little(to, compression, 4);
    for (int k = 0; k < 5; k++) put_little(to, 0, 4);
    for (int k = 0; k < extras; k++) put_little(to, extra[k], 4);
}

static void reads_bmp(void **state) {
    (void)state;
    const uint8_t rgb[12] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
    static const uint32_t palette[4] = {0xFF0000, 0x00FF00, 0x0000FF, 0xFFFFFF};
    picture bmp;
    bmp_begin(&bmp, 2, 0, 24, 0, NULL, 0);
    put(&bmp, "\xFF\0\0\xFF\xFF\xFF\0\0\0\0\xFF\0\xFF\0\0\0", 16);
    check_picture("24 bits", &bmp, rgb, 2);
    bmp_begin(&bmp, 2, 1, 24, 0, NULL, 0);
    put(&bmp, "\0\0\xFF\0\xFF\0\0\0\xFF\0\0\xFF\xFF\xFF\0\0", 16);
    check_picture("24 bits, first row on top", &bmp, rgb, 2);
    bmp_begin(&bmp, 2, 1, 32, 0, NULL, 0);
    put(&bmp, "\0\0\xFF\0\0\xFF\0\0\xFF\0\0\0\xFF\xFF\xFF\x7F", 16);
    check_picture("32 bits", &bmp, rgb, 2);
    bmp_begin(&bmp, 2, 1, 16, 0, NULL, 0);
    put(&bmp, "\x00\x7C\xE0\x03\x1F\x00\xFF\x7F", 8);
    check_picture("16 bits", &bmp, rgb, 2);
    bmp_begin(&bmp, 2, 1, 16, 3, (const uint32_t[]){0xF800, 0x07E0, 0x001F}, 3);
    put(&bmp, "\x00\xF8\xE0\x07\x1F\x00\xFF\xFF", 8);
    check_picture("16 bits, 565", &bmp, rgb, 2);
    bmp_begin(&bmp, 2, 1, 8, 0, palette, 4);
    put(&bmp, "\0\1\0\0\2\3\0\0", 8);
    check_picture("8 bits", &bmp, rgb, 2);
    bmp_begin(&bmp, 2, 1, 4, 0, palette, 4);
    put(&bmp, "\x01\0\0\0\x23\0\0\0", 8);
    check_picture("4 bits", &bmp, rgb, 2);
    bmp_begin(&bmp, 2, 0, 8, 1, palette, 4);
    put(&bmp, "\1\2\1\3\0\0\1\0\1\1\0\1", 12);
    check_picture("8 bits, run-length coded", &bmp, rgb, 2);
    bmp_begin(&bmp, 4, 0, 4, 2, palette, 4);
    put(&bmp, "\4\x23\0\0\0\4\x23\x23\0\0\4\x01\0\0\4\x01\0\1", 18);
    static const uint8_t tall[48] = {255, 0,   0,   0,   255, 0, 255, 0,   0,   0,   255, 0,   255, 0,   0,   0,
                                     255, 0,   255, 0,   0,   0, 255, 0,   0,   0,   255, 255, 255, 255, 0,   0,
                                     255, 255, 255, 255, 0,   0, 255, 255, 255, 255, 0,   0,   255, 255, 255, 255};
    check_picture("4 bits, run-length coded", &bmp, tall, 4);

    uint8_t crop[12];
    bmp_begin(&bmp, 2, 0, 24, 5, NULL, 0);
    put(&bmp, crop, 12);
    assert_int_equal(clip_image_crop_encoded(bmp.bytes, bmp.length, 2, crop, NULL), CLIP_ERROR_IMAGE_FORMAT);
    picture_free(&bmp);
}

static void reads_pnm(void **state) {
    (void)state;
    picture pnm = {0};
    put_text(&pnm, "P6 # a comment\n2\t2\n255\n");
    put(&pnm, "\1\2\3\4\5\6\7\x08\x09\xFF\xFE\xFD", 12);
    check_picture("PPM", &pnm, (const uint8_t *)"\1\2\3\4\5\6\7\x08\x09\xFF\xFE\xFD", 2);
    put_text(&pnm, "P5 2 2 65535 ");
    put(&pnm, "\0\0\x80\x80\xFF\xFF\0\x81", 8);
    check_picture("PGM of 16 bits", &pnm, (const uint8_t *)"\0\0\0\x80\x80\x80\xFF\xFF\xFF\1\1\1", 2);
    put_text(&pnm, "P5 2 2 3 ");
    put(&pnm, "\0\1\2\3", 4);
    check_picture("PGM of 2 bits", &pnm, (const uint8_t *)"\0\0\0\x55\x55\x55\xAA\xAA\xAA\xFF\xFF\xFF", 2);
}

static void psd_begin(picture *to, uint32_t channels, uint32_t bits, uint32_t compression) {
    *to = (picture){0};
    put_text(to, "8BPS");
    put_big(to, 1, 2);
    put_big(to, 0, 4);
    put_big(to, 0, 2);
    put_big(to, channels, 2);
    put_big(to, 2, 4);
    put_big(to, 2, 4);
    put_big(to, bits, 2);
    put_big(to, 3, 2);
    put_big(to, 0, 4);
    put_big(to, 3, 4);
    put_text(to, "abc");
    put_big(to, 0, 4);
    put_big(to, compression, 2);
}

static void reads_psd(void **state) {
    (void)state;
    const uint8_t rgb[12] = {1, 5, 9, 2, 6, 9, 3, 7, 9, 4, 8, 9};
    picture psd;
    psd_begin(&psd, 4, 8, 0);
    put(&psd, "\1\2\3\4\5\6\7\x08\x09\x09\x09\x09\x80\x80\x80\x80", 16); /* half transparent, not to be seen */
    check_picture("PSD with alpha", &psd, rgb, 2);
    psd_begin(&psd, 3, 16, 0);
    put(&psd, "\1\xFF\2\0\3\0\4\0\5\0\6\0\7\0\x08\0\x09\0\x09\0\x09\0\x09\0", 24);
    check_picture("PSD of 16 bits", &psd, rgb, 2);
    psd_begin(&psd, 3, 8, 1);
    put(&psd, "\0\3\0\3\0\3\0\3\0\2\0\2", 12);
    put(&psd, "\1\1\2\1\3\4\1\5\6\1\7\x08\xFF\x09\xFF\x09", 16);
    check_picture("PSD, packed", &psd, rgb, 2);
}

static void reads_gif(void **state) {
    (void)state;
    static const uint8_t palette[12] = {9, 9, 9, 250, 0, 1, 0, 250, 2, 3, 4, 250};
    for (uint32_t transparent = 0; transparent < 2; transparent++) {
        picture gif = {0};
        put_text(&gif, "GIF89a");
        put_little(&gif, 3, 2);
        put_little(&gif, 3, 2);
        put(&gif, "\x81\x02\0", 3); /* four colours; the background's is the third */
        put(&gif, palette, 12);
        put(&gif, "\x21\xF9\4", 3);
        put8(&gif, transparent);
        put(&gif, "\0\0\1\0", 4); /* colour 1 is transparent, or would be */
        put(&gif, "\x2C\1\0\1\0\2\0\2\0\0", 10);
        put_gif_data(&gif, (const uint8_t[]){1, 2, 3, 0}, 4);
        put_text(&gif, ";");
        /* Around the frame: the transparent colour, else the first. */
        uint8_t rgb[27];
        for (int i = 0; i < 9; i++) memcpy(rgb + 3 * i, palette + (transparent ? 3 : 0), 3);
        memcpy(rgb + 12, palette + 3, 6);
        memcpy(rgb + 21, palette + 9, 3);
        memcpy(rgb + 24, palette, 3);
        check_picture(transparent ? "GIF, transparent" : "GIF", &gif, rgb, 3);
    }
}

/* ---- JPEG and orientation ---- */

static void append(void *context, void *data, int size) { put(context, data, (size_t)size); }

/* A JPEG that is red on the left and dark below. quality > 90 keeps colour at full resolution. */
static void make_jpeg(picture *to, uint32_t width, uint32_t height, int quality) {
    uint8_t *pixels = malloc((size_t)width * height * 3);
    assert_non_null(pixels);
    for (uint32_t i = 0; i < width * height; i++) {
        const uint8_t light = i / width < height / 2 ? 200 : 40;
        pixels[3 * i] = light;
        pixels[3 * i + 1] = pixels[3 * i + 2] = i % width < width / 2 ? 10 : light;
    }
    *to = (picture){0};
    assert_true(stbi_write_jpg_to_func(append, to, (int)width, (int)height, 3, pixels, quality));
    free(pixels);
}

/* The same with a segment after its start. */
static void insert_segment(picture *jpeg, uint32_t marker, const char *name, size_t name_length, const picture *data) {
    picture with = {0};
    put(&with, jpeg->bytes, 2);
    put_big(&with, marker, 2);
    put_big(&with, (uint32_t)(2 + name_length + data->length), 2);
    put(&with, name, name_length);
    put(&with, data->bytes, data->length);
    put(&with, jpeg->bytes + 2, jpeg->length - 2);
    picture_free(jpeg);
    *jpeg = with;
}

static uint32_t orientation_of(const picture *of) {
    clip_image_info info = {0};
    assert_int_equal(clip_image_probe(of->bytes, of->length, &info), CLIP_OK);
    return info.orientation;
}

static void reads_jpeg(void **state) {
    (void)state;
    static const uint8_t corner[4][3] = {{200, 10, 10}, {200, 200, 200}, {40, 10, 10}, {40, 40, 40}};
    for (int quality = 80; quality <= 100; quality += 10) {
        picture jpeg;
        make_jpeg(&jpeg, 67, 67, quality);
        uint8_t rgb[16 * 16 * 3];
        assert_int_equal(clip_image_crop_encoded(jpeg.bytes, jpeg.length, 16, rgb, NULL), CLIP_OK);
        for (int k = 0; k < 4; k++)
            for (int c = 0; c < 3; c++)
                assert_in_range(rgb[((k / 2 ? 13 : 2) * 16 + (k % 2 ? 13 : 2)) * 3 + c] + 20, corner[k][c] + 14, corner[k][c] + 26);
        picture_free(&jpeg);
    }
}

static void turns_jpeg_upright(void **state) {
    (void)state;
    picture plain, turned, exif = {0};
    make_jpeg(&plain, 40, 24, 90);
    /* Orientations 1..8 of a picture that has no symmetry: a crop of the turned one is the turned crop of the plain
     * one, as long as nothing is resized: height 24, crop 24. */
    uint8_t rgb[24 * 24 * 3], expected[24 * 24 * 3];
    assert_int_equal(clip_image_crop_encoded(plain.bytes, plain.length, 24, expected, NULL), CLIP_OK);
    for (uint32_t orientation = 1; orientation <= 8; orientation++) {
        exif.length = 0;
        put_exif(&exif, orientation, orientation % 2);
        make_jpeg(&turned, 40, 24, 90);
        insert_segment(&turned, 0xFFE1, "Exif\0", 6, &exif);
        clip_image_info info;
        assert_int_equal(clip_image_crop_encoded(turned.bytes, turned.length, 24, rgb, &info), CLIP_OK);
        assert_int_equal(info.orientation, orientation);
        assert_int_equal(info.width, 40);
        const stored from = {expected, 24, 24, 3, orientation};
        for (uint32_t i = 0; i < 24 * 24; i++)
            for (uint32_t k = 0; k < 3; k++) assert_int_equal(rgb[3 * i + k], upright(&from, i % 24, i / 24, k));
        picture_free(&turned);
    }
    picture_free(&plain);
    picture_free(&exif);
}

static void finds_orientation(void **state) {
    (void)state;
    static const char xmp_name[] = "http://ns.adobe.com/xap/1.0/";
    picture of, data = {0};
    put_exif(&data, 9, 1);
    make_jpeg(&of, 8, 8, 90);
    insert_segment(&of, 0xFFE1, "Exif\0", 6, &data);
    assert_int_equal(orientation_of(&of), 1);
    picture_free(&of);

    data.length = 0;
    put_text(&data, "<x:xmpmeta tiff:Orientation=\"8\"/>");
    make_jpeg(&of, 8, 8, 90);
    insert_segment(&of, 0xFFE1, xmp_name, sizeof xmp_name, &data);
    assert_int_equal(orientation_of(&of), 8);
    data.length = 0;
    put_exif(&data, 3, 0);
    insert_segment(&of, 0xFFE1, "Exif\0", 6, &data); /* which goes before */
    assert_int_equal(orientation_of(&of), 3);
    picture_free(&of);

    png_begin(&of, 1, 1, 8, 0);
    put_chunk(&of, "eXIf", data.bytes, data.length);
    png_end(&of, (const uint8_t *)"", 1, 1);
    assert_int_equal(orientation_of(&of), 3);
    picture_free(&of);

    picture text = {0};
    put(&text, "Raw profile type exif", 22);
    put_text(&text, "\nexif\n      44\n457869660000");
    for (size_t i = 0; i < data.length; i++) {
        char digits[4];
        snprintf(digits, sizeof digits, i % 30 == 29 ? "%02X\n" : "%02x", data.bytes[i]);
        put_text(&text, digits);
    }
    png_begin(&of, 1, 1, 8, 0);
    png_end(&of, (const uint8_t *)"", 1, 1);
    of.length -= 12; /* before the end */
    put_chunk(&of, "tEXt", text.bytes, text.length);
    put_chunk(&of, "IEND", NULL, 0);
    assert_int_equal(orientation_of(&of), 3);
    picture_free(&of);
    picture_free(&text);

    /* A directory that is cut off anywhere is none. */
    for (size_t length = 0; length < data.length - 4; length++) {
        png_begin(&of, 1, 1, 8, 0);
        put_chunk(&of, "eXIf", data.bytes, length);
        assert_int_equal(orientation_of(&of), 1);
        picture_free(&of);
    }
    picture_free(&data);
}

/* ---- damage ---- */

static clip_status crop_copy(const uint8_t *bytes, size_t length, uint8_t *rgb) {
    uint8_t *copy = malloc(length ? length : 1); /* of the very size */
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    const clip_status status = clip_image_crop_encoded(copy, length, 8, rgb, NULL);
    free(copy);
    return status;
}

static void refuses_what_ends_early(void **state) {
    (void)state;
    uint8_t *pixels = random_pixels(20 * 20 * 3), rgb[192];
    picture samples[4] = {{0}};
    png_begin(&samples[0], 20, 20, 8, 2);
    png_end(&samples[0], pixels, 20, 60);
    make_jpeg(&samples[1], 20, 20, 90);
    bmp_begin(&samples[2], 20, 0, 24, 0, NULL, 0);
    put(&samples[2], pixels, 1200);
    put_text(&samples[3], "P6 20 20 255 ");
    put(&samples[3], pixels, 1200);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(crop_copy(samples[i].bytes, samples[i].length, rgb), CLIP_OK);
        const size_t needed = samples[i].length - (i == 0 ? 16 : 0); /* not PNG's last checksum and its end */
        assert_int_equal(crop_copy(samples[i].bytes, needed, rgb), CLIP_OK);
        for (size_t length = 0; length < needed; length++)
            if (crop_copy(samples[i].bytes, length, rgb) == CLIP_OK) fail_msg("sample %d, cut to %zu bytes, was taken", i, length);
        picture_free(&samples[i]);
    }
    free(pixels);
}

/* A byte changed in a PNG is found out, or does not matter; elsewhere it may be a picture all the same, or a typed error. */
static void survives_changed_bytes(void **state) {
    (void)state;
    uint8_t *pixels = random_pixels(20 * 20 * 3), rgb[192], whole[192];
    picture png, jpeg;
    png_begin(&png, 20, 20, 8, 2);
    png_end(&png, pixels, 20, 60);
    assert_int_equal(crop_copy(png.bytes, png.length, whole), CLIP_OK);
    for (size_t at = 0; at < png.length - 12; at++) {
        png.bytes[at] ^= 1u << at % 5; /* leaves the bit that makes a chunk ancillary */
        if (crop_copy(png.bytes, png.length, rgb) == CLIP_OK) assert_memory_equal(rgb, whole, sizeof rgb);
        png.bytes[at] ^= 1u << at % 5;
    }
    make_jpeg(&jpeg, 20, 20, 90);
    for (size_t at = 0; at < jpeg.length; at++)
        for (int bit = 0; bit < 8; bit++) {
            jpeg.bytes[at] ^= 1u << bit;
            const clip_status status = crop_copy(jpeg.bytes, jpeg.length, rgb);
            if (status != CLIP_OK && status != CLIP_ERROR_IMAGE && status != CLIP_ERROR_IMAGE_FORMAT &&
                status != CLIP_ERROR_IMAGE_SIZE)
                fail_msg("byte %zu, bit %d: status %d", at, bit, status);
            jpeg.bytes[at] ^= 1u << bit;
        }
    picture_free(&png);
    picture_free(&jpeg);
    free(pixels);
}

/* What is in a file's data beyond its picture is not looked at, as in Pillow, and takes no memory. */
static void too_much_data(void **state) {
    (void)state;
    uint8_t rgb[192], whole[192];
    uint8_t *pixels = random_pixels(20 * 20 * 3), *more = calloc(1, 40 << 20);
    assert_non_null(more);
    memcpy(more, pixels, 20 * 60);
    picture of;
    png_begin(&of, 20, 20, 8, 2);
    png_end(&of, pixels, 20, 60);
    assert_int_equal(crop_copy(of.bytes, of.length, whole), CLIP_OK);
    picture_free(&of);
    png_begin(&of, 20, 20, 8, 2);
    png_end(&of, more, 600000, 60);
    assert_int_equal(crop_copy(of.bytes, of.length, rgb), CLIP_OK);
    assert_memory_equal(rgb, whole, sizeof rgb);
    picture_free(&of);
    free(more);
    free(pixels);
}

/* Memory and work that decoding may take grow with the file: see limits.h. */
static void asks_for_no_more_than_the_file_is_worth(void **state) {
    (void)state;
    uint8_t rgb[192];
    clip_image_info info;
    picture of;
    png_begin(&of, 16384, 16384, 8, 6);
    put_chunk(&of, "IDAT", rgb, 64);
    put_chunk(&of, "IEND", NULL, 0);
    assert_int_equal(clip_image_crop_encoded(of.bytes, of.length, 8, rgb, NULL), CLIP_ERROR_IMAGE_SIZE);
    assert_int_equal(clip_image_probe(of.bytes, of.length, &info), CLIP_ERROR_IMAGE_SIZE);
    assert_int_equal(info.width, 16384);
    assert_true(info.memory > 1u << 30 && info.memory < (1u << 30) + (1u << 20));
    /* the same picture in a file of 14 MB, as much as a photo might have */
    uint8_t *rest = calloc(1, 14 << 20);
    assert_non_null(rest);
    put(&of, rest, 14 << 20);
    assert_int_equal(clip_image_probe(of.bytes, of.length, &info), CLIP_OK);
    free(rest);
    picture_free(&of);

    make_jpeg(&of, 8, 8, 90);
    uint8_t *scan = of.bytes;
    for (; scan[0] != 0xFF || scan[1] != 0xDA; scan++)
        if (scan[0] == 0xFF && scan[1] == 0xC0) {
            scan[1] = 0xC2;
            memcpy(scan + 5, "\x0F\xA0\x0F\xA0", 4); /* 4000 by 4000 */
        }
    assert_int_equal(clip_image_probe(of.bytes, of.length, &info), CLIP_OK);
    assert_true(info.memory >= 4000u * 4000 * 3);
    picture_free(&of);
}

/* Headers that promise what is not there: an answer at once, before memory is taken for it. */
static void refuses_false_promises(void **state) {
    (void)state;
    uint8_t rgb[192];
    picture of;
    png_begin(&of, 65535, 65535, 8, 6);
    put_chunk(&of, "IDAT", rgb, 64);
    put_chunk(&of, "IEND", NULL, 0);
    assert_int_equal(clip_image_crop_encoded(of.bytes, of.length, 8, rgb, NULL), CLIP_ERROR_IMAGE_SIZE);
    picture_free(&of);
    png_begin(&of, 7000, 7000, 8, 6);
    put_chunk(&of, "IDAT", "", 0);
    put_chunk(&of, "IEND", NULL, 0);
    assert_int_equal(clip_image_crop_encoded(of.bytes, of.length, 8, rgb, NULL), CLIP_ERROR_IMAGE);
    picture_free(&of);
    png_begin(&of, 0, 5, 8, 6);
    assert_int_equal(clip_image_crop_encoded(of.bytes, of.length, 8, rgb, NULL), CLIP_ERROR_IMAGE_SIZE);
    picture_free(&of);

    make_jpeg(&of, 8, 8, 90);
    for (size_t at = 0; at + 9 < of.length; at++)
        if (of.bytes[at] == 0xFF && of.bytes[at + 1] == 0xC0) memset(of.bytes + at + 5, 0xFF, 4);
    assert_int_equal(clip_image_crop_encoded(of.bytes, of.length, 8, rgb, NULL), CLIP_ERROR_IMAGE_SIZE);
    for (size_t at = 0; at + 9 < of.length; at++)
        if (of.bytes[at] == 0xFF && of.bytes[at + 1] == 0xC0) of.bytes[at + 5] = of.bytes[at + 7] = 0x1F;
    assert_int_equal(clip_image_crop_encoded(of.bytes, of.length, 8, rgb, NULL), CLIP_ERROR_IMAGE);
    picture_free(&of);

    /* Scans without end: each would walk over the whole picture. (Of means only, in a file that is made progressive.) */
    make_jpeg(&of, 8, 8, 90);
    picture many = {0};
    uint8_t *scan = of.bytes;
    for (; scan[0] != 0xFF || scan[1] != 0xDA; scan++)
        if (scan[0] == 0xFF && scan[1] == 0xC0) scan[1] = 0xC2;
    scan[12] = 0;
    const size_t scan_length = (size_t)(of.bytes + of.length - 2 - scan);
    for (uint32_t scans = 100; scans <= 101; scans++) {
        many.length = 0;
        put(&many, of.bytes, (size_t)(scan - of.bytes));
        for (uint32_t i = 0; i < scans; i++) put(&many, scan, scan_length);
        put_big(&many, 0xFFD9, 2);
        assert_int_equal(clip_image_crop_encoded(many.bytes, many.length, 8, rgb, NULL), scans == 100 ? CLIP_OK : CLIP_ERROR_IMAGE);
    }
    picture_free(&many);
    picture_free(&of);

    put_text(&of, "P6 16000 16000 255 abc");
    assert_int_equal(clip_image_crop_encoded(of.bytes, of.length, 8, rgb, NULL), CLIP_ERROR_IMAGE);
    picture_free(&of);
    put_text(&of, "GIF89a\xFF\xFF\xFF\xFF\x80\x01\x01 and more");
    assert_int_equal(clip_image_crop_encoded(of.bytes, of.length, 8, rgb, NULL), CLIP_ERROR_IMAGE);
    picture_free(&of);
    put(&of, "GIF89a\1\0\1\0\0\0\0,\0\0\0\0\xFF\x2F\xFF\x2F\0\2\2\0\0\0;", 29); /* 12287 by 12287 from two bytes */
    assert_int_equal(clip_image_crop_encoded(of.bytes, of.length, 8, rgb, NULL), CLIP_ERROR_IMAGE);
    memset(of.bytes + 18, 0xFF, 4);
    assert_int_equal(clip_image_crop_encoded(of.bytes, of.length, 8, rgb, NULL), CLIP_ERROR_IMAGE_SIZE);
    picture_free(&of);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crops_as_pillow_does),
        cmocka_unit_test(crops_extreme_shapes),
        cmocka_unit_test(crops_twelve_megapixels),
        cmocka_unit_test(refuses_bad_arguments),
        cmocka_unit_test(reads_png),
        cmocka_unit_test(reads_bmp),
        cmocka_unit_test(reads_pnm),
        cmocka_unit_test(reads_psd),
        cmocka_unit_test(reads_gif),
        cmocka_unit_test(reads_jpeg),
        cmocka_unit_test(turns_jpeg_upright),
        cmocka_unit_test(finds_orientation),
        cmocka_unit_test(refuses_what_ends_early),
        cmocka_unit_test(survives_changed_bytes),
        cmocka_unit_test(refuses_false_promises),
        cmocka_unit_test(too_much_data),
        cmocka_unit_test(asks_for_no_more_than_the_file_is_worth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
