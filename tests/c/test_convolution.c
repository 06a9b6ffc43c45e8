/* Convolutions against the definition, written out in loops; int8 ones within what rounding the image can do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "../../src/compute/convolution.h"
#include "kernel_tables.h"

/* in, out, kernel, stride, side; the large ones take several blocks of patches */
static const clip_convolution_shape SHAPES[] = {
    {3, 8, 3, 2, 16},  {3, 5, 3, 2, 15},  {16, 16, 3, 1, 8},  {7, 9, 3, 1, 7}, {1, 1, 3, 1, 1},   {13, 33, 1, 1, 5},
    {32, 64, 1, 1, 9}, {6, 10, 1, 2, 11}, {24, 20, 3, 2, 13}, {5, 3, 5, 1, 6}, {32, 4, 3, 1, 30}, {260, 3, 1, 1, 27},
};
#define SHAPE_COUNT (sizeof SHAPES / sizeof *SHAPES)

static uint32_t seed;
static float uniform(float low, float high) {
    seed = seed * 1664525u + 1013904223u;
    return low + (high - low) * (float)(seed >> 8) / 16777216.0f;
}

typedef struct {
    clip_convolution_shape shape;
    size_t inputs, outputs, weights, side; /* counts of floats; the output's side */
    clip_epilogue epilogue;
    float *x, *weight, *scale, *factor, *bias;
    int8_t *weight_q8;
    float *y, *expected, *reach; /* reach: sum of |w| over all taps of an output, by which the image's rounding is multiplied */
    clip_kernels kernels;
    clip_arena arena;
    clip_convolution convolution;
    clip_activations patches;
} problem;

static void make(problem *p, const clip_convolution_shape *shape, float low, float high) {
    *p = (problem){.shape = *shape, .side = clip_convolution_side(shape)};
    p->inputs = shape->side * shape->side * shape->in;
    p->outputs = p->side * p->side * shape->out;
    p->weights = shape->out * shape->in * shape->kernel * shape->kernel;
    p->x = calloc(p->inputs + CLIP_CONVOLUTION_SLACK, sizeof(float));
    p->weight = malloc(p->weights * sizeof(float));
    p->weight_q8 = malloc(p->weights);
    float **const vectors[] = {&p->scale, &p->factor, &p->bias, &p->reach};
    for (int i = 0; i < 4; i++) *vectors[i] = calloc(shape->out, sizeof(float));
    p->y = malloc(p->outputs * sizeof(float));
    p->expected = malloc(p->outputs * sizeof(float));
    for (size_t i = 0; i < p->inputs; i++) p->x[i] = uniform(low, high);
    for (size_t o = 0; o < shape->out; o++) {
        p->scale[o] = uniform(0.002f, 0.02f);
        p->factor[o] = uniform(-2, 2);
        p->bias[o] = uniform(-1, 1);
    }
    p->factor[0] = -1.5f; /* a norm's gain may be negative */
    size_t row = p->weights / shape->out;
    for (size_t i = 0; i < p->weights; i++) {
        p->weight_q8[i] = (int8_t)uniform(-127.99f, 127.99f);
        p->weight[i] = (float)p->weight_q8[i] * p->scale[i / row];
        p->reach[i / row] += fabsf(p->weight[i] * p->factor[i / row]);
    }
}

static void drop(problem *p) {
    void *const all[] = {p->x, p->weight, p->weight_q8, p->scale, p->factor, p->bias, p->reach, p->y, p->expected};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    clip_convolution_free(&p->convolution);
    clip_arena_free(&p->arena);
}

static void compute(problem *p) {
    const clip_convolution_shape *s = &p->shape;
    ptrdiff_t padding = (ptrdiff_t)s->kernel / 2, side = (ptrdiff_t)s->side, k = (ptrdiff_t)s->kernel;
    for (size_t row = 0; row < p->side; row++)
        for (size_t column = 0; column < p->side; column++)
            for (size_t o = 0; o < s->out; o++) {
                double sum = 0;
                for (ptrdiff_t i = 0; i < k; i++)
                    for (ptrdiff_t j = 0; j < k; j++) {
                        ptrdiff_t a = (ptrdiff_t)(row * s->stride) + i - padding, b = (ptrdiff_t)(column * s->stride) + j - padding;
                        if (a < 0 || b < 0 || a >= side || b >= side) continue;
                        for (size_t c = 0; c < s->in; c++)
                            sum += (double)p->x[((size_t)a * s->side + (size_t)b) * s->in + c] *
                                   p->weight[(o * s->in + c) * s->kernel * s->kernel + (size_t)(i * k + j)];
                    }
                double y = sum * p->factor[o] + p->bias[o];
                p->expected[(row * p->side + column) * s->out + o] = (float)(p->epilogue == CLIP_RELU && y < 0 ? 0 : y);
            }
}

static void build(problem *p, const clip_kernels *kernels, int quantized) {
    clip_precision precision = quantized ? CLIP_Q8 : CLIP_F32;
    clip_arena measured = clip_arena_measure();
    p->kernels = *kernels;
    for (int pass = 0; pass < 2; pass++) {
        clip_arena *arena = pass ? &p->arena : &measured;
        if (pass) {
            clip_arena_free(&p->arena);
            assert_int_equal(clip_arena_allocate(arena, &measured), CLIP_OK);
        }
        clip_convolution_layout(&p->convolution, kernels, arena, &p->shape, precision);
        clip_convolution_layout_patches(&p->patches, kernels, arena, &p->shape, precision);
    }
    assert_true(clip_arena_ok(&p->arena));
    clip_status status = quantized ? clip_convolution_set_q8(&p->convolution, kernels, p->weight_q8, p->scale, p->factor, p->bias)
                                   : clip_convolution_set_f32(&p->convolution, kernels, p->weight, p->factor, p->bias);
    assert_int_equal(status, CLIP_OK);
}

static void forward(problem *p, clip_pool *pool) {
    for (size_t i = 0; i < p->outputs; i++) p->y[i] = NAN;
    clip_convolution_forward(&p->convolution, &p->kernels, pool, &p->patches, p->x, p->epilogue, p->y);
}

/* `step`: what the image is rounded to, 0 for f32. */
static void check(const problem *p, float step) {
    for (size_t i = 0; i < p->outputs; i++) {
        size_t o = i % p->shape.out;
        float allowed = p->reach[o] * step * 0.5f * 1.01f + 2e-5f * (p->reach[o] + 1);
        if (!(fabsf(p->y[i] - p->expected[i]) <= allowed))
            fail_msg("%s, output %zu of %zux%zu %zu->%zu kernel %zu stride %zu: %g, should be %g within %g", p->kernels.name, i,
                     p->shape.side, p->shape.side, p->shape.in, p->shape.out, p->shape.kernel, p->shape.stride, (double)p->y[i],
                     (double)p->expected[i], (double)allowed);
    }
}

static void f32_is_the_definition(void **state) {
    (void)state;
    clip_kernels kernels[REAL_TABLES];
    size_t count = real_tables(kernels);
    for (size_t i = 0; i < SHAPE_COUNT * count; i++) {
        problem p;
        make(&p, &SHAPES[i / count], -1, 1);
        p.epilogue = i / count % 2 ? CLIP_RELU : CLIP_STORE;
        compute(&p);
        build(&p, &kernels[i % count], 0);
        for (int again = 0; again < 2; again++) {
            forward(&p, NULL);
            check(&p, 0);
        }
        drop(&p);
    }
}

/* How many steps the largest and the least input of a patch are apart. */
static float steps(const problem *p) {
    switch (p->kernels.q8_form) {
    case CLIP_ACTIVATION_U7: return 127;
    case CLIP_ACTIVATION_I16: return 2000; /* at least, for patches as wide as these */
    default: return 255;
    }
}

static void q8_is_within_its_rounding(void **state) {
    (void)state;
    static const float RANGES[][2] = {{-1, 1}, {0, 6}, {3, 4}, {-9, -8}}; /* the last two far from the border's zeros */
    clip_kernels kernels[REAL_TABLES];
    size_t count = real_tables(kernels);
    for (size_t i = 0; i < SHAPE_COUNT * count; i++)
        for (size_t r = 0; r < sizeof RANGES / sizeof *RANGES; r++) {
            problem p;
            float least = 0, largest = 0;
            make(&p, &SHAPES[i / count], RANGES[r][0], RANGES[r][1]);
            p.epilogue = i / count % 2 ? CLIP_RELU : CLIP_STORE;
            for (size_t j = 0; j < p.inputs; j++) least = fminf(least, p.x[j]), largest = fmaxf(largest, p.x[j]);
            compute(&p);
            build(&p, &kernels[i % count], 1);
            forward(&p, NULL);
            check(&p, (largest - least) / steps(&p));
            drop(&p);
        }
}

static void adds_to_what_is_there(void **state) {
    (void)state;
    clip_kernels kernels;
    problem p;
    clip_kernels_choose(&kernels);
    make(&p, &SHAPES[6], -1, 1);
    compute(&p);
    build(&p, &kernels, 0);
    p.epilogue = CLIP_ADD;
    for (size_t i = 0; i < p.outputs; i++) {
        p.y[i] = (float)(i % 7);
        p.expected[i] += (float)(i % 7);
    }
    clip_convolution_forward(&p.convolution, &kernels, NULL, &p.patches, p.x, p.epilogue, p.y);
    check(&p, 0);
    drop(&p);
}

/* No promise about the values, except that they stay where the kernel reaches; the sanitizers watch the rest. */
static void odd_images(void **state) {
    (void)state;
    clip_kernels kernels[REAL_TABLES];
    size_t count = real_tables(kernels);
    for (size_t i = 0; i < 2 * count; i++) {
        problem p;
        make(&p, &SHAPES[2], -1, 1);
        p.factor[1] = 0; /* an output that the norm switches off */
        build(&p, &kernels[i / 2], (int)(i % 2));
        memset(p.x, 0, p.inputs * sizeof(float));
        forward(&p, NULL);
        for (size_t j = 0; j < p.outputs; j++) assert_float_equal(p.y[j], p.bias[j % p.shape.out], 1e-6);
        for (size_t j = 0; j < p.inputs; j++) p.x[j] = 1;
        p.x[0] = NAN, p.x[1] = INFINITY, p.x[2] = -INFINITY, p.x[3] = 3e38f;
        forward(&p, NULL);
        size_t reached = 2; /* pixels to the right of the first that see it */
        for (size_t j = reached * p.shape.out; j < p.side * p.shape.out; j++) assert_true(isfinite(p.y[j]));
        assert_float_equal(p.y[reached * p.shape.out + 1], p.bias[1], 1e-6);
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
    for (size_t i = 0; i < SHAPE_COUNT; i++)
        for (int quantized = 0; quantized < 2; quantized++) {
            problem p;
            make(&p, &SHAPES[i], -1, 2);
            build(&p, &kernels, quantized);
            forward(&p, NULL);
            memcpy(p.expected, p.y, p.outputs * sizeof(float));
            for (int again = 0; again < 20; again++) {
                forward(&p, pool);
                assert_memory_equal(p.y, p.expected, p.outputs * sizeof(float));
            }
            drop(&p);
        }
    clip_pool_destroy(pool);
    for (uint32_t i = 0; i < 3; i++) pthread_join(threads[i], NULL);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_is_the_definition),
        cmocka_unit_test(q8_is_within_its_rounding),
        cmocka_unit_test(adds_to_what_is_there),
        cmocka_unit_test(odd_images),
#if defined(CLIP_THREADS) && !defined(__wasm__)
        cmocka_unit_test(threads_change_nothing),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
