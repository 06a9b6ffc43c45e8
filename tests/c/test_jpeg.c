/* JPEG's arithmetic against libjpeg's, written down a second time as its jidctint.c, jdsample.c and jdcolor.c have it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/image/jpeg.h"

static uint32_t random_state = 9;
static uint32_t random_number(void) {
    random_state = random_state * 1664525 + 1013904223;
    return random_state >> 8;
}

/* ---- IDCT ---- */

#define FIX(x)        ((long)((x)*8192 + 0.5))
#define DESCALE(x, n) (((x) + (1L << ((n)-1))) >> (n))

static void plain_idct_1d(long x[8], size_t step, int shift) {
    const long z2 = x[2 * step], z3 = x[6 * step], z1 = (z2 + z3) * FIX(0.541196100);
    const long t2 = z1 - z3 * FIX(1.847759065), t3 = z1 + z2 * FIX(0.765366865);
    const long t0 = (x[0] + x[4 * step]) * 8192, t1 = (x[0] - x[4 * step]) * 8192;
    const long even[4] = {t0 + t3, t1 + t2, t1 - t2, t0 - t3};
    long a = x[7 * step], b = x[5 * step], c = x[3 * step], d = x[step];
    const long z5 = (a + c + b + d) * FIX(1.175875602);
    const long y1 = -(a + d) * FIX(0.899976223), y2 = -(b + c) * FIX(2.562915447);
    const long y3 = z5 - (a + c) * FIX(1.961570560), y4 = z5 - (b + d) * FIX(0.390180644);
    a = a * FIX(0.298631336) + y1 + y3;
    b = b * FIX(2.053119869) + y2 + y4;
    c = c * FIX(3.072711026) + y2 + y3;
    d = d * FIX(1.501321110) + y1 + y4;
    const long odd[4] = {d, c, b, a};
    for (size_t k = 0; k < 4; k++) {
        x[k * step] = DESCALE(even[k] + odd[k], shift);
        x[(7 - k) * step] = DESCALE(even[k] - odd[k], shift);
    }
}

static void transforms_as_libjpeg(void **state) {
    (void)state;
    for (int round = 0; round < 20000; round++) {
        short coefficients[64] = {0};
        long plain[64];
        const uint32_t some = 1 + random_number() % 64, range = 1u << (2 + random_number() % 9);
        for (uint32_t k = 0; k < some; k++) coefficients[random_number() % 64] = (short)(random_number() % range - range / 2);
        for (int k = 0; k < 64; k++) plain[k] = coefficients[k];
        for (int k = 0; k < 8; k++) plain_idct_1d(plain + k, 8, 11);
        for (int k = 0; k < 8; k++) plain_idct_1d(plain + 8 * k, 1, 18);
        uint8_t samples[8 * 11];
        memset(samples, 77, sizeof samples);
        clip_jpeg_idct(samples, 11, coefficients);
        for (int k = 0; k < 88; k++) {
            const long value = k % 11 < 8 ? plain[k / 11 * 8 + k % 11] + 128 : 77;
            assert_int_equal(samples[k], value < 0 ? 0 : value > 255 ? 255 : value);
        }
    }
}

/* ---- upsampling: the first and last columns apart, as in jdsample.c ---- */

static void plain_upsample(const uint8_t *near, const uint8_t *far, int width, uint8_t *out) {
    int sum[64];
    for (int i = 0; i < width; i++) sum[i] = far ? near[i] * 3 + far[i] : near[i];
    if (far) {
        out[0] = (uint8_t)((sum[0] * 4 + 8) >> 4);
        out[1] = (uint8_t)((sum[0] * 3 + sum[1] + 7) >> 4);
        for (int i = 1; i < width - 1; i++) {
            out[2 * i] = (uint8_t)((sum[i] * 3 + sum[i - 1] + 8) >> 4);
            out[2 * i + 1] = (uint8_t)((sum[i] * 3 + sum[i + 1] + 7) >> 4);
        }
        out[2 * width - 2] = (uint8_t)((sum[width - 1] * 3 + sum[width - 2] + 8) >> 4);
        out[2 * width - 1] = (uint8_t)((sum[width - 1] * 4 + 7) >> 4);
    } else {
        out[0] = near[0];
        out[1] = (uint8_t)((near[0] * 3 + near[1] + 2) >> 2);
        for (int i = 1; i < width - 1; i++) {
            out[2 * i] = (uint8_t)((near[i] * 3 + near[i - 1] + 1) >> 2);
            out[2 * i + 1] = (uint8_t)((near[i] * 3 + near[i + 1] + 2) >> 2);
        }
        out[2 * width - 2] = (uint8_t)((near[width - 1] * 3 + near[width - 2] + 1) >> 2);
        out[2 * width - 1] = near[width - 1];
    }
}

static void upsamples_as_libjpeg(void **state) {
    (void)state;
    for (int width = 3; width < 40; width++)
        for (int from = 0; from < width; from += 1 + width / 9)
            for (int to = width; to > from; to -= 1 + width / 9)
                for (int both = 0; both < 2; both++) {
                    uint8_t near[40], far[40], expected[80], *out = malloc(2 * (size_t)width);
                    uint16_t *sums = malloc(((size_t)width + 2) * sizeof *sums);
                    assert_true(out && sums);
                    for (int i = 0; i < width; i++) near[i] = (uint8_t)random_number(), far[i] = (uint8_t)random_number();
                    plain_upsample(near, both ? far : NULL, width, expected);
                    clip_jpeg_upsample(near, both ? far : NULL, (size_t)width, (size_t)from, (size_t)to, sums, out);
                    assert_memory_equal(out + 2 * from, expected + 2 * from, 2 * (size_t)(to - from));
                    free(out);
                    free(sums);
                }
    uint8_t out[4];
    clip_jpeg_upsample_down((const uint8_t *)"\1\1\2\xFF", (const uint8_t *)"\2\3\1\xFF", 0, 4, out);
    assert_memory_equal(out, "\1\1\2\xFF", 4); /* (3 + 2 + 1) / 4, (3 + 3 + 1) / 4, (6 + 1 + 1) / 4 */
    clip_jpeg_upsample_down((const uint8_t *)"\1\1\2\xFF", (const uint8_t *)"\2\3\1\xFF", 1, 4, out);
    assert_memory_equal(out, "\1\2\2\xFF", 4); /* (3 + 2 + 2) / 4, (3 + 3 + 2) / 4, (6 + 1 + 2) / 4 */
}

/* ---- colour ---- */

static int clamped(long value) { return value < 0 ? 0 : value > 255 ? 255 : (int)value; }

static void colours_as_libjpeg(void **state) {
    (void)state;
    uint8_t luma[255], blue[255], red[255], *rgbx = malloc(255 * 4);
    assert_non_null(rgbx);
    for (int cb = 0; cb < 256; cb++)
        for (int cr = 0; cr < 256; cr++) {
            for (int i = 0; i < 255; i++) luma[i] = (uint8_t)(i + cr % 2), blue[i] = (uint8_t)cb, red[i] = (uint8_t)cr;
            clip_jpeg_to_rgbx(luma, blue, red, 255, rgbx);
            const long r = (91881L * (cr - 128) + 32768) >> 16, b = (116130L * (cb - 128) + 32768) >> 16;
            const long g = (-22554L * (cb - 128) - 46802L * (cr - 128) + 32768) >> 16;
            for (int i = 0; i < 255; i++)
                if (rgbx[4 * i] != clamped(luma[i] + r) || rgbx[4 * i + 1] != clamped(luma[i] + g) ||
                    rgbx[4 * i + 2] != clamped(luma[i] + b))
                    fail_msg("Y %d Cb %d Cr %d", luma[i], cb, cr);
        }
    free(rgbx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transforms_as_libjpeg),
        cmocka_unit_test(upsamples_as_libjpeg),
        cmocka_unit_test(colours_as_libjpeg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
