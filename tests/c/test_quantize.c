/* Element types to f32, and rows to int8 and int4. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/linear.h"
#include "../../src/names.h"
#include "../../src/quantize.h"

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

static void rounds_to_half_precision(void **state) {
    (void)state;
    for (uint32_t half = 0; half < 0x10000; half++) { /* every finite half comes back as itself */
        uint16_t bits = (uint16_t)half;
        float value;
        if (clip_decode_floats(&value, (const uint8_t *)&bits, CLIP_DTYPE_F16, 1) == CLIP_OK)
            assert_int_equal(clip_half_from_float(value), bits);
    }
    assert_int_equal(clip_half_from_float(1 + 0x1p-11f), 0x3c00); /* a tie goes to the even one */
    assert_int_equal(clip_half_from_float(1 + 0x3p-11f), 0x3c02);
    assert_int_equal(clip_half_from_float(1 + 0x1.002p-11f), 0x3c01);
    assert_int_equal(clip_half_from_float(0x1p-25f), 0);
    assert_int_equal(clip_half_from_float(0x1.8p-25f), 1);
    assert_int_equal(clip_half_from_float(65519.99f), 0x7bff);
    assert_int_equal(clip_half_from_float(-65520), 0xfc00);
    assert_int_equal(clip_half_from_float(NAN) & 0x7c00, 0x7c00);
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
}

static void quantizes_to_int4(void **state) {
    (void)state;
    float x[64], scale[2];
    uint8_t q[32];
    for (int i = 0; i < 64; i++) x[i] = (float)(i * 37 % 64 - 31) * (i < 32 ? 0.01f : -1.0f);
    clip_quantize_q4(x, 64, q, scale);
    for (int i = 0; i < 64; i++) {
        float s = scale[i / 32], value = (float)((q[i / 2] >> (i & 1) * 4 & 15) - 8) * s;
        assert_true(fabsf(value - x[i]) <=
                    fabsf(s) * 1.01f); /* half a step, or one where +8 had to be 7; f16 has its own rounding */
    }
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
        {"text_model.embeddings.position_ids", "text_model.embeddings.position_ids", 0, 0, 0, 0},
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
        cmocka_unit_test(decodes_half_precision), cmocka_unit_test(rounds_to_half_precision), cmocka_unit_test(decodes_bfloat),
        cmocka_unit_test(quantizes_to_int8),      cmocka_unit_test(quantizes_to_int4),        cmocka_unit_test(translates_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
