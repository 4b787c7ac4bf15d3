/* Just enough of the safetensors format to read the golden files, independent of the program's reader. */
#ifndef SOFA_TESTS_SAFETENSORS_MIN_H
#define SOFA_TESTS_SAFETENSORS_MIN_H

#include <cJSON.h>

#include "base/file.h"
#include "tests/unit/test.h"

struct tensors {
    char *data;
    const char *base; /* where offsets count from */
    cJSON *header;
};

static inline struct tensors tensors_open(const char *name)
{
    struct tensors t = {NULL, NULL, NULL};
    char *path = test_source_file(name);
    uint64_t n;
    size_t size;

    assert_int_equal(sofa_file_read(path, 1 << 24, &t.data, &size, NULL), SOFA_OK);
    memcpy(&n, t.data, sizeof n);
    assert_true(n < size);
    t.header = cJSON_ParseWithLength(t.data + 8, n);
    assert_non_null(t.header);
    t.base = t.data + 8 + n;
    free(path);
    return t;
}

static inline void tensors_close(struct tensors *t)
{
    cJSON_Delete(t->header);
    free(t->data);
}

/* A copy of a tensor (malloc'd), its type checked, its shape in rows and columns. */
static inline void *tensor_copy(const struct tensors *t, const char *name, const char *type, size_t *rows,
                                size_t *columns)
{
    const cJSON *x = cJSON_GetObjectItem(t->header, name);
    const cJSON *at = cJSON_GetObjectItem(x, "data_offsets"), *shape = cJSON_GetObjectItem(x, "shape");
    size_t from = (size_t)cJSON_GetArrayItem(at, 0)->valuedouble, to = (size_t)cJSON_GetArrayItem(at, 1)->valuedouble;
    void *copy = malloc(to - from + 1);

    assert_string_equal(cJSON_GetObjectItem(x, "dtype")->valuestring, type);
    assert_non_null(copy);
    memcpy(copy, t->base + from, to - from);
    if (rows)
        *rows = (size_t)cJSON_GetArrayItem(shape, 0)->valuedouble;
    if (columns)
        *columns = (size_t)cJSON_GetArrayItem(shape, 1)->valuedouble;
    return copy;
}

#endif
