#include "transformer/tensor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
    bool readable;
} dtypes[SOFA_DTYPE_COUNT] = {
#define X(id, name, bytes, readable) {name, bytes, readable},
    SOFA_DTYPES(X)
#undef X
};

const char *sofa_dtype_name(enum sofa_dtype dtype)
{
    return dtypes[dtype].name;
}

size_t sofa_dtype_bytes(enum sofa_dtype dtype)
{
    return dtypes[dtype].bytes;
}

enum sofa_dtype sofa_dtype_find(const char *name)
{
    int i = 0;

    while (i < SOFA_DTYPE_COUNT && strcmp(dtypes[i].name, name) != 0)
        i++;
    return (enum sofa_dtype)i;
}

bool sofa_tensor_measure(struct sofa_tensor *tensor)
{
    size_t most = SIZE_MAX / 2 / dtypes[tensor->dtype].bytes, count = 1;
    bool empty = false;

    for (size_t i = 0; i < tensor->dims; i++) {
        size_t n = tensor->shape[i];

        /* an empty tensor may not hide an overflow of its other dimensions */
        empty = empty || n == 0;
        if (n && count > most / n)
            return false;
        count *= n ? n : 1;
    }
    tensor->count = empty ? 0 : count;
    return true;
}

void sofa_tensor_shape_text(const struct sofa_tensor *tensor, char text[SOFA_SHAPE_TEXT_MAX])
{
    size_t used = 0;

    text[used++] = '[';
    for (size_t i = 0; i < tensor->dims; i++)
        used += (size_t)snprintf(text + used, SOFA_SHAPE_TEXT_MAX - used, "%s%zu", i ? "," : "", tensor->shape[i]);
    snprintf(text + used, SOFA_SHAPE_TEXT_MAX - used, "]");
}

const char *sofa_name_text(const char *name, char text[SOFA_NAME_TEXT_MAX])
{
    size_t n = 0;

    for (; name[n] && n < SOFA_NAME_TEXT_MAX - 4; n++)
        text[n] = name[n] >= 0x20 && name[n] < 0x7f ? name[n] : '?';
    strcpy(text + n, name[n] ? "..." : "");
    return text;
}

enum sofa_code sofa_tensor_fail(const struct sofa_tensor *tensor, struct sofa_err *err, const char *fmt, ...)
{
    char name[SOFA_NAME_TEXT_MAX];
    char text[SOFA_ERR_TEXT_MAX / 2];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!tensor->name || !tensor->name[0])
        return sofa_fail_at(err, SOFA_E_INPUT, tensor->file, 0, 0, "%s", text);
    return sofa_fail_at(err, SOFA_E_INPUT, tensor->file, 0, 0, "tensor '%s': %s",
                        sofa_name_text(tensor->name, name), text);
}

/* IEEE 754 binary16, exactly. */
static double half_value(uint16_t h)
{
    int exponent = (h >> 10) & 31, mantissa = h & 1023;
    double x;

    if (exponent == 31)
        x = mantissa ? NAN : INFINITY;
    else if (exponent == 0)
        x = ldexp(mantissa, -24);
    else
        x = ldexp(mantissa + 1024, exponent - 25);
    return h & 0x8000 ? -x : x;
}

/* bfloat16 is the upper half of a float. */
static double bfloat_value(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Loads one value of the type from bytes that may be unaligned. */
#define LOADER(name, type, value)                                                                 \
    static double load_##name(const unsigned char *p)                                             \
    {                                                                                             \
        type x;                                                                                   \
                                                                                                  \
        memcpy(&x, p, sizeof x);                                                                  \
        return value;                                                                             \
    }
LOADER(f32, float, x)
LOADER(f16, uint16_t, half_value(x))
LOADER(bf16, uint16_t, bfloat_value(x))
LOADER(f64, double, x)
LOADER(i64, int64_t, (double)x)
LOADER(i32, int32_t, x)
LOADER(i16, int16_t, x)
LOADER(i8, int8_t, x)
LOADER(u8, uint8_t, x)

static double (*const loaders[SOFA_DTYPE_COUNT])(const unsigned char *) = {
    [SOFA_DTYPE_F32] = load_f32, [SOFA_DTYPE_F16] = load_f16, [SOFA_DTYPE_BF16] = load_bf16,
    [SOFA_DTYPE_F64] = load_f64, [SOFA_DTYPE_I64] = load_i64, [SOFA_DTYPE_I32] = load_i32,
    [SOFA_DTYPE_I16] = load_i16, [SOFA_DTYPE_I8] = load_i8,   [SOFA_DTYPE_U8] = load_u8,
};

static enum sofa_code check_readable(const struct sofa_tensor *tensor, struct sofa_err *err)
{
    if (dtypes[tensor->dtype].readable)
        return SOFA_OK;
    return sofa_tensor_fail(tensor, err, "%s values can't be read; expected F32, F16, BF16, F64 or integers",
                            dtypes[tensor->dtype].name);
}

static enum sofa_code fail_value(const struct sofa_tensor *tensor, size_t i, double x, struct sofa_err *err)
{
    return sofa_tensor_fail(tensor, err, "element %zu is %g; expected finite numbers", i, x);
}

enum sofa_code sofa_tensor_to_float(const struct sofa_tensor *tensor, float *out, struct sofa_err *err)
{
    const unsigned char *p = tensor->data;
    size_t bytes = dtypes[tensor->dtype].bytes;
    enum sofa_code rc = check_readable(tensor, err);

    if (rc != SOFA_OK)
        return rc;
    if (tensor->dtype == SOFA_DTYPE_F32 && tensor->count)
        memcpy(out, p, tensor->count * bytes);
    else
        for (size_t i = 0; i < tensor->count; i++)
            out[i] = (float)loaders[tensor->dtype](p + i * bytes);
    for (size_t i = 0; i < tensor->count; i++)
        if (!isfinite(out[i]))
            return fail_value(tensor, i, loaders[tensor->dtype](p + i * bytes), err);
    return SOFA_OK;
}

enum sofa_code sofa_tensor_to_double(const struct sofa_tensor *tensor, double *out, struct sofa_err *err)
{
    const unsigned char *p = tensor->data;
    size_t bytes = dtypes[tensor->dtype].bytes;
    enum sofa_code rc = check_readable(tensor, err);

    for (size_t i = 0; rc == SOFA_OK && i < tensor->count; i++) {
        out[i] = loaders[tensor->dtype](p + i * bytes);
        if (!isfinite(out[i]))
            rc = fail_value(tensor, i, out[i], err);
    }
    return rc;
}

static int64_t load_integer(enum sofa_dtype dtype, const unsigned char *p)
{
    int64_t x;

    if (dtype != SOFA_DTYPE_I64)
        return (int64_t)loaders[dtype](p);
    memcpy(&x, p, sizeof x);
    return x;
}

enum sofa_code sofa_tensor_to_int64(const struct sofa_tensor *tensor, int64_t *out, struct sofa_err *err)
{
    const unsigned char *p = tensor->data;
    enum sofa_dtype dtype = tensor->dtype;

    if (dtype < SOFA_DTYPE_I64 || dtype > SOFA_DTYPE_U8)
        return sofa_tensor_fail(tensor, err, "holds %s; expected I64, I32, I16, I8 or U8", dtypes[dtype].name);
    for (size_t i = 0; i < tensor->count; i++)
        out[i] = load_integer(dtype, p + i * dtypes[dtype].bytes);
    return SOFA_OK;
}

enum sofa_code sofa_tensor_expect(const struct sofa_tensor *tensor, size_t dims, const size_t *shape,
                                  struct sofa_err *err)
{
    struct sofa_tensor wanted = {.dims = dims};
    char got[SOFA_SHAPE_TEXT_MAX], text[SOFA_SHAPE_TEXT_MAX];

    memcpy(wanted.shape, shape, dims * sizeof *shape);
    if (tensor->dims == dims && memcmp(tensor->shape, shape, dims * sizeof *shape) == 0)
        return SOFA_OK;
    sofa_tensor_shape_text(tensor, got);
    sofa_tensor_shape_text(&wanted, text);
    return sofa_tensor_fail(tensor, err, "shape is %s; expected %s", got, text);
}
