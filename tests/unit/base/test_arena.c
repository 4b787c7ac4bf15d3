#include "tests/unit/test.h"

#include "base/arena.h"

static void allocations_are_aligned_and_apart(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    char *last = NULL;

    (void)state;
    for (size_t n = 1; n < 3000; n += 7) {
        char *p = sofa_arena_alloc(&arena, n, 1);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % SOFA_ARENA_ALIGN, 0);
        assert_true(p != last);
        memset(p, 0xff, n);
        last = p;
    }
    sofa_arena_release(&arena);
}

static void a_reset_arena_gives_the_same_memory_again(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    void *first = sofa_arena_alloc(&arena, 5 << 20, 1);
    void *second = sofa_arena_alloc(&arena, 100, 8);

    (void)state;
    sofa_arena_reset(&arena);
    assert_ptr_equal(sofa_arena_alloc(&arena, 5 << 20, 1), first);
    assert_ptr_equal(sofa_arena_alloc(&arena, 100, 8), second);
    sofa_arena_release(&arena);
}

static void a_size_that_overflows_is_refused(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;

    (void)state;
    assert_null(sofa_arena_alloc(&arena, SIZE_MAX / 2, 3));
    assert_null(sofa_arena_zalloc(&arena, SIZE_MAX, SIZE_MAX));
    assert_non_null(sofa_arena_alloc(&arena, 0, 8));
    sofa_arena_release(&arena);
}

static void rewinding_gives_back_what_came_after_the_mark(void **state)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_arena_mark empty = sofa_arena_mark(&arena), mark;
    char *kept = sofa_arena_alloc(&arena, 100, 1);
    void *scratch;

    (void)state;
    memset(kept, 7, 100);
    mark = sofa_arena_mark(&arena);
    scratch = sofa_arena_alloc(&arena, 3 << 20, 1);
    for (int i = 0; i < 100; i++) {
        sofa_arena_rewind(&arena, mark);
        assert_ptr_equal(sofa_arena_alloc(&arena, 3 << 20, 1), scratch);
        memset(scratch, i, 3 << 20);
    }
    assert_int_equal(kept[99], 7);
    sofa_arena_rewind(&arena, empty);
    assert_ptr_equal(sofa_arena_alloc(&arena, 100, 1), kept);
    sofa_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_aligned_and_apart),
        cmocka_unit_test(a_reset_arena_gives_the_same_memory_again),
        cmocka_unit_test(rewinding_gives_back_what_came_after_the_mark),
        cmocka_unit_test(a_size_that_overflows_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
