/* BERT's encoder as a text tower against OpenCLIP's HFTextEncoder of XLM-RoBERTa's kind (tests/models/bert.py made it). */
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
#define TEXTS     4
#define MOST      64

#define TEXT                                                                                                                   \
    "\"text_config\":{\"model_type\":\"bert\",\"hidden_size\":32,\"intermediate_size\":64,\"num_hidden_layers\":2,"            \
    "\"num_attention_heads\":4,\"hidden_act\":\"gelu\",\"layer_norm_eps\":1e-5,\"max_position_embeddings\":40,\"vocab_size\":" \
    "4000,"                                                                                                                    \
    "\"type_vocab_size\":1,"
static const char CONFIG[] = "{\"model_type\":\"clip\",\"projection_dim\":24,\"vision_config\":{}," TEXT
                             "\"first_position\":2,\"pool\":\"mean\",\"projection_hidden\":28}}";

typedef struct {
    uint32_t ids[MOST], lengths[TEXTS];
    float expected[TEXTS * EMBEDDING];
} golden;

static void read_numbers(const clip_json *json, int array, uint32_t *to) {
    int value = clip_json_first(json, array);
    for (size_t i = 0; i < clip_json_size(json, array); i++, value = clip_json_next(json, array, value)) {
        uint64_t number;
        assert_true(clip_json_whole(json, value, UINT32_MAX, &number));
        to[i] = (uint32_t)number;
    }
}

static void read_golden(golden *g) {
    size_t length;
    char *text = (char *)read_file("tests/models/xlm-roberta/expected.json", &length);
    clip_json json;
    assert_non_null(text);
    assert_int_equal(clip_json_parse(&json, text, length), CLIP_OK);
    assert_true(clip_json_size(&json, clip_json_get(&json, 0, "ids")) <= MOST);
    read_numbers(&json, clip_json_get(&json, 0, "ids"), g->ids);
    read_numbers(&json, clip_json_get(&json, 0, "lengths"), g->lengths);
    const int rows = clip_json_get(&json, 0, "texts_embeds");
    float *to = g->expected;
    for (int row = clip_json_first(&json, rows); row != CLIP_JSON_NONE; row = clip_json_next(&json, rows, row))
        for (int value = clip_json_first(&json, row); value != CLIP_JSON_NONE; value = clip_json_next(&json, row, value)) {
            double number;
            assert_true(clip_json_number(&json, value, &number));
            *to++ = (float)number;
        }
    assert_int_equal(to - g->expected, TEXTS * EMBEDDING);
    clip_json_free(&json);
    free(text);
}

static clip_tower *load(clip_engine *engine, clip_precision precision) {
    size_t length;
    uint8_t *file = read_file("tests/models/xlm-roberta/open_clip_model.safetensors", &length);
    clip_tower *tower;
    assert_non_null(file);
    assert_int_equal(clip_tower_create(&tower, engine, CLIP_TEXT, CONFIG, sizeof CONFIG - 1, precision), CLIP_OK);
    assert_int_equal(clip_tower_open(tower, length), CLIP_OK);
    for (uint64_t offset, size; clip_tower_want(tower, &offset, &size);)
        assert_int_equal(clip_tower_push(tower, file + offset, size < 999 ? (size_t)size : 999), CLIP_OK);
    assert_int_equal(clip_tower_finish(tower), CLIP_OK);
    free(file);
    return tower;
}

static void check(clip_precision precision, double floor) {
    golden g;
    read_golden(&g);
    clip_engine *engine = clip_engine_create(1);
    clip_tower *text = load(engine, precision);
    float found[TEXTS * EMBEDDING];
    assert_int_equal(clip_text_encode(text, g.ids, g.lengths, TEXTS, found), CLIP_OK);
    for (size_t t = 0; t < TEXTS; t++) {
        float cosine;
        clip_similarity(found + t * EMBEDDING, 1, g.expected + t * EMBEDDING, 1, EMBEDDING, &cosine);
        print_message("text %zu: %.7f\n", t, cosine);
        assert_true(cosine >= floor);
    }
    uint32_t many[MOST] = {0}, beyond = 4000, one = 1, too_many = 39, none = 0;
    assert_int_equal(clip_text_encode(text, many, &too_many, 1, found), CLIP_ERROR_ARGUMENT);
    assert_int_equal(clip_text_encode(text, many, &none, 1, found), CLIP_ERROR_ARGUMENT);
    assert_int_equal(clip_text_encode(text, &beyond, &one, 1, found), CLIP_ERROR_ARGUMENT);
    clip_tower_destroy(text);
    clip_engine_destroy(engine);
}

static void f32_is_the_reference(void **state) {
    (void)state;
    check(CLIP_F32, .99999);
}
static void q8_is_near_it(void **state) {
    (void)state;
    check(CLIP_Q8, .998);
}

static void wrong_sizes_are_refused(void **state) {
    (void)state;
    static const char *const BAD[] = {"\"pool\":\"max\"}}", "\"pool\":\"mean\",\"first_position\":16}}", "\"first_position\":2}}",
                                      "\"pool\":\"first\",\"projection_hidden\":9000}}",
                                      "\"pool\":\"first\",\"context_length\":41}}"};
    clip_engine *engine = clip_engine_create(1);
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        char config[1024];
        clip_tower *tower;
        const int length =
            snprintf(config, sizeof config, "%.*s%s", (int)(strstr(CONFIG, "\"first_position\"") - CONFIG), CONFIG, BAD[i]);
        assert_int_equal(clip_tower_create(&tower, engine, CLIP_TEXT, config, (size_t)length, CLIP_Q8), CLIP_ERROR_CONFIG);
    }
    clip_engine_destroy(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(f32_is_the_reference), cmocka_unit_test(q8_is_near_it),
                                       cmocka_unit_test(wrong_sizes_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
