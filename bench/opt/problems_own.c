/*
 * Spaces of this program, served from tables of what its kernel measured (table.h).
 *
 * The loss is what only an evaluation tells; latency, energy and area come from the model.  Units: latency in
 * us, energy in mJ, area in mm2, the loss as it is.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/opt/problems.h"
#include "bench/opt/table.h"

static struct table table; /* of the one problem that a process serves */

static void set_dims(const struct problem *p, struct sofa_opt_dim *dim)
{
    struct sofa_err err = SOFA_ERR_INIT;
    const struct sofa_space *space;

    setenv("SOFA_DSE_DATA", ".", 0);
    if (table_open(p->space, &table, &err) != SOFA_OK || table_read(p->table, &table, &err) != SOFA_OK) {
        fprintf(stderr, "%s: %s (run from the top of the source)\n", p->name, err.text);
        exit(1);
    }
    space = table.problem->space;
    for (size_t j = 0; j < p->dims; j++)
        dim[j] = (struct sofa_opt_dim){.levels = space->dim[j].levels,
                                       .coord = space->dim[j].coord,
                                       .group = (int)(space->dim[j].parameter - space->parameter),
                                       .layer = space->dim[j].layer,
                                       .apart = !space->dim[j].parameter->per_layer,
                                       .corner = table_corner(&table, j)};
}

static void own(const struct problem *p, const int *x, double *y, double *g)
{
    static const char *const metric[] = {"latency", "energy", "area"};
    static const double unit[] = {1e6, 1e3, 1};

    (void)g;
    y[0] = table_loss(&table, x);
    table_metrics(&table, x, p->objectives - 1, metric, y + 1);
    for (size_t j = 1; j < p->objectives; j++)
        y[j] *= unit[j - 1];
}

static void split(const struct problem *p, const int *x, double *part)
{
    for (size_t l = 0; l < p->parts; l++)
        part[l] = table_row_of(&table, (int)l, x)->loss + table.base / (double)p->parts;
}

static void signals(const struct problem *p, const int *x, double *part)
{
    for (size_t l = 0; l < p->parts; l++)
        part[l] = table_row_of(&table, (int)l, x)->signal;
}

/* References: the 90th percentiles of 2000 random points, rounded (protocol quantiles). */
const struct problem problems_own[] = {
    {"quick10", 10, 4, 0, 0, set_dims, own, {0.05, 547, 2.4, 5.9}, .space = "bench/opt/quick10.yaml", .table = "bench/opt/quick10.csv", .parts = 4, .signals = true, .split = signals},
    {"bert24", 24, 3, 0, 0, set_dims, own, {0.2, 2430, 7.5}, .space = "spaces/bert-base-tiles.yaml", .table = "bench/opt/bert24.csv", .parts = 12, .part_kinds = SOFA_SYNTHETIC_HEADS, .split = split},
    {"deep70", 70, 4, 0, 0, set_dims, own, {0.31, 158000, 272, 6.7}, .space = "bench/opt/deep70.yaml", .table = "bench/opt/deep70.csv", .parts = 32, .part_kinds = SOFA_SYNTHETIC_HEADS, .split = split},
};
const size_t problems_own_count = sizeof problems_own / sizeof *problems_own;
