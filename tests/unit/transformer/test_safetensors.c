#include "tests/unit/test.h"

#include <math.h>
#include <unistd.h>

#include "transformer/safetensors.h"

/* A file of this header and n bytes of data, malloc'd. */
static unsigned char *make(const char *header, size_t n, size_t *size)
{
    size_t length = strlen(header);
    unsigned char *data = calloc(8 + length + n, 1);

    assert_non_null(data);
    data[0] = (unsigned char)(length & 255);
    data[1] = (unsigned char)(length >> 8);
    memcpy(data + 8, header, length);
    *size = 8 + length + n;
    return data;
}

static void a_well_formed_file_is_read(void **state)
{
    struct sofa_safetensors *file;
    struct sofa_err err = SOFA_ERR_INIT;
    const struct sofa_tensor *t;
    size_t size;
    unsigned char *data = make("{\"__metadata__\":{\"format\":\"pt\"},\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],"
                               "\"data_offsets\":[2,26]},\"a\":{\"dtype\":\"I16\",\"shape\":[],\"data_offsets\":[0,2]},"
                               "\"empty\":{\"dtype\":\"F64\",\"shape\":[0,5],\"data_offsets\":[26,26]}}  ", 26, &size);

    (void)state;
    data[size - 26] = 7;
    assert_int_equal(sofa_safetensors_parse("f", data, size, &file, &err), SOFA_OK);
    assert_int_equal(sofa_safetensors_count(file), 3);
    assert_string_equal(sofa_safetensors_get(file, 0)->name, "a");
    assert_null(sofa_safetensors_get(file, 3));
    t = sofa_safetensors_find(file, "b");
    assert_int_equal(t->count, 6);
    assert_int_equal(t->shape[1], 3);
    t = sofa_safetensors_find(file, "a");
    assert_int_equal(t->count, 1);
    assert_int_equal(*(const unsigned char *)t->data, 7);
    assert_int_equal(sofa_safetensors_find(file, "empty")->count, 0);
    assert_int_equal(sofa_safetensors_need(file, "emty", &t, &err), SOFA_E_INPUT);
    assert_non_null(strstr(err.text, "did you mean 'empty'"));
    sofa_safetensors_free(file);
    free(data);
}

#define ENTRY(name, dtype, shape, offsets)                                                        \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static const struct {
    const char *header, *says;
} hostile[] = {
    {"", "doesn't begin with '{'"},
    {"[]", "doesn't begin with '{'"},
    {"{", "no JSON"},
    {"{} x", "after the header"},
    {"{\"a\":1}", "'a': its entry is no object"},
    {"{\"__metadata__\":3}", "__metadata__"},
    {"{\"__metadata__\":{\"a\":3}}", "__metadata__"},
    {"{" ENTRY("a", "F32", "[4]", "[0,12]") "}", "has 12 bytes; F32 of shape [4] takes 16"},
    {"{" ENTRY("a", "F32", "[4]", "[0,20]") "}", "pass the file"},
    {"{" ENTRY("a", "F32", "[4]", "[16,0]") "}", "pass the file"},
    {"{" ENTRY("a", "F32", "[4]", "[0]") "}", "data_offsets"},
    {"{" ENTRY("a", "F32", "[4]", "[-4,12]") "}", "data_offsets"},
    {"{" ENTRY("a", "F32", "[4]", "[0,1e300]") "}", "data_offsets"},
    {"{" ENTRY("a", "F32", "[4]", "[0.5,16]") "}", "data_offsets"},
    {"{" ENTRY("a", "F32", "[4]", "[\"0\",16]") "}", "data_offsets"},
    {"{" ENTRY("a", "F32", "[9007199254740992,9007199254740992]", "[0,16]") "}", "overflows"},
    {"{" ENTRY("a", "F32", "[4611686018427387904,0]", "[0,0]") "}", "no whole number"},
    {"{" ENTRY("a", "F32", "[0,4503599627370496,4503599627370496]", "[0,0]") "}", "overflows"},
    {"{" ENTRY("a", "F32", "[1,1,1,1,1,1,1,1,4]", "[0,16]") "}", "more than 8 dimensions"},
    {"{" ENTRY("a", "F32", "[-4]", "[0,16]") "}", "no whole number"},
    {"{" ENTRY("a", "F32", "[2.5]", "[0,16]") "}", "no whole number"},
    {"{" ENTRY("a", "F32", "4", "[0,16]") "}", "shape is no list"},
    {"{" ENTRY("a", "F31", "[4]", "[0,16]") "}", "unknown dtype 'F31'"},
    {"{" ENTRY("a", "F32\\n\\u0007", "[4]", "[0,16]") "}", "unknown dtype 'F32?" "?'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4]}}", "'data_offsets' is missing"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", "'dtype' stands twice"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"offsets\":[0,16]}}", "unknown key 'offsets'"},
    {"{" ENTRY("a", "F32", "[2]", "[0,8]") "," ENTRY("a", "F32", "[2]", "[8,16]") "}", "name stands twice"},
    {"{" ENTRY("a", "F32", "[3]", "[0,12]") "," ENTRY("b", "F32", "[2]", "[8,16]") "}", "overlap"},
    {"{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("b", "F32", "[2]", "[8,16]") "}", "hole"},
    {"{" ENTRY("a", "F32", "[2]", "[0,8]") "}", "8 bytes stand after the last tensor"},
};

static void a_hostile_header_is_refused_with_its_tensor(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct sofa_safetensors *file;
        struct sofa_err err = SOFA_ERR_INIT;
        size_t size;
        unsigned char *data = make(hostile[i].header, 16, &size);

        assert_int_equal(sofa_safetensors_parse("f", data, size, &file, &err), SOFA_E_INPUT);
        assert_null(file);
        assert_string_equal(err.file, "f");
        if (!strstr(err.text, hostile[i].says))
            fail_msg("%s: said '%s', not '%s'", hostile[i].header, err.text, hostile[i].says);
        assert_null(strchr(err.text, '\n'));
        free(data);
    }
}

static void a_header_length_past_the_file_is_refused(void **state)
{
    static const unsigned char short_file[4] = {2, 0, 0, 0};
    static const unsigned char past[10] = {3, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
    static const unsigned char huge[10] = {255, 255, 255, 255, 255, 255, 255, 255, '{', '}'};
    struct sofa_safetensors *file;
    struct sofa_err err;

    (void)state;
    assert_int_equal(sofa_safetensors_parse("f", NULL, 0, &file, &err), SOFA_E_INPUT);
    assert_int_equal(sofa_safetensors_parse("f", short_file, sizeof short_file, &file, &err), SOFA_E_INPUT);
    assert_int_equal(sofa_safetensors_parse("f", past, sizeof past, &file, &err), SOFA_E_INPUT);
    assert_int_equal(sofa_safetensors_parse("f", huge, sizeof huge, &file, &err), SOFA_E_INPUT);
}

static void every_truncation_of_a_file_is_refused(void **state)
{
    size_t size;
    unsigned char *data = make("{" ENTRY("a", "F32", "[3]", "[0,12]") "," ENTRY("b", "U8", "[4]", "[12,16]") "}", 16,
                               &size);

    (void)state;
    for (size_t n = 0; n < size; n++) {
        struct sofa_safetensors *file;
        struct sofa_err err;
        unsigned char *part = malloc(n ? n : 1); /* of its own, so that a sanitizer sees reads past it */

        memcpy(part, data, n);
        assert_int_equal(sofa_safetensors_parse("f", part, n, &file, &err), SOFA_E_INPUT);
        free(part);
    }
    free(data);
}

static void values_of_every_type_come_back(void **state)
{
    static const float f32[2] = {1.5f, -2};
    static const double f64[2] = {1.5, -2};
    static const uint16_t f16[2] = {0x3e00, 0xc000}, bf16[2] = {0x3fc0, 0xc000};
    static const int64_t i64[2] = {1LL << 40, -2};
    static const int8_t i8[2] = {1, -2};
    const struct sofa_tensor tensors[] = {
        {.name = "f32", .dtype = SOFA_DTYPE_F32, .dims = 1, .shape = {2}, .count = 2, .data = f32},
        {.name = "f16", .dtype = SOFA_DTYPE_F16, .dims = 1, .shape = {2}, .count = 2, .data = f16},
        {.name = "i8", .dtype = SOFA_DTYPE_I8, .dims = 1, .shape = {1}, .count = 1, .data = i8},
        {.name = "bf\"16", .dtype = SOFA_DTYPE_BF16, .dims = 1, .shape = {2}, .count = 2, .data = bf16},
        {.name = "f64", .dtype = SOFA_DTYPE_F64, .dims = 2, .shape = {1, 2}, .count = 2, .data = f64},
        {.name = "i64", .dtype = SOFA_DTYPE_I64, .dims = 1, .shape = {2}, .count = 2, .data = i64},
    };
    static const char *const floats[] = {"f32", "f16", "bf\"16", "f64"};
    struct sofa_safetensors *file;
    struct sofa_err err = SOFA_ERR_INIT;
    char path[] = "safetensors-XXXXXX";
    int64_t whole[2];
    float x[2];

    (void)state;
    close(mkstemp(path));
    assert_int_equal(sofa_safetensors_write(path, tensors, 6, &err), SOFA_OK);
    assert_int_equal(sofa_safetensors_open(path, &file, &err), SOFA_OK);
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
        assert_int_equal(sofa_tensor_to_float(sofa_safetensors_find(file, floats[i]), x, &err), SOFA_OK);
        assert_true(x[0] == 1.5f && x[1] == -2);
    }
    assert_int_equal(sofa_tensor_to_int64(sofa_safetensors_find(file, "i64"), whole, &err), SOFA_OK);
    assert_true(whole[0] == 1LL << 40 && whole[1] == -2);
    assert_int_equal(sofa_tensor_to_int64(sofa_safetensors_find(file, "f32"), whole, &err), SOFA_E_INPUT);
    sofa_safetensors_free(file);
    unlink(path);
}

static void values_that_are_not_finite_are_refused_with_the_tensor(void **state)
{
    const float f32[3] = {1, NAN, 2};
    const double large[1] = {1e300};
    const uint16_t f16[2] = {0x3c00, 0x7c00};
    const struct sofa_tensor bad[] = {
        {.name = "q.weight", .file = "f", .dtype = SOFA_DTYPE_F32, .dims = 1, .shape = {3}, .count = 3, .data = f32},
        {.name = "q.weight", .file = "f", .dtype = SOFA_DTYPE_F16, .dims = 1, .shape = {2}, .count = 2, .data = f16},
        {.name = "q.weight", .file = "f", .dtype = SOFA_DTYPE_F64, .dims = 1, .shape = {1}, .count = 1, .data = large},
        {.name = "q.weight", .file = "f", .dtype = SOFA_DTYPE_F8_E4M3, .dims = 1, .shape = {1}, .count = 1, .data = f16},
    };
    struct sofa_err err;
    float x[3];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(sofa_tensor_to_float(&bad[i], x, &err), SOFA_E_INPUT);
        assert_non_null(strstr(err.text, "'q.weight'"));
    }
}

static void half_precision_is_exact(void **state)
{
    static const struct {
        uint16_t bits;
        float value;
    } known[] = {{0x0000, 0},        {0x0001, 5.9604644775390625e-08f}, {0x03ff, 6.097555160522461e-05f},
                 {0x0400, 6.103515625e-05f}, {0x3555, 0.333251953125f}, {0x7bff, 65504},
                 {0xbc00, -1},       {0x8001, -5.9604644775390625e-08f}};

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct sofa_tensor t = {.name = "h", .file = "f", .dtype = SOFA_DTYPE_F16, .dims = 0, .count = 1,
                                .data = &known[i].bits};
        struct sofa_err err;
        float x;

        assert_int_equal(sofa_tensor_to_float(&t, &x, &err), SOFA_OK);
        assert_true(x == known[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_well_formed_file_is_read),
        cmocka_unit_test(a_hostile_header_is_refused_with_its_tensor),
        cmocka_unit_test(a_header_length_past_the_file_is_refused),
        cmocka_unit_test(every_truncation_of_a_file_is_refused),
        cmocka_unit_test(values_of_every_type_come_back),
        cmocka_unit_test(values_that_are_not_finite_are_refused_with_the_tensor),
        cmocka_unit_test(half_precision_is_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
