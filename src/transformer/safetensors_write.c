#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "transformer/safetensors.h"

static void add_name(struct sofa_str *s, const char *name)
{
    cJSON *node = cJSON_CreateString(name);
    char *text = node ? cJSON_PrintUnformatted(node) : NULL;

    if (text)
        sofa_str_add(s, text);
    else
        s->failed = true;
    cJSON_free(text);
    cJSON_Delete(node);
}

static void add_header(struct sofa_str *s, const struct sofa_tensor *tensors, size_t n)
{
    char shape[SOFA_SHAPE_TEXT_MAX];
    size_t at = 0, bytes;

    sofa_str_add(s, "{");
    for (size_t i = 0; i < n; i++) {
        bytes = tensors[i].count * sofa_dtype_bytes(tensors[i].dtype);
        sofa_tensor_shape_text(&tensors[i], shape);
        sofa_str_add(s, i ? "," : "");
        add_name(s, tensors[i].name);
        sofa_str_addf(s, ":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                      sofa_dtype_name(tensors[i].dtype), shape, at, at + bytes);
        at += bytes;
    }
    sofa_str_add(s, "}");
    while (s->length % 8 && !s->failed)
        sofa_str_add(s, " ");
}

enum sofa_code sofa_safetensors_write(const char *path, const struct sofa_tensor *tensors, size_t n,
                                      struct sofa_err *err)
{
    struct sofa_str header = SOFA_STR_INIT, file = SOFA_STR_INIT;
    enum sofa_code rc;
    char length[8];

    add_header(&header, tensors, n);
    for (int i = 0; i < 8; i++)
        length[i] = (char)((uint64_t)header.length >> 8 * i & 255);
    sofa_str_add_bytes(&file, length, sizeof length);
    sofa_str_add_bytes(&file, header.text, header.length);
    for (size_t i = 0; i < n; i++)
        if (tensors[i].count)
            sofa_str_add_bytes(&file, tensors[i].data, tensors[i].count * sofa_dtype_bytes(tensors[i].dtype));
    if (header.failed || file.failed)
        rc = sofa_fail_nomem(err, path);
    else
        rc = sofa_file_write_atomic(path, file.text, file.length, err);
    sofa_str_release(&header);
    sofa_str_release(&file);
    return rc;
}
