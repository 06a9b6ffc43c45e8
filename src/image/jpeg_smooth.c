/* What a progressive JPEG looks like before all of its scans are there. The estimates are libjpeg-turbo's, given here as
 * the weights of the 25 means around a block: of a Gaussian surface where nothing but means is known, else of T.81's
 * section K.8, widened. */
#include "image/jpeg.h"

#include <string.h>

enum { KNOWN = 10 }; /* the mean, and nine coefficients in zigzag order */

static const uint8_t natural[KNOWN] = {0, 1, 8, 16, 9, 2, 3, 10, 17, 24};

static const int8_t from_means[KNOWN][25] = {
    {-2, -6, -8, -6, -2, -6, 6, 42, 6, -6, -8, 42, 0, 42, -8, -6, 6, 42, 6, -6, -2, -6, -8, -6, -2}, /* its middle is 152 */
    {-1, -1, 0, 1, 1, -3, 13, 0, -13, 3, -3, 38, 0, -38, 3, -3, 13, 0, -13, 3, -1, -1, 0, 1, 1},
    {-1, -3, -3, -3, -1, -1, 13, 38, 13, -1, 0, 0, 0, 0, 0, 1, -13, -38, -13, 1, 1, 3, 3, 3, 1},
    {0, 0, 1, 0, 0, 0, 2, 7, 2, 0, 0, -5, -14, -5, 0, 0, 2, 7, 2, 0, 0, 0, 1, 0, 0},
    {-1, 0, 0, 0, 1, 0, 9, 0, -9, 0, 0, 0, 0, 0, 0, 0, -9, 0, 9, 0, 1, 0, 0, 0, -1},
    {0, 0, 0, 0, 0, 0, 2, -5, 2, 0, 1, 7, -14, 7, 1, 0, 2, -5, 2, 0, 0, 0, 0, 0, 0},
    {0, 0, 0, 0, 0, 0, 1, 0, -1, 0, 0, 2, 0, -2, 0, 0, 1, 0, -1, 0, 0, 0, 0, 0, 0},
    {0, 0, 0, 0, 0, 0, 1, -3, 1, 0, 0, 0, 0, 0, 0, 0, -1, 3, -1, 0, 0, 0, 0, 0, 0},
    {0, 0, 0, 0, 0, 0, 1, 0, -1, 0, 0, -3, 0, 3, 0, 0, 1, 0, -1, 0, 0, 0, 0, 0, 0},
    {0, 0, 0, 0, 0, 0, 1, 2, 1, 0, 0, 0, 0, 0, 0, 0, -1, -2, -1, 0, 0, 0, 0, 0, 0},
};

static const int8_t beside_others[6][25] = {
    {0},
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -7, 50, 0, -50, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {0, 0, -7, 0, 0, 0, 0, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, -50, 0, 0, 0, 0, 7, 0, 0},
    {0, 0, -1, 0, 0, 0, 0, 13, 0, 0, 0, 0, -24, 0, 0, 0, 0, 13, 0, 0, 0, 0, -1, 0, 0},
    {0, -1, 0, 1, 0, -1, 10, 0, -10, 1, 0, 0, 0, 0, 0, 1, -10, 0, 10, -1, 0, 1, 0, -1, 0},
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, 13, -24, 13, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
};

int clip_jpeg_smoothing_helps(const clip_jpeg_plane *planes, size_t count) {
    int helps = 0;
    for (size_t k = 0; k < count; k++) {
        if (planes[k].accuracy[0] < 0) return 0;
        for (int i = 0; i < KNOWN; i++) {
            if (planes[k].quantization[natural[i]] == 0) return 0;
            helps |= i > 0 && planes[k].accuracy[i] != 0;
        }
    }
    return helps;
}

/* Means of the 5x5 blocks around (x, y), edges repeated. The last unit's rows that are not of the picture do not count. */
static void means_around(const clip_jpeg_plane *plane, size_t x, size_t y, int means[25]) {
    const size_t units = (plane->height + plane->rows_in_unit - 1) / plane->rows_in_unit;
    const int in_last = y / plane->rows_in_unit == units - 1;
    const size_t bottom = in_last ? plane->height - 1 : units * plane->rows_in_unit - 1;
    for (int v = -2; v <= 2; v++) {
        const size_t down = v < 0 && y < (size_t)-v ? 0 : y + (size_t)v, row = down < bottom ? down : bottom;
        for (int h = -2; h <= 2; h++) {
            const size_t across = h < 0 && x < (size_t)-h ? 0 : x + (size_t)h;
            const size_t column = across < plane->width ? across : plane->width - 1;
            means[(v + 2) * 5 + h + 2] = plane->coefficients[64 * (column + row * plane->stride)];
        }
    }
}

/* Rounded to the coefficient's steps. */
static int64_t estimate(const int8_t weights[25], int64_t middle, const int means[25], int64_t mean_step, int64_t step) {
    int64_t sum = middle * means[12];
    for (int i = 0; i < 25; i++) sum += (int64_t)weights[i] * means[i];
    sum *= mean_step;
    const int64_t size = ((step << 7) + (sum < 0 ? -sum : sum)) / (step << 8);
    return sum < 0 ? -size : size;
}

void clip_jpeg_smooth(const clip_jpeg_plane *plane, size_t x, size_t y, short block[64]) {
    int means[25], only_means = 1;
    means_around(plane, x, y, means);
    for (int i = 1; i < KNOWN; i++) only_means &= plane->accuracy[i] < 0;
    for (int i = 1; i < (only_means ? KNOWN : 6); i++) {
        const int missing = plane->accuracy[i], place = natural[i];
        if (missing == 0 || block[place] != 0) continue;
        int64_t value =
            estimate(only_means ? from_means[i] : beside_others[i], 0, means, plane->quantization[0], plane->quantization[place]);
        const int64_t most = missing > 0 ? (1 << missing) - 1 : INT16_MAX;
        if (value > most) value = most;
        if (value < -most) value = -most;
        block[place] = (short)value;
    }
    if (only_means) block[0] = (short)estimate(from_means[0], 152, means, plane->quantization[0], plane->quantization[0]);
}
