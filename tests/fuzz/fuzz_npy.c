/* The .npy reader: whatever it takes must have all its bytes. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "transformer/npy.h"

const char *const fuzz_words[] = {"{",     "}",     "(",     ")",     ",",     ":",     "'",        "'descr'", "'shape'",
                                  "'<f4'", "'<f2'", "'|u1'", "'|b1'", "'<i8'", "False", "'fortran_order'", "True", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sofa_err err = SOFA_ERR_INIT;
    char line[SOFA_ERR_FILE_MAX + SOFA_ERR_TEXT_MAX + 32];
    struct sofa_tensor t;
    int64_t *whole;
    float *x;

    if (sofa_npy_parse("input", data, size, &t, &err) != SOFA_OK) {
        sofa_err_format(&err, line, sizeof line);
        if (!*line || strchr(line, '\n'))
            abort(); /* a refusal is one line */
        return 0;
    }
    x = malloc((t.count + 1) * sizeof *x);
    whole = malloc((t.count + 1) * sizeof *whole);
    if (x && whole) {
        (void)sofa_tensor_to_float(&t, x, &err);
        (void)sofa_tensor_to_int64(&t, whole, &err);
    }
    free(x);
    free(whole);
    return 0;
}

size_t fuzz_seed(size_t i, uint8_t *data, size_t room)
{
    static const char *const headers[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }      \n",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 4), }",
        "{'descr': '<f2', 'fortran_order': False, 'shape': (12,), }",
    };
    size_t n, start = i == 3 ? 12 : 10;

    if (i >= sizeof headers / sizeof *headers)
        return 0;
    n = strlen(headers[i]);
    if (start + n + 24 > room)
        return 0;
    memset(data, 0, start + n + 24);
    memcpy(data, "\x93NUMPY", 6);
    data[6] = i == 3 ? 2 : 1; /* version 2 has a longer length */
    data[8] = (uint8_t)n;
    memcpy(data + start, headers[i], n);
    return start + n + 24;
}
