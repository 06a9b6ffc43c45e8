/* Convolutions against the definition, written out as seven loops. int8 ones within what rounding the image can do, which also
 * shows that the border is exactly zero: a wrong zero point there would be off by many times as much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "../../src/convolution.h"

/* in, out, kernel, stride, side, relu */
static const clip_convolution_shape SHAPES[] = {
    {3, 8, 3, 2, 16, 1},  {3, 5, 3, 2, 15, 0},  {16, 16, 3, 1, 8, 1}, {7, 9, 3, 1, 7, 0},    {1, 1, 3, 1, 1, 0},
    {13, 33, 1, 1, 5, 0}, {32, 64, 1, 1, 9, 1}, {6, 10, 1, 2, 11, 0}, {24, 20, 3, 2, 13, 1}, {5, 3, 5, 1, 6, 0},
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
    float *x, *weight, *scale, *factor, *bias;
    int8_t *weight_q8;
    float *y, *expected, *reach; /* reach: sum of |w| over all taps of an output, by which the image's rounding is multiplied */
    void *scratch;
} problem;

static void make(problem *p, const clip_convolution_shape *shape, float low, float high) {
    *p = (problem){.shape = *shape, .side = clip_convolution_side(shape)};
    p->inputs = shape->side * shape->side * shape->in;
    p->outputs = p->side * p->side * shape->out;
    p->weights = shape->out * shape->in * shape->kernel * shape->kernel;
    p->x = calloc(1, p->inputs * sizeof(float) + CLIP_CONVOLUTION_SLACK);
    p->weight = malloc(p->weights * sizeof(float));
    p->weight_q8 = malloc(p->weights);
    float **const vectors[] = {&p->scale, &p->factor, &p->bias, &p->reach};
    for (int i = 0; i < 4; i++) *vectors[i] = calloc(shape->out, sizeof(float));
    p->y = malloc(p->outputs * sizeof(float));
    p->expected = malloc(p->outputs * sizeof(float));
    p->scratch = aligned_alloc(64, (clip_convolution_scratch(shape) + 63) / 64 * 64);
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
    void *const all[] = {p->x, p->weight, p->weight_q8, p->scale, p->factor, p->bias, p->reach, p->y, p->expected, p->scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
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
                p->expected[(row * p->side + column) * s->out + o] = (float)(s->relu && y < 0 ? 0 : y);
            }
}

static clip_convolution *build(const problem *p, int quantized) {
    clip_convolution *c = NULL;
    clip_status status = quantized ? clip_convolution_create_q8(&c, &p->shape, p->weight_q8, p->scale, p->factor, p->bias)
                                   : clip_convolution_create_f32(&c, &p->shape, p->weight, p->factor, p->bias);
    assert_int_equal(status, CLIP_OK);
    assert_non_null(c);
    return c;
}

static void forward(clip_convolution *c, problem *p, clip_pool *pool) {
    for (size_t i = 0; i < p->outputs; i++) p->y[i] = NAN;
    assert_int_equal(clip_convolution_forward(c, pool, p->x, p->y, p->scratch), CLIP_OK);
}

/* `step`: what the image is rounded to, 0 for f32. */
static void check(const problem *p, float step) {
    for (size_t i = 0; i < p->outputs; i++) {
        size_t o = i % p->shape.out;
        float allowed = p->reach[o] * step * 0.5f * 1.01f + 1e-5f * (p->reach[o] + 1);
        if (!(fabsf(p->y[i] - p->expected[i]) <= allowed))
            fail_msg("output %zu of %zux%zu %zu->%zu kernel %zu stride %zu: %g, should be %g within %g", i, p->shape.side,
                     p->shape.side, p->shape.in, p->shape.out, p->shape.kernel, p->shape.stride, (double)p->y[i],
                     (double)p->expected[i], (double)allowed);
    }
}

static void f32_is_the_definition(void **state) {
    (void)state;
    for (size_t i = 0; i < SHAPE_COUNT; i++) {
        problem p;
        make(&p, &SHAPES[i], -1, 1);
        compute(&p);
        clip_convolution *c = build(&p, 0);
        for (int again = 0; again < 2; again++) {
            forward(c, &p, NULL);
            check(&p, 0);
        }
        clip_convolution_destroy(c);
        drop(&p);
    }
}

static void q8_is_within_its_rounding(void **state) {
    (void)state;
    static const float RANGES[][2] = {{-1, 1}, {0, 6}, {3, 4}, {-9, -8}}; /* the last two far from the border's zeros */
    for (size_t i = 0; i < SHAPE_COUNT; i++)
        for (size_t r = 0; r < sizeof RANGES / sizeof *RANGES; r++) {
            problem p;
            float least = 0, largest = 0;
            make(&p, &SHAPES[i], RANGES[r][0], RANGES[r][1]);
            for (size_t j = 0; j < p.inputs; j++) least = fminf(least, p.x[j]), largest = fmaxf(largest, p.x[j]);
            compute(&p);
            clip_convolution *c = build(&p, 1);
            forward(c, &p, NULL);
            /* the zero point is rounded too, so that zero is exact: at an end of the range that may cost half a step more */
            check(&p, 2 * (largest - least) / 255);
            clip_convolution_destroy(c);
            drop(&p);
        }
}

static void odd_factors_and_images(void **state) {
    (void)state;
    for (int quantized = 0; quantized < 2; quantized++) {
        problem p;
        make(&p, &SHAPES[2], -1, 1);
        p.factor[1] = 0; /* outputs that the norm switches off */
        p.factor[2] = 1e-42f;
        for (size_t i = 0; i < p.weights / p.shape.out; i++) p.weight_q8[i] = -128; /* negated by factor[0] */
        clip_convolution *c = build(&p, quantized);
        memset(p.x, 0, p.inputs * sizeof(float));
        forward(c, &p, NULL);
        for (size_t i = 0; i < p.outputs; i++) {
            float bias = p.bias[i % p.shape.out];
            assert_float_equal(p.y[i], bias > 0 ? bias : 0, 1e-6);
        }
        for (size_t i = 0; i < p.inputs; i++) p.x[i] = 1;
        forward(c, &p, NULL);
        for (size_t i = 0; i < p.outputs; i += p.shape.out) {
            assert_float_equal(p.y[i + 1], p.bias[1] > 0 ? p.bias[1] : 0, 1e-6);
            assert_float_equal(p.y[i + 2], p.bias[2] > 0 ? p.bias[2] : 0, 1e-6);
        }
        /* No promise about the values, but none may lead outside the buffers (the sanitizers watch). */
        p.x[3] = NAN, p.x[4] = INFINITY, p.x[5] = -INFINITY;
        assert_int_equal(clip_convolution_forward(c, NULL, p.x, p.y, p.scratch), CLIP_OK);
        p.x[3] = p.x[4] = p.x[5] = 3e38f;
        assert_int_equal(clip_convolution_forward(c, NULL, p.x, p.y, p.scratch), CLIP_OK);
        clip_convolution_destroy(c);
        drop(&p);
    }
    clip_convolution_destroy(NULL);
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
    clip_pool *pool = clip_pool_create(4);
    for (uint32_t i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, work, pool), 0);
    while (clip_pool_threads(pool) != 4) sched_yield();
    for (size_t i = 0; i < SHAPE_COUNT; i++)
        for (int quantized = 0; quantized < 2; quantized++) {
            problem p;
            make(&p, &SHAPES[i], -1, 2);
            clip_convolution *c = build(&p, quantized);
            forward(c, &p, NULL);
            memcpy(p.expected, p.y, p.outputs * sizeof(float));
            for (int again = 0; again < 20; again++) {
                forward(c, &p, pool);
                assert_memory_equal(p.y, p.expected, p.outputs * sizeof(float));
            }
            clip_convolution_destroy(c);
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
        cmocka_unit_test(odd_factors_and_images),
#if defined(CLIP_THREADS) && !defined(__wasm__)
        cmocka_unit_test(threads_change_nothing),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
