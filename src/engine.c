/* engine.c - the face's own part: a machine with a handle around it. */
#include <stdlib.h>

#include "clip.h"

#define MAX_THREADS 16

struct clip_engine {
    clip_machine machine;
};

clip_engine *clip_engine_create(uint32_t threads) {
    if (threads == 0 || threads > MAX_THREADS) return NULL;
    clip_engine *engine = calloc(1, sizeof *engine);
    if (!engine) return NULL;
    clip_kernels_choose(&engine->machine.kernels);
    clip_kernels_choose_exact(&engine->machine.exact);
    if (threads > 1) {
        engine->machine.pool = clip_pool_create(threads);
        if (!engine->machine.pool) {
            free(engine);
            return NULL;
        }
    }
    return engine;
}

void clip_engine_destroy(clip_engine *engine) {
    if (!engine) return;
    if (engine->machine.pool) clip_pool_destroy(engine->machine.pool);
    free(engine);
}

void clip_engine_work(clip_engine *engine, uint32_t index) {
    if (engine->machine.pool) clip_pool_work(engine->machine.pool, index);
}

void clip_engine_alone(clip_engine *engine, int alone) {
    if (engine->machine.pool) clip_pool_alone(engine->machine.pool, alone);
}

const char *clip_engine_kernels(const clip_engine *engine) { return engine->machine.kernels.name; }

clip_status clip_tower_sketch(clip_tower **out, clip_engine *engine, clip_tower_kind kind, const char *config, size_t length) {
    return clip_tower_sketch_on(out, &engine->machine, kind, config, length);
}

clip_status clip_tower_create(clip_tower **out, clip_engine *engine, clip_tower_kind kind, const char *config, size_t length,
                              clip_precision precision) {
    return clip_tower_create_on(out, &engine->machine, kind, config, length, precision);
}
