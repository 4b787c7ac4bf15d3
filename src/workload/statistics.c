#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workload/workload.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* key, place, least and most value; `required` ones have no default */
#define S(key, member, least, most, need) \
    {key, SOFA_FIELD_NUMBER, offsetof(struct sofa_selection, member), "1", least, most, NULL, need}
static const struct sofa_field selection_fields[] = {
    S("density", density, 1e-9, 1, true),      S("union", union_share, 1e-9, 1, true),
    S("naive_ratio", naive_ratio, 1, 1e9, true), S("rass_ratio", rass_ratio, 1, 1e9, true),
    S("clipped", clipped, 0, 1, false),        S("mispredicted", mispredicted, 0, 1, false),
    S("union_all", union_all, 1e-9, 1, true),
};
#undef S

enum sofa_code sofa_selection_check(const struct sofa_selection *selection, struct sofa_err *err)
{
    for (size_t i = 0; i < COUNT(selection_fields); i++) {
        const struct sofa_field *f = &selection_fields[i];
        double value = *(const double *)((const char *)selection + f->offset);

        if (!(value >= f->least && value <= f->most))
            return sofa_fail(err, SOFA_E_INPUT, "statistics: '%s' = %g is outside %g to %g", f->key, value, f->least,
                             f->most);
    }
    return SOFA_OK;
}

enum sofa_code sofa_statistics_init(struct sofa_statistics *statistics, int layers, int heads,
                                    const struct sofa_selection *selection, struct sofa_err *err)
{
    size_t n = (size_t)layers * (size_t)heads;

    *statistics = (struct sofa_statistics){.layers = layers, .heads = heads};
    statistics->head = calloc(n ? n : 1, sizeof *statistics->head);
    if (!statistics->head)
        return sofa_fail_nomem(err, "statistics");
    for (size_t i = 0; selection && i < n; i++)
        statistics->head[i] = *selection;
    return SOFA_OK;
}

void sofa_statistics_release(struct sofa_statistics *statistics)
{
    if (!statistics)
        return;
    free(statistics->head);
    *statistics = (struct sofa_statistics){0};
}

struct statistics_entry {
    const char *kind, *source, *description;
    double version;
    const struct sofa_node *rows;
};
#define E(key, kind, member, least, most, need) \
    {key, SOFA_FIELD_##kind, offsetof(struct statistics_entry, member), NULL, least, most, NULL, need}
static const struct sofa_field file_fields[] = {
    E("version", NUMBER, version, 1, 1, true),
    E("kind", STRING, kind, 0, 0, true),
    E("source", STRING, source, 0, 0, true),
    E("description", STRING, description, 0, 0, false),
    E("layers", NODE, rows, 0, 0, true),
};
#undef E

/* One layer: a selection for all its heads, or a list with one a head. */
static enum sofa_code read_layer(const struct sofa_node *node, int heads, struct sofa_selection *row, struct sofa_err *err)
{
    bool list = node->kind == SOFA_NODE_LIST;
    enum sofa_code rc = SOFA_OK;

    if (list && node->count != (size_t)heads)
        return sofa_node_fail(node, err, "%zu heads here; expected %d", node->count, heads);
    for (int h = 0; h < heads; h++)
        SOFA_TRY(sofa_node_read(list ? node->item[h] : node, selection_fields, COUNT(selection_fields), &row[h], err));
out:
    return rc;
}

static enum sofa_code read_rows(const struct sofa_node *rows, const struct sofa_workload *workload,
                                struct sofa_statistics *statistics, struct sofa_err *err)
{
    int heads = 1;
    enum sofa_code rc;

    SOFA_TRY(sofa_node_expect(rows, SOFA_NODE_LIST, err));
    if (rows->count != 1 && rows->count != (size_t)workload->layers)
        return sofa_node_fail(rows, err, "%zu layers here; expected 1 or the workload's %d", rows->count,
                              workload->layers);
    for (size_t i = 0; i < rows->count; i++)
        if (rows->item[i]->kind == SOFA_NODE_LIST)
            heads = workload->heads;
    SOFA_TRY(sofa_statistics_init(statistics, workload->layers, heads, NULL, err));
    for (int i = 0; i < workload->layers; i++)
        SOFA_TRY(read_layer(rows->item[rows->count == 1 ? 0 : i], heads, statistics->head + (size_t)i * (size_t)heads,
                            err));
out:
    return rc;
}

enum sofa_code sofa_statistics_read(const char *path, const struct sofa_workload *workload,
                                    struct sofa_statistics *statistics, struct sofa_err *err)
{
    struct statistics_entry e = {0};
    struct sofa_document *document = NULL;
    enum sofa_code rc;

    *statistics = (struct sofa_statistics){0};
    SOFA_TRY(sofa_document_read(path, &document, err));
    SOFA_TRY(sofa_node_read_kind(sofa_document_root(document), "statistics", file_fields, COUNT(file_fields), &e, err));
    SOFA_TRY(read_rows(e.rows, workload, statistics, err));
    snprintf(statistics->source, sizeof statistics->source, "%s", e.source);
out:
    sofa_document_free(document);
    if (rc != SOFA_OK)
        sofa_statistics_release(statistics);
    return rc;
}
