/* parallel.h - a loop shared by a few threads.
 *
 * The pool has no threads of its own making: wasm modules cannot start one without JavaScript. Whoever starts a thread
 * (a web worker, a Node worker, a pthread in the native tests) calls clip_pool_work on it, which sleeps until there is
 * work. Without threads a pool is a plain loop.
 */
#ifndef CLIP_PARALLEL_H
#define CLIP_PARALLEL_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

typedef struct clip_pool clip_pool;

/* A pool for `threads` threads counting the caller's own (1 to 16). NULL if out of memory. */
clip_pool *clip_pool_create(uint32_t threads);

/* Tells the workers to return from clip_pool_work; free only after they have (destroy waits for those that entered). */
void clip_pool_destroy(clip_pool *pool);

/* Body of worker thread `index` (1 .. threads-1). Sleeps between loops (futex wait; at most some microseconds of spinning,
 * so that a busy machine is not made slower). Returns when the pool is destroyed. */
void clip_pool_work(clip_pool *pool, uint32_t index);

/* Threads that share a loop right now: 1 + workers that have entered clip_pool_work. */
uint32_t clip_pool_threads(const clip_pool *pool);

/* Whether the caller does without the others: where there are other engines to make use of the machine. */
void clip_pool_alone(clip_pool *pool, int alone);

/* Calls task(context, index) for every index below `count`, in any order, on the pool's threads and the caller's;
 * returns when all are done. pool may be NULL (a plain loop). Not reentrant: a task must not start another loop. */
void clip_parallel(clip_pool *pool, size_t count, void (*task)(void *context, size_t index), void *context);

#endif
