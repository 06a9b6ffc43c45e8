/* compare.c - embeddings to scores: cosine similarity and softmax. */
#include "compute/compare.h"

#include <math.h>

/* Sums in double: a caller may compare vectors of any size, and a score's last digit should not depend on the order. */
static double dot(const float *x, const float *y, size_t width) {
    double sum = 0;
    for (size_t i = 0; i < width; i++) sum += (double)x[i] * y[i];
    return sum;
}

void clip_similarity(const float *x, size_t a, const float *y, size_t b, size_t width, float *cosines) {
    for (size_t j = 0; j < b; j++) {
        double squares = dot(y + j * width, y + j * width, width);
        for (size_t i = 0; i < a; i++) {
            double norms = sqrt(squares) * sqrt(dot(x + i * width, x + i * width, width));
            cosines[i * b + j] = norms > 0 ? (float)(dot(x + i * width, y + j * width, width) / norms) : 0;
        }
    }
}

void clip_softmax(float *values, size_t count, float scale) {
    float largest = -INFINITY;
    for (size_t i = 0; i < count; i++) largest = values[i] > largest ? values[i] : largest;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        values[i] = expf(scale * (values[i] - largest));
        sum += values[i];
    }
    for (size_t i = 0; i < count; i++) values[i] = (float)(values[i] / sum);
}
