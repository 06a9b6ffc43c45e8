/* Every allocation fails once, the n-th for all n, while a picture is read, texts are encoded, and towers are made, loaded, converted and
 * run: an error that says so, nothing leaked (the sanitizers tell), and the next try works. The linker gives malloc and its
 * kin other names (--wrap, in build/native.mk). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/clip.h"
#include "../fuzz/model.h"
#include "files.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);

/* Allocations left until one fails; 0: none does. */
static size_t left, seen;
static int fails(void) {
    seen++;
    return left && --left == 0;
}
void *__wrap_malloc(size_t bytes) { return fails() ? NULL : __real_malloc(bytes); }
void *__wrap_calloc(size_t count, size_t bytes) { return fails() ? NULL : __real_calloc(count, bytes); }
void *__wrap_realloc(void *old, size_t bytes) { return fails() ? NULL : __real_realloc(old, bytes); }
void *__wrap_aligned_alloc(size_t alignment, size_t bytes) { return fails() ? NULL : __real_aligned_alloc(alignment, bytes); }

/* What is tried; `input` is a file of tests/fuzz/seeds. */
typedef clip_status (*attempt)(const unsigned char *input, size_t length, uint32_t *answer);

static uint32_t sum_of(const void *bytes, size_t length) {
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < length; i++) sum = (sum ^ ((const uint8_t *)bytes)[i]) * 16777619u;
    return sum;
}

static clip_status push_all(clip_tower *tower, const unsigned char *file, size_t length) {
    clip_status status = clip_tower_open(tower, length);
    uint64_t offset, wanted;
    while (status == CLIP_OK && clip_tower_want(tower, &offset, &wanted)) /* in pieces that leave rows to be held back */
        status = clip_tower_push(tower, file + offset, wanted < 777 ? (size_t)wanted : 777);
    return status == CLIP_OK ? clip_tower_finish(tower) : status;
}

static clip_status run_tower(const unsigned char *input, size_t length, uint32_t *answer) {
    clip_engine *engine = clip_engine_create(1);
    if (!engine) return CLIP_ERROR_MEMORY;
    const char *config = input[0] & 2 ? FUZZ_RESNET : FUZZ_VIT;
    const clip_tower_kind kind = input[0] & 1 ? CLIP_TEXT : CLIP_VISION;
    clip_tower *tower;
    float embedding[8];
    clip_status status = clip_tower_create(&tower, engine, kind, config, strlen(config), (clip_precision)(input[0] / 4 % 3));
    if (status != CLIP_OK) assert_null(tower);
    if (status == CLIP_OK) status = push_all(tower, input + FUZZ_CONTROL, length - FUZZ_CONTROL);
    if (status == CLIP_OK) {
        static const uint8_t rgb[32 * 32 * 3] = {9, 200, 30};
        static const uint32_t ids[] = {18, 1, 2, 19}, four = 4;
        status =
            kind == CLIP_VISION ? clip_vision_encode(tower, rgb, 1, embedding) : clip_text_encode(tower, ids, &four, 1, embedding);
    }
    if (status == CLIP_OK) *answer = sum_of(embedding, sizeof embedding);
    if (tower) clip_tower_destroy(tower);
    clip_engine_destroy(engine);
    return status;
}

static clip_status run_converter(const unsigned char *input, size_t length, uint32_t *answer) {
    clip_converter *converter;
    clip_status status = clip_converter_create(&converter, input[0] & 1 ? CLIP_TEXT : CLIP_VISION,
                                               (clip_precision)(input[0] / 4 % 3), input[0] & 2 ? "a b\n" : NULL, 4);
    if (status != CLIP_OK) return status;
    const unsigned char *file = input + FUZZ_CONTROL;
    status = clip_converter_open(converter, length - FUZZ_CONTROL);
    uint64_t offset, wanted;
    *answer = 0;
    while (status == CLIP_OK && clip_converter_want(converter, &offset, &wanted)) {
        size_t made;
        status = clip_converter_push(converter, file + offset, wanted < 777 ? (size_t)wanted : 777);
        const uint8_t *bytes = clip_converter_output(converter, &made);
        if (status == CLIP_OK && made) *answer = *answer * 31 + sum_of(bytes, made);
    }
    clip_converter_destroy(converter);
    return status;
}

static clip_status run_image(const unsigned char *input, size_t length, uint32_t *answer) {
    uint8_t rgb[16 * 16 * 3];
    const clip_status status = clip_image_crop_encoded(input, length, 16, rgb, NULL);
    if (status == CLIP_OK) *answer = sum_of(rgb, sizeof rgb);
    return status;
}

static clip_status run_merges(const unsigned char *input, size_t length, uint32_t *answer) {
    clip_tokenizer *tokenizer;
    uint32_t ids[64];
    size_t count;
    clip_status status = clip_tokenizer_create(&tokenizer, (const char *)input + 1, length - 1, 0);
    if (status != CLIP_OK) return status;
    static const char TEXT[] = "abc t\xc3\xa9 A\xcc\x8a <|startoftext|> x<|endoftext|>y";
    status = clip_tokenizer_encode(tokenizer, TEXT, sizeof TEXT - 1, ids, 64, &count);
    if (status == CLIP_OK) *answer = sum_of(ids, count * sizeof *ids);
    clip_tokenizer_destroy(tokenizer);
    return status;
}

static void each(const char *path, attempt try) {
    size_t length;
    unsigned char *input = read_file(path, &length);
    assert_non_null(input);
    uint32_t expected = 0, answer;
    left = seen = 0;
    const clip_status healthy = try(input, length, &expected);
    if (healthy != CLIP_OK) fail_msg("%s: %s without any failure", path, clip_status_text(healthy));
    const size_t count = seen;
    size_t told = 0;
    for (size_t n = 1; n <= count; n++) {
        left = n;
        const clip_status status = try(input, length, &answer);
        left = 0;
        /* A failure that makes no difference (a copy that was only for speed) must make none to the answer. stb_image says no more
         * than that it failed: whether a picture is damaged is asked of memory afterwards, when this test has some again. */
        const int typed = status == CLIP_ERROR_MEMORY || (try == run_image && status == CLIP_ERROR_IMAGE);
        if (status == CLIP_OK ? answer != expected : !typed)
            fail_msg("%s: allocation %zu of %zu: %s", path, n, count, clip_status_text(status));
        told += status == CLIP_ERROR_MEMORY;
        assert_int_equal(try(input, length, &answer), CLIP_OK);
        assert_int_equal(answer, expected);
    }
    assert_true(told > 0);
    free(input);
}

#define SEEDS "tests/fuzz/seeds/"

static void towers(void **state) {
    (void)state;
    static const char *const files[] = {"vision-f32", "vision-q8", "vision-q4",   "text-f32",
                                        "text-q8",    "text-int4", "text-openai", "resnet-f32"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[100];
        snprintf(path, sizeof path, SEEDS "tower/%s", files[i]);
        each(path, run_tower);
    }
}

static void conversion(void **state) {
    (void)state;
    static const char *const files[] = {"vision-f32", "vision-q8", "vision-q4", "text-f32", "text-q8", "wide-q4"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[100];
        snprintf(path, sizeof path, SEEDS "converter/%s", files[i]);
        each(path, run_converter);
    }
}

static void pictures(void **state) {
    (void)state;
    static const char *const files[] = {"baseline-420.jpg", "progressive.jpg", "cmyk.jpg",       "grey.jpg",
                                        "rgba.png",         "palette.png",     "interlaced.png", "grey-16.png",
                                        "empty-first.png",  "palette.gif",     "interlaced.gif", "24.bmp",
                                        "rle8.bmp",         "raw.psd",         "packed.psd",     "colour.ppm"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[100];
        snprintf(path, sizeof path, SEEDS "image/%s", files[i]);
        each(path, run_image);
    }
}

static void tokenizers(void **state) {
    (void)state;
    each(SEEDS "merges/plain", run_merges);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(towers),
        cmocka_unit_test(conversion),
        cmocka_unit_test(pictures),
        cmocka_unit_test(tokenizers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
