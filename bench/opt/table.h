/*
 * Spaces of this program served from tables: what the kernel makes of each layer's settings was measured once
 * (tabulate.c) and is looked up; latency, energy and area come from the model itself, which costs microseconds.
 *
 * A row of a table holds a layer's part of the loss and its selection statistics at one setting of tiles and
 * ratio.  On synthetic rows layers do not see each other, so the table gives what the program gives.  In the
 * language model the parts are the rise of the loss when this layer alone leaves the most accurate setting, and
 * they are added up: the README says how far that is from measured designs.
 */
#ifndef SOFA_BENCH_OPT_TABLE_H
#define SOFA_BENCH_OPT_TABLE_H

#include "study/problem.h"

/* Axes of the space that belong to a layer. */
#define TABLE_AXES 2

struct table_row {
    double loss, signal; /* signal: the squared relative error of its attention, mean over heads */
    struct sofa_selection selection;
};

struct table {
    struct sofa_problem *problem;
    int layers;
    int axis[SOFA_LAYERS_MAX][TABLE_AXES];  /* dimension of each layer's axes */
    int levels[SOFA_LAYERS_MAX][TABLE_AXES];
    struct table_row *row[SOFA_LAYERS_MAX]; /* [levels[0] * levels[1]] */
    double base;                            /* the loss at the most accurate setting, where parts are added to it */
    struct sofa_selection *selection;       /* [layers] scratch */
};

/* Opens a space file for tables: finds the axes, allocates the rows. */
enum sofa_code table_open(const char *space_file, struct table *table, struct sofa_err *err);
void table_close(struct table *table);
/* Reads the rows of a table as tabulate.c writes them. */
enum sofa_code table_read(const char *file, struct table *table, struct sofa_err *err);
/* What a layer's levels look up. */
struct table_row *table_row_of(const struct table *table, int layer, const int *x);
/* The loss of a point by the table. */
double table_loss(const struct table *table, const int *x);
/* Metrics of the model at a point: name [n] to value [n]; INFINITY where the design does not work. */
void table_metrics(struct table *table, const int *x, size_t n, const char *const *name, double *value);
/* The least lossy level of an axis, -1 where that is no matter. */
int table_corner(const struct table *table, size_t dim);

#endif
