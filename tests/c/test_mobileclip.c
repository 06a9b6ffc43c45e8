/* MobileCLIP's image towers and texts against timm and OpenCLIP (tests/models/mobileclip.py made them), and a text tower whose table of
 * token embeddings comes row by row. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/clip.h"
#include "../../src/weights/json.h"
#include "files.h"

#define EMBEDDING 24
#define CONTEXT   12
#define TEXTS     3
#define MOST      64 /* pixels a side */

static clip_tower *load(clip_engine *engine, clip_tower_kind kind, const char *name, clip_precision precision, int deferred,
                        uint8_t **bytes) {
    char path[256];
    size_t length, config_length;
    clip_tower *tower;
    snprintf(path, sizeof path, "tests/models/%s/open_clip_config.json", name);
    char *config = (char *)read_file(path, &config_length);
    snprintf(path, sizeof path, "tests/models/%s/open_clip_model.safetensors", name);
    uint8_t *file = read_file(path, &length);
    assert_non_null(config);
    assert_non_null(file);
    assert_int_equal(clip_tower_create(&tower, engine, kind, config, config_length, precision), CLIP_OK);
    if (deferred) assert_int_equal(clip_tower_defer_table(tower), CLIP_OK);
    assert_int_equal(clip_tower_open(tower, length), CLIP_OK);
    for (uint64_t offset, size; clip_tower_want(tower, &offset, &size);)
        assert_int_equal(clip_tower_push(tower, file + offset, size < 997 ? (size_t)size : 997), CLIP_OK);
    assert_int_equal(clip_tower_finish(tower), CLIP_OK);
    free(config);
    if (bytes) *bytes = file;
    else free(file);
    return tower;
}

/* Numbers of an array of arrays under `key` of the model's expected.json. */
static void expect(const char *name, const char *key, double *to, size_t count) {
    char path[256];
    size_t length;
    clip_json json;
    snprintf(path, sizeof path, "tests/models/%s/expected.json", name);
    char *text = (char *)read_file(path, &length);
    assert_non_null(text);
    assert_int_equal(clip_json_parse(&json, text, length), CLIP_OK);
    const int rows = clip_json_get(&json, 0, key);
    double *const end = to + count;
    for (int row = clip_json_first(&json, rows); row != CLIP_JSON_NONE; row = clip_json_next(&json, rows, row))
        for (int value = clip_json_first(&json, row); value != CLIP_JSON_NONE && to < end;
             value = clip_json_next(&json, row, value))
            assert_true(clip_json_number(&json, value, to++));
    assert_true(to == end);
    clip_json_free(&json);
    free(text);
}

static void compare(const float *found, const double *expected, size_t count, double floor) {
    for (size_t i = 0; i < count; i++, found += EMBEDDING, expected += EMBEDDING) {
        float wanted[EMBEDDING], cosine;
        for (size_t k = 0; k < EMBEDDING; k++) wanted[k] = (float)expected[k];
        clip_similarity(found, 1, wanted, 1, EMBEDDING, &cosine);
        print_message("%zu: %.7f\n", i, cosine);
        assert_true(cosine >= floor);
    }
}

static void check_images(const char *name, clip_precision precision, double floor) {
    static float pixels[2 * 3 * MOST * MOST];
    double expected[2 * EMBEDDING];
    float found[2 * EMBEDDING];
    clip_tower_info info;
    clip_engine *engine = clip_engine_create(1);
    clip_tower *vision = load(engine, CLIP_VISION, name, precision, 0, NULL);
    clip_tower_describe(vision, &info);
    for (size_t i = 0; i < 2 * 3 * (size_t)info.image_size * info.image_size; i++) pixels[i] = (float)sin((double)i * .7);
    assert_int_equal(clip_vision_encode_pixels(vision, pixels, 2, found), CLIP_OK);
    expect(name, "images", expected, 2 * EMBEDDING);
    compare(found, expected, 2, floor);
    assert_int_equal(clip_tower_defer_table(vision), CLIP_ERROR_ARGUMENT);
    assert_null(clip_tower_table(vision));
    clip_tower_destroy(vision);
    clip_engine_destroy(engine);
}

static void images_are_the_reference(void **state) {
    (void)state;
    check_images("mobileclip", CLIP_F32, .99999);
    check_images("mobileclip", CLIP_Q8, .998);
    check_images("mobileclip-b", CLIP_F32, .99999);
    check_images("mobileclip-b", CLIP_Q8, .998);
}

static void check_texts(clip_precision precision, double floor) {
    double ids[TEXTS * CONTEXT], expected[TEXTS * EMBEDDING];
    uint32_t tokens[TEXTS * CONTEXT], lengths[TEXTS], missing[TEXTS * CONTEXT];
    float found[TEXTS * EMBEDDING], again[TEXTS * EMBEDDING];
    uint8_t *file, row[4 * 64], spoiled[4 * 64];
    expect("mobileclip", "ids", ids, TEXTS * CONTEXT);
    expect("mobileclip", "texts", expected, TEXTS * EMBEDDING);
    for (size_t i = 0; i < TEXTS * CONTEXT; i++) tokens[i] = (uint32_t)ids[i];
    for (size_t t = 0; t < TEXTS; t++) lengths[t] = CONTEXT;
    clip_engine *engine = clip_engine_create(1);
    clip_tower *whole = load(engine, CLIP_TEXT, "mobileclip", precision, 0, NULL);
    assert_int_equal(clip_text_encode(whole, tokens, lengths, TEXTS, found), CLIP_OK);
    compare(found, expected, TEXTS, floor);
    assert_int_equal(clip_token_table_missing(clip_tower_table(whole), tokens, TEXTS * CONTEXT, missing), 0);

    clip_tower *text = load(engine, CLIP_TEXT, "mobileclip", precision, 1, &file);
    clip_token_table *table = clip_tower_table(text);
    const size_t file_row = table->width * 2; /* f16 */
    assert_int_equal(table->place.dtype, CLIP_DTYPE_F16);
    assert_int_equal(clip_text_encode(text, tokens, lengths, TEXTS, again), CLIP_ERROR_MISSING);
    size_t count = clip_token_table_missing(table, tokens, TEXTS * CONTEXT, missing);
    assert_int_equal(count, TEXTS * CONTEXT);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(
            clip_token_table_set(table, CLIP_DTYPE_F16, missing[i], 1, file + table->place.begin + missing[i] * file_row), CLIP_OK);
    assert_int_equal(clip_text_encode(text, tokens, lengths, TEXTS, again), CLIP_OK);
    assert_memory_equal(found, again, sizeof found);
    const uint32_t none = 599, beyond = 600, one = 1;
    assert_int_equal(clip_text_encode(text, &none, &one, 1, again), CLIP_OK); /* each text's end */
    assert_int_equal(clip_text_encode(text, &beyond, &one, 1, again), CLIP_ERROR_ARGUMENT);

    /* as it is kept, and what is wrong */
    const clip_dtype kept = precision == CLIP_F32 ? CLIP_DTYPE_F32 : CLIP_DTYPE_I8;
    assert_true(clip_token_table_row_bytes(table) <= sizeof row);
    assert_int_equal(clip_token_table_get(table, tokens[0], 1, row), CLIP_OK);
    assert_int_equal(clip_token_table_set(table, kept, tokens[0], 1, row), CLIP_OK);
    assert_int_equal(clip_text_encode(text, tokens, lengths, TEXTS, again), CLIP_OK);
    assert_memory_equal(found, again, sizeof found);
    memset(spoiled, 0xff, sizeof spoiled); /* NaN */
    assert_int_equal(clip_token_table_set(table, kept, 5, 1, spoiled), CLIP_ERROR_VALUE);
    assert_int_equal(clip_token_table_get(table, 5, 1, row), CLIP_ERROR_MISSING);
    assert_int_equal(clip_token_table_set(table, kept, 599, 2, row), CLIP_ERROR_ARGUMENT);
    assert_int_equal(clip_token_table_set(table, CLIP_DTYPE_U8, 5, 1, row), CLIP_ERROR_DTYPE);
    assert_int_equal(clip_token_table_get(table, 600, 1, row), CLIP_ERROR_ARGUMENT);
    assert_int_equal(clip_token_table_set(clip_tower_table(whole), kept, 5, 1, row), CLIP_ERROR_ARGUMENT);
    free(file);
    clip_tower_destroy(text);
    clip_tower_destroy(whole);
    clip_engine_destroy(engine);
}

static void texts_are_the_reference_with_all_rows_and_with_some(void **state) {
    (void)state;
    check_texts(CLIP_F32, .99999);
    check_texts(CLIP_Q8, .998);
}

/* Files with some bytes changed, in the header too: refused or taken, and the sanitizers silent. */
static void damaged_files_do_no_harm(void **state) {
    (void)state;
    static const char *const NAMES[] = {"mobileclip", "mobileclip-b"};
    uint32_t seed = 9, taken = 0;
    clip_engine *engine = clip_engine_create(1);
    for (int round = 0; round < 60; round++) {
        char path[256];
        size_t length, config_length;
        snprintf(path, sizeof path, "tests/models/%s/open_clip_config.json", NAMES[round % 2]);
        char *config = (char *)read_file(path, &config_length);
        snprintf(path, sizeof path, "tests/models/%s/open_clip_model.safetensors", NAMES[round % 2]);
        uint8_t *file = read_file(path, &length);
        assert_non_null(config);
        assert_non_null(file);
        for (int i = 0; i < 3; i++) {
            seed = seed * 1664525u + 1013904223u;
            size_t at = round % 3 ? 8 + (seed >> 8) % 20000 : (seed >> 4) % length;
            file[at] = (uint8_t)(file[at] ^ (1u << (seed & 7)));
        }
        clip_tower *tower;
        assert_int_equal(clip_tower_create(&tower, engine, CLIP_VISION, config, config_length, round % 4 ? CLIP_Q8 : CLIP_F32),
                         CLIP_OK);
        clip_status status = clip_tower_open(tower, length);
        for (uint64_t offset, size; status == CLIP_OK && clip_tower_want(tower, &offset, &size);)
            status = offset + size > length ? CLIP_ERROR_FORMAT : clip_tower_push(tower, file + offset, (size_t)size);
        if (status == CLIP_OK) status = clip_tower_finish(tower);
        float pixels[3 * MOST * MOST] = {0}, embedding[EMBEDDING];
        if (status == CLIP_OK) taken++;
        if (status == CLIP_OK) assert_int_equal(clip_vision_encode_pixels(tower, pixels, 1, embedding), CLIP_OK);
        clip_tower_destroy(tower);
        free(config);
        free(file);
    }
    print_message("%u of 60 taken\n", taken);
    assert_true(taken < 60);
    clip_engine_destroy(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(images_are_the_reference),
                                       cmocka_unit_test(texts_are_the_reference_with_all_rows_and_with_some),
                                       cmocka_unit_test(damaged_files_do_no_harm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
