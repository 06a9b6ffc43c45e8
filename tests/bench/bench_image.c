/* How long a photo takes to become a crop: bench_image [PHOTO...]; without one, a JPEG of 12 megapixels is made up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../src/image/image.h"
#include "../c/files.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include "stb_image_write.h"
#pragma GCC diagnostic pop

#define SIZE   224
#define ROUNDS 9

static double milliseconds(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Value noise: smooth random waves of one length. */
static double noise(uint32_t x, uint32_t y, uint32_t period) {
    double corner[4];
    for (uint32_t k = 0; k < 4; k++) {
        uint32_t hash = (x / period + (k & 1)) * 0x9E3779B1u ^ (y / period + (k >> 1)) * 0x85EBCA77u ^ period * 0xC2B2AE3Du;
        hash = (hash ^ hash >> 15) * 0x2C1B3C6Du;
        corner[k] = (double)((hash ^ hash >> 13) & 0xFFFF) / 65535 - 0.5;
    }
    const double u = (double)(x % period) / period, v = (double)(y % period) / period;
    return (corner[0] * (1 - u) + corner[1] * u) * (1 - v) + (corner[2] * (1 - u) + corner[3] * u) * v;
}

/* Detail at all scales and a sensor's grain: at quality 90 it packs like a telephone's photo, 2 to 3 bits a pixel. */
static uint8_t *make_up_pixels(uint32_t width, uint32_t height) {
    uint8_t *pixels = malloc((size_t)width * height * 3);
    if (!pixels) return NULL;
    uint32_t seed = 1;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            double light = 128, warmth = 60 * noise(x + 7, y + 3, 301);
            for (uint32_t period = 5; period < 2000; period *= 3)
                light += 4.2 * (1 + period / 30) / (1 + period / 200.0) * noise(x, y, period);
            seed = seed * 1664525 + 1013904223;
            light += (double)(seed >> 24) / 16 - 8;
            const double colour[3] = {light + warmth, light, light - warmth};
            for (int k = 0; k < 3; k++)
                pixels[((size_t)y * width + x) * 3 + (size_t)k] = (uint8_t)(colour[k] < 0 ? 0 : colour[k] > 255 ? 255 : colour[k]);
        }
    return pixels;
}

typedef struct {
    uint8_t *bytes;
    size_t length, capacity;
} buffer;

static void append(void *context, void *data, int size) {
    buffer *to = context;
    if (to->length + (size_t)size > to->capacity) return;
    memcpy(to->bytes + to->length, data, (size_t)size);
    to->length += (size_t)size;
}

typedef struct {
    const uint8_t *bytes;
    size_t length;
    uint32_t width, height;
    int decoded;
} work;

static clip_status once(const work *work) {
    static uint8_t rgb[SIZE * SIZE * 3];
    if (work->decoded) return clip_image_crop_pixels(work->bytes, work->width, work->height, 3, 1, SIZE, rgb);
    return clip_image_crop_encoded(work->bytes, work->length, SIZE, rgb, NULL);
}

static int measure(const char *name, const work *work) {
    double time[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        const double start = milliseconds();
        const clip_status status = once(work);
        time[round] = milliseconds() - start;
        if (status) {
            printf("%-40s %s\n", name, clip_status_text(status));
            return 1;
        }
    }
    const double first = time[0], pixels = (double)work->width * work->height / 1e6;
    qsort(time, ROUNDS, sizeof *time, by_value);
    printf("%-40s %5.1f MP %6.2f MB   first %7.1f ms   median %7.1f ms   %6.1f MP/s\n", name, pixels, (double)work->length / 1e6,
           first, time[ROUNDS / 2], pixels / time[ROUNDS / 2] * 1e3);
    return 0;
}

int main(int argc, char **argv) {
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        size_t length;
        uint8_t *bytes = read_file(argv[i], &length);
        clip_image_info info = {0};
        if (bytes) clip_image_probe(bytes, length, &info);
        const work photo = {bytes, length, info.width, info.height, 0};
        failed |= bytes ? measure(argv[i], &photo) : 1;
        free(bytes);
    }
    if (argc > 1) return failed;

    const uint32_t width = 4032, height = 3024;
    uint8_t *pixels = make_up_pixels(width, height);
    buffer jpeg = {malloc((size_t)width * height), 0, (size_t)width * height};
    if (!pixels || !jpeg.bytes) return 1;
    stbi_write_jpg_to_func(append, &jpeg, (int)width, (int)height, 3, pixels, 90);
    const char *save = getenv("BENCH_IMAGE_SAVE"); /* to run the same file elsewhere */
    FILE *file = save ? fopen(save, "wb") : NULL;
    if (file) {
        fwrite(jpeg.bytes, 1, jpeg.length, file);
        fclose(file);
    }
    const work encoded = {jpeg.bytes, jpeg.length, width, height, 0},
               plain = {pixels, (size_t)width * height * 3, width, height, 1};
    failed = measure("JPEG to crop", &encoded) | measure("pixels to crop", &plain);
    free(pixels);
    free(jpeg.bytes);
    return failed;
}
