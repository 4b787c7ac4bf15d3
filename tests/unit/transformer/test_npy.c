#include "tests/unit/test.h"

#include "transformer/npy.h"

/* A file of version 1 with this dictionary and n zero bytes, malloc'd. */
static unsigned char *make(const char *dictionary, size_t n, size_t *size)
{
    size_t length = strlen(dictionary);
    unsigned char *data = calloc(10 + length + n, 1);

    assert_non_null(data);
    memcpy(data, "\x93NUMPY\x01", 7);
    data[8] = (unsigned char)(length & 255);
    data[9] = (unsigned char)(length >> 8);
    memcpy(data + 10, dictionary, length);
    *size = 10 + length + n;
    return data;
}

static void a_file_as_numpy_writes_it_is_read(void **state)
{
    struct sofa_tensor t;
    struct sofa_err err;
    size_t size;
    unsigned char *data = make("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }          \n", 24, &size);

    (void)state;
    assert_int_equal(sofa_npy_parse("f", data, size, &t, &err), SOFA_OK);
    assert_int_equal(t.dtype, SOFA_DTYPE_F32);
    assert_int_equal(t.dims, 2);
    assert_int_equal(t.count, 6);
    assert_ptr_equal(t.data, data + size - 24);
    free(data);
}

static void scalars_vectors_and_any_order_of_keys_are_read(void **state)
{
    static const struct {
        const char *dictionary;
        size_t bytes, dims;
    } good[] = {
        {"{'shape': (), 'fortran_order': False, 'descr': '<i8'}", 8, 0},
        {"{\"descr\": \"|u1\", \"fortran_order\": False, \"shape\": (5,)}", 5, 1},
        {"{'descr': '<f2', 'fortran_order': False, 'shape': (0, 7)}", 0, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct sofa_tensor t;
        struct sofa_err err;
        size_t size;
        unsigned char *data = make(good[i].dictionary, good[i].bytes, &size);

        assert_int_equal(sofa_npy_parse("f", data, size, &t, &err), SOFA_OK);
        assert_int_equal(t.dims, good[i].dims);
        free(data);
    }
}

static const struct {
    const char *dictionary, *says;
} hostile[] = {
    {"", "no dictionary"},
    {"{", "no dictionary"},
    {"{}", "misses"},
    {"{'descr': '<f4', 'fortran_order': False}", "misses"},
    {"{'descr': '>f4', 'fortran_order': False, 'shape': (4,)}", "values are '>f4'"},
    {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,)}", "records"},
    {"{'descr': '|O', 'fortran_order': False, 'shape': (4,)}", "values are '|O'"},
    {"{'descr': '<f4', 'fortran_order': True, 'shape': (4,)}", "Fortran"},
    {"{'descr': '<f4', 'fortran_order': 0, 'shape': (4,)}", "neither True nor False"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': 4}", "no tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4 4)}", "no tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (-4,)}", "no whole number"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,)}", "no whole number"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 4)}", "overflows"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,4)}", "more than 8"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (5,)}", "16 bytes of values stand where the shape takes 20"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", "takes 12"},
    {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (4,)}", "twice"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'more': 1}", "unknown key"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4,)} x", "after the header"},
    {"{'descr': '<f4' 'fortran_order': False, 'shape': (4,)}", "no dictionary"},
};

static void a_hostile_header_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct sofa_tensor t;
        struct sofa_err err = SOFA_ERR_INIT;
        size_t size;
        unsigned char *data = make(hostile[i].dictionary, 16, &size);

        assert_int_equal(sofa_npy_parse("f", data, size, &t, &err), SOFA_E_INPUT);
        if (!strstr(err.text, hostile[i].says))
            fail_msg("%s: said '%s', not '%s'", hostile[i].dictionary, err.text, hostile[i].says);
        assert_null(strchr(err.text, '\n'));
        free(data);
    }
}

static void every_truncation_of_a_file_is_refused(void **state)
{
    size_t size;
    unsigned char *data = make("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }\n", 16, &size);

    (void)state;
    for (size_t n = 0; n < size; n++) {
        struct sofa_tensor t;
        struct sofa_err err;
        unsigned char *part = malloc(n ? n : 1);

        memcpy(part, data, n);
        assert_int_equal(sofa_npy_parse("f", part, n, &t, &err), SOFA_E_INPUT);
        free(part);
    }
    data[6] = 3;
    assert_int_equal(sofa_npy_parse("f", data, size, &(struct sofa_tensor){0}, NULL), SOFA_E_INPUT);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_as_numpy_writes_it_is_read),
        cmocka_unit_test(scalars_vectors_and_any_order_of_keys_are_read),
        cmocka_unit_test(a_hostile_header_is_refused),
        cmocka_unit_test(every_truncation_of_a_file_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
