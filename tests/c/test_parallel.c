/* Loops over a pool: every index once, whoever comes late, and an end that waits for nobody who took nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/compute/parallel.h"

#if defined(CLIP_THREADS) && !defined(__wasm__)
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

typedef struct {
    clip_pool *pool;
    unsigned delay; /* microseconds before it comes */
} worker;

static void *work(void *argument) {
    worker *w = argument;
    if (w->delay) usleep(w->delay);
    clip_pool_work(w->pool, 1);
    return NULL;
}

static void mark(void *context, size_t index) { atomic_fetch_add((atomic_int *)context + index, 1); }

static void wait_for(clip_pool *pool, uint32_t threads) {
    while (clip_pool_threads(pool) != threads) usleep(100);
}

static void loops(uint32_t workers, unsigned delay, size_t rounds) {
    clip_pool *pool = clip_pool_create(workers + 1);
    assert_non_null(pool);
    pthread_t threads[4];
    worker w[4];
    for (uint32_t i = 0; i < workers; i++) {
        w[i] = (worker){pool, delay * i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &w[i]), 0);
    }
    atomic_int *marks = calloc(64, sizeof *marks);
    for (size_t round = 0; round < rounds; round++) {
        size_t count = round % 64;
        memset(marks, 0, 64 * sizeof *marks);
        clip_parallel(pool, count, mark, marks);
        for (size_t i = 0; i < 64; i++) assert_int_equal(marks[i], i < count);
        if (round % 5000 == 4999) usleep(2000); /* so that workers fall asleep now and then */
    }
    free(marks);
    wait_for(pool, workers + 1); /* the pool must not go before the last of them has come */
    clip_pool_destroy(pool);
    for (uint32_t i = 0; i < workers; i++) pthread_join(threads[i], NULL);
}

static void every_index_once(void **state) {
    (void)state;
    for (uint32_t workers = 1; workers <= 4; workers++) loops(workers, 0, 30000);
}
static void latecomers_join(void **state) {
    (void)state;
    loops(3, 3000, 60000);
}

static void note_thread(void *context, size_t index) { ((pthread_t *)context)[index] = pthread_self(); }

static void alone_it_is_the_caller_only(void **state) {
    (void)state;
    clip_pool *pool = clip_pool_create(2);
    pthread_t thread, by[64];
    worker w = {pool, 0};
    assert_int_equal(pthread_create(&thread, NULL, work, &w), 0);
    wait_for(pool, 2);
    clip_pool_alone(pool, 1);
    assert_int_equal(clip_pool_threads(pool), 1);
    for (int round = 0; round < 1000; round++) {
        clip_parallel(pool, 64, note_thread, by);
        for (int i = 0; i < 64; i++) assert_true(pthread_equal(by[i], pthread_self()));
    }
    clip_pool_alone(pool, 0);
    assert_int_equal(clip_pool_threads(pool), 2);
    clip_pool_destroy(pool);
    pthread_join(thread, NULL);
}

static void destroy_wakes_sleepers(void **state) {
    (void)state;
    for (int i = 0; i < 50; i++) {
        clip_pool *pool = clip_pool_create(2);
        pthread_t thread;
        worker w = {pool, 0};
        assert_int_equal(pthread_create(&thread, NULL, work, &w), 0);
        wait_for(pool, 2);
        if (i % 2) usleep(500);
        clip_pool_destroy(pool);
        pthread_join(thread, NULL);
    }
}
#endif

static void count_up(void *context, size_t index) { ((size_t *)context)[index]++; }

static void without_workers_it_is_a_loop(void **state) {
    (void)state;
    size_t marks[10] = {0};
    clip_parallel(NULL, 10, count_up, marks);
    clip_pool *pool = clip_pool_create(4);
    assert_int_equal(clip_pool_threads(pool), 1);
    clip_parallel(pool, 9, count_up, marks);
    clip_parallel(pool, 0, count_up, marks);
    for (size_t i = 0; i < 10; i++) assert_int_equal(marks[i], i < 9 ? 2 : 1);
    clip_pool_destroy(pool);
    clip_pool_destroy(NULL);
    assert_null(clip_pool_create(0));
    assert_null(clip_pool_create(17));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_workers_it_is_a_loop),
#if defined(CLIP_THREADS) && !defined(__wasm__)
        cmocka_unit_test(every_index_once),
        cmocka_unit_test(latecomers_join),
        cmocka_unit_test(alone_it_is_the_caller_only),
        cmocka_unit_test(destroy_wakes_sleepers),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
