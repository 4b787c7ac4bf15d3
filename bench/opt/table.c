#include "bench/opt/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "study/evaluate.h"

enum sofa_code table_open(const char *space_file, struct table *table, struct sofa_err *err)
{
    const struct sofa_space *space;
    int found[SOFA_LAYERS_MAX] = {0};
    enum sofa_code rc;

    memset(table, 0, sizeof *table);
    SOFA_TRY(sofa_problem_open(space_file, NULL, &table->problem, err));
    space = table->problem->space;
    table->layers = table->problem->workload.layers;
    for (size_t j = 0; j < space->dims; j++) {
        int l = space->dim[j].layer;

        if (l < 0 || found[l] == TABLE_AXES)
            continue;
        table->axis[l][found[l]] = (int)j;
        table->levels[l][found[l]++] = space->dim[j].levels;
    }
    table->selection = calloc((size_t)table->layers, sizeof *table->selection);
    for (int l = 0; l < table->layers; l++) {
        if (found[l] != TABLE_AXES)
            return sofa_fail(err, SOFA_E_INPUT, "layer %d has not %d axes", l, TABLE_AXES);
        table->row[l] = calloc((size_t)(table->levels[l][0] * table->levels[l][1]), sizeof *table->row[l]);
        if (!table->row[l] || !table->selection)
            return sofa_fail_nomem(err, "a table");
    }
out:
    return rc;
}

void table_close(struct table *table)
{
    for (int l = 0; l < table->layers; l++)
        free(table->row[l]);
    free(table->selection);
    sofa_problem_free(table->problem);
    memset(table, 0, sizeof *table);
}

struct table_row *table_row_of(const struct table *table, int layer, const int *x)
{
    return &table->row[layer][x[table->axis[layer][0]] * table->levels[layer][1] + x[table->axis[layer][1]]];
}

enum sofa_code table_read(const char *file, struct table *table, struct sofa_err *err)
{
    FILE *f = fopen(file, "r");
    char line[512];
    enum sofa_code rc = SOFA_OK;
    size_t rows = 0, wanted = 0;

    if (!f)
        return sofa_fail(err, SOFA_E_IO, "%s cannot be opened", file);
    for (int l = 0; l < table->layers; l++)
        wanted += (size_t)(table->levels[l][0] * table->levels[l][1]);
    while (fgets(line, sizeof line, f)) {
        struct table_row r;
        int layer, step, a, b;

        if (sscanf(line, "base,%lf", &table->base) == 1)
            continue;
        /* layers that share their rows: every `step`th from `layer` on */
        if (sscanf(line, "%d,%d,%d,%d,%lf,%lf,%lf,%lf,%lf,%lf,%lf,%lf,%lf", &layer, &step, &a, &b, &r.loss,
                   &r.selection.density, &r.selection.union_share, &r.selection.naive_ratio,
                   &r.selection.rass_ratio, &r.selection.clipped, &r.selection.mispredicted,
                   &r.selection.union_all, &r.signal) < 12)
            continue;
        for (int l = layer; l < table->layers; l += step, rows++)
            table->row[l][a * table->levels[l][1] + b] = r;
    }
    fclose(f);
    if (rows != wanted)
        rc = sofa_fail(err, SOFA_E_INPUT, "%s: %zu rows, not %zu", file, rows, wanted);
    return rc;
}

double table_loss(const struct table *table, const int *x)
{
    double sum = table->base;

    for (int l = 0; l < table->layers; l++)
        sum += table_row_of(table, l, x)->loss;
    return sum;
}

void table_metrics(struct table *table, const int *x, size_t n, const char *const *name, double *value)
{
    struct sofa_statistics statistics = {.layers = table->layers, .heads = 1, .head = table->selection};
    const struct sofa_problem *p = table->problem;
    struct sofa_evaluation e;
    struct sofa_design design;

    for (int l = 0; l < table->layers; l++)
        table->selection[l] = table_row_of(table, l, x)->selection;
    sofa_space_design(p->space, x, &design);
    sofa_evaluate_cheaply(p, &design, &statistics, &e);
    for (size_t i = 0; i < n; i++)
        value[i] = e.result.feasible ? sofa_problem_value(p, sofa_problem_metric(p, name[i]), e.metric) : INFINITY;
}

int table_corner(const struct table *table, size_t dim)
{
    const struct sofa_space_dim *d = &table->problem->space->dim[dim];
    int sense = d->parameter->accurate, best = 0;

    for (int i = 1; i < d->levels; i++)
        if (sense * d->value[i] > sense * d->value[best])
            best = i;
    return sense ? best : -1;
}
