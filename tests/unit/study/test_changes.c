/* What changed between two texts of a space. */
#include "tests/unit/test.h"

#include "study/changes.h"

#define SPACE "name: a\nparameters:\n  tiles: [2, 4]\nsearch: {seed: 1}\n"

static void expect(const char *now, size_t n, const char *text)
{
    struct sofa_str out = SOFA_STR_INIT;

    assert_int_equal(sofa_space_changes(SPACE, now, 2, &out), n);
    assert_string_equal(out.text, text);
    sofa_str_release(&out);
}

static void comments_and_layout_are_no_change(void **state)
{
    (void)state;
    expect("# new\nname: 'a'\nparameters: {tiles: [2,4]}\nsearch:\n  seed: 1\n", 0, "");
}

static void changed_added_and_missing_keys_are_named_with_their_path(void **state)
{
    (void)state;
    expect("name: b\nparameters:\n  tiles: [2, 4]\n", 1, "name was a, now b");
    expect("name: a\nparameters:\n  tiles: [2, 8]\n", 1, "parameters.tiles[1] was 4, now 8");
    expect("name: a\nparameters:\n  tiles: [2, 4, 6]\n  topk: [1]\n", 2,
           "parameters.tiles[2] was missing, now 6; parameters.topk was missing, now a list");
    expect("name: a\nparameters: 3\n", 1, "parameters was a map, now 3");
}

static void only_so_many_are_shown(void **state)
{
    (void)state;
    expect("name: b\nparameters:\n  tiles: [1, 3]\n", 3,
           "name was a, now b; parameters.tiles[0] was 2, now 1; and 1 more");
}

static void what_the_command_line_may_set_is_left_to_it(void **state)
{
    (void)state;
    expect("name: a\nparameters:\n  tiles: [2, 4]\nsearch: {seed: 2, evaluations: 9}\n", 0, "");
    expect("name: a\nparameters:\n  tiles: [2, 4]\nsearch: {reference: 2}\n", 1, "search.reference was missing, now 2");
}

static void a_text_that_cannot_be_read_counts_as_changed(void **state)
{
    struct sofa_str out = SOFA_STR_INIT;

    (void)state;
    assert_int_equal(sofa_space_changes("a: [", SPACE, 2, &out), 1);
    sofa_str_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comments_and_layout_are_no_change),
        cmocka_unit_test(changed_added_and_missing_keys_are_named_with_their_path),
        cmocka_unit_test(only_so_many_are_shown),
        cmocka_unit_test(what_the_command_line_may_set_is_left_to_it),
        cmocka_unit_test(a_text_that_cannot_be_read_counts_as_changed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
