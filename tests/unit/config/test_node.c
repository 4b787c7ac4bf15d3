#include "tests/unit/test.h"

#include "config/node.h"

static struct sofa_document *parse(const char *text)
{
    struct sofa_document *d = NULL;

    assert_int_equal(sofa_document_parse("x.yaml", text, strlen(text), &d, NULL), SOFA_OK);
    return d;
}

static void refuses(const char *text, int line, int column, const char *reason)
{
    struct sofa_document *d = NULL;
    struct sofa_err err = SOFA_ERR_INIT;

    if (sofa_document_parse("x.yaml", text, strlen(text), &d, &err) != SOFA_E_INPUT)
        fail_msg("accepted: %s", text);
    if (err.line != line || err.column != column || !strstr(err.text, reason))
        fail_msg("%d:%d: %s", err.line, err.column, err.text);
}

static void a_node_knows_its_place(void **state)
{
    struct sofa_document *d = parse("a: 1\nb:\n  - x\n  - {c: 64 KiB}\n");
    const struct sofa_node *b = sofa_node_get(sofa_document_root(d), "b");
    const struct sofa_node *c = sofa_node_get(b->item[1], "c");
    double value;

    (void)state;
    assert_int_equal(b->count, 2);
    assert_int_equal(c->line, 4);
    assert_int_equal(c->column, 9);
    assert_int_equal(sofa_node_number(c, "B", &value, NULL), SOFA_OK);
    assert_true(value == 65536);
    sofa_document_free(d);
}

static void json_is_read_as_the_yaml_it_is(void **state)
{
    struct sofa_document *d = parse("{\"a\": [1, 2.5e3, true, null], \"b\": {\"c\": \"text\"}}");
    const struct sofa_node *a = sofa_node_get(sofa_document_root(d), "a");
    bool yes = false;
    double value;

    (void)state;
    assert_int_equal(sofa_node_number(a->item[1], "1", &value, NULL), SOFA_OK);
    assert_true(value == 2500);
    assert_int_equal(sofa_node_bool(a->item[2], &yes, NULL), SOFA_OK);
    assert_true(yes && sofa_node_is_null(a->item[3]));
    sofa_document_free(d);
}

static void broken_documents_are_refused_at_their_place(void **state)
{
    (void)state;
    refuses("a: 1\nb: [1, 2\n", 3, 1, "expected ',' or ']'");
    refuses("a: 1\na: 2\n", 2, 1, "'a' stands here twice");
    refuses("", 1, 1, "empty");
    refuses("a: &x [*x]\n", 1, 8, "contains itself");
    refuses("a: *nobody\n", 1, 4, "was not given");
    refuses("a: !tag 1\n", 1, 4, "tags");
    refuses("a: 1\n---\nb: 2\n", 2, 1, "second document");
    refuses("? [1]\n: 2\n", 1, 3, "a key must be a word");
    refuses("a: \"x\\0y\"\n", 1, 4, "zero byte");
}

static void nesting_is_bounded(void **state)
{
    char text[4001];

    (void)state;
    memset(text, '[', 4000);
    text[4000] = '\0';
    refuses(text, 1, 66, "nested too deeply");
}

struct thing {
    double capacity;
    int lanes, mode;
    const char *name;
};

static const char *const modes[] = {"fast", "slow", NULL};
static const struct sofa_field fields[] = {
    {.key = "capacity", .kind = SOFA_FIELD_NUMBER, .offset = offsetof(struct thing, capacity), .unit = "B", .least = 1, .most = 1e9},
    {.key = "lanes", .kind = SOFA_FIELD_INTEGER, .offset = offsetof(struct thing, lanes), .least = 1, .most = 4096},
    {.key = "mode", .kind = SOFA_FIELD_CHOICE, .offset = offsetof(struct thing, mode), .names = modes},
    {.key = "name", .kind = SOFA_FIELD_STRING, .offset = offsetof(struct thing, name), .required = true},
};

static void a_map_is_read_by_its_table(void **state)
{
    struct sofa_document *d = parse("{name: x, capacity: 2 KiB, lanes: 128, mode: slow}");
    struct thing thing = {0};

    (void)state;
    assert_int_equal(sofa_node_read(sofa_document_root(d), fields, 4, &thing, NULL), SOFA_OK);
    assert_true(thing.capacity == 2048 && thing.lanes == 128 && thing.mode == 1);
    assert_string_equal(thing.name, "x");
    sofa_document_free(d);
}

static void what_the_table_does_not_allow_is_an_error(void **state)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"{name: x, lane: 3}", "unknown key 'lane'; did you mean 'lanes'?"},
        {"{name: x, banana: 3}", "expected one of capacity, lanes"},
        {"{lanes: 3}", "'name' is missing"},
        {"{name: x, lanes: 0}", "expected 1 to 4096"},
        {"{name: x, lanes: 3.5}", "not a whole number"},
        {"{name: x, capacity: 0 B}", "out of range"},
        {"{name: x, capacity: 12}", "has no unit"},
        {"{name: x, mode: sloww}", "did you mean 'slow'?"},
        {"{name: [1]}", "a list stands here; expected a value"},
        {"[1]", "a list stands here; expected a map"},
        {"{name: }", "nothing stands here"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sofa_document *d = parse(cases[i].text);
        struct sofa_err err = SOFA_ERR_INIT;
        struct thing thing = {0};

        assert_int_equal(sofa_node_read(sofa_document_root(d), fields, 4, &thing, &err), SOFA_E_INPUT);
        if (!strstr(err.text, cases[i].reason) || err.line != 1)
            fail_msg("%s: %s", cases[i].text, err.text);
        sofa_document_free(d);
    }
}

static void a_file_of_another_kind_is_refused_before_its_keys(void **state)
{
    static const struct sofa_field with_kind[] = {
        {.key = "kind", .kind = SOFA_FIELD_STRING, .offset = offsetof(struct thing, name), .required = true},
    };
    static const struct {
        const char *text, *reason;
        int column;
    } cases[] = {
        {"{banana: 3, kind: fruit}", "this is a file of kind 'fruit'; expected 'thing'", 19},
        {"{kind: thing, banana: 3}", "unknown key 'banana'", 15},
        {"{}", "'kind' is missing here", 1},
        {"{kind: [thing]}", "a list stands here", 8},
        {"[1]", "a list stands here; expected a map", 1},
    };
    struct sofa_document *d = parse("{kind: thing}");
    struct thing thing = {0};

    (void)state;
    assert_int_equal(sofa_node_read_kind(sofa_document_root(d), "thing", with_kind, 1, &thing, NULL), SOFA_OK);
    sofa_document_free(d);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sofa_err err = SOFA_ERR_INIT;

        d = parse(cases[i].text);
        assert_int_equal(sofa_node_read_kind(sofa_document_root(d), "thing", with_kind, 1, &thing, &err), SOFA_E_INPUT);
        if (!strstr(err.text, cases[i].reason) || err.column != cases[i].column)
            fail_msg("%s: %d: %s", cases[i].text, err.column, err.text);
        sofa_document_free(d);
    }
}

static void a_list_of_maps_fills_an_array_as_far_as_it_goes(void **state)
{
    struct sofa_document *d = parse("[{name: x, lanes: 3}, {name: y}]");
    const struct sofa_node *list = sofa_document_root(d);
    struct thing things[3] = {{.lanes = 7}, {.lanes = 7}, {.lanes = 7}};
    struct sofa_err err = SOFA_ERR_INIT;
    size_t count = 9;

    (void)state;
    assert_int_equal(sofa_node_read_list(list, fields, 4, things, sizeof *things, 2, &count, NULL), SOFA_OK);
    assert_int_equal(count, 2);
    assert_true(things[0].lanes == 3 && things[1].lanes == 7 && things[2].name == NULL);
    assert_string_equal(things[1].name, "y");
    assert_int_equal(sofa_node_read_list(list, fields, 4, things, sizeof *things, 1, &count, &err), SOFA_E_INPUT);
    assert_string_equal(err.text, "more than 1 entries");
    assert_int_equal(sofa_node_read_list(list->item[0], fields, 4, things, sizeof *things, 1, &count, NULL), SOFA_E_INPUT);
    sofa_document_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_knows_its_place),
        cmocka_unit_test(json_is_read_as_the_yaml_it_is),
        cmocka_unit_test(broken_documents_are_refused_at_their_place),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(a_map_is_read_by_its_table),
        cmocka_unit_test(what_the_table_does_not_allow_is_an_error),
        cmocka_unit_test(a_file_of_another_kind_is_refused_before_its_keys),
        cmocka_unit_test(a_list_of_maps_fills_an_array_as_far_as_it_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
