/* pixels.h - RGB8 crops to the normalised planes that a vision tower reads. */
#ifndef CLIP_PIXELS_H
#define CLIP_PIXELS_H

#include <stddef.h>
#include <stdint.h>

/* rgb (size, size, 3), 0..255 -> planes (3, size, size), (value / 255 - mean) / deviation. */
void clip_pixels_normalise(const uint8_t *rgb, size_t size, const float mean[3], const float deviation[3], float *planes);

#endif
