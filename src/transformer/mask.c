#include "transformer/mask.h"

#include <string.h>

#include "transformer/npy.h"
#include "transformer/safetensors.h"

#define ENDING_NPY ".npy"
#define ENDING_SAFETENSORS ".safetensors"

static bool ends_with(const char *path, const char *ending)
{
    size_t n = strlen(path), e = strlen(ending);

    return n > e && strcmp(path + n - e, ending) == 0;
}

bool sofa_mask_is_file(const char *path)
{
    return ends_with(path, ENDING_NPY) || ends_with(path, ENDING_SAFETENSORS);
}

static bool holds_whole_numbers(enum sofa_dtype dtype)
{
    switch (dtype) {
    case SOFA_DTYPE_BOOL: case SOFA_DTYPE_U8: case SOFA_DTYPE_I8: case SOFA_DTYPE_U16: case SOFA_DTYPE_I16:
    case SOFA_DTYPE_U32: case SOFA_DTYPE_I32: case SOFA_DTYPE_U64: case SOFA_DTYPE_I64: return true;
    default: return false;
    }
}

/* The last two dimensions, where all before them are 1. */
static enum sofa_code check_shape(const struct sofa_tensor *t, size_t *rows, size_t *columns, struct sofa_err *err)
{
    char shape[SOFA_SHAPE_TEXT_MAX];
    bool ok = t->dims >= 2;

    for (size_t k = 0; k + 2 < t->dims; k++)
        ok = ok && t->shape[k] == 1;
    sofa_tensor_shape_text(t, shape);
    if (!ok)
        return sofa_tensor_fail(t, err, "shape is %s; expected a mask of [queries, keys]", shape);
    *rows = t->shape[t->dims - 2];
    *columns = t->shape[t->dims - 1];
    if (t->count == 0)
        return sofa_tensor_fail(t, err, "the mask is empty: shape %s", shape);
    return SOFA_OK;
}

static enum sofa_code read_tensor(const struct sofa_tensor *t, uint64_t most, struct sofa_arena *arena, uint8_t **mask, size_t *rows,
                                  size_t *columns, struct sofa_err *err)
{
    size_t bytes = sofa_dtype_bytes(t->dtype);
    const unsigned char *from = t->data;
    const double gib = 1u << 30;
    enum sofa_code rc;

    if (!holds_whole_numbers(t->dtype))
        return sofa_tensor_fail(t, err, "values are %s; expected a mask of booleans or whole numbers, 0 where a key is not seen",
                                sofa_dtype_name(t->dtype));
    SOFA_TRY(check_shape(t, rows, columns, err));
    if (t->count > most)
        return sofa_tensor_fail(t, err, "a mask of %zu by %zu needs %.3g GiB, limit %.3g GiB", *rows, *columns,
                                (double)t->count / gib, (double)most / gib);
    *mask = sofa_arena_alloc(arena, t->count, 1);
    if (!*mask)
        return sofa_fail_nomem(err, "a mask");
    for (size_t k = 0; k < t->count; k++, from += bytes) {
        unsigned char any = 0;

        for (size_t b = 0; b < bytes; b++)
            any |= from[b];
        (*mask)[k] = any != 0;
    }
out:
    return rc;
}

static enum sofa_code choose_tensor(const struct sofa_safetensors *file, const char *path, const char *name,
                                    const struct sofa_tensor **tensor, struct sofa_err *err)
{
    size_t n = sofa_safetensors_count(file);

    if (name)
        return sofa_safetensors_need(file, name, tensor, err);
    *tensor = n == 1 ? sofa_safetensors_get(file, 0) : sofa_safetensors_find(file, "mask");
    if (*tensor)
        return SOFA_OK;
    return sofa_fail_at(err, SOFA_E_INPUT, path, 0, 0, "it holds %zu tensors, none called 'mask'; choose one with --tensor NAME", n);
}

static enum sofa_code read_safetensors(const char *path, const char *name, uint64_t most, struct sofa_arena *arena, uint8_t **mask,
                                       size_t *rows, size_t *columns, struct sofa_err *err)
{
    struct sofa_safetensors *file = NULL;
    const struct sofa_tensor *tensor;
    enum sofa_code rc;

    SOFA_TRY(sofa_safetensors_open(path, &file, err));
    SOFA_TRY(choose_tensor(file, path, name, &tensor, err));
    SOFA_TRY(read_tensor(tensor, most, arena, mask, rows, columns, err));
out:
    sofa_safetensors_free(file);
    return rc;
}

enum sofa_code sofa_mask_read(const char *path, const char *name, uint64_t most, struct sofa_arena *arena, uint8_t **mask,
                              size_t *rows, size_t *columns, struct sofa_err *err)
{
    struct sofa_npy npy;
    enum sofa_code rc;

    if (ends_with(path, ENDING_SAFETENSORS))
        return read_safetensors(path, name, most, arena, mask, rows, columns, err);
    SOFA_TRY(sofa_npy_open(path, &npy, err));
    rc = read_tensor(&npy.tensor, most, arena, mask, rows, columns, err);
    sofa_npy_close(&npy);
out:
    return rc;
}
