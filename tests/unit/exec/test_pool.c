#include "tests/unit/test.h"

#include <stdatomic.h>

#include "exec/pool.h"

static atomic_int runs;

static void square(void *task, size_t worker, void *ctx)
{
    int *n = task;

    *n *= *n;
    atomic_fetch_add(&runs, 1);
    assert_true(worker < *(size_t *)ctx);
}

static void every_task_comes_back_once_whatever_the_number_of_workers(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= 4; workers++) {
        struct sofa_pool *pool;
        int task[200], sum = 0;

        atomic_store(&runs, 0);
        assert_int_equal(sofa_pool_new(workers, square, &workers, &pool, NULL), SOFA_OK);
        for (int i = 0; i < 200; i++) {
            task[i] = i;
            assert_int_equal(sofa_pool_submit(pool, &task[i], NULL), SOFA_OK);
        }
        for (int i = 0; i < 200; i++) {
            int *done = sofa_pool_wait(pool, 10);

            assert_non_null(done);
            sum += *done;
        }
        assert_int_equal(sum, 199 * 200 * 399 / 6);
        assert_int_equal(atomic_load(&runs), 200);
        assert_null(sofa_pool_wait(pool, 0.01));
        sofa_pool_free(pool);
    }
}

static void a_pool_with_work_left_can_be_freed(void **state)
{
    static int task[1000];
    struct sofa_pool *pool;
    size_t workers = 2;

    (void)state;
    assert_int_equal(sofa_pool_new(workers, square, &workers, &pool, NULL), SOFA_OK);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(sofa_pool_submit(pool, &task[i], NULL), SOFA_OK);
    sofa_pool_free(pool);
    sofa_pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_comes_back_once_whatever_the_number_of_workers),
        cmocka_unit_test(a_pool_with_work_left_can_be_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
