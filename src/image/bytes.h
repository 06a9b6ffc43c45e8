/* bytes.h - numbers out of bytes of either order; the caller checks bounds. */
#ifndef CLIP_BYTES_H
#define CLIP_BYTES_H

#include <stdint.h>

static inline uint32_t clip_big16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static inline uint32_t clip_big32(const uint8_t *p) { return clip_big16(p) << 16 | clip_big16(p + 2); }
static inline uint32_t clip_little16(const uint8_t *p) { return (uint32_t)p[1] << 8 | p[0]; }
static inline uint32_t clip_little32(const uint8_t *p) { return clip_little16(p + 2) << 16 | clip_little16(p); }

#endif
