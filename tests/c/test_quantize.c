/* Element types to f32, and rows to int8 and int4. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/compute/kernels.h"
#include "../../src/weights/names.h"
#include "../../src/weights/quantize.h"
#include "../../src/weights/slots.h"

static void decodes_half_precision(void **state) {
    (void)state;
    const uint16_t halves[] = {0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x03ff, 0x3555};
    const float expected[] = {
        0, -0.0f, 1, -2, 65504, 6.103515625e-05f, 5.9604644775390625e-08f, 6.0975551605224609e-05f, 0.333251953125f};
    unsigned char bytes[sizeof halves + 1]; /* one byte off: data in a file are aligned to nothing */
    memcpy(bytes + 1, halves, sizeof halves);
    float values[9];
    assert_int_equal(clip_decode_floats(values, bytes + 1, CLIP_DTYPE_F16, 9), CLIP_OK);
    assert_memory_equal(values, expected, sizeof expected);
    const uint16_t infinite = 0x7c00, nan = 0x7e01;
    assert_int_equal(clip_decode_floats(values, (const uint8_t *)&infinite, CLIP_DTYPE_F16, 1), CLIP_ERROR_VALUE);
    assert_int_equal(clip_decode_floats(values, (const uint8_t *)&nan, CLIP_DTYPE_F16, 1), CLIP_ERROR_VALUE);
}

/* Every half there is comes back; between two the nearer is taken, and in the middle the even one. */
static void encodes_half_precision(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits < 0x7c00; bits++) {
        uint16_t halves[2] = {(uint16_t)bits, (uint16_t)(bits + 1)}, back[5];
        float values[2], x[5];
        if (bits == 0x7bff) halves[1] = halves[0];
        assert_int_equal(clip_decode_floats(values, (const uint8_t *)halves, CLIP_DTYPE_F16, 2), CLIP_OK);
        float middle = (values[0] + values[1]) / 2;
        x[0] = values[0], x[1] = -values[0], x[2] = middle, x[3] = nextafterf(middle, 0), x[4] = nextafterf(middle, 1e9f);
        clip_encode_halves(x, 5, (uint8_t *)back);
        assert_int_equal(back[0], bits);
        assert_int_equal(back[1], bits | 0x8000);
        if (bits == 0x7bff) continue;
        assert_int_equal(back[2], bits & 1 ? bits + 1 : bits);
        assert_int_equal(back[3], bits);
        assert_int_equal(back[4], bits + 1);
    }
    const float beyond[] = {65504, 65520, 3e38f, -3e38f};
    uint16_t back[4];
    clip_encode_halves(beyond, 4, (uint8_t *)back);
    for (int i = 0; i < 4; i++) assert_int_equal(back[i], i < 3 ? 0x7bff : 0xfbff);
}

static void decodes_bfloat(void **state) {
    (void)state;
    const uint16_t words[] = {0x3f80, 0xc000, 0x0000, 0x4049};
    const float expected[] = {1, -2, 0, 3.140625f};
    float values[4];
    assert_int_equal(clip_decode_floats(values, (const uint8_t *)words, CLIP_DTYPE_BF16, 4), CLIP_OK);
    assert_memory_equal(values, expected, sizeof expected);
    const uint16_t infinite = 0xff80;
    assert_int_equal(clip_decode_floats(values, (const uint8_t *)&infinite, CLIP_DTYPE_BF16, 1), CLIP_ERROR_VALUE);
    assert_int_equal(clip_decode_floats(values, (const uint8_t *)words, CLIP_DTYPE_I8, 1), CLIP_ERROR_DTYPE);
}

static void quantizes_to_int8(void **state) {
    (void)state;
    float x[64], scale;
    int8_t q[64];
    for (int i = 0; i < 64; i++) x[i] = (float)(i * 37 % 64 - 31) * 0.01f;
    clip_quantize_q8(x, 64, q, &scale);
    assert_float_equal(scale, 0.32 / 127, 1e-8);
    for (int i = 0; i < 64; i++) assert_true(fabsf((float)q[i] * scale - x[i]) <= scale * 0.5001f);
    memset(x, 0, sizeof x);
    clip_quantize_q8(x, 64, q, &scale);
    assert_float_equal(scale, 0, 0);
    for (int i = 0; i < 64; i++) assert_int_equal(q[i], 0);
    x[3] = -1e-45f; /* the smallest number there is */
    clip_quantize_q8(x, 64, q, &scale);
    assert_true(isfinite(scale));
    x[3] = 1281 * 1e-45f; /* its scale would be rounded, and x / scale 128.1 */
    clip_quantize_q8(x, 64, q, &scale);
    for (int i = 0; i < 64; i++) assert_true(q[i] != -128 && fabsf((float)q[i] * scale - x[i]) <= 2e-42f);
}

/* The levels of each curve's codes, out of blocks that are alike throughout. */
static int8_t level_of[32][16];
static void read_levels(void) {
    for (int curve = 0; curve < 32; curve++)
        for (int code = 0; code < 16; code++) {
            uint8_t block[CLIP_Q4_BYTES];
            int8_t levels[CLIP_Q4_BLOCK];
            uint64_t curves = 0;
            for (int group = 0; group < 8; group++) curves |= (uint64_t)curve << 5 * group;
            for (int i = 0; i < 5; i++) block[i] = (uint8_t)(curves >> 8 * i);
            memset(block + 5, code * 17, sizeof block - 5);
            clip_expand_q4(block, CLIP_Q4_BLOCK, levels);
            for (int i = 0; i < CLIP_Q4_BLOCK; i++) assert_int_equal(levels[i], levels[0]);
            level_of[curve][code] = levels[0];
        }
}

static void curves_are_as_described(void **state) {
    (void)state;
    uint32_t hash = 2166136261; /* FNV-1a; files depend on these numbers */
    read_levels();
    for (int curve = 0; curve < 32; curve++) {
        for (int code = 0; code < 16; code++) {
            hash = (hash ^ (uint8_t)level_of[curve][code]) * 16777619;
            assert_int_equal(level_of[curve][code], -level_of[curve ^ 16][15 - code]);
            assert_true(code == 0 || level_of[curve][code] > level_of[curve][code - 1]);
        }
        assert_int_equal(level_of[curve][curve < 16 ? 7 : 8], 0);
    }
    assert_int_equal(level_of[15][15], 127);
    assert_int_equal(hash, 0x9937c26d);
}

static void int4_stands_for_int8(void **state) {
    (void)state;
    enum { BLOCKS = 3, COUNT = BLOCKS * CLIP_Q4_BLOCK };
    uint32_t seed = 1;
    read_levels();
    for (int round = 0; round < 200; round++) {
        uint8_t row[BLOCKS * CLIP_Q4_BYTES];
        int8_t levels[COUNT];
        for (size_t i = 0; i < sizeof row; i++) row[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
        clip_expand_q4(row, COUNT, levels);
        for (size_t i = 0; i < COUNT; i++) {
            const uint8_t *block = row + i / CLIP_Q4_BLOCK * CLIP_Q4_BYTES;
            size_t within = i % CLIP_Q4_BLOCK, bit = within / 8 * 5;
            int curve = (block[bit / 8] | block[bit / 8 + 1] << 8) >> bit % 8 & 31; /* byte 5 is a code, whose bits fall away */
            assert_int_equal(levels[i], level_of[curve][block[5 + within / 2] >> within % 2 * 4 & 15]);
        }
    }
}

enum { WIDTH = 768 };

/* Quantizes and answers the relative squared error. *chosen over *least: the groups' errors over those of the best curves and codes. */
static double error_of(const float *x, double *chosen, double *least) {
    uint8_t row[WIDTH / CLIP_Q4_BLOCK * CLIP_Q4_BYTES];
    int8_t levels[WIDTH];
    float scale;
    double size = 0, all = 0;
    clip_quantize_q4(x, WIDTH, row, &scale);
    assert_true(isfinite(scale) && scale >= 0);
    clip_expand_q4(row, WIDTH, levels);
    *least = 0;
    for (int i = 0; i < WIDTH; i += 8) {
        double best = INFINITY;
        for (int curve = 0; curve < 32 && scale > 0; curve++) {
            double error = 0;
            for (int j = i; j < i + 8; j++) {
                double nearest = INFINITY;
                for (int code = 0; code < 16; code++) {
                    double off = (double)x[j] - (double)scale * (double)level_of[curve][code];
                    nearest = fmin(nearest, off * off);
                }
                error += nearest;
            }
            best = fmin(best, error);
        }
        *least += best;
        for (int j = i; j < i + 8; j++) {
            all += pow((double)x[j] - (double)scale * (double)levels[j], 2);
            size += (double)x[j] * (double)x[j];
        }
    }
    *chosen = all;
    return size > 0 ? all / size : all;
}

static uint32_t state_of_uniform;
static double uniform(void) { /* 0..1 */
    state_of_uniform = state_of_uniform * 1664525 + 1013904223;
    return ((double)state_of_uniform + 1) / 4294967297.;
}
static double gauss(void) {
    double radius = sqrt(-2 * log(uniform()));
    return radius * cos(6.283185307179586 * uniform());
}

static void quantizes_to_int4(void **state) {
    (void)state;
    float x[WIDTH];
    double chosen, least, gaussian = 0, laplace = 0;
    read_levels();
    state_of_uniform = 7;
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < WIDTH; i++) x[i] = (float)(.03 * gauss());
        gaussian += error_of(x, &chosen, &least) / 8;
        assert_true(chosen < 1.06 * least); /* weights are rounded to int8 before they are compared with levels */
        for (int i = 0; i < WIDTH; i++) x[i] = (float)(50 * gauss() * sqrt(-log(uniform())));
        laplace += error_of(x, &chosen, &least) / 8;
        assert_true(chosen < 1.06 * least);
    }
    print_message("squared error: Gaussian %.5f, Laplace %.5f\n", gaussian, laplace);
    assert_true(gaussian < .0031 && laplace < .0036); /* .0075 and .0114 for ggml's Q4_0 */
}

/* Rows unlike a model's lose more, but nothing is lost altogether, and nothing overflows. */
static void quantizes_odd_rows_to_int4(void **state) {
    (void)state;
    float x[WIDTH];
    double chosen, least;
    read_levels();
    memset(x, 0, sizeof x);
    assert_true(error_of(x, &chosen, &least) == 0);
    x[3] = -1e-45f; /* the smallest number there is */
    error_of(x, &chosen, &least);
    const float sizes[] = {1e-30f, 1, 1e30f, 3.4e38f};
    for (int s = 0; s < 4; s++) {
        state_of_uniform = 9;
        memset(x, 0, sizeof x);
        x[100] = -sizes[s]; /* one weight alone */
        assert_true(error_of(x, &chosen, &least) < .02);
        for (int i = 0; i < WIDTH; i++) x[i] = i % 2 ? sizes[s] : -sizes[s]; /* all as large */
        assert_true(error_of(x, &chosen, &least) < .01);
        for (int i = 0; i < WIDTH; i++) x[i] = (float)(gauss() * .01 * (double)sizes[s]);
        x[200] = sizes[s]; /* an outlier of 100 deviations, which is 13 times the rest */
        assert_true(error_of(x, &chosen, &least) < .015);
    }
}

/* Tensors for an int4 place that are not of this form, the one of before among them (a scale in f16 for each 32 inputs). */
static void other_forms_are_refused(void **state) {
    (void)state;
    clip_kernels kernels;
    clip_linear linear;
    clip_slots slots;
    clip_kernels_choose(&kernels);
    clip_arena measured = clip_arena_measure(), arena;
    clip_linear_layout(&linear, &kernels, &measured, 128, 8, CLIP_Q4);
    clip_slots_layout(&slots, &kernels, &measured, 1);
    assert_int_equal(clip_arena_allocate(&arena, &measured), CLIP_OK);
    clip_linear_layout(&linear, &kernels, &arena, 128, 8, CLIP_Q4);
    clip_slots_layout(&slots, &kernels, &arena, 1);
    clip_slots_add_linear(&slots, "a", ".weight", &linear, 0, 8);
    static const struct {
        clip_dtype dtype;
        uint32_t dimensions;
        uint64_t shape[2];
        int scales;
        clip_status status;
    } cases[] = {
        {CLIP_DTYPE_U8, 2, {8, 74}, 0, CLIP_OK},
        {CLIP_DTYPE_F32, 2, {8, 128}, 0, CLIP_OK},
        {CLIP_DTYPE_F32, 1, {8}, 1, CLIP_OK},
        {CLIP_DTYPE_U8, 2, {8, 64}, 0, CLIP_ERROR_SHAPE},
        {CLIP_DTYPE_U8, 2, {8, 128}, 0, CLIP_ERROR_SHAPE},
        {CLIP_DTYPE_F16, 2, {8, 4}, 1, CLIP_ERROR_SHAPE},
        {CLIP_DTYPE_U8, 1, {8}, 1, CLIP_ERROR_DTYPE},
        {CLIP_DTYPE_I8, 2, {8, 128}, 0, CLIP_ERROR_DTYPE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clip_tensor tensor = {.dtype = cases[i].dtype, .dimensions = cases[i].dimensions};
        memcpy(tensor.shape, cases[i].shape, sizeof cases[i].shape);
        assert_int_equal(clip_slot_accepts(clip_slots_find(&slots, "a.weight"), &tensor, 0, cases[i].scales), cases[i].status);
    }
    clip_arena_free(&arena);
}

static void translates_names(void **state) {
    (void)state;
    static const struct {
        const char *given, *name;
        int vision, text, transposed, scales;
    } cases[] = {
        {"vision_model.encoder.layers.11.self_attn.q_proj.weight", "visual.transformer.resblocks.11.attn.q_proj.weight", 1, 0, 0,
         0},
        {"vision_model.encoder.layers.3.mlp.fc2.bias.scale", "visual.transformer.resblocks.3.mlp.c_proj.bias", 1, 0, 0, 1},
        {"vision_model.pre_layrnorm.weight", "visual.ln_pre.weight", 1, 0, 0, 0},
        {"visual_projection.weight", "visual.proj", 1, 0, 0, 0},
        {"visual.proj", "visual.proj", 1, 0, 1, 0},
        {"text_projection.weight", "text_projection", 0, 1, 0, 0},
        {"text_projection", "text_projection", 0, 1, 1, 0},
        {"text_model.embeddings.position_embedding.weight", "positional_embedding", 0, 1, 0, 0},
        {"logit_scale", "logit_scale", 1, 1, 0, 0},
        {"text_model.embeddings.position_ids", "text_model.embeddings.position_ids", 0, 1, 0, 0},
        {"visual.trunk.blocks.1.0.bn1.weight", "visual.trunk.blocks.1.0.bn1.weight", 1, 0, 0, 0},
        {"visual.trunk.blocks.1.norm1.weight", "visual.transformer.resblocks.1.ln_1.weight", 1, 0, 0, 0},
        {".scale", ".scale", 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clip_tensor_name name;
        clip_name_canonical(&name, cases[i].given);
        assert_string_equal(name.name, cases[i].name);
        assert_int_equal(name.vision, cases[i].vision);
        assert_int_equal(name.text, cases[i].text);
        assert_int_equal(name.transposed, cases[i].transposed);
        assert_int_equal(name.scales, cases[i].scales);
    }
    char long_name[CLIP_TENSOR_NAME]; /* a translation may be longer than what it translates */
    memset(long_name, 'x', sizeof long_name);
    memcpy(long_name, "vision_model.encoder.layers.", 28);
    long_name[sizeof long_name - 1] = 0;
    clip_tensor_name name;
    clip_name_canonical(&name, long_name);
    assert_true(strlen(name.name) < CLIP_TENSOR_NAME);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_half_precision),  cmocka_unit_test(encodes_half_precision),
        cmocka_unit_test(decodes_bfloat),          cmocka_unit_test(quantizes_to_int8),
        cmocka_unit_test(curves_are_as_described), cmocka_unit_test(int4_stands_for_int8),
        cmocka_unit_test(quantizes_to_int4),       cmocka_unit_test(quantizes_odd_rows_to_int4),
        cmocka_unit_test(other_forms_are_refused), cmocka_unit_test(translates_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
