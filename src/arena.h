/* arena.h - one allocation that many buffers share.
 *
 * A layout function takes its buffers from an arena twice: first from a measuring one, which only counts and answers
 * NULL, then from one of exactly that size. Thus a model's weights are one allocation, a workspace is another, and a
 * forward pass allocates nothing.
 */
#ifndef CLIP_ARENA_H
#define CLIP_ARENA_H

#include <stddef.h>

#include "status.h"

#define CLIP_ALIGNMENT 64 /* bytes; a cache line, and more than any SIMD load needs */

typedef struct {
    unsigned char *base; /* NULL while measuring */
    size_t size;         /* bytes at base */
    size_t used;         /* bytes taken so far; SIZE_MAX once a size overflowed or the arena ran out */
    int sketch;          /* only structures get memory */
} clip_arena;

/* A measuring arena. */
clip_arena clip_arena_measure(void);

/* Allocates what `measured` counted. Free with clip_arena_free. CLIP_ERROR_MEMORY if that overflowed or is not to be had. */
clip_status clip_arena_allocate(clip_arena *arena, const clip_arena *measured);
void clip_arena_free(clip_arena *arena);

/* `count` elements of `element` bytes, 64-byte aligned, uninitialised. NULL while measuring and on exhaustion. */
void *clip_arena_take(clip_arena *arena, size_t count, size_t element);

/* The same for structures that a layout fills itself, and that say where the rest is. A sketch has these and nothing else: what a model
 * is made of can be asked without the memory for its weights. */
void *clip_arena_take_structures(clip_arena *arena, size_t count, size_t element);

/* Whether every take since the start fitted (measuring: no size overflowed). */
int clip_arena_ok(const clip_arena *arena);

#endif
