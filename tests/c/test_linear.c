/* Products of every kernel against the same sums in plain C: int8 to the bit, f32 as near as it comes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/compute/kernels.h"
#include "../../src/compute/simd.h"
#include "../../src/weights/quantize.h"

#define MARK 12345.f /* in memory that must stay as it is */

/* The relaxed kernels once more, on a dot product that answers as each kind of engine does for bytes over 127, so that the kernels of
 * engines that are not at hand are tested too, and on plain SIMD. */
enum { UNSIGNED_DOT, SIGNED_DOT, SATURATING_DOT };
static int engine, pairs_asked;

static v128_t engine_dot(v128_t a, v128_t b, v128_t sum) {
    int8_t x[16], y[16];
    int32_t z[4];
    wasm_v128_store(x, a), wasm_v128_store(y, b), wasm_v128_store(z, sum);
    for (int i = 0; i < 16; i += 2) {
        int32_t pair = 0;
        for (int j = i; j < i + 2; j++) pair += x[j] * (engine == SIGNED_DOT ? (int)y[j] : (int)(uint8_t)y[j]);
        if (engine == SATURATING_DOT) pair = pair > INT16_MAX ? INT16_MAX : pair < INT16_MIN ? INT16_MIN : pair;
        z[i / 4] += pair;
    }
    return wasm_v128_load(z);
}
static void ask_pairs(clip_kernels *kernels) { (void)kernels, pairs_asked++; }

#undef wasm_f32x4_relaxed_madd
#define wasm_f32x4_relaxed_madd(a, b, c) wasm_f32x4_add(wasm_f32x4_mul(a, b), c)
#undef wasm_i32x4_relaxed_dot_i8x16_i7x16_add
#define wasm_i32x4_relaxed_dot_i8x16_i7x16_add engine_dot
#define clip_kernels_relaxed                   engine_kernels
#define clip_kernels_relaxed_pairs             ask_pairs
#include "kernels_relaxed.inc" /* a link to src/compute/kernels_relaxed.c, so named that make does not compile it once more by itself */
#undef clip_kernels_relaxed
#undef clip_kernels_relaxed_pairs
#include "kernel_tables.h"

#define TABLES (2 + REAL_TABLES)

static size_t tables(clip_kernels out[TABLES]) {
    size_t count = 0;
    for (engine = UNSIGNED_DOT; engine <= SIGNED_DOT; engine++) {
        clip_kernels_simd(&out[count]);
        engine_kernels(&out[count++]);
    }
    return count + real_tables(out + count);
}

static uint32_t seed;
static float uniform(void) { /* -1..1 */
    seed = seed * 1664525 + 1013904223;
    return (float)(int32_t)seed / 2147483648.f;
}
static float bell(void) { return (uniform() + uniform() + uniform() + uniform()) * .9f; }

/* A product with its buffers; filled by make. */
typedef struct {
    size_t rows, in, out, stride;
    clip_kernels kernels;
    clip_arena arena;
    clip_linear linear;
    clip_activations x;
    float *values;   /* (rows, in) */
    float *weight;   /* (out, in), f32: as set; int8, int4: the numbers they stand for, without scale */
    float *scale;    /* (out) */
    float *y;        /* (rows, stride) */
    int8_t *encoded; /* (out, in) */
} fixture;

static void layout(fixture *f, clip_arena *arena, clip_precision precision) {
    clip_linear_layout(&f->linear, &f->kernels, arena, f->in, f->out, precision);
    clip_activations_layout(&f->x, &f->kernels, arena, f->rows, f->in, precision);
}

/* As trained ones are; many at the ends of int8's range; all there; a few there, with activations at their ends. */
typedef enum { ORDINARY, HEAVY, ENDS, SOME_ENDS } weights;

static void encode_row(fixture *f, size_t row, weights kind) {
    size_t in = f->in;
    float *w = f->weight + row * in;
    if (f->linear.precision == CLIP_F32) {
        for (size_t i = 0; i < in; i++) w[i] = bell();
    } else if (f->linear.precision == CLIP_Q8) {
        for (size_t i = 0; i < in; i++) {
            float value =
                kind == ENDS || (kind == HEAVY && uniform() > .3f) ? (uniform() > 0 ? 127.f : -128.f) : roundf(bell() * 35);
            if (kind == ENDS && row % 3) value = row % 3 == 1 ? 127.f : -128.f;
            if (kind == SOME_ENDS) value = row % 8 || i % 128 > 5 ? 0 : row % 16 ? 127.f : -128.f;
            w[i] = value > 127 ? 127 : value;
            f->encoded[row * in + i] = (int8_t)w[i];
        }
        f->scale[row] = .001f + .01f * fabsf(uniform());
    } else { /* any bytes are int4; two bytes again and again: curves and codes at their ends, and groups all alike */
        int8_t *encoded = f->encoded + row * in;
        unsigned char q4[CLIP_Q4_BYTES];
        for (size_t first = 0; first < in; first += CLIP_Q4_BLOCK) {
            for (size_t i = 0; i < sizeof q4; i++)
                q4[i] = kind == ENDS        ? (row % 3 ? 0xff : 0)
                        : kind == SOME_ENDS ? 0xef
                                            : (unsigned char)(int)((uniform() + 1) * 127.9f);
            clip_expand_q4(q4, CLIP_Q4_BLOCK, encoded + first);
        }
        for (size_t i = 0; i < in; i++) w[i] = (float)encoded[i];
        f->scale[row] = .001f + .01f * fabsf(uniform());
    }
}

static void set_rows(fixture *f, size_t first, size_t rows) {
    if (f->linear.precision == CLIP_F32) {
        clip_linear_set_rows(&f->linear, &f->kernels, first, rows, f->weight + first * f->in);
        return;
    }
    clip_linear_set_scales(&f->linear, &f->kernels, first, rows, f->scale + first);
    clip_linear_set_rows_q8(&f->linear, &f->kernels, first, rows, f->encoded + first * f->in);
}

static void make(fixture *f, const clip_kernels *kernels, clip_precision precision, size_t rows, size_t in, size_t out,
                 weights kind) {
    *f = (fixture){.rows = rows, .in = in, .out = out, .stride = out + 3, .kernels = *kernels};
    engine = kernels->q8_form == CLIP_ACTIVATION_S8 ? SIGNED_DOT : UNSIGNED_DOT;
    clip_arena measured = clip_arena_measure();
    layout(f, &measured, precision);
    assert_int_equal(clip_arena_allocate(&f->arena, &measured), CLIP_OK);
    memset(f->arena.base, 0xa5, f->arena.size); /* what is not set must not matter */
    layout(f, &f->arena, precision);
    assert_true(clip_arena_ok(&f->arena));
    f->values = calloc(rows * in, sizeof(float));
    f->weight = calloc(out * in, sizeof(float));
    f->scale = calloc(out, sizeof(float));
    f->y = calloc(rows * f->stride, sizeof(float));
    f->encoded = calloc(out * in, 1);
    for (size_t i = 0; i < rows * in; i++)
        f->values[i] = kind >= ENDS ? (i / in % 3 ? -1.f : 1.f) * (i % 5 ? 1.f : uniform()) : bell() + .1f;
    for (size_t o = 0; o < out; o++) encode_row(f, o, kind);
    for (size_t o = 0; o < out; o++) assert_true(f->linear.bias[o] == 0); /* until it is set */
    for (size_t o = 0; o < out; o++) f->linear.bias[o] = precision == CLIP_F32 ? uniform() : .25f * (float)(o % 7);
    set_rows(f, 0, out);
    for (size_t i = 0; i < rows * f->stride; i++) f->y[i] = MARK;
}

static void drop(fixture *f) {
    clip_arena_free(&f->arena);
    free(f->values), free(f->weight), free(f->scale), free(f->y), free(f->encoded);
}

static int quantized(const fixture *f, size_t row, size_t i) {
    const unsigned char *q = f->x.q + row * f->x.stride;
    int16_t wide;
    switch (f->kernels.q8_form) {
    case CLIP_ACTIVATION_I16: memcpy(&wide, q + 2 * i, 2); return wide;
    case CLIP_ACTIVATION_S8: return (int8_t)q[i];
    default: return q[i];
    }
}

/* The product in plain C from the activations as they were quantized. *size: the sum of what was added, in magnitude. */
static float expected(const fixture *f, size_t row, size_t o, double *size) {
    const float *w = f->weight + o * f->in;
    double sum = 0, magnitude = 0;
    int64_t dot = 0, weights = 0;
    for (size_t i = 0; i < f->in; i++) {
        if (f->linear.precision == CLIP_F32) {
            sum += (double)w[i] * (double)f->x.f32[row * f->in + i];
            magnitude += fabs((double)w[i] * (double)f->x.f32[row * f->in + i]);
        } else {
            dot += quantized(f, row, i) * (int)w[i];
            weights += (int)w[i];
        }
    }
    *size = magnitude;
    if (f->linear.precision == CLIP_F32) return (float)(sum + (double)f->linear.bias[o]);
    assert_true(dot >= INT32_MIN && dot <= INT32_MAX);
    float scaled = f->x.scale[row] * (float)dot, offset = f->x.offset[row] * (float)weights; /* in the kernels' order, to the bit */
    float both = scaled + offset;
    float z = both * f->scale[o];
    return z + f->linear.bias[o];
}

static void check(fixture *f) {
    for (size_t row = 0; row < f->rows; row++) {
        for (size_t o = 0; o < f->out; o++) {
            double size;
            float want = expected(f, row, o, &size), got = f->y[row * f->stride + o];
            if (f->linear.precision != CLIP_F32) assert_true(want == got);
            else assert_true(fabs((double)want - (double)got) <= 2e-6 * size + 1e-6 * fabs((double)want));
        }
        for (size_t o = f->out; o < f->stride; o++) assert_true(f->y[row * f->stride + o] == MARK);
    }
}

static const size_t SHAPES[][3] = {{1, 1, 1},    {1, 64, 8},    {2, 3, 7},    {3, 16, 9},   {4, 31, 16},  {5, 96, 5},
                                   {6, 2, 24},   {7, 64, 17},   {8, 33, 1},   {11, 100, 8}, {50, 64, 24}, {64, 32, 8},
                                   {65, 48, 11}, {130, 192, 8}, {3, 1028, 8}, {6, 2112, 9}, {70, 1504, 3}};

static void multiply_and_check(const clip_kernels *kernels, clip_precision precision, size_t rows, size_t in, size_t out,
                               weights kind) {
    fixture f;
    make(&f, kernels, precision, rows, in, out, kind);
    clip_activations_set(&f.x, &f.kernels, NULL, f.values, f.rows);
    clip_linear_forward(&f.linear, &f.kernels, NULL, &f.x, CLIP_STORE, f.y, f.stride);
    check(&f);
    drop(&f);
}

static void products(clip_precision precision) {
    clip_kernels table[TABLES];
    size_t count = tables(table);
    for (size_t t = 0; t < count; t++) {
        for (size_t s = 0; s < sizeof SHAPES / sizeof *SHAPES; s++)
            for (int kind = ORDINARY; kind <= SOME_ENDS; kind++) {
                seed = (uint32_t)(s * 4 + (size_t)kind + 1);
                multiply_and_check(&table[t], precision, SHAPES[s][0], SHAPES[s][1], SHAPES[s][2], (weights)kind);
            }
        if (precision == CLIP_Q4) continue;       /* the kernels are int8's */
        for (size_t rows = 1; rows <= 13; rows++) /* every remainder of tiles, units and panels */
            for (size_t in = 1; in <= 70; in++) multiply_and_check(&table[t], precision, rows, in, 1 + (rows + in) % 17, ORDINARY);
    }
}
static void f32_products(void **state) { (void)state, products(CLIP_F32); }
static void int8_products(void **state) { (void)state, products(CLIP_Q8); }
static void int4_products(void **state) { (void)state, products(CLIP_Q4); }

/* How far quantized activations are from the true ones: half a step. */
static void activations_are_near(void **state) {
    (void)state;
    clip_kernels table[TABLES];
    size_t count = tables(table);
    for (size_t t = 0; t < count; t++)
        for (int precision = CLIP_Q8; precision <= CLIP_Q4; precision++) {
            fixture f;
            seed = 5;
            make(&f, &table[t], (clip_precision)precision, 9, 64, 8, ORDINARY);
            for (size_t i = 0; i < f.in; i++) f.values[3 * f.in + i] = -7.5f; /* constant */
            for (size_t i = 0; i < f.in; i++) f.values[4 * f.in + i] = 0;
            for (size_t i = 0; i < f.in; i++) f.values[5 * f.in + i] = 1e-41f * uniform(); /* denormal */
            for (size_t i = 0; i < f.in; i++) f.values[6 * f.in + i] *= 1e30f;
            clip_activations_set(&f.x, &f.kernels, NULL, f.values, f.rows);
            for (size_t row = 0; row < f.rows; row++)
                for (size_t i = 0; i < f.in; i++) {
                    float x = f.values[row * f.in + i], q = (float)quantized(&f, row, i) * f.x.scale[row] + f.x.offset[row];
                    assert_true(fabsf(x - q) <= f.x.scale[row] * .501f + fabsf(x) * 2e-6f + 1e-37f);
                }
            drop(&f);
        }
}

/* Any order and any split of rows, rows that are set twice: the same product. */
static void rows_come_in_any_order(void **state) {
    (void)state;
    clip_kernels table[TABLES];
    size_t count = tables(table);
    for (size_t t = 0; t < count; t++)
        for (int precision = CLIP_F32; precision <= CLIP_Q4; precision++)
            for (int kind = ORDINARY; kind <= HEAVY; kind++) {
                fixture f;
                seed = 17;
                make(&f, &table[t], (clip_precision)precision, 7, 128, 21, (weights)kind);
                for (size_t o = 21; o-- > 0;) set_rows(&f, o, 1);
                set_rows(&f, 5, 9);
                set_rows(&f, 18, 3);
                clip_activations_set(&f.x, &f.kernels, NULL, f.values, f.rows);
                clip_linear_forward(&f.linear, &f.kernels, NULL, &f.x, CLIP_STORE, f.y, f.stride);
                check(&f);
                drop(&f);
            }
}

/* Which kernels an engine's dot product leads to. */
static void dot_is_probed(void **state) {
    (void)state;
    clip_kernels kernels;
    const clip_activation_form forms[] = {CLIP_ACTIVATION_U8, CLIP_ACTIVATION_S8};
    pairs_asked = 0;
    for (engine = UNSIGNED_DOT; engine <= SIGNED_DOT; engine++) {
        engine_kernels(&kernels);
        assert_int_equal(kernels.q8_form, forms[engine]);
    }
    assert_int_equal(pairs_asked, 0);
    engine = SATURATING_DOT;
    engine_kernels(&kernels);
    assert_int_equal(pairs_asked, 1);
}

static double gelu(double z) { return z * .5 * erfc(-z / sqrt(2.)); }
static double quick_gelu(double z) { return z / (1 + exp(-1.702 * z)); }

static void epilogues(void **state) {
    (void)state;
    clip_kernels kernels;
    clip_kernels_choose(&kernels);
    for (int epilogue = CLIP_STORE; epilogue <= CLIP_RELU; epilogue++)
        for (size_t variant = 0; variant < 6; variant++) {
            fixture f;
            size_t out = variant % 2 ? 16 : 13;
            seed = 99;
            make(&f, &kernels, (clip_precision)(variant / 2), 9, 64, out, ORDINARY);
            for (size_t i = 0; i < f.in; i++) f.values[i] *= 1000, f.values[f.in + i] *= 1e-5f; /* far out, and near 0 */
            clip_activations_set(&f.x, &f.kernels, NULL, f.values, f.rows);
            clip_linear_forward(&f.linear, &f.kernels, NULL, &f.x, CLIP_STORE, f.y, f.stride);
            float *plain = malloc(f.rows * f.stride * sizeof *plain);
            memcpy(plain, f.y, f.rows * f.stride * sizeof *plain);
            for (size_t i = 0; i < f.rows * f.stride; i++) f.y[i] = i % f.stride < out ? (float)i : MARK;
            clip_linear_forward(&f.linear, &f.kernels, NULL, &f.x, (clip_epilogue)epilogue, f.y, f.stride);
            for (size_t i = 0; i < f.rows * f.stride; i++) {
                double z = (double)plain[i], want = z;
                if (i % f.stride >= out) want = (double)MARK;
                else if (epilogue == CLIP_ADD) want = z + (double)i;
                else if (epilogue == CLIP_QUICK_GELU) want = quick_gelu(z);
                else if (epilogue == CLIP_GELU) want = gelu(z);
                else if (epilogue == CLIP_RELU) want = z > 0 ? z : 0;
                assert_true(fabs(want - (double)f.y[i]) <= 4e-7 * (fabs(z) > fabs(want) ? fabs(z) : fabs(want)));
            }
            free(plain);
            drop(&f);
        }
}

/* NaN and infinities pass through without undefined behaviour, and touch no other row. */
static void not_finite(void **state) {
    (void)state;
    clip_kernels table[TABLES];
    size_t count = tables(table);
    const float bad[] = {NAN, INFINITY, -INFINITY, 3.4e38f, -3.4e38f};
    for (size_t t = 0; t < count; t++)
        for (int precision = CLIP_F32; precision <= CLIP_Q4; precision++)
            for (int epilogue = CLIP_STORE; epilogue <= CLIP_RELU; epilogue++) {
                fixture f;
                seed = 3;
                make(&f, &table[t], (clip_precision)precision, 12, 64, 8, ORDINARY);
                for (size_t i = 0; i < f.rows * f.stride; i++) f.y[i] = i % f.stride < 8 ? 0 : MARK;
                float gain[64], bias[64] = {0};
                for (size_t i = 0; i < 64; i++) gain[i] = 1;
                for (size_t i = 0; i < 5; i++) f.values[i * 64 + 7 * i] = bad[i], f.values[i * 64 + 60] = -bad[i];
                for (size_t i = 0; i < 64; i++) f.values[5 * 64 + i] = bad[i % 5];
                if (epilogue % 2) clip_activations_set(&f.x, &f.kernels, NULL, f.values, f.rows);
                else clip_activations_set_layer_norm(&f.x, &f.kernels, NULL, f.values, f.rows, gain, bias, 1e-5f);
                clip_linear_forward(&f.linear, &f.kernels, NULL, &f.x, (clip_epilogue)epilogue, f.y, f.stride);
                for (size_t i = 6 * f.stride; i < f.rows * f.stride; i++) assert_true(isfinite(f.y[i]));
                drop(&f);
            }
}

static void layer_norm(void **state) {
    (void)state;
    clip_kernels kernels;
    clip_kernels_choose(&kernels);
    const size_t widths[] = {1, 3, 4, 17, 64, 770};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        size_t width = widths[w], rows = 5;
        float *x = malloc(rows * width * sizeof *x), *gain = malloc(width * sizeof *gain), *bias = malloc(width * sizeof *bias);
        float *y = malloc(rows * width * sizeof *y);
        seed = 8;
        for (size_t i = 0; i < rows * width; i++) x[i] = bell() * 3 + 20;
        for (size_t i = 0; i < width; i++) gain[i] = uniform(), bias[i] = uniform();
        clip_layer_norm(&kernels, NULL, x, rows, width, gain, bias, 1e-5f, y);
        for (size_t r = 0; r < rows; r++) {
            double mean = 0, variance = 0;
            for (size_t i = 0; i < width; i++) mean += (double)x[r * width + i] / (double)width;
            for (size_t i = 0; i < width; i++) variance += pow((double)x[r * width + i] - mean, 2) / (double)width;
            for (size_t i = 0; i < width; i++) {
                double want = ((double)x[r * width + i] - mean) / sqrt(variance + 1e-5) * (double)gain[i] + (double)bias[i];
                assert_true(fabs(want - (double)y[r * width + i]) < 3e-5); /* x is 20, its deviation 1: five digits are left */
            }
        }
        clip_layer_norm(&kernels, NULL, x, rows, width, gain, bias, 1e-5f, x);
        assert_memory_equal(x, y, rows * width * sizeof *x);
        free(x), free(y), free(gain), free(bias);
    }
}

/* The padded sizes of a layout that cannot be must not wrap around. */
static void sizes_do_not_overflow(void **state) {
    (void)state;
    clip_kernels table[TABLES];
    size_t count = tables(table);
    for (size_t t = 0; t < count; t++)
        for (int precision = CLIP_F32; precision <= CLIP_Q4; precision++) {
            clip_linear linear;
            clip_arena arena = clip_arena_measure();
            clip_linear_layout(&linear, &table[t], &arena, SIZE_MAX / 64, 64 * 1024, (clip_precision)precision);
            assert_false(clip_arena_ok(&arena));
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_products),
        cmocka_unit_test(int8_products),
        cmocka_unit_test(int4_products),
        cmocka_unit_test(dot_is_probed),
        cmocka_unit_test(activations_are_near),
        cmocka_unit_test(rows_come_in_any_order),
        cmocka_unit_test(epilogues),
        cmocka_unit_test(not_finite),
        cmocka_unit_test(layer_norm),
        cmocka_unit_test(sizes_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
