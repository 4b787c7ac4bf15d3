/* The features of a Gaussian process over a lattice. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "opt/gp_impl.h"
#include "opt/special.h"

static bool matters(const struct sofa_opt_dim *dim)
{
    return dim->levels > 1 && !dim->apart;
}

/* Two levels with names differ or not: one ordinal column says the same. */
static bool one_column_per_level(const struct sofa_opt_dim *dim)
{
    return dim->unordered && dim->levels > 2;
}

static double place(const struct sofa_opt_dim *dim, int level)
{
    if (dim->unordered)
        return level;
    return dim->coord ? dim->coord[level] : level / (dim->levels - 1.0);
}

static void count_columns(struct gp_space *space)
{
    for (size_t j = 0; j < space->dims; j++) {
        const struct sofa_opt_dim *dim = &space->dim[j];
        size_t columns = one_column_per_level(dim) ? (size_t)dim->levels : 1;

        if (!matters(dim))
            continue;
        space->columns += columns;
        space->entries += columns * (size_t)dim->levels;
        space->lengths++;
    }
    space->padded = SOFA_DENSE_ROUND(space->columns);
}

/* The dense number of a group, in order of appearance. */
static int group_number(int *names, size_t *count, int name)
{
    for (size_t g = 0; g < *count; g++)
        if (names[g] == name)
            return (int)g;
    names[*count] = name;
    return (int)(*count)++;
}

static void add_column(struct gp_space *space, size_t c, size_t *entry, struct gp_column column)
{
    const struct sofa_opt_dim *dim = &space->dim[column.dim];

    column.table = *entry;
    space->column[c] = column;
    for (int l = 0; l < dim->levels; l++)
        space->raw[(*entry)++] = column.level >= 0 ? (l == column.level) * sqrt(0.5) : place(dim, l);
}

/* The columns of the dimensions of one layer, from column c on; returns the next column. */
static size_t add_layer(struct gp_space *space, int layer, size_t c, size_t *entry, size_t *length, int *names)
{
    for (size_t j = 0; j < space->dims; j++) {
        const struct sofa_opt_dim *dim = &space->dim[j];
        struct gp_column column = {.dim = j, .level = -1, .length = *length, .group = -1};

        if (!matters(dim) || dim->layer != layer)
            continue;
        ++*length;
        if (!dim->unordered)
            column.group = group_number(names, &space->groups, dim->group);
        if (!one_column_per_level(dim)) {
            add_column(space, c++, entry, column);
            continue;
        }
        for (column.level = 0; column.level < dim->levels; column.level++)
            add_column(space, c++, entry, column);
    }
    return c;
}

/* The first column whose levels are warped alike, or c itself. */
static size_t find_twin(const struct gp_space *space, size_t c)
{
    const struct gp_column *column = &space->column[c];
    int levels = space->dim[column->dim].levels;

    for (size_t t = 0; t < c && column->group >= 0; t++) {
        const struct gp_column *other = &space->column[t];

        if (other->group == column->group && space->dim[other->dim].levels == levels &&
            memcmp(space->raw + other->table, space->raw + column->table, (size_t)levels * sizeof *space->raw) == 0)
            return t;
    }
    return c;
}

static void fill_columns(struct gp_space *space, int *names)
{
    size_t c = 0, entry = 0, length = 0, next;
    int last = -1;

    for (size_t j = 0; j < space->dims; j++)
        last = space->dim[j].layer > last ? space->dim[j].layer : last;
    for (int layer = -1; layer <= last; layer++) {
        next = add_layer(space, layer, c, &entry, &length, names);
        if (next > c)
            space->layer[space->layers++] = (struct gp_span){c, next};
        c = next;
    }
    for (c = 0; c < space->columns; c++)
        if (space->column[c].group >= 0)
            space->group[space->column[c].group].columns++;
    for (c = 0; c < space->columns; c++) {
        struct gp_span *span = &space->span[space->column[c].dim];

        space->column[c].twin = find_twin(space, c);
        *span = (struct gp_span){span->to ? span->from : c, c + 1};
        space->slot[c] = space->column[c].group < 0 ? space->groups : (size_t)space->column[c].group;
    }
    for (size_t g = 0; g < space->groups; g++)
        space->group[g].share = 1 / sqrt((double)space->group[g].columns);
}

enum sofa_code sofa_gp_space_init(struct gp_space *space, size_t dims, const struct sofa_opt_dim *dim,
                                  struct sofa_err *err)
{
    int *names = malloc((dims + 1) * sizeof *names);

    *space = (struct gp_space){.dims = dims, .dim = dim};
    count_columns(space);
    space->column = calloc(space->columns + 1, sizeof *space->column);
    space->span = calloc(dims + 1, sizeof *space->span);
    space->slot = calloc(space->columns + 1, sizeof *space->slot);
    space->group = calloc(dims + 1, sizeof *space->group);
    space->layer = calloc(dims + 1, sizeof *space->layer);
    space->raw = calloc(space->entries + 1, sizeof *space->raw);
    space->warped = calloc(space->entries + 1, sizeof *space->warped);
    space->by_a = calloc(space->entries + 1, sizeof *space->by_a);
    space->by_b = calloc(space->entries + 1, sizeof *space->by_b);
    if (!names || !space->column || !space->slot || !space->span || !space->group || !space->layer || !space->raw || !space->warped ||
        !space->by_a || !space->by_b) {
        free(names);
        return sofa_fail_nomem(err, "a Gaussian process");
    }
    fill_columns(space, names);
    free(names);
    return SOFA_OK;
}

void sofa_gp_space_release(struct gp_space *space)
{
    free(space->column);
    free(space->slot);
    free(space->span);
    free(space->group);
    free(space->layer);
    free(space->raw);
    free(space->warped);
    free(space->by_a);
    free(space->by_b);
    *space = (struct gp_space){0};
}

/* u = 1 - (1 - x^a)^b and its derivatives by ln a and ln b; at both ends the derivatives are 0. */
static void warp_entry(struct gp_space *space, size_t e, double a, double b)
{
    double x = space->raw[e], ln_x, xa, rest, ln_rest, power;

    space->warped[e] = x;
    space->by_a[e] = space->by_b[e] = 0;
    if (x <= 0 || x >= 1)
        return;
    ln_x = sofa_opt_log(x);
    xa = sofa_opt_exp(a * ln_x);
    rest = 1 - xa;
    if (rest < 1e-300) { /* a so small that x^a rounds to 1 */
        space->warped[e] = 1;
        return;
    }
    ln_rest = sofa_opt_log(rest);
    power = sofa_opt_exp(b * ln_rest);
    space->warped[e] = 1 - power;
    space->by_a[e] = b * (power / rest) * xa * ln_x * a;
    space->by_b[e] = -power * ln_rest * b;
}

static void copy_warp(struct gp_space *space, size_t source, size_t to, size_t count)
{
    double *const tables[] = {space->warped, space->by_a, space->by_b};

    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        memcpy(tables[t] + to, tables[t] + source, count * sizeof *tables[t]);
}

void sofa_gp_space_warp(struct gp_space *space, const double *theta_groups)
{
    for (size_t c = 0; c < space->columns; c++) {
        const struct gp_column *column = &space->column[c];
        const double *group = theta_groups + (column->group >= 0 ? column->group : 0) * GP_PER_GROUP;
        size_t from = column->table, to = from + (size_t)space->dim[column->dim].levels;
        double a, b;

        if (column->group < 0) {
            memcpy(space->warped + from, space->raw + from, (to - from) * sizeof *space->raw);
            continue;
        }
        if (column->twin < c) {
            copy_warp(space, space->column[column->twin].table, from, to - from);
            continue;
        }
        a = sofa_opt_exp(group[GP_A]);
        b = sofa_opt_exp(group[GP_B]);
        for (size_t e = from; e < to; e++) {
            warp_entry(space, e, a, b);
            space->warped[e] -= 0.5;
        }
    }
}
