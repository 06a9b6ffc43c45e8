/* pthreadpool_backend.c - pthreadpool's loops (its portable-api.c) on a clip_pool, in place of its pthreads.c.
 *
 * A loop's range is split among thread_infos, and whoever is done with one takes from the others. So it needs no thread of
 * its own for each: they are the indices of a clip_parallel loop, and one thread alone would get through all of them.
 */
#include "compute/pthreadpool_backend.h"

#include <stddef.h>
#include <string.h>

/* As the library's own files are compiled: it decides what struct pthreadpool looks like. */
#define PTHREADPOOL_USE_FUTEX   1
#define PTHREADPOOL_USE_CONDVAR 0
#include <threadpool-object.h>

#define MAX_THREADS 16 /* as clip_pool_create */

typedef struct {
    clip_pool *pool;
    thread_function_t function;
    struct pthreadpool threadpool; /* its threads[] come right after */
} lent_pool;

static lent_pool *lent_pool_of(struct pthreadpool *threadpool) {
    return (lent_pool *)((char *)threadpool - offsetof(lent_pool, threadpool));
}

static void work_as(void *context, size_t thread) {
    lent_pool *lent = context;
    lent->function(&lent->threadpool, &lent->threadpool.threads[thread]);
}

/* What portable-api.c calls for every loop of more than one step. */
void pthreadpool_parallelize(struct pthreadpool *threadpool, thread_function_t thread_function, const void *params,
                             size_t params_size, void *task, void *context, size_t linear_range, uint32_t flags) {
    lent_pool *lent = lent_pool_of(threadpool);
    size_t threads = threadpool->threads_count.value, start = 0;
    pthreadpool_store_relaxed_void_p(&threadpool->thread_function, (void *)thread_function);
    pthreadpool_store_relaxed_void_p(&threadpool->task, task);
    pthreadpool_store_relaxed_void_p(&threadpool->argument, context);
    pthreadpool_store_relaxed_uint32_t(&threadpool->flags, flags);
    memcpy(&threadpool->params, params, params_size);
    for (size_t i = 0; i < threads; i++) {
        struct thread_info *thread = &threadpool->threads[i];
        size_t length = linear_range / threads + (i < linear_range % threads);
        pthreadpool_store_relaxed_size_t(&thread->range_start, start);
        pthreadpool_store_relaxed_size_t(&thread->range_end, start + length);
        pthreadpool_store_relaxed_size_t(&thread->range_length, length);
        start += length;
    }
    lent->function = thread_function;
    clip_parallel(lent->pool, threads, work_as, lent);
}

enum xnn_status clip_run_operator(xnn_operator_t operation, clip_pool *pool) {
    size_t threads = pool ? clip_pool_threads(pool) : 1;
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    if (threads == 1) return xnn_run_operator(operation, NULL);
    /* Made anew for each run, since threads may come in between; 1.5 KB, so it needs no heap. */
    _Alignas(PTHREADPOOL_CACHELINE_SIZE) char memory[sizeof(lent_pool) + MAX_THREADS * sizeof(struct thread_info)];
    lent_pool *lent = (lent_pool *)memory;
    memset(memory, 0, sizeof memory);
    lent->pool = pool;
    lent->threadpool.threads_count = fxdiv_init_size_t(threads);
    for (size_t i = 0; i < threads; i++) {
        lent->threadpool.threads[i].thread_number = i;
        lent->threadpool.threads[i].threadpool = &lent->threadpool;
    }
    return xnn_run_operator(operation, &lent->threadpool);
}
