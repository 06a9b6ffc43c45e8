/* The three forms of configuration, and configurations that ask for the absurd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/weights/config.h"
#include "files.h"

#define HF_VISION                                                                                                                \
    "\"vision_config\":{\"hidden_size\":64,\"num_hidden_layers\":3,\"num_attention_heads\":4,\"intermediate_size\":256,\"image_" \
    "size\":48,\"patch_size\":8,\"hidden_act\":\"gelu\"}"
#define HF_TEXT                                                                                                                    \
    "\"text_config\":{\"hidden_size\":32,\"num_hidden_layers\":2,\"num_attention_heads\":4,\"intermediate_size\":128,\"eos_token_" \
    "id\":2}"
#define OC_TEXT "\"text_cfg\":{\"context_length\":32,\"vocab_size\":4053,\"width\":128,\"heads\":2,\"layers\":3}"

static clip_status parse(clip_config *config, const char *json) {
    size_t length = strlen(json);
    char *copy = malloc(length + !length);
    memcpy(copy, json, length);
    clip_status status = clip_config_parse(config, copy, length);
    free(copy);
    return status;
}

static void reads_hugging_face(void **state) {
    (void)state;
    clip_config c;
    assert_int_equal(parse(&c, "{\"projection_dim\":40," HF_VISION "," HF_TEXT "}"), CLIP_OK);
    assert_int_equal(c.vision.form, CLIP_VISION_TRANSFORMER);
    assert_int_equal(c.vision.transformer.width, 64);
    assert_int_equal(c.vision.transformer.activation, CLIP_GELU);
    assert_int_equal(c.text.transformer.activation, CLIP_QUICK_GELU); /* the default of CLIPTextConfig */
    assert_int_equal(c.text.context, 77);
    assert_int_equal(c.text.vocabulary, 49408);
    assert_int_equal(c.text.end, CLIP_END_IS_LARGEST); /* eos_token_id 2 is the legacy value */
    assert_int_equal(c.vision.embedding, 40);
    assert_float_equal(c.vision.mean[0], .48145466, 1e-7);
}

static void reads_open_clip(void **state) {
    (void)state;
    clip_config c;
    const char *resnet =
        "{\"embed_dim\":128,\"vision_cfg\":{\"image_size\":64,\"layers\":[1,2,2,1],\"width\":32,\"patch_size\":null}," OC_TEXT "}";
    assert_int_equal(parse(&c, resnet), CLIP_OK);
    assert_int_equal(c.vision.form, CLIP_MODIFIED_RESNET);
    assert_int_equal(c.vision.blocks[1], 2);
    assert_int_equal(c.vision.heads, 16);
    assert_int_equal(c.text.end, CLIP_END_IS_LARGEST);
    assert_int_equal(c.text.transformer.mlp, 512);
    const char *wrapped = "{\"model_cfg\":{\"embed_dim\":512,\"quick_gelu\":true,\"vision_cfg\":{\"image_size\":224,\"layers\":12,"
                          "\"width\":768,\"patch_size\":32},"
                          "\"text_cfg\":{}},\"preprocess_cfg\":{\"mean\":[0.5,0.5,0.5],\"std\":[0.5,0.5,0.25]}}";
    assert_int_equal(parse(&c, wrapped), CLIP_OK);
    assert_int_equal(c.vision.form, CLIP_VISION_TRANSFORMER);
    assert_int_equal(c.vision.transformer.heads, 12);
    assert_int_equal(c.vision.transformer.activation, CLIP_QUICK_GELU);
    assert_float_equal(c.vision.mean[2], .5, 0);
    assert_float_equal(c.vision.deviation[2], .25, 0);
}

static void reads_timm(void **state) {
    (void)state;
    clip_config c;
    assert_int_equal(parse(&c,
                           "{\"embed_dim\":256,\"vision_cfg\":{\"timm_model_name\":\"tf_efficientnet_lite1\",\"timm_pool\":\"avg\","
                           "\"timm_proj\":\"linear\",\"timm_proj_bias\":true,\"image_size\":240}," OC_TEXT "}"),
                     CLIP_OK);
    assert_int_equal(c.vision.form, CLIP_EFFICIENTNET_LITE);
    assert_int_equal(c.vision.lite, 1);
    assert_int_equal(c.vision.image_size, 240);
    assert_true(c.vision.projection_bias);
    assert_int_equal(parse(&c, "{\"embed_dim\":256,\"vision_cfg\":{\"timm_model_name\":\"tf_efficientnet_lite4\"}," OC_TEXT "}"),
                     CLIP_OK);
    assert_int_equal(c.vision.lite, 4);
    assert_false(c.vision.projection_bias);
}

static void reads_our_own(void **state) {
    (void)state;
    clip_config c;
    assert_int_equal(parse(&c, "{\"format\":\"clip-wasm\",\"config\":{\"projection_dim\":40," HF_VISION "," HF_TEXT
                               "},\"preprocess\":{\"std\":[1,1,1]}}"),
                     CLIP_OK);
    assert_int_equal(c.vision.image_size, 48);
    assert_float_equal(c.vision.deviation[1], 1, 0);
}

static void rejects_nonsense(void **state) {
    (void)state;
    const char *const bad[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"vision_config\":{}}",
        "{\"vision_config\":1,\"text_config\":2}",
        "<!doctype html>",
        "{" HF_VISION "}",
        "{" HF_TEXT "}",
        /* each a whole configuration with one absurdity */
        "{\"projection_dim\":0," HF_VISION "," HF_TEXT "}",
        "{\"projection_dim\":99999999," HF_VISION "," HF_TEXT "}",
        "{\"projection_dim\":-5," HF_VISION "," HF_TEXT "}",
        "{\"projection_dim\":\"40\"," HF_VISION "," HF_TEXT "}",
        "{\"projection_dim\":40," HF_TEXT
        ",\"vision_config\":{\"hidden_size\":64,\"num_hidden_layers\":3,\"num_attention_heads\":5,\"intermediate_size\":256}}",
        "{\"projection_dim\":40," HF_TEXT ",\"vision_config\":{\"hidden_size\":64,\"num_hidden_layers\":3,\"num_attention_heads\":"
        "4,\"intermediate_size\":256,\"hidden_act\":\"swish\"}}",
        "{\"projection_dim\":40," HF_TEXT ",\"vision_config\":{\"hidden_size\":64,\"num_hidden_layers\":3,\"num_attention_heads\":"
        "4,\"intermediate_size\":256,\"patch_size\":300}}",
        "{\"projection_dim\":40," HF_TEXT ",\"vision_config\":{\"hidden_size\":64,\"num_hidden_layers\":3,\"num_attention_heads\":"
        "4,\"intermediate_size\":256,\"image_size\":1024,\"patch_size\":1}}",
        "{\"projection_dim\":40," HF_TEXT ",\"vision_config\":{\"hidden_size\":64,\"num_hidden_layers\":1000000,\"num_attention_"
        "heads\":4,\"intermediate_size\":256}}",
        "{\"projection_dim\":40," HF_TEXT ",\"vision_config\":{\"hidden_size\":64,\"num_hidden_layers\":3,\"num_attention_heads\":"
        "4,\"intermediate_size\":256,\"layer_norm_eps\":-1}}",
        "{\"embed_dim\":128,\"vision_cfg\":{\"image_size\":64,\"layers\":[1,2,2],\"width\":32}," OC_TEXT "}",
        "{\"embed_dim\":128,\"vision_cfg\":{\"image_size\":64,\"layers\":[1,0,2,1],\"width\":32}," OC_TEXT "}",
        "{\"embed_dim\":128,\"vision_cfg\":{\"image_size\":65,\"layers\":[1,2,2,1],\"width\":32}," OC_TEXT "}",
        "{\"embed_dim\":128,\"vision_cfg\":{\"image_size\":64,\"layers\":[1,2,2,1],\"width\":100000}," OC_TEXT "}",
        "{\"embed_dim\":128,\"vision_cfg\":{\"image_size\":64,\"layers\":[1,2,2,1],\"width\":1}," OC_TEXT "}",
        "{\"embed_dim\":128,\"vision_cfg\":{\"width\":32,\"head_width\":64}," OC_TEXT "}",
        "{\"embed_dim\":128,\"vision_cfg\":{\"mlp_ratio\":1e30}," OC_TEXT "}",
        "{\"embed_dim\":128,\"vision_cfg\":{\"timm_model_name\":\"tf_efficientnet_lite5\"}," OC_TEXT "}",
        "{\"embed_dim\":128,\"vision_cfg\":{\"timm_model_name\":\"vit_base_patch16_224\"}," OC_TEXT "}",
        "{\"embed_dim\":128,\"vision_cfg\":{\"timm_model_name\":null}," OC_TEXT "}",
        "{\"embed_dim\":128,\"vision_cfg\":{\"timm_model_name\":\"tf_efficientnet_lite0\",\"timm_pool\":\"abs_attn\"}," OC_TEXT "}",
        "{\"embed_dim\":128,\"vision_cfg\":{\"timm_model_name\":\"tf_efficientnet_lite0\",\"timm_proj\":\"mlp\"}," OC_TEXT "}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        clip_config c;
        clip_status status = parse(&c, bad[i]);
        if (status != CLIP_ERROR_CONFIG) print_error("accepted: %s\n", bad[i]);
        assert_int_equal(status, CLIP_ERROR_CONFIG);
    }
}

static void reads_published_shapes(void **state) {
    (void)state;
    const char *const folders[] = {"data/models/tiny-vit/config.json", "data/models/tiny-vit-gelu-fp16/config.json",
                                   "data/models/tiny-rn/open_clip_config.json", "data/models/clip-nano/open_clip_config.json",
                                   "bench/peer/clip-b32/config.json"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        size_t length;
        unsigned char *json = read_shared(folders[i], &length);
        if (!json) {
            print_message("skipped: no %s in the shared folder\n", folders[i]);
            skip();
        }
        clip_config c;
        assert_int_equal(clip_config_parse(&c, (const char *)json, length), CLIP_OK);
        free(json);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_hugging_face), cmocka_unit_test(reads_open_clip),  cmocka_unit_test(reads_timm),
        cmocka_unit_test(reads_our_own),      cmocka_unit_test(rejects_nonsense), cmocka_unit_test(reads_published_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
