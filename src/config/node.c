/* Reading values out of nodes, with places in every complaint. */
#include "config/node.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/unit.h"

#define NAMES_MAX 64 /* rows of a field table */

static const char *const kind_names[] = {"a value", "a list", "a map"};

enum sofa_code sofa_node_fail(const struct sofa_node *node, struct sofa_err *err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    sofa_vfail_at(err, SOFA_E_INPUT, node->file, node->line, node->column, fmt, ap);
    va_end(ap);
    return SOFA_E_INPUT;
}

const struct sofa_node *sofa_node_get(const struct sofa_node *map, const char *key)
{
    if (!map || map->kind != SOFA_NODE_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->key[i]->text, key) == 0)
            return map->item[i];
    return NULL;
}

enum sofa_code sofa_node_need(const struct sofa_node *map, const char *key, const struct sofa_node **value,
                              struct sofa_err *err)
{
    *value = sofa_node_get(map, key);
    return *value ? SOFA_OK : sofa_node_fail(map, err, "'%s' is missing here", key);
}

enum sofa_code sofa_node_expect(const struct sofa_node *node, enum sofa_node_kind kind, struct sofa_err *err)
{
    if (node->kind == kind)
        return SOFA_OK;
    return sofa_node_fail(node, err, "%s stands here; expected %s", kind_names[node->kind], kind_names[kind]);
}

bool sofa_node_is_null(const struct sofa_node *node)
{
    return node->kind == SOFA_NODE_SCALAR && !node->quoted &&
           (!node->text[0] || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}

enum sofa_code sofa_node_string(const struct sofa_node *node, const char **text, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(sofa_node_expect(node, SOFA_NODE_SCALAR, err));
    if (!node->quoted && !node->text[0])
        return sofa_node_fail(node, err, "nothing stands here; expected a word");
    *text = node->text;
out:
    return rc;
}

enum sofa_code sofa_node_number(const struct sofa_node *node, const char *unit, double *value, struct sofa_err *err)
{
    struct sofa_err why = SOFA_ERR_INIT;
    enum sofa_code rc;

    SOFA_TRY(sofa_node_expect(node, SOFA_NODE_SCALAR, err));
    rc = sofa_quantity_parse(node->text, unit, value, &why);
    if (rc != SOFA_OK)
        sofa_node_fail(node, err, "%s", why.text);
out:
    return rc;
}

enum sofa_code sofa_node_integer(const struct sofa_node *node, long least, long most, long *value,
                                 struct sofa_err *err)
{
    enum sofa_code rc;
    char *end;
    long n;

    SOFA_TRY(sofa_node_expect(node, SOFA_NODE_SCALAR, err));
    errno = 0;
    n = strtol(node->text, &end, 10);
    if (end == node->text || *end)
        return sofa_node_fail(node, err, "'%s' is not a whole number", node->text);
    if (errno || n < least || n > most) {
        if (most == LONG_MAX || most == INT_MAX)
            return sofa_node_fail(node, err, "%s is out of range; expected at least %ld", node->text, least);
        return sofa_node_fail(node, err, "%s is out of range; expected %ld to %ld", node->text, least, most);
    }
    *value = n;
out:
    return rc;
}

enum sofa_code sofa_node_bool(const struct sofa_node *node, bool *value, struct sofa_err *err)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    enum sofa_code rc;
    int i;

    SOFA_TRY(sofa_node_choice(node, words, sizeof words / sizeof *words, &i, err));
    *value = i % 2;
out:
    return rc;
}

enum sofa_code sofa_node_choice(const struct sofa_node *node, const char *const *names, size_t n, int *index,
                                struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(sofa_node_expect(node, SOFA_NODE_SCALAR, err));
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], node->text) == 0) {
            *index = (int)i;
            return SOFA_OK;
        }
    }
    rc = sofa_node_fail(node, err, "'%s' is not known here", node->text);
    sofa_err_append_choices(err, node->text, names, n);
out:
    return rc;
}

static enum sofa_code fail_unknown_key(const struct sofa_node *key, const char *const *keys, size_t n,
                                       struct sofa_err *err)
{
    const char *near = sofa_nearest(key->text, keys, n);

    sofa_node_fail(key, err, "unknown key '%s'", key->text);
    if (near)
        sofa_err_append(err, "; did you mean '%s'?", near);
    else
        sofa_err_append_choices(err, key->text, keys, n);
    return SOFA_E_INPUT;
}

enum sofa_code sofa_node_check_keys(const struct sofa_node *map, const char *const *keys, size_t n,
                                    struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(sofa_node_expect(map, SOFA_NODE_MAP, err));
    for (size_t i = 0; i < map->count; i++) {
        size_t k = 0;

        while (k < n && strcmp(keys[k], map->key[i]->text) != 0)
            k++;
        if (k == n)
            return fail_unknown_key(map->key[i], keys, n, err);
    }
out:
    return rc;
}

static enum sofa_code read_number(const struct sofa_node *node, const struct sofa_field *f, void *to,
                                  struct sofa_err *err)
{
    bool bounded = f->least != 0 || f->most != 0;
    double *value = to;
    enum sofa_code rc;

    SOFA_TRY(sofa_node_number(node, f->unit ? f->unit : "1", value, err));
    if (bounded && !(*value >= f->least && *value <= f->most))
        rc = sofa_node_fail(node, err, "'%s' is out of range; expected %g to %g%s%s", node->text, f->least, f->most,
                            f->unit && strcmp(f->unit, "1") != 0 ? " " : "",
                            f->unit && strcmp(f->unit, "1") != 0 ? f->unit : "");
out:
    return rc;
}

static enum sofa_code read_whole(const struct sofa_node *node, const struct sofa_field *f, void *to,
                                 struct sofa_err *err)
{
    bool bounded = f->least != 0 || f->most != 0;
    bool is_size = f->kind == SOFA_FIELD_SIZE;
    enum sofa_code rc;
    long value;

    SOFA_TRY(sofa_node_integer(node, bounded ? (long)f->least : is_size ? 0 : INT_MIN,
                               bounded ? (long)f->most : is_size ? LONG_MAX : INT_MAX, &value, err));
    if (is_size)
        *(size_t *)to = (size_t)value;
    else
        *(int *)to = (int)value;
out:
    return rc;
}

static enum sofa_code read_choice(const struct sofa_node *node, const struct sofa_field *f, void *to,
                                  struct sofa_err *err)
{
    size_t n = 0;

    while (f->names[n])
        n++;
    return sofa_node_choice(node, f->names, n, to, err);
}

static enum sofa_code read_field(const struct sofa_node *node, const struct sofa_field *f, void *to,
                                 struct sofa_err *err)
{
    switch (f->kind) {
    case SOFA_FIELD_NUMBER:
        return read_number(node, f, to, err);
    case SOFA_FIELD_INTEGER:
    case SOFA_FIELD_SIZE:
        return read_whole(node, f, to, err);
    case SOFA_FIELD_BOOL:
        return sofa_node_bool(node, to, err);
    case SOFA_FIELD_STRING:
        return sofa_node_string(node, to, err);
    case SOFA_FIELD_CHOICE:
        return read_choice(node, f, to, err);
    case SOFA_FIELD_NODE:
        *(const struct sofa_node **)to = node;
        return SOFA_OK;
    }
    return SOFA_OK;
}

enum sofa_code sofa_node_read(const struct sofa_node *map, const struct sofa_field *fields, size_t n, void *base,
                              struct sofa_err *err)
{
    const char *keys[NAMES_MAX] = {NULL};
    enum sofa_code rc;

    for (size_t i = 0; i < n && i < NAMES_MAX; i++)
        keys[i] = fields[i].key;
    SOFA_TRY(sofa_node_check_keys(map, keys, n, err));
    for (size_t i = 0; i < n; i++) {
        const struct sofa_node *node = sofa_node_get(map, fields[i].key);

        if (!node && fields[i].required)
            return sofa_node_fail(map, err, "'%s' is missing here", fields[i].key);
        if (node)
            SOFA_TRY(read_field(node, &fields[i], (char *)base + fields[i].offset, err));
    }
out:
    return rc;
}

enum sofa_code sofa_node_read_kind(const struct sofa_node *root, const char *kind, const struct sofa_field *fields,
                                   size_t n, void *base, struct sofa_err *err)
{
    const struct sofa_node *node = sofa_node_get(root, "kind");
    enum sofa_code rc;

    SOFA_TRY(sofa_node_expect(root, SOFA_NODE_MAP, err));
    if (node && node->kind == SOFA_NODE_SCALAR && strcmp(node->text, kind) != 0)
        return sofa_node_fail(node, err, "this is a file of kind '%s'; expected '%s'", node->text, kind);
    rc = sofa_node_read(root, fields, n, base, err);
out:
    return rc;
}

enum sofa_code sofa_node_read_list(const struct sofa_node *list, const struct sofa_field *fields, size_t n, void *array,
                                   size_t size, size_t most, size_t *count, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(sofa_node_expect(list, SOFA_NODE_LIST, err));
    if (list->count > most)
        return sofa_node_fail(list, err, "more than %zu entries", most);
    for (size_t i = 0; i < list->count; i++)
        SOFA_TRY(sofa_node_read(list->item[i], fields, n, (char *)array + i * size, err));
    *count = list->count;
out:
    return rc;
}
