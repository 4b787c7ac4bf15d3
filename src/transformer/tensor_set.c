#include "transformer/tensor_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "transformer/npy.h"
#include "transformer/safetensors.h"

struct member {
    struct member *next;
    struct sofa_npy npy;
};

struct sofa_tensor_set {
    char *path;
    struct sofa_safetensors *file; /* NULL: a folder */
    struct member *members;        /* of the folder, opened so far */
};

enum sofa_code sofa_tensor_set_open(const char *path, struct sofa_tensor_set **set, struct sofa_err *err)
{
    struct sofa_tensor_set *s = calloc(1, sizeof *s);
    enum sofa_code rc = SOFA_OK;

    *set = NULL;
    if (s)
        s->path = sofa_format("%s", path);
    if (!s || !s->path)
        rc = sofa_fail_nomem(err, path);
    else if (!sofa_is_directory(path))
        rc = sofa_safetensors_open(path, &s->file, err);
    if (rc == SOFA_OK)
        *set = s;
    else
        sofa_tensor_set_free(s);
    return rc;
}

void sofa_tensor_set_free(struct sofa_tensor_set *s)
{
    struct member *next;

    if (!s)
        return;
    for (struct member *m = s->members; m; m = next) {
        next = m->next;
        sofa_npy_close(&m->npy);
        free(m);
    }
    sofa_safetensors_free(s->file);
    free(s->path);
    free(s);
}

static char *member_path(const struct sofa_tensor_set *s, const char *name)
{
    return sofa_format("%s/%s.npy", s->path, name);
}

bool sofa_tensor_set_has(const struct sofa_tensor_set *s, const char *name)
{
    char *path;
    bool there;

    if (s->file)
        return sofa_safetensors_find(s->file, name) != NULL;
    path = member_path(s, name);
    there = path && sofa_file_exists(path);
    free(path);
    return there;
}

enum sofa_code sofa_tensor_set_need(struct sofa_tensor_set *s, const char *name, const struct sofa_tensor **tensor,
                                    struct sofa_err *err)
{
    struct member *m = NULL;
    enum sofa_code rc;
    char *path;

    if (s->file)
        return sofa_safetensors_need(s->file, name, tensor, err);
    path = member_path(s, name);
    m = calloc(1, sizeof *m);
    if (!path || !m) {
        rc = sofa_fail_nomem(err, name);
        goto out;
    }
    SOFA_TRY(sofa_npy_open(path, &m->npy, err));
    m->next = s->members;
    s->members = m;
    *tensor = &m->npy.tensor;
    m = NULL;
out:
    free(m);
    free(path);
    return rc;
}
