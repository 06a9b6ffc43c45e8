/* pthreadpool_backend.h - lets XNNPACK's operators run on a clip_pool. XNNPACK shares its loops through the pthreadpool library;
 * where modules have threads, pthreadpool_backend.c stands in for the part of it that would create its own. */
#ifndef CLIP_PTHREADPOOL_BACKEND_H
#define CLIP_PTHREADPOOL_BACKEND_H

#include "compute/parallel.h"
#include "xnnpack.h"

#ifdef CLIP_THREADS
/* Runs an operator that is set up, on the pool's threads and the caller's; pool may be NULL. Allocates nothing. */
enum xnn_status clip_run_operator(xnn_operator_t operation, clip_pool *pool);
#else
static inline enum xnn_status clip_run_operator(xnn_operator_t operation, clip_pool *pool) {
    (void)pool;
    return xnn_run_operator(operation, NULL);
}
#endif

#endif
