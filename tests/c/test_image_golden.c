/* Real pictures of many formats against Pillow's crops of them (shared data/images). They must agree to the bit, JPEG
 * too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/image/image.h"
#include "files.h"

#define SIDE     224
#define CROP     (SIDE * SIDE * 3)
#define PICTURES 48

typedef struct {
    char name[80], format[16]; /* format is empty for those that Pillow refuses */
} entry;

static entry entries[PICTURES + 1];
static int entries_count;

/* images.json, of which only two keys matter, one a line. */
static int read_list(void **state) {
    (void)state;
    size_t length;
    char *text = (char *)read_shared("data/images.json", &length);
    if (!text) return 0;
    for (char *at = strstr(text, "\"file\": \""); at && entries_count <= PICTURES; entries_count++) {
        entry *e = &entries[entries_count];
        char *next = strstr(at + 1, "\"file\": \""), *format = strstr(at, "\"format\": \"");
        sscanf(at, "\"file\": \"%79[^\"]", e->name);
        if (format && (!next || format < next)) sscanf(format, "\"format\": \"%15[^\"]", e->format);
        at = next;
    }
    free(text);
    return 0;
}

static uint8_t *read_picture(const char *name, const char *suffix, size_t *length) {
    char path[200];
    snprintf(path, sizeof path, "data/images/%s%s", name, suffix);
    uint8_t *bytes = read_shared(path, length);
    if (!bytes) fail_msg("%s is missing", path);
    return bytes;
}

static int skipped(void) {
    if (entries_count > 0) return 0;
    print_message("skipped: no %s/data/images.json\n", shared_folder());
    return 1;
}

static int unknown_here(const char *format) {
    return strcmp(format, "WEBP") == 0 || strcmp(format, "AVIF") == 0 || strcmp(format, "TIFF") == 0;
}

/* Pillow clips these where they should be scaled. */
static int deep_grey(const char *name) {
    return strcmp(name, "hopper_16bit.pgm") == 0 || strcmp(name, "pngsuite-basn0g16.png") == 0;
}

static void compare(const char *name, const uint8_t *crop, const uint8_t *golden, double mean_limit, int most_limit) {
    long sum = 0;
    int most = 0;
    for (int i = 0; i < CROP; i++) {
        const int difference = abs(crop[i] - golden[i]);
        sum += difference;
        if (difference > most) most = difference;
    }
    const double mean = (double)sum / CROP;
    if (getenv("VERBOSE")) print_message("%-36s largest %3d  mean %.5f\n", name, most, mean);
    if (mean > mean_limit || most > most_limit) fail_msg("%s: largest difference %d, mean %.5f", name, most, mean);
}

static void agrees_with_pillow(void **state) {
    (void)state;
    if (skipped()) return;
    assert_int_equal(entries_count, PICTURES);
    uint8_t *crop = malloc(CROP), *golden = malloc(CROP);
    assert_true(crop && golden);
    for (int i = 0; i < entries_count; i++) {
        const entry *e = &entries[i];
        size_t length;
        uint8_t *bytes = read_picture(e->name, "", &length);
        const clip_status status = clip_image_crop_encoded(bytes, length, SIDE, crop, NULL);
        free(bytes);
        const clip_status expected = !*e->format ? CLIP_ERROR_IMAGE : unknown_here(e->format) ? CLIP_ERROR_IMAGE_FORMAT : CLIP_OK;
        if (status != expected) fail_msg("%s: status %d, not %d", e->name, status, expected);
        if (status || deep_grey(e->name)) continue;
        bytes = read_picture(e->name, ".crop224.png", &length);
        assert_int_equal(clip_image_crop_encoded(bytes, length, SIDE, golden, NULL), CLIP_OK);
        free(bytes);
        compare(e->name, crop, golden, 0, 0);
    }
    free(crop);
    free(golden);
}

/* Pictures after public reports (shared data/field): as Pillow reads them, or refused where Pillow refuses. */
static void reads_what_people_have(void **state) {
    (void)state;
    size_t length;
    char *text = (char *)read_shared("data/field/pictures.json", &length), path[300];
    if (!text) {
        print_message("skipped: no %s/data/field/pictures.json\n", shared_folder());
        return;
    }
    uint8_t *crop = malloc(CROP), *golden = malloc(CROP);
    assert_true(crop && golden);
    int count = 0;
    for (char *at = strstr(text, "\"file\": \""), *next; at; at = next, count++) {
        char name[120];
        sscanf(at, "\"file\": \"%119[^\"]", name);
        next = strstr(at + 1, "\"file\": \"");
        const char *refusal = strstr(at, "\"pillow\": \"");
        const int refused = refusal && (!next || refusal < next);
        snprintf(path, sizeof path, "data/field/pictures/%s", name);
        uint8_t *bytes = read_shared(path, &length);
        if (!bytes) fail_msg("%s is missing", path);
        const clip_status status = clip_image_crop_encoded(bytes, length, SIDE, crop, NULL);
        free(bytes);
        if ((status != CLIP_OK) != refused) fail_msg("%s: status %d", name, status);
        if (status || strcmp(name, "png-colours--grey16.png") == 0) continue; /* Pillow clips it */
        snprintf(path, sizeof path, "data/field/pictures/%s.crop224.png", name);
        bytes = read_shared(path, &length);
        assert_int_equal(clip_image_crop_encoded(bytes, length, SIDE, golden, NULL), CLIP_OK);
        free(bytes);
        compare(name, crop, golden, 0.5, strstr(name, ".jpg") || strstr(name, ".mpo") ? 4 : 1);
    }
    assert_int_equal(count, 107);
    free(text);
    free(crop);
    free(golden);
}

/* 16-bit grey, scaled: the same picture is there as an 8-bit JPEG. */
static void scales_deep_grey(void **state) {
    (void)state;
    if (skipped()) return;
    size_t length;
    uint8_t *crop = malloc(CROP), *golden = malloc(CROP), *bytes = read_picture("hopper_16bit.pgm", "", &length);
    assert_true(crop && golden);
    assert_int_equal(clip_image_crop_encoded(bytes, length, SIDE, crop, NULL), CLIP_OK);
    free(bytes);
    bytes = read_picture("hopper_gray.jpg", ".crop224.png", &length);
    assert_int_equal(clip_image_crop_encoded(bytes, length, SIDE, golden, NULL), CLIP_OK);
    free(bytes);
    compare("hopper_16bit.pgm", crop, golden, 3, 60);
    free(crop);
    free(golden);
}

/* Cut anywhere, a picture is an error or, if only what comes after its pixels was cut, what it was. */
static void refuses_pieces(void **state) {
    (void)state;
    if (skipped()) return;
    uint8_t whole[16 * 16 * 3], part[16 * 16 * 3];
    for (int i = 0; i < entries_count; i++) {
        size_t length;
        uint8_t *bytes = read_picture(entries[i].name, "", &length);
        if (length < 200000 && clip_image_crop_encoded(bytes, length, 16, whole, NULL) == CLIP_OK) {
            const size_t step = length / 40 + 1;
            for (size_t cut = 0; cut<length; cut += cut + 16> length || cut < 64 ? 1 : step) {
                uint8_t *piece = malloc(cut ? cut : 1); /* of the very size, for the sanitizer */
                assert_non_null(piece);
                memcpy(piece, bytes, cut);
                if (clip_image_crop_encoded(piece, cut, 16, part, NULL) == CLIP_OK && memcmp(part, whole, sizeof part) != 0)
                    fail_msg("%s, cut to %zu bytes, became another picture", entries[i].name, cut);
                free(piece);
            }
        }
        free(bytes);
    }
}

static void survives_changed_bytes(void **state) {
    (void)state;
    if (skipped()) return;
    uint8_t crop[16 * 16 * 3];
    uint32_t random = 7;
    for (int i = 0; i < entries_count; i++) {
        size_t length;
        uint8_t *bytes = read_picture(entries[i].name, "", &length);
        for (int round = 0; round < 30 && length < 100000; round++) {
            random = random * 1664525 + 1013904223;
            const size_t at = (random >> 8) % (round % 2 ? length : length < 700 ? length : 700);
            const uint8_t kept = bytes[at];
            bytes[at] ^= (uint8_t)(1u << (random >> 5 & 7));
            const clip_status status = clip_image_crop_encoded(bytes, length, 16, crop, NULL);
            bytes[at] = kept;
            assert_true(status == CLIP_OK || status == CLIP_ERROR_IMAGE || status == CLIP_ERROR_IMAGE_FORMAT ||
                        status == CLIP_ERROR_IMAGE_SIZE);
        }
        free(bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_pillow), cmocka_unit_test(reads_what_people_have), cmocka_unit_test(scales_deep_grey),
        cmocka_unit_test(refuses_pieces),     cmocka_unit_test(survives_changed_bytes),
    };
    return cmocka_run_group_tests(tests, read_list, NULL);
}
