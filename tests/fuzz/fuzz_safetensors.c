/* The safetensors reader: whatever it takes must have all its bytes. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "transformer/safetensors.h"

const char *const fuzz_words[] = {"{",       "}",      "[",          "]",      ",",    ":",    "\"", "\"dtype\"", "\"shape\"",
                                  "\"data_offsets\"", "\"__metadata__\"", "\"F32\"", "\"BF16\"", "\"BOOL\"", "null",
                                  "\\u0000", "\"a\":{", NULL};

/* Every value is read: a length that wasn't checked shows here. */
static void read_all(const struct sofa_tensor *t)
{
    struct sofa_err err;
    float *x = malloc((t->count + 1) * sizeof *x);
    int64_t *whole = malloc((t->count + 1) * sizeof *whole);

    if (x && whole) {
        (void)sofa_tensor_to_float(t, x, &err);
        (void)sofa_tensor_to_int64(t, whole, &err);
    }
    free(x);
    free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sofa_safetensors *file;
    const struct sofa_tensor *t;
    struct sofa_err err = SOFA_ERR_INIT;
    char line[SOFA_ERR_FILE_MAX + SOFA_ERR_TEXT_MAX + 32];

    if (sofa_safetensors_parse("input", data, size, &file, &err) != SOFA_OK) {
        sofa_err_format(&err, line, sizeof line);
        if (!*line || strchr(line, '\n'))
            abort(); /* a refusal is one line */
        return 0;
    }
    for (size_t i = 0; i < sofa_safetensors_count(file); i++)
        read_all(sofa_safetensors_get(file, i));
    (void)sofa_safetensors_need(file, "x", &t, &err);
    sofa_safetensors_free(file);
    return 0;
}

size_t fuzz_seed(size_t i, uint8_t *data, size_t room)
{
    static const char *const headers[] = {
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},\"b\":{\"dtype\":\"I64\",\"shape\":[1],"
        "\"data_offsets\":[16,24]}}",
        "{\"__metadata__\":{\"format\":\"pt\"},\"h\":{\"dtype\":\"F16\",\"shape\":[3,4],\"data_offsets\":[0,24]},"
        "\"empty\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[24,24]}}   ",
        "{\"x\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[0,2]},\"y\":{\"dtype\":\"BOOL\",\"shape\":[22],"
        "\"data_offsets\":[2,24]}}",
    };
    size_t n;

    if (i >= sizeof headers / sizeof *headers)
        return 0;
    n = strlen(headers[i]);
    if (8 + n + 24 > room)
        return 0;
    memset(data, 0, 8 + n + 24);
    data[0] = (uint8_t)n;
    memcpy(data + 8, headers[i], n);
    return 8 + n + 24;
}
