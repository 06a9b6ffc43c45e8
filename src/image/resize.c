/* Reference: Pillow's Resample.c. Each output pixel is a weighted sum over a window of input pixels, first along rows,
 * then along columns, with rounding to 8 bits between; weights are 22-bit fixed-point numbers made from doubles.
 *
 * Pillow turns a picture upright before it resizes. Here pixels stay as stored: a mirrored axis has mirrored windows,
 * and where the orientation swaps the axes, columns are summed before rows, which are then Pillow's rows before
 * columns.
 *
 *     axes kept:    row --along--> narrow row --\                             /--> row of the crop
 *                                                window of rows --across--> row
 *     axes swapped: row ------------------------/                             \--along--> column of the crop
 *
 * Weights do not fit the 16 bits of the dot product instruction, so each is split: weight = 2048 high + low. Sums of
 * the two parts are joined modulo 2^32, in which they are exact, as the true sum fits. */
#include "image/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compute/simd.h"

#define PRECISION 22 /* bits of a weight behind the point */
#define LOW_BITS  11 /* of a weight's low part */

/* Windows of one axis; weights come in pairs, for the dot product, and windows are padded with zeros to a multiple of
 * four. */
typedef struct {
    uint32_t first, count; /* input pixels that some window needs */
    uint32_t longest;      /* window, padded */
    uint32_t *start;       /* (size): where each window starts, relative to `first` */
    uint32_t *length;      /* (size): of each window, not padded */
    int16_t *high, *low;   /* (size, longest) */
} axis;

static double bicubic(double x) {
    const double a = -0.5; /* Keys 1981 */
    if (x < 0) x = -x;
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static double bilinear(double x) {
    if (x < 0) x = -x;
    return x < 1 ? 1 - x : 0;
}

static void axis_free(axis *axis) {
    free(axis->start);
    free(axis->length);
    free(axis->high);
    free(axis->low);
}

/* Weights of one output pixel, normalised, to fixed point; mirrored if the axis is. */
static void set_weights(axis *axis, uint32_t pixel, double *weight, double sum, uint32_t length, int mirrored) {
    for (uint32_t k = 0; k < length; k++) {
        double w = sum != 0 ? weight[k] / sum : weight[k];
        int32_t fixed = (int32_t)((w < 0 ? -0.5 : 0.5) + w * (1 << PRECISION));
        size_t to = (size_t)pixel * axis->longest + (mirrored ? length - 1 - k : k);
        axis->high[to] = (int16_t)(fixed >> LOW_BITS);
        axis->low[to] = (int16_t)(fixed & ((1 << LOW_BITS) - 1));
    }
}

/* Windows for output pixels [crop, crop + size) of an axis of `in` pixels that becomes one of `out`. */
static clip_status axis_init(axis *axis, int linear, uint32_t in, uint32_t out, uint32_t crop, uint32_t size, int mirrored) {
    const double scale = (double)in / out, filter_scale = scale < 1 ? 1 : scale, support = (linear ? 1 : 2) * filter_scale;
    const uint32_t longest = (uint32_t)ceil(support) * 2 + 1;
    axis->longest = (longest + 3) / 4 * 4;
    axis->start = malloc(size * sizeof *axis->start);
    axis->length = malloc(size * sizeof *axis->length);
    axis->high = calloc((size_t)size * axis->longest, sizeof *axis->high);
    axis->low = calloc((size_t)size * axis->longest, sizeof *axis->low);
    double *weight = malloc(longest * sizeof *weight);
    if (!axis->start || !axis->length || !axis->high || !axis->low || !weight) {
        free(weight);
        return CLIP_ERROR_MEMORY; /* the caller frees the axis */
    }
    uint32_t least = UINT32_MAX, most = 0;
    for (uint32_t i = 0; i < size; i++) {
        const double centre = (crop + i + 0.5) * scale;
        int32_t begin = (int32_t)(centre - support + 0.5), end = (int32_t)(centre + support + 0.5);
        if (begin < 0) begin = 0;
        if (end > (int32_t)in) end = (int32_t)in;
        const uint32_t length = (uint32_t)(end - begin);
        double sum = 0;
        for (uint32_t k = 0; k < length; k++) {
            const double x = ((double)k + begin - centre + 0.5) * (1 / filter_scale);
            weight[k] = linear ? bilinear(x) : bicubic(x);
            sum += weight[k];
        }
        set_weights(axis, i, weight, sum, length, mirrored);
        axis->length[i] = length;
        axis->start[i] = mirrored ? in - (uint32_t)end : (uint32_t)begin;
        if (axis->start[i] < least) least = axis->start[i];
        if (axis->start[i] + length > most) most = axis->start[i] + length;
    }
    free(weight);
    axis->first = least;
    axis->count = most - least;
    for (uint32_t i = 0; i < size; i++) axis->start[i] -= least;
    return CLIP_OK;
}

/* Two neighbouring weights' same part, for each of four channels. */
static inline v128_t pair(const int16_t *weights) { return wasm_v128_load32_splat(weights); }

static inline v128_t join(v128_t high, v128_t low) {
    const v128_t half = wasm_i32x4_splat(1 << (PRECISION - 1));
    const v128_t sum = wasm_i32x4_add(wasm_i32x4_add(wasm_i32x4_shl(high, LOW_BITS), low), half);
    return wasm_i32x4_shr(sum, PRECISION);
}

/* Along a row: from (axis->count and padding, 4) to (size, 4). */
static void sum_along(const axis *axis, uint32_t size, const uint8_t *from, uint8_t *to) {
    for (uint32_t i = 0; i < size; i++) {
        const uint8_t *pixel = from + (size_t)axis->start[i] * 4;
        const int16_t *high = axis->high + (size_t)i * axis->longest, *low = axis->low + (size_t)i * axis->longest;
        v128_t high_sum = wasm_i32x4_splat(0), low_sum = wasm_i32x4_splat(0);
        for (uint32_t k = 0; k < axis->length[i]; k += 4) {
            const v128_t four = wasm_v128_load(pixel + (size_t)k * 4);
            /* pixels 0 and 1, then 2 and 3, side by side channel for channel */
            const v128_t mixed = wasm_i8x16_shuffle(four, four, 0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15);
            const v128_t front = wasm_u16x8_extend_low_u8x16(mixed), back = wasm_u16x8_extend_high_u8x16(mixed);
            high_sum = wasm_i32x4_add(high_sum, wasm_i32x4_dot_i16x8(front, pair(high + k)));
            low_sum = wasm_i32x4_add(low_sum, wasm_i32x4_dot_i16x8(front, pair(low + k)));
            high_sum = wasm_i32x4_add(high_sum, wasm_i32x4_dot_i16x8(back, pair(high + k + 2)));
            low_sum = wasm_i32x4_add(low_sum, wasm_i32x4_dot_i16x8(back, pair(low + k + 2)));
        }
        const v128_t sum = join(high_sum, low_sum);
        const v128_t narrow = wasm_i16x8_narrow_i32x4(sum, sum);
        wasm_v128_store32_lane(to + (size_t)i * 4, wasm_u8x16_narrow_i16x8(narrow, narrow), 0);
    }
}

/* A ring of the last `capacity` rows, each of `stride` bytes (a multiple of 16). */
typedef struct {
    uint8_t *rows;
    size_t stride;
    uint32_t capacity;
} window;

static const uint8_t *window_row(const window *window, uint32_t y) {
    return window->rows + (y % window->capacity) * window->stride;
}

/* Across rows: the weighted sum of the rows of output pixel i's window, `stride` bytes into `to`. */
static void sum_across(const axis *axis, uint32_t i, const window *window, uint8_t *to) {
    const int16_t *high = axis->high + (size_t)i * axis->longest, *low = axis->low + (size_t)i * axis->longest;
    const uint32_t start = axis->start[i], length = axis->length[i];
    for (size_t at = 0; at < window->stride; at += 16) {
        v128_t high_sum[4], low_sum[4];
        for (int q = 0; q < 4; q++) high_sum[q] = low_sum[q] = wasm_i32x4_splat(0);
        for (uint32_t k = 0; k < length; k += 2) {
            const v128_t upper = wasm_v128_load(window_row(window, start + k) + at);
            /* the last row may have no partner: then its weight is 0 */
            const v128_t lower = wasm_v128_load(window_row(window, k + 1 < length ? start + k + 1 : start + k) + at);
            const v128_t front = wasm_i8x16_shuffle(upper, lower, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            const v128_t back = wasm_i8x16_shuffle(upper, lower, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
            const v128_t pairs[4] = {wasm_u16x8_extend_low_u8x16(front), wasm_u16x8_extend_high_u8x16(front),
                                     wasm_u16x8_extend_low_u8x16(back), wasm_u16x8_extend_high_u8x16(back)};
            const v128_t high_pair = pair(high + k), low_pair = pair(low + k);
            for (int q = 0; q < 4; q++) {
                high_sum[q] = wasm_i32x4_add(high_sum[q], wasm_i32x4_dot_i16x8(pairs[q], high_pair));
                low_sum[q] = wasm_i32x4_add(low_sum[q], wasm_i32x4_dot_i16x8(pairs[q], low_pair));
            }
        }
        const v128_t front = wasm_i16x8_narrow_i32x4(join(high_sum[0], low_sum[0]), join(high_sum[1], low_sum[1]));
        const v128_t back = wasm_i16x8_narrow_i32x4(join(high_sum[2], low_sum[2]), join(high_sum[3], low_sum[3]));
        wasm_v128_store(to + at, wasm_u8x16_narrow_i16x8(front, back));
    }
}

/* What the passes share. */
typedef struct {
    axis x, y; /* of the stored picture */
    window window;
    uint8_t *input;  /* (x.count + padding, 4): a row as it came, where it does not go to the window directly */
    uint8_t *output; /* a row of sums across */
    uint8_t *narrow; /* (size, 4) */
} passes;

static void passes_free(passes *p) {
    axis_free(&p->x);
    axis_free(&p->y);
    free(p->window.rows);
    free(p->input);
    free(p->output);
    free(p->narrow);
}

#define PADDING 4 /* pixels past a row's end that sum_along reads, with weight 0 */

static clip_status passes_init(passes *p, uint32_t size, int swapped) {
    const size_t wide = ((size_t)p->x.count + PADDING + 3) / 4 * 16, narrow = ((size_t)size + 3) / 4 * 16;
    p->window.stride = swapped ? wide : narrow;
    p->window.capacity = p->y.longest < p->y.count ? p->y.longest : p->y.count;
    if (p->window.stride > SIZE_MAX / p->window.capacity) return CLIP_ERROR_MEMORY;
    p->window.rows = calloc(p->window.capacity, p->window.stride);
    p->input = calloc(1, wide);
    p->output = calloc(1, p->window.stride);
    p->narrow = calloc(1, narrow);
    return p->window.rows && p->input && p->output && p->narrow ? CLIP_OK : CLIP_ERROR_MEMORY;
}

/* Brings stored row y (relative to the first needed) into the window. */
static void fetch_row(passes *p, const clip_rows *rows, uint32_t y, uint32_t size, int swapped) {
    uint8_t *place = p->window.rows + (y % p->window.capacity) * p->window.stride;
    rows->row(rows->state, p->y.first + y, p->x.first, p->x.count, swapped ? place : p->input);
    if (!swapped) sum_along(&p->x, size, p->input, place);
}

static void run(passes *p, const clip_rows *rows, uint32_t size, int swapped, int mirror_y, uint8_t *rgb) {
    uint32_t fetched = 0;
    for (uint32_t n = 0; n < size; n++) {
        const uint32_t i = mirror_y ? size - 1 - n : n; /* so that windows move down the stored rows */
        while (fetched < p->y.start[i] + p->y.length[i]) fetch_row(p, rows, fetched++, size, swapped);
        sum_across(&p->y, i, &p->window, p->output);
        const uint8_t *line = p->output;
        if (swapped) {
            sum_along(&p->x, size, p->output, p->narrow);
            line = p->narrow;
        }
        /* Row i of the crop, or column i if the axes are swapped. */
        uint8_t *to = rgb + (size_t)i * 3 * (swapped ? 1 : size);
        for (uint32_t k = 0; k < size; k++, line += 4, to += (size_t)3 * (swapped ? size : 1)) memcpy(to, line, 3);
    }
}

clip_status clip_resize_crop(const clip_rows *rows, uint32_t width, uint32_t height, uint32_t orientation, const clip_crop *crop,
                             uint8_t *rgb) {
    /* EXIF: where the stored first row and first column are to be seen. 1 top left, 2 top right, 3 bottom right, 4
     * bottom left, 5 left top, 6 right top, 7 right bottom, 8 left bottom. A stored axis is mirrored if its start is at
     * the right or bottom. */
    const int swapped = orientation >= 5;
    const int mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const int mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const uint32_t shorter = width < height ? width : height, longer = width < height ? height : width, size = crop->size;
    uint32_t out_x = size, out_y = size;
    if (crop->shorter) {
        const uint32_t long_side = (uint32_t)((double)((uint64_t)crop->shorter * longer) / shorter);
        out_x = width <= height ? crop->shorter : long_side;
        out_y = width <= height ? long_side : crop->shorter;
    }

    passes p = {0};
    clip_status status = axis_init(&p.x, crop->bilinear, width, out_x, (out_x - size) / 2, size, mirror_x);
    if (!status) status = axis_init(&p.y, crop->bilinear, height, out_y, (out_y - size) / 2, size, mirror_y);
    if (!status) status = passes_init(&p, size, swapped);
    if (!status) run(&p, rows, size, swapped, mirror_y, rgb);
    passes_free(&p);
    return status;
}
