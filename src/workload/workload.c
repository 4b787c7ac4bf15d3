#include "workload/workload.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const sofa_scope_names[] = {"attention", "qkv+attention", NULL};

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define TOKENS_MOST 16777216.0 /* far past any context; blocks of a causal head are gone through one by one */

struct workload_entry {
    const char *kind, *name, *description, *source;
    double version;
    struct sofa_workload w;
};
#define E(key, kind, member, least, most, need) \
    {key, SOFA_FIELD_##kind, offsetof(struct workload_entry, member), NULL, least, most, NULL, need}
static const struct sofa_field fields[] = {
    E("version", NUMBER, version, 1, 1, true),
    E("kind", STRING, kind, 0, 0, true),
    E("name", STRING, name, 0, 0, true),
    E("description", STRING, description, 0, 0, true),
    E("source", STRING, source, 0, 0, true),
    E("layers", INTEGER, w.layers, 1, 128, true),
    E("hidden", INTEGER, w.hidden, 1, 1 << 20, true),
    E("heads", INTEGER, w.heads, 1, 1 << 16, true),
    E("kv_heads", INTEGER, w.kv_heads, 1, 1 << 16, false),
    E("head_dim", INTEGER, w.head_dim, 1, 1 << 16, false),
    E("queries", NUMBER, w.queries, 1, TOKENS_MOST, true),
    E("keys", NUMBER, w.keys, 1, TOKENS_MOST, false),
    E("causal", BOOL, w.causal, 0, 0, true),
    E("batch", NUMBER, w.batch, 1, 1e9, false),
    {"scope", SOFA_FIELD_CHOICE, offsetof(struct workload_entry, w.scope), NULL, 0, 0, sofa_scope_names, false},
};
#undef E

/* What must hold between the numbers: the key at fault, and why. */
static const char *inconsistency(const struct sofa_workload *w, char *why, size_t size)
{
    if (w->layers < 1 || w->hidden < 1 || w->heads < 1 || w->kv_heads < 1 || w->head_dim < 1) {
        snprintf(why, size, "layers, hidden, heads, kv_heads and head_dim must be positive");
        return "heads";
    }
    if (w->heads % w->kv_heads) {
        snprintf(why, size, "%d heads can't share %d key/value heads evenly", w->heads, w->kv_heads);
        return "kv_heads";
    }
    if (!(w->queries >= 1) || !isfinite(w->queries) || w->queries != floor(w->queries)) {
        snprintf(why, size, "'queries' must be a whole number of at least 1");
        return "queries";
    }
    if (!(w->keys >= 1) || !isfinite(w->keys) || w->keys != floor(w->keys)) {
        snprintf(why, size, "'keys' must be a whole number of at least 1");
        return "keys";
    }
    if (w->causal && w->keys < w->queries) {
        snprintf(why, size, "a causal workload needs at least as many keys as queries");
        return "keys";
    }
    if (!(w->batch >= 1) || !isfinite(w->batch) || w->batch != floor(w->batch)) {
        snprintf(why, size, "'batch' must be a whole number of at least 1");
        return "batch";
    }
    if (w->scope != SOFA_SCOPE_ATTENTION && w->scope != SOFA_SCOPE_QKV_ATTENTION) {
        snprintf(why, size, "unknown scope");
        return "scope";
    }
    return NULL;
}

enum sofa_code sofa_workload_check(const struct sofa_workload *workload, struct sofa_err *err)
{
    char why[160];

    if (!inconsistency(workload, why, sizeof why))
        return SOFA_OK;
    return sofa_fail(err, SOFA_E_INPUT, "workload '%s': %s", workload->name, why);
}

static enum sofa_code finish(const struct sofa_node *root, struct workload_entry *e, struct sofa_err *err)
{
    struct sofa_workload *w = &e->w;
    const struct sofa_node *at;
    const char *key;
    char why[160];

    if (!w->head_dim && w->hidden % w->heads)
        return sofa_node_fail(sofa_node_get(root, "heads"), err,
                              "%d heads don't divide the width %d; expected a 'head_dim' where that is meant", w->heads,
                              w->hidden);
    w->head_dim = w->head_dim ? w->head_dim : w->hidden / w->heads;
    w->kv_heads = w->kv_heads ? w->kv_heads : w->heads;
    w->keys = w->keys > 0 ? w->keys : w->queries;
    snprintf(w->name, sizeof w->name, "%s", e->name);
    snprintf(w->source, sizeof w->source, "%s", e->source);
    key = inconsistency(w, why, sizeof why);
    if (!key)
        return SOFA_OK;
    at = sofa_node_get(root, key);
    return sofa_node_fail(at ? at : root, err, "%s", why);
}

enum sofa_code sofa_workload_read(const char *path, struct sofa_workload *workload, struct sofa_err *err)
{
    struct workload_entry e = {.w = {.batch = 1}};
    struct sofa_document *document = NULL;
    enum sofa_code rc;

    SOFA_TRY(sofa_document_read(path, &document, err));
    SOFA_TRY(sofa_node_read_kind(sofa_document_root(document), "workload", fields, COUNT(fields), &e, err));
    SOFA_TRY(finish(sofa_document_root(document), &e, err));
    *workload = e.w;
out:
    sofa_document_free(document);
    return rc;
}

double sofa_workload_visible_pairs(const struct sofa_workload *w)
{
    if (!w->causal)
        return w->queries * w->keys;
    return w->queries * (w->keys - w->queries) + w->queries * (w->queries + 1) / 2;
}

double sofa_workload_dense_operations(const struct sofa_workload *w)
{
    double one = 4.0 * w->head_dim * sofa_workload_visible_pairs(w) * w->heads;

    if (w->scope == SOFA_SCOPE_QKV_ATTENTION)
        one += 4.0 * w->hidden * w->head_dim * w->keys * w->kv_heads;
    return one * w->layers * w->batch;
}
