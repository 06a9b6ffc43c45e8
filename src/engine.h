/* engine.h - what a clip_engine holds; towers reach their kernels and threads through it. */
#ifndef CLIP_ENGINE_H
#define CLIP_ENGINE_H

#include "clip.h"
#include "compute/kernels.h"
#include "compute/parallel.h"

struct clip_engine {
    clip_kernels kernels, exact; /* for towers of some size, and for small ones: see tower.c */
    clip_pool *pool;             /* NULL: one thread */
};

#endif
