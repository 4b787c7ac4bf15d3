/*
 * Measures a space for table.h with the program's own kernel.
 *
 *   tabulate SPACE.yaml                 the table: "base,LOSS", then rows
 *       layer,step,level,level,loss,density,union,naive,rass,clipped,mispredicted,union_all,error
 *       (step: every so many layers share the row; error: the square of the attention's relative error)
 *   tabulate SPACE.yaml TABLE.csv N     measures N random designs: rows measured,table of their losses
 *
 * The program's files are looked for below SOFA_DSE_DATA, or where it is run: the top of the source.
 */
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "bench/opt/table.h"
#include "study/measure.h"

struct kernel {
    struct table table;
    struct sofa_measurements *measurements;
    struct sofa_arena arena;
    struct sofa_measured measured;
};

/* Runs the kernel at x; the statistics are in kernel->measured. */
static enum sofa_code measure(struct kernel *kernel, const int *x, double *loss, struct sofa_err *err)
{
    const struct sofa_problem *p = kernel->table.problem;
    struct sofa_design design;
    enum sofa_code rc;

    sofa_arena_reset(&kernel->arena);
    sofa_space_design(p->space, x, &design);
    SOFA_TRY(sofa_measure(p, &design, kernel->measurements, NULL, &kernel->arena, &kernel->measured, err));
    *loss = p->lm ? kernel->measured.loss.nats_per_token / p->dense.nats_per_token - 1 : kernel->measured.output_error;
out:
    return rc;
}

static struct sofa_selection mean_selection(const struct sofa_statistics *s, int layer)
{
    struct sofa_selection m = {0};

    for (int h = 0; h < s->heads; h++) {
        const struct sofa_selection *one = &s->head[layer * s->heads + h];

        m.density += one->density / s->heads;
        m.union_share += one->union_share / s->heads;
        m.naive_ratio += one->naive_ratio / s->heads;
        m.rass_ratio += one->rass_ratio / s->heads;
        m.clipped += one->clipped / s->heads;
        m.mispredicted += one->mispredicted / s->heads;
        m.union_all += one->union_all / s->heads;
        m.output_error += one->output_error * one->output_error / s->heads; /* a square: what signals are */
    }
    return m;
}

static void print_row(int layer, int step, int a, int b, double loss, const struct sofa_selection *s)
{
    printf("%d,%d,%d,%d,%.7g,%.7g,%.7g,%.7g,%.7g,%.7g,%.7g,%.7g,%.7g\n", layer, step, a, b, loss, s->density,
           s->union_share, s->naive_ratio, s->rass_ratio, s->clipped, s->mispredicted, s->union_all, s->output_error);
    fflush(stdout);
}

/* Layers `layer`, layer + step, ... at each of their settings, the others at the most accurate one. */
static enum sofa_code print_layer(struct kernel *kernel, int layer, int step, const int *accurate, double base,
                                  struct sofa_err *err)
{
    const struct table *t = &kernel->table;
    int x[SOFA_LAYERS_MAX * TABLE_AXES + 64], same = (t->layers - layer + step - 1) / step;
    struct sofa_selection selection;
    enum sofa_code rc = SOFA_OK;
    double loss;

    for (int a = 0; a < t->levels[layer][0]; a++)
        for (int b = 0; b < t->levels[layer][1]; b++) {
            memcpy(x, accurate, t->problem->space->dims * sizeof *x);
            for (int l = layer; l < t->layers; l += step) {
                x[t->axis[l][0]] = a;
                x[t->axis[l][1]] = b;
            }
            SOFA_TRY(measure(kernel, x, &loss, err));
            selection = mean_selection(&kernel->measured.selection, layer);
            print_row(layer, step, a, b, (loss - base) / same, &selection);
        }
out:
    return rc;
}

static enum sofa_code print_table(struct kernel *kernel, const int *accurate, struct sofa_err *err)
{
    const struct table *t = &kernel->table;
    int step = t->problem->lm ? t->layers : SOFA_SYNTHETIC_HEADS;
    enum sofa_code rc;
    double base;

    SOFA_TRY(measure(kernel, accurate, &base, err));
    printf("base,%.9g\n", base);
    for (int l = 0; l < (step < t->layers ? step : t->layers); l++)
        SOFA_TRY(print_layer(kernel, l, step, accurate, base, err));
out:
    return rc;
}

static enum sofa_code check(struct kernel *kernel, const char *file, int n, struct sofa_err *err)
{
    const struct sofa_space *space = kernel->table.problem->space;
    int x[SOFA_LAYERS_MAX * TABLE_AXES + 64];
    gsl_rng *rng = sofa_rng_new(1, 0);
    enum sofa_code rc;
    double loss;

    SOFA_TRY(table_read(file, &kernel->table, err));
    for (int i = 0; i < n; i++) {
        for (size_t j = 0; j < space->dims; j++)
            x[j] = (int)sofa_rng_below(rng, (size_t)space->dim[j].levels);
        SOFA_TRY(measure(kernel, x, &loss, err));
        printf("%.6g,%.6g\n", loss, table_loss(&kernel->table, x));
        fflush(stdout);
    }
out:
    gsl_rng_free(rng);
    return rc;
}

int main(int argc, char **argv)
{
    struct kernel kernel = {.arena = SOFA_ARENA_INIT};
    struct sofa_err err = SOFA_ERR_INIT;
    int accurate[SOFA_LAYERS_MAX * TABLE_AXES + 64];
    enum sofa_code rc;

    gsl_set_error_handler_off();
    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: tabulate SPACE.yaml [TABLE.csv N]\n");
        return 2;
    }
    setenv("SOFA_DSE_DATA", ".", 0);
    SOFA_TRY(table_open(argv[1], &kernel.table, &err));
    SOFA_TRY(sofa_problem_measure_dense(kernel.table.problem, NULL, &err));
    SOFA_TRY(sofa_measurements_new(4096, &kernel.measurements, &err));
    for (size_t j = 0; j < kernel.table.problem->space->dims; j++)
        accurate[j] = table_corner(&kernel.table, j) < 0 ? 0 : table_corner(&kernel.table, j);
    rc = argc == 2 ? print_table(&kernel, accurate, &err) : check(&kernel, argv[2], atoi(argv[3]), &err);
out:
    if (rc != SOFA_OK)
        fprintf(stderr, "tabulate: %s\n", err.text);
    sofa_measurements_free(kernel.measurements);
    sofa_arena_release(&kernel.arena);
    table_close(&kernel.table);
    return rc != SOFA_OK;
}
