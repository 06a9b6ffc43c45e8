/* machine.h - what computes: the kernels chosen for this machine, and its threads. */
#ifndef CLIP_MACHINE_H
#define CLIP_MACHINE_H

#include "compute/kernels.h"
#include "compute/parallel.h"

typedef struct {
    clip_kernels kernels, exact; /* for towers of some size, and for small ones: see towers/tower.c */
    clip_pool *pool;             /* NULL: one thread */
} clip_machine;

#endif
