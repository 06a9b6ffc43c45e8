/* EfficientNet-Lite against OpenCLIP and timm, layer by layer: tests/models/efficientnet.py made the answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Its own copy of the network, of which it sees the inside. */
#define clip_efficientnet_network clip_efficientnet_network_inside
#include "../../src/towers/efficientnet.c"

#include "../../src/compute/compare.h"
#include "../../src/weights/json.h"
#include "../../src/weights/names.h"
#include "files.h"
#include "kernel_tables.h"

/* ---- the weights that are a hash of their names: see the script ---- */

static float *hashed(const char *name, size_t count) {
    uint32_t seed = 2166136261u;
    float *u = malloc(count * sizeof *u);
    for (; *name; name++) seed = (seed ^ (unsigned char)*name) * 16777619u;
    for (size_t i = 0; i < count; i++) {
        uint32_t h = (uint32_t)i + seed;
        h = (h ^ h >> 16) * 0x7feb352du;
        h = (h ^ h >> 15) * 0x846ca68bu;
        h ^= h >> 16;
        u[i] = (float)(h >> 8) * 0x1p-24f;
    }
    return u;
}

static int ends(const char *text, const char *suffix) {
    return strlen(text) >= strlen(suffix) && strcmp(text + strlen(text) - strlen(suffix), suffix) == 0;
}

static void set_slot(clip_slot *slot, const clip_slots *slots) {
    size_t count = slot->rows * slot->columns;
    float *u = hashed(slot->name, count), span = (float)sqrt(3.0 / (double)slot->columns);
    for (size_t i = 0; i < count; i++) {
        if (slot->columns > 1) u[i] = (u[i] * 2 - 1) * span;
        else u[i] += ends(slot->name, "running_var") ? 0.25f : ends(slot->name, "weight") ? 0.5f : -0.25f;
    }
    clip_tensor tensor = {.dtype = CLIP_DTYPE_F32, .dimensions = slot->columns > 1 ? 2 : 1, .shape = {slot->rows, slot->columns}};
    if (slot->kernel) {
        tensor.dimensions = 4;
        tensor.shape[1] = slot->columns / (slot->kernel * slot->kernel);
        tensor.shape[2] = tensor.shape[3] = slot->kernel;
    }
    assert_int_equal(clip_slot_accepts(slot, &tensor, 0, 0), CLIP_OK);
    assert_int_equal(clip_slot_set(slot, slots, &tensor, 0, 0, 0, slot->rows, (const uint8_t *)u), CLIP_OK);
    free(u);
}

typedef struct {
    clip_config config;
    clip_kernels kernels;
    efficientnet net;
    efficientnet_state state;
    clip_arena weights, workspace, table;
    clip_slots slots;
    float *pixels;
} problem;

/* Lays out, twice as a tower does, and sets all weights; does not finish. */
static void make(problem *p, const clip_kernels *kernels, size_t lite, size_t size, size_t embedding, clip_precision precision) {
    *p = (problem){.kernels = *kernels};
    p->config.vision = (clip_vision_config){
        .form = CLIP_EFFICIENTNET_LITE, .lite = lite, .image_size = size, .embedding = embedding, .projection_bias = 1};
    clip_arena weights = clip_arena_measure(), workspace = clip_arena_measure(), table = clip_arena_measure();
    assert_int_equal(layout(&p->net, kernels, &weights, &p->config, precision), CLIP_OK);
    layout_state(&p->state, kernels, &workspace, &p->config, precision);
    clip_slots_layout(&p->slots, kernels, &table, slot_count(&p->config));
    assert_int_equal(clip_arena_allocate(&p->weights, &weights), CLIP_OK);
    assert_int_equal(clip_arena_allocate(&p->workspace, &workspace), CLIP_OK);
    assert_int_equal(clip_arena_allocate(&p->table, &table), CLIP_OK);
    assert_int_equal(layout(&p->net, kernels, &p->weights, &p->config, precision), CLIP_OK);
    layout_state(&p->state, kernels, &p->workspace, &p->config, precision);
    clip_slots_layout(&p->slots, kernels, &p->table, slot_count(&p->config));
    list_slots(&p->net, &p->slots);
    for (size_t i = 0; i < p->slots.count; i++) set_slot(&p->slots.slots[i], &p->slots);
    assert_null(clip_slots_missing(&p->slots));
    p->pixels = hashed("picture", 3 * size * size);
    for (size_t i = 0; i < 3 * size * size; i++) p->pixels[i] = p->pixels[i] * 2 - 1;
}

static void drop(problem *p) {
    destroy(&p->net);
    clip_arena_free(&p->weights);
    clip_arena_free(&p->workspace);
    clip_arena_free(&p->table);
    free(p->pixels);
}

/* ---- the answers ---- */

static size_t numbers(const clip_json *json, int list, float *to) {
    size_t count = 0;
    for (int at = clip_json_first(json, list); at != CLIP_JSON_NONE; at = clip_json_next(json, list, at)) {
        double number;
        assert_true(clip_json_number(json, at, &number));
        to[count++] = (float)number;
    }
    return count;
}

/* Values of a layer, (count) floats, at the places that were kept. */
static void check_layer(const clip_json *json, int model, const char *name, const float *values, size_t count, float least) {
    float expected[64], got[64], cosine;
    size_t kept = numbers(json, clip_json_get(json, clip_json_get(json, model, "layers"), name), expected);
    assert_int_equal(kept, 64);
    float *u = hashed(name, kept);
    for (size_t i = 0; i < kept; i++) got[i] = values[(size_t)(u[i] * (float)count)];
    free(u);
    clip_similarity(got, 1, expected, 1, kept, &cosine);
    if (!(cosine >= least)) fail_msg("%s: cosine %.7f, at least %.7f", name, (double)cosine, (double)least);
}

static void check_layers(problem *p, const clip_json *json, int model, float least) {
    size_t side = half(p->config.vision.image_size), count = side * side * STEM;
    float *wide = malloc(count * sizeof *wide);
    stem(&p->net, &p->kernels, NULL, &p->state, p->pixels);
    for (size_t i = 0; i < count; i++)
        wide[i] = p->net.precision == CLIP_F32 ? ((float *)p->state.wide)[i] : ((int16_t *)p->state.wide)[i] / CLIP_RELU6_STEPS;
    check_layer(json, model, "stem", wide, count, least);
    free(wide);
    for (size_t i = 0; i < p->net.count; i++) {
        const block *b = &p->net.blocks[i];
        char name[32];
        snprintf(name, sizeof name, "blocks.%zu.%zu", b->stage, b->index);
        run_block(&p->net, &p->kernels, NULL, &p->state, i);
        check_layer(json, model, name, p->state.x, b->out_side * b->out_side * b->out, least);
    }
    float embedding[64];
    head(&p->net, &p->kernels, NULL, &p->state, embedding);
    check_layer(json, model, "mean", p->state.mean, FEATURES, least);
}

/* Every tensor that timm's trunk and OpenCLIP's head have is wanted, and nothing else. */
static void check_names(const problem *p, const clip_json *json, int model) {
    int tensors = clip_json_get(json, model, "tensors");
    assert_int_equal(clip_json_size(json, tensors), p->slots.count);
    for (size_t i = 0; i < p->slots.count; i++) {
        int shape = clip_json_get(json, tensors, p->slots.slots[i].name);
        float sizes[4];
        assert_int_not_equal(shape, CLIP_JSON_NONE);
        size_t dimensions = numbers(json, shape, sizes), columns = 1;
        for (size_t d = 1; d < dimensions; d++) columns *= (size_t)sizes[d];
        assert_int_equal(dimensions, p->slots.slots[i].kernel ? 4 : p->slots.slots[i].columns > 1 ? 2 : 1);
        assert_int_equal((size_t)sizes[0], p->slots.slots[i].rows);
        assert_int_equal(columns, p->slots.slots[i].columns);
    }
}

static void check_model(const clip_json *json, int model, const clip_kernels *kernels, clip_precision precision, float least) {
    float expected[64], embedding[64], cosine, same;
    size_t width = numbers(json, clip_json_get(json, model, "embedding"), expected);
    uint64_t size;
    size_t lite = 0;
    static const char *const NAMES[] = {"lite0", "lite1", "lite2", "lite3", "lite4"};
    while (!clip_json_is(json, clip_json_get(json, model, "variant"), NAMES[lite])) lite++;
    assert_true(clip_json_whole(json, clip_json_get(json, model, "size"), 1024, &size));
    problem p;
    make(&p, kernels, lite, (size_t)size, width, precision);
    int layers = clip_json_kind_of(json, clip_json_get(json, model, "tensors")) == CLIP_JSON_OBJECT;
    if (layers) check_names(&p, json, model);
    assert_int_equal(finish(&p.net, kernels), CLIP_OK);
    /* 7 bits lose more on the way; towers of this size never take them (tower.c). */
    if (precision == CLIP_Q8 && kernels->q8_form == CLIP_ACTIVATION_U7) least = 0.995f;
    if (layers) check_layers(&p, json, model, least);
    encode_image(&p.net, kernels, NULL, &p.state, p.pixels, embedding);
    clip_similarity(embedding, 1, expected, 1, width, &cosine);
    if (!(cosine >= least)) fail_msg("%s, %s: cosine %.7f", NAMES[lite], kernels->name, (double)cosine);
    /* With weights rounded as here the reference answers the same, but for what activations lose. */
    numbers(json, clip_json_get(json, model, precision == CLIP_F32 ? "embedding" : "embedding_q8"), expected);
    clip_similarity(embedding, 1, expected, 1, width, &same);
    float limit = precision == CLIP_F32 || kernels->q8_form == CLIP_ACTIVATION_I16 ? 0.99999f : least;
    if (!(same >= limit)) fail_msg("%s, %s: cosine %.7f to the same weights", NAMES[lite], kernels->name, (double)same);
    print_message("%s %s %s: cosine %.6f; with the same weights %.6f\n", NAMES[lite], precision == CLIP_F32 ? "f32" : "q8",
                  kernels->name, (double)cosine, (double)same);
    drop(&p);
}

/* All of them with the engine's kernels, the first with each. */
static void check(clip_precision precision, float least) {
    size_t length;
    clip_json json;
    clip_kernels kernels[REAL_TABLES];
    size_t tables = real_tables(kernels);
    unsigned char *bytes = read_file("tests/models/efficientnet.json", &length);
    assert_non_null(bytes);
    assert_int_equal(clip_json_parse(&json, (const char *)bytes, length), CLIP_OK);
    int models = clip_json_get(&json, 0, "models");
    for (int model = clip_json_first(&json, models); model != CLIP_JSON_NONE; model = clip_json_next(&json, models, model))
        for (size_t t = 0; t < (model == clip_json_first(&json, models) ? tables : 1); t++)
            check_model(&json, model, &kernels[t], precision, least);
    clip_json_free(&json);
    free(bytes);
}

static void f32_is_the_reference(void **state) {
    (void)state;
    check(CLIP_F32, 0.99999f);
}
static void q8_is_near_the_reference(void **state) {
    (void)state;
    check(CLIP_Q8, 0.998f);
}

/* ---- what is wrong ---- */

static void a_norm_that_is_not_finite_is_refused(void **state) {
    (void)state;
    clip_kernels kernels;
    clip_kernels_choose_exact(&kernels);
    for (int precision = CLIP_F32; precision <= CLIP_Q8; precision++) {
        problem p;
        make(&p, &kernels, 0, 32, 8, (clip_precision)precision);
        p.net.blocks[3].norms[1].variance[5] = -1;
        assert_int_equal(finish(&p.net, &kernels), CLIP_ERROR_VALUE);
        drop(&p);
    }
}

/* No promise about the values; the sanitizers watch. */
static void odd_pictures_stay_inside(void **state) {
    (void)state;
    clip_kernels kernels[REAL_TABLES];
    size_t tables = real_tables(kernels);
    static const size_t SIZES[] = {1, 2, 33};
    for (size_t i = 0; i < 3 * tables; i++) {
        problem p;
        float embedding[8];
        make(&p, &kernels[i % tables], 0, SIZES[i / tables], 8, CLIP_Q8);
        assert_int_equal(finish(&p.net, &kernels[i % tables]), CLIP_OK);
        p.pixels[0] = NAN, p.pixels[1] = INFINITY, p.pixels[2] = -3e38f;
        encode_image(&p.net, &kernels[i % tables], NULL, &p.state, p.pixels, embedding);
        drop(&p);
    }
}

#if defined(CLIP_THREADS) && !defined(__wasm__)
#include <pthread.h>
#include <sched.h>

static void *work(void *pool) {
    clip_pool_work(pool, 1);
    return NULL;
}

static void threads_change_nothing(void **state) {
    (void)state;
    pthread_t threads[3];
    clip_kernels kernels;
    clip_kernels_choose(&kernels);
    clip_pool *pool = clip_pool_create(4);
    for (uint32_t i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, work, pool), 0);
    while (clip_pool_threads(pool) != 4) sched_yield();
    for (int precision = CLIP_F32; precision <= CLIP_Q8; precision++) {
        problem p;
        float alone[8], together[8];
        make(&p, &kernels, 1, 50, 8, (clip_precision)precision);
        assert_int_equal(finish(&p.net, &kernels), CLIP_OK);
        encode_image(&p.net, &kernels, NULL, &p.state, p.pixels, alone);
        for (int again = 0; again < 5; again++) {
            encode_image(&p.net, &kernels, pool, &p.state, p.pixels, together);
            assert_memory_equal(together, alone, sizeof alone);
        }
        drop(&p);
    }
    clip_pool_destroy(pool);
    for (uint32_t i = 0; i < 3; i++) pthread_join(threads[i], NULL);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_is_the_reference),
        cmocka_unit_test(q8_is_near_the_reference),
        cmocka_unit_test(a_norm_that_is_not_finite_is_refused),
        cmocka_unit_test(odd_pictures_stay_inside),
#if defined(CLIP_THREADS) && !defined(__wasm__)
        cmocka_unit_test(threads_change_nothing),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
