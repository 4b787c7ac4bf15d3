#include "transformer/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "config/node.h"
#include "transformer/safetensors.h"

struct shard {
    char *name; /* of the file */
    struct sofa_safetensors *file;
    bool *used; /* [tensors] */
};

struct sofa_checkpoint {
    char *directory;
    size_t count;
    struct shard *shard; /* [count] */
};

static enum sofa_code add_shard(struct sofa_checkpoint *c, const char *name, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    struct shard *shards = NULL;
    char *path = sofa_path_join(c->directory, name);
    struct shard s = {.name = sofa_format("%s", name)};

    if (!path || !s.name) {
        rc = sofa_fail_nomem(err, name);
        goto out;
    }
    SOFA_TRY(sofa_safetensors_open(path, &s.file, err));
    s.used = calloc(sofa_safetensors_count(s.file) + 1, sizeof *s.used);
    shards = s.used ? realloc(c->shard, (c->count + 1) * sizeof *shards) : NULL;
    if (!shards) {
        rc = sofa_fail_nomem(err, name);
        goto out;
    }
    c->shard = shards;
    c->shard[c->count++] = s;
    s = (struct shard){NULL, NULL, NULL};
out:
    free(path);
    free(s.name);
    free(s.used);
    sofa_safetensors_free(s.file);
    return rc;
}

static struct shard *shard_named(struct sofa_checkpoint *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->shard[i].name, name) == 0)
            return &c->shard[i];
    return NULL;
}

/* One row of the index: a tensor and the shard it lies in. */
static enum sofa_code read_place(struct sofa_checkpoint *c, const struct sofa_node *key,
                                 const struct sofa_node *value, struct sofa_err *err)
{
    const char *file;
    enum sofa_code rc;
    char text[SOFA_NAME_TEXT_MAX];
    struct shard *shard;

    SOFA_TRY(sofa_node_string(value, &file, err));
    if (!file[0] || strchr(file, '/') || file[0] == '.')
        return sofa_node_fail(value, err, "a shard is named '%s'; expected a file of this folder",
                              sofa_name_text(file, text));
    if (!shard_named(c, file))
        SOFA_TRY(add_shard(c, file, err));
    shard = shard_named(c, file);
    if (!sofa_safetensors_find(shard->file, key->text))
        return sofa_node_fail(key, err, "tensor '%s' is not in '%s'", sofa_name_text(key->text, text), file);
out:
    return rc;
}

static enum sofa_code open_index(struct sofa_checkpoint *c, const char *path, struct sofa_err *err)
{
    struct sofa_document *document = NULL;
    const struct sofa_node *map;
    enum sofa_code rc;

    SOFA_TRY(sofa_document_read(path, &document, err));
    SOFA_TRY(sofa_node_need(sofa_document_root(document), "weight_map", &map, err));
    SOFA_TRY(sofa_node_expect(map, SOFA_NODE_MAP, err));
    for (size_t i = 0; i < map->count; i++)
        SOFA_TRY(read_place(c, map->key[i], map->item[i], err));
out:
    sofa_document_free(document);
    return rc;
}

/* No tensor lies in two shards. */
static enum sofa_code check_shards(const struct sofa_checkpoint *c, struct sofa_err *err)
{
    for (size_t s = 1; s < c->count; s++)
        for (size_t i = 0; i < sofa_safetensors_count(c->shard[s].file); i++) {
            const struct sofa_tensor *t = sofa_safetensors_get(c->shard[s].file, i);

            for (size_t before = 0; before < s; before++)
                if (sofa_safetensors_find(c->shard[before].file, t->name))
                    return sofa_tensor_fail(t, err, "lies in '%s' too", c->shard[before].name);
        }
    return SOFA_OK;
}

enum sofa_code sofa_checkpoint_open(const char *directory, struct sofa_checkpoint **checkpoint, struct sofa_err *err)
{
    struct sofa_checkpoint *c = calloc(1, sizeof *c);
    char *index = sofa_path_join(directory, "model.safetensors.index.json");
    enum sofa_code rc = SOFA_OK;

    *checkpoint = NULL;
    if (c)
        c->directory = sofa_format("%s", directory);
    if (!c || !c->directory || !index)
        rc = sofa_fail_nomem(err, directory);
    else if (sofa_file_exists(index))
        rc = open_index(c, index, err);
    else
        rc = add_shard(c, "model.safetensors", err);
    if (rc == SOFA_OK)
        rc = check_shards(c, err);
    free(index);
    if (rc == SOFA_OK)
        *checkpoint = c;
    else
        sofa_checkpoint_free(c);
    return rc;
}

void sofa_checkpoint_free(struct sofa_checkpoint *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->count; i++) {
        free(c->shard[i].name);
        free(c->shard[i].used);
        sofa_safetensors_free(c->shard[i].file);
    }
    free(c->shard);
    free(c->directory);
    free(c);
}

const struct sofa_tensor *sofa_checkpoint_find(struct sofa_checkpoint *c, const char *name)
{
    const struct sofa_tensor *t = NULL;

    for (size_t i = 0; i < c->count && !t; i++) {
        t = sofa_safetensors_find(c->shard[i].file, name);
        if (t)
            c->shard[i].used[t - sofa_safetensors_get(c->shard[i].file, 0)] = true;
    }
    return t;
}

enum sofa_code sofa_checkpoint_need(struct sofa_checkpoint *c, const char *name, const struct sofa_tensor **tensor,
                                    struct sofa_err *err)
{
    *tensor = sofa_checkpoint_find(c, name);
    if (*tensor)
        return SOFA_OK;
    if (c->count == 1)
        return sofa_safetensors_need(c->shard[0].file, name, tensor, err);
    return sofa_fail_at(err, SOFA_E_INPUT, c->directory, 0, 0, "tensor '%s' is missing in all %zu shards", name,
                        c->count);
}

static bool holds_any(const char *name, const char *const *parts)
{
    for (; *parts; parts++)
        if (strstr(name, *parts))
            return true;
    return false;
}

enum sofa_code sofa_checkpoint_check_used(const struct sofa_checkpoint *c, const char *const *known,
                                          struct sofa_err *err)
{
    for (size_t s = 0; s < c->count; s++)
        for (size_t i = 0; i < sofa_safetensors_count(c->shard[s].file); i++) {
            const struct sofa_tensor *t = sofa_safetensors_get(c->shard[s].file, i);

            if (!c->shard[s].used[i] && !holds_any(t->name, known))
                return sofa_tensor_fail(t, err, "has no place in this model");
        }
    return SOFA_OK;
}
