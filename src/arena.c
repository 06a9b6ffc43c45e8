#include "arena.h"

#include <stdint.h>
#include <stdlib.h>

clip_arena clip_arena_measure(void) { return (clip_arena){NULL, 0, 0, 0}; }

clip_status clip_arena_allocate(clip_arena *arena, const clip_arena *measured) {
    *arena = clip_arena_measure();
    if (!clip_arena_ok(measured)) return CLIP_ERROR_MEMORY;
    size_t size = measured->used ? measured->used : CLIP_ALIGNMENT;
    arena->base = aligned_alloc(CLIP_ALIGNMENT, size);
    if (!arena->base) return CLIP_ERROR_MEMORY;
    arena->size = size;
    arena->sketch = measured->sketch;
    return CLIP_OK;
}

void clip_arena_free(clip_arena *arena) {
    free(arena->base);
    *arena = clip_arena_measure();
}

void *clip_arena_take(clip_arena *arena, size_t count, size_t element) {
    return arena->sketch ? NULL : clip_arena_take_structures(arena, count, element);
}

void *clip_arena_take_structures(clip_arena *arena, size_t count, size_t element) {
    const size_t limit = PTRDIFF_MAX - CLIP_ALIGNMENT;
    if (arena->used == SIZE_MAX || (element && count > limit / element)) {
        arena->used = SIZE_MAX;
        return NULL;
    }
    size_t bytes = (count * element + CLIP_ALIGNMENT - 1) / CLIP_ALIGNMENT * CLIP_ALIGNMENT;
    size_t room = (arena->base ? arena->size : limit) - arena->used;
    if (bytes > room) {
        arena->used = SIZE_MAX;
        return NULL;
    }
    unsigned char *taken = arena->base ? arena->base + arena->used : NULL;
    arena->used += bytes;
    return taken;
}

int clip_arena_ok(const clip_arena *arena) { return arena->used != SIZE_MAX; }
