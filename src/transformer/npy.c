#include "transformer/npy.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* The Python dictionary of the header, read from `at` on. */
struct header {
    const char *path;
    const char *at, *end;
    struct sofa_err *err;
};

static const struct {
    const char *descr;
    enum sofa_dtype dtype;
} descrs[] = {
    {"<f4", SOFA_DTYPE_F32}, {"<f8", SOFA_DTYPE_F64}, {"<f2", SOFA_DTYPE_F16}, {"<i8", SOFA_DTYPE_I64},
    {"<i4", SOFA_DTYPE_I32}, {"<i2", SOFA_DTYPE_I16}, {"|i1", SOFA_DTYPE_I8},  {"|u1", SOFA_DTYPE_U8},
    {"|b1", SOFA_DTYPE_U8},
};

static enum sofa_code fail(const struct header *h, const char *text)
{
    return sofa_fail_at(h->err, SOFA_E_INPUT, h->path, 0, 0, "not a .npy file: %s", text);
}

static void skip_space(struct header *h)
{
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\n' || *h->at == '\t'))
        h->at++;
}

static bool take(struct header *h, char c)
{
    skip_space(h);
    if (h->at == h->end || *h->at != c)
        return false;
    h->at++;
    return true;
}

static bool take_word(struct header *h, const char *word)
{
    size_t n = strlen(word);

    skip_space(h);
    if ((size_t)(h->end - h->at) < n || memcmp(h->at, word, n) != 0)
        return false;
    h->at += n;
    return true;
}

/* A quoted string without escapes, at most 15 bytes. */
static bool take_string(struct header *h, char text[16])
{
    size_t n = 0;
    char quote;

    skip_space(h);
    if (h->at == h->end || (*h->at != '\'' && *h->at != '"'))
        return false;
    quote = *h->at++;
    while (h->at < h->end && *h->at != quote && *h->at != '\\' && n < 15)
        text[n++] = *h->at++;
    text[n] = '\0';
    return take(h, quote);
}

static bool take_number(struct header *h, size_t *value)
{
    const char *start;

    skip_space(h);
    start = h->at;
    for (*value = 0; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++) {
        if (*value > (SIZE_MAX - 9) / 10)
            return false;
        *value = *value * 10 + (size_t)(*h->at - '0');
    }
    return h->at > start;
}

static enum sofa_code read_descr(struct header *h, struct sofa_tensor *tensor)
{
    char text[16], shown[SOFA_NAME_TEXT_MAX];

    if (!take_string(h, text))
        return fail(h, "descr is no plain type (records aren't read)");
    for (size_t i = 0; i < sizeof descrs / sizeof *descrs; i++)
        if (strcmp(descrs[i].descr, text) == 0) {
            tensor->dtype = descrs[i].dtype;
            return SOFA_OK;
        }
    return sofa_fail_at(h->err, SOFA_E_INPUT, h->path, 0, 0,
                        "values are '%s'; expected <f4 <f8 <f2 <i8 <i4 <i2 |i1 |u1 or |b1",
                        sofa_name_text(text, shown));
}

static enum sofa_code read_order(struct header *h)
{
    if (take_word(h, "False"))
        return SOFA_OK;
    return fail(h, take_word(h, "True") ? "it is in Fortran order; expected C order (numpy.ascontiguousarray)"
                                        : "fortran_order is neither True nor False");
}

static enum sofa_code read_shape(struct header *h, struct sofa_tensor *tensor)
{
    bool comma = false;

    if (!take(h, '('))
        return fail(h, "shape is no tuple");
    while (!take(h, ')')) {
        if (tensor->dims && !comma)
            return fail(h, "shape is no tuple");
        if (tensor->dims == SOFA_TENSOR_DIMS_MAX)
            return fail(h, "it has more than 8 dimensions");
        if (!take_number(h, &tensor->shape[tensor->dims++]))
            return fail(h, "shape holds something that is no whole number");
        comma = take(h, ',');
    }
    return SOFA_OK;
}

/* {'descr': ..., 'fortran_order': ..., 'shape': ...} in any order, each once. */
static enum sofa_code read_dictionary(struct header *h, struct sofa_tensor *tensor)
{
    enum sofa_code rc = SOFA_OK;
    bool descr = false, order = false, shape = false, comma = true;
    char key[16];

    if (!take(h, '{'))
        return fail(h, "the header is no dictionary");
    while (!take(h, '}')) {
        if (!comma || !take_string(h, key) || !take(h, ':'))
            return fail(h, "the header is no dictionary");
        if (strcmp(key, "descr") == 0 && !descr)
            descr = true, rc = read_descr(h, tensor);
        else if (strcmp(key, "fortran_order") == 0 && !order)
            order = true, rc = read_order(h);
        else if (strcmp(key, "shape") == 0 && !shape)
            shape = true, rc = read_shape(h, tensor);
        else
            return fail(h, "the header has an unknown key or one twice");
        if (rc != SOFA_OK)
            return rc;
        comma = take(h, ',');
    }
    skip_space(h);
    if (h->at != h->end)
        return fail(h, "something stands after the header's dictionary");
    return descr && order && shape ? SOFA_OK : fail(h, "the header misses descr, fortran_order or shape");
}

/* Where the header's text lies. */
static enum sofa_code find_header(struct header *h, const unsigned char *data, size_t size)
{
    size_t n, start;

    if (size < 10 || memcmp(data, "\x93NUMPY", 6) != 0)
        return fail(h, "it doesn't begin with NumPy's magic word");
    if (data[6] != 1 && data[6] != 2)
        return fail(h, "its version is neither 1 nor 2");
    start = data[6] == 1 ? 10 : 12;
    if (size < start)
        return fail(h, "truncated");
    n = (size_t)data[8] | (size_t)data[9] << 8;
    if (data[6] == 2)
        n |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
    if (n > size - start)
        return fail(h, "the header passes the end of the file (truncated?)");
    h->at = (const char *)data + start;
    h->end = h->at + n;
    return SOFA_OK;
}

enum sofa_code sofa_npy_parse(const char *path, const unsigned char *data, size_t size, struct sofa_tensor *tensor,
                              struct sofa_err *err)
{
    struct header h = {.path = path, .err = err};
    enum sofa_code rc;
    size_t left, bytes;

    *tensor = (struct sofa_tensor){.name = "", .file = path};
    SOFA_TRY(find_header(&h, data, size));
    SOFA_TRY(read_dictionary(&h, tensor));
    if (!sofa_tensor_measure(tensor))
        return fail(&h, "the shape overflows");
    left = size - (size_t)((const unsigned char *)h.end - data);
    bytes = tensor->count * sofa_dtype_bytes(tensor->dtype);
    if (left != bytes)
        return sofa_tensor_fail(tensor, err, "%zu bytes of values stand where the shape takes %zu", left, bytes);
    tensor->data = h.end;
out:
    return rc;
}

enum sofa_code sofa_npy_open(const char *path, struct sofa_npy *npy, struct sofa_err *err)
{
    enum sofa_code rc;

    *npy = (struct sofa_npy){.path = sofa_format("%s", path)};
    if (!npy->path)
        return sofa_fail_nomem(err, path);
    SOFA_TRY(sofa_map_open(path, &npy->map, err));
    SOFA_TRY(sofa_npy_parse(npy->path, npy->map.data, npy->map.size, &npy->tensor, err));
out:
    if (rc != SOFA_OK)
        sofa_npy_close(npy);
    return rc;
}

void sofa_npy_close(struct sofa_npy *npy)
{
    sofa_map_close(&npy->map);
    free(npy->path);
    *npy = (struct sofa_npy){.path = NULL};
}
