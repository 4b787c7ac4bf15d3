#include "transformer/safetensors.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"

#define LENGTH_BYTES 8
#define HEADER_MOST 100000000 /* bytes, the format's own bound */
#define EXACT_MOST 9007199254740992.0 /* 2^53: larger integers aren't exact in JSON's doubles */

struct sofa_safetensors {
    struct sofa_map map;
    char *path;
    cJSON *header; /* owns the names */
    size_t count;
    struct sofa_tensor *tensor; /* [count], by name */
};

static enum sofa_code fail(const char *path, struct sofa_err *err, const char *text)
{
    return sofa_fail_at(err, SOFA_E_INPUT, path, 0, 0, "not a safetensors file: %s", text);
}

/* A JSON number that is a whole one of at most 2^53. */
static bool read_size(const cJSON *node, size_t *value)
{
    double x = node ? node->valuedouble : -1;

    if (!cJSON_IsNumber(node) || !(x >= 0 && x <= EXACT_MOST) || x != (double)(uint64_t)x)
        return false;
    *value = (size_t)x;
    return true;
}

static enum sofa_code read_shape(const cJSON *list, struct sofa_tensor *tensor, struct sofa_err *err)
{
    const cJSON *item;

    if (!cJSON_IsArray(list))
        return sofa_tensor_fail(tensor, err, "shape is no list");
    cJSON_ArrayForEach(item, list)
    {
        if (tensor->dims == SOFA_TENSOR_DIMS_MAX)
            return sofa_tensor_fail(tensor, err, "has more than %d dimensions", SOFA_TENSOR_DIMS_MAX);
        if (!read_size(item, &tensor->shape[tensor->dims++]))
            return sofa_tensor_fail(tensor, err, "shape holds something that is no whole number");
    }
    return sofa_tensor_measure(tensor) ? SOFA_OK : sofa_tensor_fail(tensor, err, "shape overflows");
}

static enum sofa_code read_offsets(const cJSON *list, const unsigned char *data, size_t size,
                                   struct sofa_tensor *tensor, struct sofa_err *err)
{
    size_t begin, end, bytes = tensor->count * sofa_dtype_bytes(tensor->dtype);
    char shape[SOFA_SHAPE_TEXT_MAX];

    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != 2 || !read_size(list->child, &begin) ||
        !read_size(list->child->next, &end))
        return sofa_tensor_fail(tensor, err, "data_offsets are no pair of whole numbers");
    if (begin > end || end > size)
        return sofa_tensor_fail(tensor, err, "data_offsets [%zu, %zu] pass the file's %zu bytes of data", begin, end,
                                size);
    sofa_tensor_shape_text(tensor, shape);
    if (end - begin != bytes)
        return sofa_tensor_fail(tensor, err, "has %zu bytes; %s of shape %s takes %zu", end - begin,
                                sofa_dtype_name(tensor->dtype), shape, bytes);
    tensor->data = data + begin;
    return SOFA_OK;
}

/* The three members of an entry, each there once and no other. */
static enum sofa_code split_entry(const cJSON *entry, const struct sofa_tensor *tensor, const cJSON *part[3],
                                  struct sofa_err *err)
{
    static const char *const keys[3] = {"dtype", "shape", "data_offsets"};
    char text[SOFA_NAME_TEXT_MAX];
    const cJSON *item;

    if (!cJSON_IsObject(entry))
        return sofa_tensor_fail(tensor, err, "its entry is no object");
    cJSON_ArrayForEach(item, entry)
    {
        int k = 0;

        while (k < 3 && strcmp(item->string, keys[k]) != 0)
            k++;
        if (k == 3)
            return sofa_tensor_fail(tensor, err, "unknown key '%s'", sofa_name_text(item->string, text));
        if (part[k])
            return sofa_tensor_fail(tensor, err, "key '%s' stands twice", keys[k]);
        part[k] = item;
    }
    for (int k = 0; k < 3; k++)
        if (!part[k])
            return sofa_tensor_fail(tensor, err, "'%s' is missing", keys[k]);
    return SOFA_OK;
}

static enum sofa_code read_entry(const cJSON *entry, const unsigned char *data, size_t size,
                                 struct sofa_tensor *tensor, struct sofa_err *err)
{
    const cJSON *part[3] = {NULL, NULL, NULL};
    char text[SOFA_NAME_TEXT_MAX];
    enum sofa_code rc;

    SOFA_TRY(split_entry(entry, tensor, part, err));
    if (!cJSON_IsString(part[0]))
        return sofa_tensor_fail(tensor, err, "dtype is no string");
    tensor->dtype = sofa_dtype_find(part[0]->valuestring);
    if (tensor->dtype == SOFA_DTYPE_COUNT)
        return sofa_tensor_fail(tensor, err, "unknown dtype '%s'", sofa_name_text(part[0]->valuestring, text));
    SOFA_TRY(read_shape(part[1], tensor, err));
    SOFA_TRY(read_offsets(part[2], data, size, tensor, err));
out:
    return rc;
}

/* __metadata__ is an object of strings. */
static enum sofa_code check_metadata(const cJSON *entry, const char *path, struct sofa_err *err)
{
    const cJSON *item;

    if (!cJSON_IsObject(entry))
        return fail(path, err, "__metadata__ is no object");
    cJSON_ArrayForEach(item, entry)
        if (!cJSON_IsString(item))
            return fail(path, err, "__metadata__ holds something that is no string");
    return SOFA_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct sofa_tensor *x = a, *y = b;

    if (x->data != y->data)
        return (const char *)x->data < (const char *)y->data ? -1 : 1;
    return (x->count > y->count) - (x->count < y->count);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct sofa_tensor *)a)->name, ((const struct sofa_tensor *)b)->name);
}

/* The tensors lie one behind the other from the first byte to the last. */
static enum sofa_code check_places(struct sofa_safetensors *file, const unsigned char *data, size_t size,
                                   struct sofa_err *err)
{
    size_t at = 0;

    qsort(file->tensor, file->count, sizeof *file->tensor, by_place);
    for (size_t i = 0; i < file->count; i++) {
        const struct sofa_tensor *t = &file->tensor[i];
        size_t begin = (size_t)((const unsigned char *)t->data - data);

        if (begin != at)
            return sofa_tensor_fail(t, err, "begins at byte %zu of the data, where %zu was expected: tensors %s", begin,
                                    at, begin < at ? "overlap" : "leave a hole");
        at += t->count * sofa_dtype_bytes(t->dtype);
    }
    if (at != size)
        return sofa_fail_at(err, SOFA_E_INPUT, file->path, 0, 0, "%zu bytes stand after the last tensor", size - at);
    return SOFA_OK;
}

static enum sofa_code check_names(struct sofa_safetensors *file, struct sofa_err *err)
{
    qsort(file->tensor, file->count, sizeof *file->tensor, by_name);
    for (size_t i = 1; i < file->count; i++)
        if (by_name(&file->tensor[i - 1], &file->tensor[i]) == 0)
            return sofa_tensor_fail(&file->tensor[i], err, "the name stands twice");
    return SOFA_OK;
}

static enum sofa_code read_entries(struct sofa_safetensors *file, const unsigned char *data, size_t size,
                                   struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    bool metadata = false;
    const cJSON *entry;

    file->tensor = calloc((size_t)cJSON_GetArraySize(file->header) + 1, sizeof *file->tensor);
    if (!file->tensor)
        return sofa_fail_nomem(err, file->path);
    cJSON_ArrayForEach(entry, file->header)
    {
        struct sofa_tensor *tensor = &file->tensor[file->count];

        if (strcmp(entry->string, "__metadata__") == 0) {
            if (metadata)
                return fail(file->path, err, "__metadata__ stands twice");
            metadata = true;
            SOFA_TRY(check_metadata(entry, file->path, err));
            continue;
        }
        *tensor = (struct sofa_tensor){.name = entry->string, .file = file->path};
        SOFA_TRY(read_entry(entry, data, size, tensor, err));
        file->count++;
    }
    SOFA_TRY(check_places(file, data, size, err));
    SOFA_TRY(check_names(file, err));
out:
    return rc;
}

/* Parses the JSON header of n bytes; after it only spaces may stand. */
static enum sofa_code read_header(struct sofa_safetensors *file, const char *text, size_t n, struct sofa_err *err)
{
    const char *end = NULL;

    if (n == 0 || text[0] != '{')
        return fail(file->path, err, "the header doesn't begin with '{'");
    if (memchr(text, 0, n))
        return fail(file->path, err, "the header holds a zero byte");
    file->header = cJSON_ParseWithLengthOpts(text, n, &end, false);
    if (!file->header)
        return fail(file->path, err, "the header is no JSON");
    for (; end < text + n; end++)
        if (*end != ' ')
            return fail(file->path, err, "something stands after the header's JSON");
    return SOFA_OK;
}

static enum sofa_code parse(struct sofa_safetensors *file, const unsigned char *data, size_t size,
                            struct sofa_err *err)
{
    enum sofa_code rc;
    uint64_t n = 0;

    if (size < LENGTH_BYTES)
        return fail(file->path, err, "shorter than eight bytes");
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        n = n << 8 | data[i];
    if (n > HEADER_MOST)
        return fail(file->path, err, "its header would pass 100 MB");
    if (n > size - LENGTH_BYTES)
        return fail(file->path, err, "the header passes the end of the file (truncated?)");
    SOFA_TRY(read_header(file, (const char *)data + LENGTH_BYTES, (size_t)n, err));
    SOFA_TRY(read_entries(file, data + LENGTH_BYTES + n, size - LENGTH_BYTES - (size_t)n, err));
out:
    return rc;
}

static enum sofa_code new_file(const char *path, struct sofa_safetensors **file, struct sofa_err *err)
{
    *file = calloc(1, sizeof **file);
    if (*file)
        (*file)->path = sofa_format("%s", path);
    if (*file && (*file)->path)
        return SOFA_OK;
    free(*file);
    *file = NULL;
    return sofa_fail_nomem(err, path);
}

enum sofa_code sofa_safetensors_parse(const char *path, const unsigned char *data, size_t size,
                                      struct sofa_safetensors **file, struct sofa_err *err)
{
    enum sofa_code rc = new_file(path, file, err);

    if (rc == SOFA_OK && (rc = parse(*file, data, size, err)) != SOFA_OK) {
        sofa_safetensors_free(*file);
        *file = NULL;
    }
    return rc;
}

enum sofa_code sofa_safetensors_open(const char *path, struct sofa_safetensors **file, struct sofa_err *err)
{
    struct sofa_map map = {NULL, 0};
    enum sofa_code rc;

    *file = NULL;
    SOFA_TRY(sofa_map_open(path, &map, err));
    SOFA_TRY(sofa_safetensors_parse(path, map.data, map.size, file, err));
    (*file)->map = map;
    map = (struct sofa_map){NULL, 0};
out:
    sofa_map_close(&map);
    return rc;
}

void sofa_safetensors_free(struct sofa_safetensors *file)
{
    if (!file)
        return;
    sofa_map_close(&file->map);
    cJSON_Delete(file->header);
    free(file->tensor);
    free(file->path);
    free(file);
}

size_t sofa_safetensors_count(const struct sofa_safetensors *file)
{
    return file->count;
}

const struct sofa_tensor *sofa_safetensors_get(const struct sofa_safetensors *file, size_t i)
{
    return i < file->count ? &file->tensor[i] : NULL;
}

const struct sofa_tensor *sofa_safetensors_find(const struct sofa_safetensors *file, const char *name)
{
    struct sofa_tensor wanted = {.name = name};

    return bsearch(&wanted, file->tensor, file->count, sizeof wanted, by_name);
}

enum sofa_code sofa_safetensors_need(const struct sofa_safetensors *file, const char *name,
                                     const struct sofa_tensor **tensor, struct sofa_err *err)
{
    const char **names;
    const char *near = NULL;
    char text[SOFA_NAME_TEXT_MAX];

    *tensor = sofa_safetensors_find(file, name);
    if (*tensor)
        return SOFA_OK;
    names = calloc(file->count + 1, sizeof *names);
    for (size_t i = 0; names && i < file->count; i++)
        names[i] = file->tensor[i].name;
    if (names)
        near = sofa_nearest(name, names, file->count);
    free(names);
    sofa_fail_at(err, SOFA_E_INPUT, file->path, 0, 0, "tensor '%s' is missing", name);
    if (near)
        sofa_err_append(err, "; did you mean '%s'?", sofa_name_text(near, text));
    return SOFA_E_INPUT;
}
