/* Whole models against the reference's own outputs (shared data/models), and models that are wrong. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/clip.h"
#include "../../src/weights/json.h"
#include "../../src/weights/safetensors.h"
#include "files.h"

/* ---- a safetensors file in memory ---- */

typedef struct {
    unsigned char *bytes;
    size_t length;
    clip_safetensors table;
} tensor_file;

static int open_tensors(tensor_file *file, const char *name) {
    file->bytes = read_shared(name, &file->length);
    if (!file->bytes) return 0;
    uint64_t header = 0;
    memcpy(&header, file->bytes, 8);
    assert_int_equal(clip_safetensors_parse(&file->table, (const char *)file->bytes + 8, (size_t)header, file->length), CLIP_OK);
    return 1;
}

static void close_tensors(tensor_file *file) {
    clip_safetensors_free(&file->table);
    free(file->bytes);
}

/* A copy of a tensor's floats; aligned whatever the file's offsets. */
static float *floats_of(const tensor_file *file, const char *name, size_t *rows, size_t *columns) {
    for (size_t i = 0; i < file->table.count; i++) {
        const clip_tensor *t = &file->table.tensors[i];
        if (strcmp(t->name, name)) continue;
        *rows = (size_t)t->shape[0];
        *columns = (size_t)clip_tensor_elements(t, 1);
        float *copy = malloc((size_t)(t->end - t->begin));
        memcpy(copy, file->bytes + t->begin, (size_t)(t->end - t->begin));
        return copy;
    }
    fail_msg("no tensor %s", name);
    return NULL;
}

/* ---- loading ---- */

static clip_status push_all(clip_tower *tower, const unsigned char *bytes, size_t length, size_t piece) {
    clip_status status = clip_tower_open(tower, length);
    uint64_t offset, wanted;
    while (status == CLIP_OK && clip_tower_want(tower, &offset, &wanted))
        status = clip_tower_push(tower, bytes + offset, wanted < piece ? (size_t)wanted : piece);
    return status == CLIP_OK ? clip_tower_finish(tower) : status;
}

typedef struct {
    const char *folder, *config;
} model;

static const model MODELS[] = {{"tiny-vit", "config.json"},
                               {"tiny-vit-gelu-fp16", "config.json"},
                               {"tiny-rn", "open_clip_config.json"},
                               {"clip-nano", "open_clip_config.json"}};
#define MODEL_COUNT (sizeof MODELS / sizeof *MODELS)

static void path_of(char *to, size_t size, const model *m, const char *file) {
    snprintf(to, size, "data/models/%s/%s", m->folder, file);
}

static unsigned char *read_of(const model *m, const char *file, size_t *length) {
    char path[256];
    path_of(path, sizeof path, m, file);
    return read_shared(path, length);
}

static clip_tower *load(clip_engine *engine, const model *m, clip_tower_kind kind, clip_precision precision, size_t piece) {
    size_t config_length, length;
    unsigned char *config = read_of(m, m->config, &config_length), *bytes = read_of(m, "model.safetensors", &length);
    clip_tower *tower;
    assert_int_equal(clip_tower_create(&tower, engine, kind, (const char *)config, config_length, precision), CLIP_OK);
    assert_int_equal(push_all(tower, bytes, length, piece), CLIP_OK);
    free(config);
    free(bytes);
    return tower;
}

/* ---- comparison ---- */

static double largest_error(const float *x, const float *reference, size_t count) {
    double error = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(x[i])) return INFINITY;
        error = fmax(error, fabs((double)x[i] - reference[i]));
        largest = fmax(largest, fabs(reference[i]));
    }
    return error / largest;
}

static double smallest_cosine(const float *x, const float *reference, size_t rows, size_t width) {
    double smallest = 1;
    for (size_t r = 0; r < rows; r++) {
        float cosine;
        clip_similarity(x + r * width, 1, reference + r * width, 1, width, &cosine);
        smallest = fmin(smallest, cosine);
    }
    return smallest;
}

static float *encode_images(clip_tower *vision, const tensor_file *expected, size_t rows, size_t width) {
    size_t images, pixels;
    float *input = floats_of(expected, "pixel_values", &images, &pixels), *out = malloc(rows * width * sizeof *out);
    assert_int_equal(images, rows);
    assert_int_equal(clip_vision_encode_pixels(vision, input, images, out), CLIP_OK);
    free(input);
    return out;
}

static float *encode_texts(clip_tower *text, const model *m, size_t rows, size_t width) {
    size_t length, count = 0, texts = 0;
    unsigned char *bytes = read_of(m, "expected-ids.json", &length);
    clip_json json;
    assert_int_equal(clip_json_parse(&json, (const char *)bytes, length), CLIP_OK);
    int lists = clip_json_get(&json, 0, "input_ids");
    uint32_t *ids = malloc(rows * 1024 * sizeof *ids), *lengths = malloc(rows * sizeof *lengths);
    for (int list = clip_json_first(&json, lists); list != CLIP_JSON_NONE; list = clip_json_next(&json, lists, list)) {
        lengths[texts] = (uint32_t)clip_json_size(&json, list);
        for (int id = clip_json_first(&json, list); id != CLIP_JSON_NONE; id = clip_json_next(&json, list, id)) {
            uint64_t value;
            assert_true(clip_json_whole(&json, id, UINT32_MAX, &value));
            ids[count++] = (uint32_t)value;
        }
        texts++;
    }
    assert_int_equal(texts, rows);
    float *out = malloc(rows * width * sizeof *out), *alone = malloc(width * sizeof *alone);
    assert_int_equal(clip_text_encode(text, ids, lengths, texts, out), CLIP_OK);
    /* A text by itself must come out as in a batch: shared prefixes and batching change nothing but rounding. */
    assert_int_equal(clip_text_encode(text, ids, lengths, 1, alone), CLIP_OK);
    assert_true(smallest_cosine(alone, out, 1, width) > 0.9999);
    free(alone);
    free(ids);
    free(lengths);
    free(bytes);
    clip_json_free(&json);
    return out;
}

/* Both towers of each model; f32 within the floor of issue 2, q8 and q4 by cosine. */
static void verify(clip_precision precision, double error_limit, double cosine_limit) {
    for (size_t i = 0; i < MODEL_COUNT; i++) {
        char path[256];
        tensor_file expected;
        path_of(path, sizeof path, &MODELS[i], "expected.safetensors");
        if (!open_tensors(&expected, path)) {
            print_message("skipped: no shared %s\n", path);
            skip();
        }
        clip_engine *engine = clip_engine_create(1);
        assert_non_null(engine);
        for (int kind = CLIP_VISION; kind <= CLIP_TEXT; kind++) {
            size_t rows, width;
            float *reference = floats_of(&expected, kind == CLIP_VISION ? "image_embeds" : "text_embeds", &rows, &width);
            clip_tower *tower = load(engine, &MODELS[i], (clip_tower_kind)kind, precision, kind == CLIP_VISION ? 99991 : 4 << 20);
            float *out =
                kind == CLIP_VISION ? encode_images(tower, &expected, rows, width) : encode_texts(tower, &MODELS[i], rows, width);
            double error = largest_error(out, reference, rows * width), cosine = smallest_cosine(out, reference, rows, width);
            print_message("%s %s: error %.2g, cosine %.6f\n", MODELS[i].folder, kind == CLIP_VISION ? "image" : "text", error,
                          cosine);
            assert_true(error <= error_limit);
            assert_true(cosine >= cosine_limit);
            free(out);
            free(reference);
            clip_tower_destroy(tower);
        }
        clip_engine_destroy(engine);
        close_tensors(&expected);
    }
}

static void f32_is_the_reference(void **state) {
    (void)state;
    verify(CLIP_F32, 5e-5, 0.999999);
}
static void q8_is_near_the_reference(void **state) {
    (void)state;
    verify(CLIP_Q8, 1, 0.998);
}
static void q4_is_near_the_reference(void **state) {
    (void)state;
    verify(CLIP_Q4, 1, 0.98);
}

/* ---- a converted file gives what quantizing while loading gives ---- */

static void conversion_changes_nothing(void **state) {
    (void)state;
    for (size_t i = 0; i < MODEL_COUNT; i++) {
        size_t length, config_length;
        unsigned char *bytes = read_of(&MODELS[i], "model.safetensors", &length),
                      *config = read_of(&MODELS[i], MODELS[i].config, &config_length);
        if (!bytes) skip();
        clip_engine *engine = clip_engine_create(1);
        for (int precision = CLIP_F32; precision <= CLIP_Q4; precision++) {
            clip_converter *converter;
            assert_int_equal(clip_converter_create(&converter, CLIP_VISION, (clip_precision)precision, NULL, 0), CLIP_OK);
            assert_int_equal(clip_converter_open(converter, length), CLIP_OK);
            unsigned char *out = malloc(length * 2 + 65536);
            size_t out_length = 0, part;
            uint64_t offset, wanted;
            while (clip_converter_want(converter, &offset, &wanted)) {
                assert_int_equal(clip_converter_push(converter, bytes + offset, wanted < 70001 ? (size_t)wanted : 70001), CLIP_OK);
                const uint8_t *made = clip_converter_output(converter, &part);
                if (part) memcpy(out + out_length, made, part);
                out_length += part;
            }
            assert_int_equal(out_length, clip_converter_bytes(converter));
            clip_tower *converted, *direct = load(engine, &MODELS[i], CLIP_VISION, (clip_precision)precision, 1 << 20);
            assert_int_equal(
                clip_tower_create(&converted, engine, CLIP_VISION, (const char *)config, config_length, (clip_precision)precision),
                CLIP_OK);
            assert_int_equal(push_all(converted, out, out_length, 4 << 20), CLIP_OK);
            clip_tower_info info;
            clip_tower_describe(converted, &info);
            size_t pixels = 3 * (size_t)info.image_size * info.image_size;
            uint8_t *rgb = malloc(pixels);
            for (size_t p = 0; p < pixels; p++) rgb[p] = (uint8_t)(p * 2654435761u >> 24);
            float *a = malloc(info.embedding * sizeof *a), *b = malloc(info.embedding * sizeof *b);
            assert_int_equal(clip_vision_encode(converted, rgb, 1, a), CLIP_OK);
            assert_int_equal(clip_vision_encode(direct, rgb, 1, b), CLIP_OK);
            assert_memory_equal(a, b, info.embedding * sizeof *a);
            free(a);
            free(b);
            free(rgb);
            free(out);
            clip_tower_destroy(converted);
            clip_tower_destroy(direct);
            clip_converter_destroy(converter);
        }
        clip_engine_destroy(engine);
        free(bytes);
        free(config);
    }
}

/* ---- models that are wrong ---- */

/* Loads tiny-vit's vision tower after `spoil` has had its way with the bytes. */
static clip_status load_spoiled(void (*spoil)(tensor_file *), char *detail) {
    tensor_file file;
    size_t config_length;
    if (!open_tensors(&file, "data/models/tiny-vit/model.safetensors")) skip();
    unsigned char *config = read_of(&MODELS[0], "config.json", &config_length);
    spoil(&file);
    clip_engine *engine = clip_engine_create(1);
    clip_tower *tower;
    assert_int_equal(clip_tower_create(&tower, engine, CLIP_VISION, (const char *)config, config_length, CLIP_F32), CLIP_OK);
    clip_status status = push_all(tower, file.bytes, file.length, 1 << 16);
    strcpy(detail, clip_tower_detail(tower));
    float embedding[40], pixel[3] = {0};
    if (status != CLIP_OK) assert_int_equal(clip_vision_encode_pixels(tower, pixel, 1, embedding), CLIP_ERROR_ARGUMENT);
    clip_tower_destroy(tower);
    clip_engine_destroy(engine);
    close_tensors(&file);
    free(config);
    return status;
}

static const clip_tensor *tensor_of(const tensor_file *file, const char *name) {
    for (size_t i = 0; i < file->table.count; i++)
        if (strcmp(file->table.tensors[i].name, name) == 0) return &file->table.tensors[i];
    return NULL;
}

#define FC1 "vision_model.encoder.layers.1.mlp.fc1.weight"

static void put_nan(tensor_file *file) {
    const float nan = NAN;
    memcpy(file->bytes + tensor_of(file, FC1)->begin + 4000, &nan, 4);
}
/* Renames within the header, keeping its length: swaps one letter. */
static void replace(tensor_file *file, const char *from, const char *to) {
    for (size_t i = 8; i + strlen(from) < file->length; i++)
        if (memcmp(file->bytes + i, from, strlen(from)) == 0) {
            memcpy(file->bytes + i, to, strlen(to));
            return;
        }
    fail();
}
static void rename_tensor(tensor_file *file) { replace(file, FC1, "vision_model.encoder.layers.1.mlp.fcX.weight"); }
static void change_shape(tensor_file *file) {
    replace(file, FC1 "\":{\"dtype\":\"F32\",\"shape\":[256,64]", FC1 "\":{\"dtype\":\"F32\",\"shape\":[64,256]");
}
static void change_dtype(tensor_file *file) { replace(file, FC1 "\":{\"dtype\":\"F32\"", FC1 "\":{\"dtype\":\"I32\""); }

static void wrong_tensors_are_named(void **state) {
    (void)state;
    char detail[CLIP_TENSOR_NAME];
    assert_int_equal(load_spoiled(put_nan, detail), CLIP_ERROR_VALUE);
    assert_string_equal(detail, FC1);
    assert_int_equal(load_spoiled(rename_tensor, detail), CLIP_ERROR_UNKNOWN);
    assert_string_equal(detail, "vision_model.encoder.layers.1.mlp.fcX.weight");
    assert_int_equal(load_spoiled(change_shape, detail), CLIP_ERROR_SHAPE);
    assert_string_equal(detail, FC1);
    assert_int_equal(load_spoiled(change_dtype, detail), CLIP_ERROR_DTYPE);
    assert_string_equal(detail, FC1);
}

static void wrong_ids_are_refused(void **state) {
    (void)state;
    if (!shared_exists("data/models/tiny-vit/model.safetensors")) skip();
    clip_engine *engine = clip_engine_create(1);
    clip_tower *text = load(engine, &MODELS[0], CLIP_TEXT, CLIP_F32, 1 << 20);
    float out[2 * 40];
    const uint32_t beyond[] = {49406, 49408, 49407}, fine[] = {49406, 320, 49407};
    uint32_t length = 3, none = 0, long_one = 78;
    uint32_t many[78] = {0};
    assert_int_equal(clip_text_encode(text, beyond, &length, 1, out), CLIP_ERROR_ARGUMENT);
    assert_int_equal(clip_text_encode(text, fine, &none, 1, out), CLIP_ERROR_ARGUMENT);
    assert_int_equal(clip_text_encode(text, many, &long_one, 1, out), CLIP_ERROR_ARGUMENT);
    assert_int_equal(clip_text_encode(text, fine, &length, 1, out), CLIP_OK);
    clip_tower_destroy(text);
    clip_engine_destroy(engine);
}

/* A thousand texts under one template, more rows than one batch holds, against each alone. */
static void many_texts_are_as_each_alone(void **state) {
    (void)state;
    if (!shared_exists("data/models/tiny-vit/model.safetensors")) skip();
    clip_engine *engine = clip_engine_create(1);
    clip_tower *text = load(engine, &MODELS[0], CLIP_TEXT, CLIP_F32, 1 << 20);
    enum { COUNT = 1000, WIDTH = 40 };
    uint32_t *ids = malloc(COUNT * 77 * sizeof *ids), *lengths = malloc(COUNT * sizeof *lengths), seed = 1;
    size_t used = 0;
    for (size_t t = 0; t < COUNT; t++) {
        size_t own = t % 97 == 0 ? 71 : 1 + t % 5; /* some fill the context */
        const uint32_t start[] = {49406, 320, 1125, 539};
        for (size_t i = 0; i < 4; i++) ids[used++] = t % 13 == 12 && i == 2 ? 7 : start[i]; /* some leave the template */
        for (size_t i = 0; i < own; i++) ids[used++] = (seed = seed * 1664525 + 1013904223) % 49406;
        ids[used++] = 49407;
        lengths[t] = (uint32_t)own + 5;
    }
    float *all = malloc(COUNT * WIDTH * sizeof *all), *alone = malloc(COUNT * WIDTH * sizeof *alone);
    assert_int_equal(clip_text_encode(text, ids, lengths, COUNT, all), CLIP_OK);
    used = 0;
    for (size_t t = 0; t < COUNT; used += lengths[t++])
        assert_int_equal(clip_text_encode(text, ids + used, lengths + t, 1, alone + t * WIDTH), CLIP_OK);
    assert_true(largest_error(all, alone, COUNT * WIDTH) < 2e-5);
    free(all);
    free(alone);
    free(ids);
    free(lengths);
    clip_tower_destroy(text);
    clip_engine_destroy(engine);
}

static void compares(void **state) {
    (void)state;
    const float x[] = {1, 0, 0, 0}, y[] = {2, 0, 1, 1, 0, 0};
    float cosines[6];
    clip_similarity(x, 2, y, 3, 2, cosines);
    const float expected[] = {1, 0.70710678f, 0, 0, 0, 0}; /* zero rows fit nothing */
    for (int i = 0; i < 6; i++) assert_float_equal(cosines[i], expected[i], 1e-6);
    float values[] = {1000, 1001, -1000};
    clip_softmax(values, 3, 100);
    assert_float_equal(values[1], 1, 1e-6);
    assert_float_equal(values[0] + values[1] + values[2], 1, 1e-6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_is_the_reference),         cmocka_unit_test(q8_is_near_the_reference),
        cmocka_unit_test(q4_is_near_the_reference),     cmocka_unit_test(conversion_changes_nothing),
        cmocka_unit_test(wrong_tensors_are_named),      cmocka_unit_test(wrong_ids_are_refused),
        cmocka_unit_test(many_texts_are_as_each_alone), cmocka_unit_test(compares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
