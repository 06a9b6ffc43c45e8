#include "engine.h"

#include <stdlib.h>

#define MAX_THREADS 16

clip_engine *clip_engine_create(uint32_t threads) {
    if (threads == 0 || threads > MAX_THREADS) return NULL;
    clip_engine *engine = calloc(1, sizeof *engine);
    if (!engine) return NULL;
    clip_kernels_choose(&engine->kernels);
    clip_kernels_choose_exact(&engine->exact);
    if (threads > 1) {
        engine->pool = clip_pool_create(threads);
        if (!engine->pool) {
            free(engine);
            return NULL;
        }
    }
    return engine;
}

void clip_engine_destroy(clip_engine *engine) {
    if (!engine) return;
    if (engine->pool) clip_pool_destroy(engine->pool);
    free(engine);
}

void clip_engine_work(clip_engine *engine, uint32_t index) {
    if (engine->pool) clip_pool_work(engine->pool, index);
}

const char *clip_engine_kernels(const clip_engine *engine) { return engine->kernels.name; }
