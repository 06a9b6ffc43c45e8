/* SigLIP's towers against timm's and OpenCLIP's, by the names that they give tensors (tests/models/siglip.py made them). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/clip.h"
#include "../../src/weights/json.h"
#include "files.h"

#define SIDE    32
#define WIDTH   32
#define CONTEXT 16

static const char CONFIG[] =
    "{\"model_type\":\"siglip\",\"vision_config\":{\"hidden_size\":32,\"intermediate_size\":64,\"num_hidden_layers\":2,"
    "\"num_attention_heads\":4,\"hidden_act\":\"gelu\",\"layer_norm_eps\":1e-6,\"image_size\":32,\"patch_size\":8},"
    "\"text_config\":{\"hidden_size\":32,\"intermediate_size\":64,\"num_hidden_layers\":2,\"num_attention_heads\":4,"
    "\"hidden_act\":\"gelu_pytorch_tanh\",\"layer_norm_eps\":1e-6,\"max_position_embeddings\":16,\"vocab_size\":2100,"
    "\"projection_size\":32}}";

static clip_tower *load(clip_engine *engine, clip_tower_kind kind, clip_precision precision) {
    size_t length;
    uint8_t *file = read_file("tests/models/siglip-open-clip/open_clip_model.safetensors", &length);
    assert_non_null(file);
    clip_tower *tower;
    assert_int_equal(clip_tower_create(&tower, engine, kind, CONFIG, sizeof CONFIG - 1, precision), CLIP_OK);
    assert_int_equal(clip_tower_open(tower, length), CLIP_OK);
    for (uint64_t offset, size; clip_tower_want(tower, &offset, &size);) {
        const size_t part = size < 777 ? (size_t)size : 777;
        const clip_status status = clip_tower_push(tower, file + offset, part);
        if (status != CLIP_OK) print_error("%d: %s\n", status, clip_tower_detail(tower));
        assert_int_equal(status, CLIP_OK);
    }
    assert_int_equal(clip_tower_finish(tower), CLIP_OK);
    free(file);
    return tower;
}

/* The lowest cosine of rows of `embeddings` with the rows under `key` of expected.json. */
static double lowest_cosine(const char *key, const float *embeddings, size_t count) {
    size_t length;
    char *text = (char *)read_file("tests/models/siglip-open-clip/expected.json", &length);
    clip_json json;
    assert_non_null(text);
    assert_int_equal(clip_json_parse(&json, text, length), CLIP_OK);
    const int rows = clip_json_get(&json, 0, key);
    assert_int_equal(clip_json_size(&json, rows), count);
    double lowest = 1;
    int row = clip_json_first(&json, rows);
    for (size_t r = 0; r < count; r++, row = clip_json_next(&json, rows, row)) {
        double xy = 0, xx = 0, yy = 0, y;
        int value = clip_json_first(&json, row);
        for (size_t i = 0; i < WIDTH; i++, value = clip_json_next(&json, row, value)) {
            const double x = embeddings[r * WIDTH + i];
            assert_true(clip_json_number(&json, value, &y));
            xy += x * y, xx += x * x, yy += y * y;
        }
        if (xy / sqrt(xx * yy) < lowest) lowest = xy / sqrt(xx * yy);
    }
    clip_json_free(&json);
    free(text);
    return lowest;
}

static void check(clip_precision precision, double floor) {
    static float pixels[3 * 3 * SIDE * SIDE];
    float images[3 * WIDTH], texts[5 * WIDTH];
    uint32_t ids[5 * CONTEXT], lengths[5];
    for (size_t i = 0; i < sizeof pixels / sizeof *pixels; i++) pixels[i] = (float)sin((double)i * .7);
    for (size_t i = 0; i < 5 * CONTEXT; i++) ids[i] = (uint32_t)(i * 37 % 2100);
    for (size_t i = 0; i < 5; i++) lengths[i] = CONTEXT;
    clip_engine *engine = clip_engine_create(1);
    clip_tower *vision = load(engine, CLIP_VISION, precision), *text = load(engine, CLIP_TEXT, precision);
    clip_tower_info info;
    clip_tower_describe(text, &info);
    assert_true(info.filled && fabsf(info.logit_bias + 1.7f) < 1e-3f && fabsf(info.logit_scale - expf(2.3f)) < .02f);
    assert_int_equal(clip_vision_encode_pixels(vision, pixels, 3, images), CLIP_OK);
    assert_int_equal(clip_text_encode(text, ids, lengths, 5, texts), CLIP_OK);
    const double image = lowest_cosine("images", images, 3), words = lowest_cosine("texts_embeds", texts, 5);
    print_message("images %.7f, texts %.7f\n", image, words);
    assert_true(image >= floor && words >= floor);
    clip_tower_destroy(vision);
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
static void q4_is_not_far(void **state) {
    (void)state;
    check(CLIP_Q4, .9);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(f32_is_the_reference), cmocka_unit_test(q8_is_near_it),
                                       cmocka_unit_test(q4_is_not_far)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
