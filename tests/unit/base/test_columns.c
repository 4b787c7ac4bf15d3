#include "base/columns.h"

#include <stdint.h>

#include "tests/unit/test.h"

static void arrays_grow_together_and_are_zeroed(void **state)
{
    double *wide = NULL;
    char *narrow = NULL;
    const struct sofa_column columns[] = {SOFA_COLUMN(wide, 3), SOFA_COLUMN(narrow, 1)};
    size_t room = 0, before;

    (void)state;
    for (size_t count = 1; count < 5000; count = 3 * count) {
        before = room;
        assert_true(sofa_columns_grow(columns, 2, &room, count));
        assert_true(room >= count && (room == before || room >= 2 * before));
        assert_int_equal((uintptr_t)wide % 64 + (uintptr_t)narrow % 64, 0);
        for (size_t i = 0; i < room && room > before; i++)
            assert_true(wide[3 * i + 2] == 0 && narrow[i] == 0);
        wide[3 * room - 1] = narrow[room - 1] = 1;
    }
    before = room;
    assert_true(sofa_columns_grow(columns, 2, &room, 1));
    assert_true(room == before && narrow[room - 1] == 1); /* enough: left as it is */
    sofa_columns_free(columns, 2);
    assert_true(!wide && !narrow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_grow_together_and_are_zeroed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
