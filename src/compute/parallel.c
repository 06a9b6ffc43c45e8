/* parallel.c - one loop at a time, its indices handed out one by one.
 *
 * `ticket` holds the loop's number and how many indices are left, in one word: who takes an index by compare-and-swap knows that it
 * belongs to the loop whose task it then reads, since that loop cannot end before this index is done. A worker that comes late finds
 * no index left, or the next loop's; nobody ever waits for one that has taken nothing.
 */
#include "compute/parallel.h"

#include <stdlib.h>

#ifdef CLIP_THREADS

#include <stdatomic.h>

#ifdef __wasm__
/* Sleeps while *word is `value`; traps on a browser's main thread, so threads are for engines in workers. */
static void futex_wait(_Atomic uint32_t *word, uint32_t value) { __builtin_wasm_memory_atomic_wait32((int *)word, (int)value, -1); }
static void futex_wake(_Atomic uint32_t *word, uint32_t count) { __builtin_wasm_memory_atomic_notify((int *)word, count); }
#else
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
static void futex_wait(_Atomic uint32_t *word, uint32_t value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
static void futex_wake(_Atomic uint32_t *word, uint32_t count) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count > INT_MAX ? INT_MAX : count, NULL, NULL, 0);
}
#endif

/* Looks before sleeping, some tens of microseconds: the loops of one forward pass follow each other closer than a thread wakes up,
 * and a machine that is busy loses no more than that. */
#define LOOKS 20000

struct clip_pool {
    _Atomic uint64_t ticket; /* loop number << 32 | indices left */
    _Atomic uint32_t epoch;  /* loop number; workers sleep on it */
    _Atomic uint32_t done;   /* indices of this loop; the caller sleeps on it */
    _Atomic uint32_t entered, sleeping, stop;
    int alone;      /* the caller's affair, and read by nobody else */
    uint32_t count; /* indices of this loop */
    void (*task)(void *context, size_t index);
    void *context;
};

clip_pool *clip_pool_create(uint32_t threads) {
    if (threads == 0 || threads > 16) return NULL;
    return calloc(1, sizeof(clip_pool));
}

void clip_pool_destroy(clip_pool *pool) {
    if (!pool) return;
    atomic_store(&pool->stop, 1);
    atomic_fetch_add(&pool->epoch, 1);
    futex_wake(&pool->epoch, UINT32_MAX);
    for (uint32_t entered; (entered = atomic_load(&pool->entered));) futex_wait(&pool->entered, entered);
    free(pool);
}

uint32_t clip_pool_threads(const clip_pool *pool) { return pool->alone ? 1 : 1 + atomic_load(&((clip_pool *)pool)->entered); }
void clip_pool_alone(clip_pool *pool, int alone) { pool->alone = alone; }

/* Works on loop `epoch` until no index of it is left to take. */
static void take_indices(clip_pool *pool, uint32_t epoch) {
    uint64_t ticket = atomic_load(&pool->ticket);
    while (ticket >> 32 == epoch && (uint32_t)ticket) {
        if (!atomic_compare_exchange_weak(&pool->ticket, &ticket, ticket - 1)) continue;
        uint32_t count = pool->count; /* not to be read once our index is done: the loop may end with it */
        pool->task(pool->context, count - (uint32_t)ticket);
        if (atomic_fetch_add(&pool->done, 1) + 1 == count) futex_wake(&pool->done, 1);
        ticket = atomic_load(&pool->ticket);
    }
}

void clip_pool_work(clip_pool *pool, uint32_t index) {
    (void)index;
    atomic_fetch_add(&pool->entered, 1);
    uint32_t seen = 0;
    while (!atomic_load(&pool->stop)) {
        uint32_t epoch = atomic_load(&pool->epoch);
        for (int looks = 0; epoch == seen && looks < LOOKS; looks++)
            epoch = atomic_load_explicit(&pool->epoch, memory_order_relaxed);
        if (epoch == seen) {
            atomic_fetch_add(&pool->sleeping, 1);
            futex_wait(&pool->epoch, seen);
            atomic_fetch_sub(&pool->sleeping, 1);
            continue;
        }
        seen = epoch;
        take_indices(pool, epoch);
    }
    /* The last touch of the pool: destroy frees it as soon as nobody is in here. */
    if (atomic_fetch_sub(&pool->entered, 1) == 1) futex_wake(&pool->entered, 1);
}

void clip_parallel(clip_pool *pool, size_t count, void (*task)(void *context, size_t index), void *context) {
    if (!pool || pool->alone || count <= 1 || count > UINT32_MAX || atomic_load(&pool->entered) == 0) {
        for (size_t i = 0; i < count; i++) task(context, i);
        return;
    }
    pool->task = task;
    pool->context = context;
    pool->count = (uint32_t)count;
    atomic_store(&pool->done, 0);
    uint32_t epoch = atomic_load(&pool->epoch) + 1;
    atomic_store(&pool->ticket, (uint64_t)epoch << 32 | count);
    atomic_store(&pool->epoch, epoch);
    if (atomic_load(&pool->sleeping)) futex_wake(&pool->epoch, (uint32_t)count - 1);
    take_indices(pool, epoch);
    uint32_t done = atomic_load(&pool->done);
    for (int looks = 0; done != count && looks < LOOKS; looks++) done = atomic_load(&pool->done);
    while ((done = atomic_load(&pool->done)) != count) futex_wait(&pool->done, done);
}

#else

struct clip_pool {
    char nothing;
};

clip_pool *clip_pool_create(uint32_t threads) { return threads == 0 || threads > 16 ? NULL : calloc(1, sizeof(clip_pool)); }
void clip_pool_destroy(clip_pool *pool) { free(pool); }
uint32_t clip_pool_threads(const clip_pool *pool) { return (void)pool, 1; }
void clip_pool_alone(clip_pool *pool, int alone) { (void)pool, (void)alone; }
void clip_pool_work(clip_pool *pool, uint32_t index) { (void)pool, (void)index; }
void clip_parallel(clip_pool *pool, size_t count, void (*task)(void *context, size_t index), void *context) {
    (void)pool;
    for (size_t i = 0; i < count; i++) task(context, i);
}

#endif
