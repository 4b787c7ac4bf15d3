/* What the black-box search learns: a Gaussian process on every output. */
#include "opt/blackbox.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/columns.h"
#include "opt/special.h"

#define FIT_ITERATIONS 60
#define FIT_ALWAYS 100 /* points up to which every result refits; beyond it every n/20 */
#define FIT_AFRESH 10  /* every so many points a fit starts from the prior's mode too */

enum sofa_code sofa_blackbox_reserve(struct sofa_optimizer *o, struct sofa_err *err)
{
    struct blackbox *b = o->own;
    size_t dims = o->problem.dims;
    const struct sofa_column columns[] = {SOFA_COLUMN(b->points, o->problem.objectives), SOFA_COLUMN(b->trial, 1),
                                          SOFA_COLUMN(b->x, b->outputs * dims), SOFA_COLUMN(b->z, b->outputs),
                                          SOFA_COLUMN(b->pending, dims)};

    return sofa_columns_grow(columns, 5, &b->room, o->seen.count + 1) ? SOFA_OK : sofa_fail_nomem(err, "an optimizer");
}

/* A point that was told without any value. */
static bool is_broken(const struct sofa_opt_trial *trial)
{
    return trial->state == SOFA_TRIAL_FAILED || (trial->state == SOFA_TRIAL_INFEASIBLE && !isfinite(trial->y[0]));
}

/* Whether points work is no question before one doesn't: then it is a constraint like the others, 1 where it is
 * violated and -1 elsewhere. */
double sofa_blackbox_value(const struct sofa_optimizer *o, size_t i, size_t k)
{
    const struct sofa_opt_trial *trial = &o->trials[i];
    const struct blackbox *b = o->own;

    if (k + 1 == b->outputs)
        return b->broken && trial->state != SOFA_TRIAL_PENDING ? (is_broken(trial) ? 1 : -1) : (double)NAN;
    if (trial->state != SOFA_TRIAL_DONE && trial->state != SOFA_TRIAL_INFEASIBLE)
        return (double)NAN;
    return k < o->problem.objectives ? trial->y[k] : trial->g[k - o->problem.objectives];
}

bool sofa_blackbox_told(const struct sofa_optimizer *o, size_t trial)
{
    return o->trials[trial].state != SOFA_TRIAL_PENDING;
}

/* Far beyond what can be on the front a value only says "bad": there the scale turns logarithmic, so
 * that one wild value does not flatten the rest.  Monotone, and unchanged up to `bend`. */
double sofa_blackbox_squash(const struct blackbox_output *output, double y)
{
    if (!(y > output->bend))
        return y;
    return output->bend + output->unit * sofa_opt_log1p((y - output->bend) / output->unit);
}

static int compare(const void *pa, const void *pb)
{
    double a = *(const double *)pa, b = *(const double *)pb;

    return (a > b) - (a < b);
}

/* The scale of output k from its values z [n] (sorted here): bends beyond the reference, the median or, of a
 * constraint, what is as far from 0 as the feasible values are. */
static void set_scale(const struct sofa_optimizer *o, struct blackbox_output *output, size_t k, double *z, size_t n)
{
    double reference = k < o->problem.objectives ? o->problem.reference[k] : 0;

    qsort(z, n, sizeof *z, compare);
    output->bend = z[n / 2];
    output->unit = z[n / 2] - z[0];
    if (isfinite(reference) && reference > output->bend && k < o->problem.objectives)
        output->bend = reference;
    if (k >= o->problem.objectives) {
        output->bend = z[0] < 0 ? -z[0] : 0;
        output->unit = fabs(z[0]);
    }
    if (!(output->unit > 0))
        output->unit = 1;
}

/* The points and the values that tell output k. */
struct data {
    size_t n;
    int *x;
    double *z;
};

static struct data collect(struct sofa_optimizer *o, size_t k)
{
    struct blackbox *b = o->own;
    struct blackbox_output *output = &b->output[k];
    size_t n = 0, dims = o->problem.dims;
    struct data data = {0, b->x + k * b->room * dims, b->z + k * b->room};

    for (size_t i = 0; i < o->seen.count; i++)
        if (isfinite(sofa_blackbox_value(o, i, k)))
            data.z[n++] = sofa_blackbox_value(o, i, k);
    if (n == 0)
        return data;
    set_scale(o, output, k, data.z, n);
    for (size_t i = 0; i < o->seen.count; i++)
        if (isfinite(sofa_blackbox_value(o, i, k))) {
            memcpy(data.x + data.n * dims, sofa_lattice_point(&o->seen, i), dims * sizeof *data.x);
            data.z[data.n++] = sofa_blackbox_squash(output, sofa_blackbox_value(o, i, k));
        }
    return data;
}

static enum sofa_code fit(struct sofa_optimizer *o, struct blackbox_output *output, size_t n, struct sofa_err *err)
{
    unsigned starts = output->fitted ? SOFA_GP_FROM_LAST : SOFA_GP_FROM_MODE | SOFA_GP_FROM_SHORT;
    double posterior;
    enum sofa_code rc;

    if (n >= output->afresh_n + FIT_AFRESH) {
        starts |= SOFA_GP_FROM_MODE;
        output->afresh_n = n;
    }
    SOFA_TRY(sofa_gp_fit(output->gp, starts, FIT_ITERATIONS, &posterior, err));
    output->fitted = true;
    output->fitted_n = n;
    output->changes = o->changes;
out:
    return rc;
}

static size_t pause_after(size_t n)
{
    return n < FIT_ALWAYS ? 1 : n / 20;
}

enum sofa_code sofa_blackbox_learn(struct sofa_optimizer *o, struct sofa_err *err)
{
    struct blackbox *b = o->own;
    enum sofa_code rc = SOFA_OK;

    b->is_local = false;
    for (size_t k = 0; k < b->outputs; k++) {
        struct blackbox_output *output = &b->output[k];
        struct data data = collect(o, k);

        if (data.n == 0)
            continue;
        SOFA_TRY(sofa_gp_data(output->gp, data.n, data.x, data.z, err));
        if (!output->fitted || data.n >= output->fitted_n + pause_after(data.n) || output->changes != o->changes)
            SOFA_TRY(fit(o, output, data.n, err));
    }
out:
    return rc;
}

/* The sample's rows among the results that tell output k, at least one; returns their number. */
static size_t find_rows(const struct sofa_optimizer *o, size_t k, size_t *row)
{
    const struct blackbox *b = o->own;
    const struct sofa_sample *sample = &b->local.sample;
    size_t found = 0, at = 0, next = 0;

    for (size_t i = 0; i < o->seen.count; i++) {
        bool tells = isfinite(sofa_blackbox_value(o, i, k));

        if (next < sample->n && i == sample->trial[next]) {
            next++;
            if (tells)
                row[found++] = at;
        }
        at += tells;
    }
    if (found == 0)
        row[found++] = at - 1;
    return found;
}

static enum sofa_code take_sample(struct sofa_optimizer *o, size_t k, const struct data *data, struct sofa_err *err)
{
    struct blackbox *b = o->own; /* b->trial: scratch until the points are set */
    enum sofa_code rc;

    SOFA_TRY(sofa_gp_survey(b->output[k].gp, data->n, data->x, data->z, err));
    SOFA_TRY(sofa_gp_take(b->output[k].gp, find_rows(o, k, b->trial), b->trial, err));
out:
    return rc;
}

/* The fits are on the sample, when it is chosen. */
enum sofa_code sofa_blackbox_learn_sample(struct sofa_optimizer *o, size_t n, struct sofa_err *err)
{
    struct blackbox *b = o->own;
    bool chosen;
    enum sofa_code rc;

    for (size_t k = 0; k < b->outputs && !b->is_local; k++)
        sofa_gp_forget(b->output[k].gp); /* matrices of all results */
    b->is_local = true;
    SOFA_TRY(sofa_local_sample(&b->local, o, n, n >= b->fitted_n + pause_after(n), &chosen, err));
    b->fitted_n = chosen ? n : b->fitted_n;
    for (size_t k = 0; k < b->outputs; k++) {
        struct blackbox_output *output = &b->output[k];
        struct data data = collect(o, k);

        if (data.n == 0)
            continue;
        SOFA_TRY(take_sample(o, k, &data, err));
        if (!chosen && output->fitted)
            continue;
        SOFA_TRY(fit(o, output, data.n, err));
        SOFA_TRY(take_sample(o, k, &data, err)); /* the features have another warp */
    }
out:
    return rc;
}

void sofa_blackbox_pending(struct sofa_optimizer *o)
{
    struct blackbox *b = o->own;
    size_t dims = o->problem.dims;

    b->pending_n = 0;
    for (size_t i = 0; i < o->seen.count; i++)
        b->broken = b->broken || is_broken(&o->trials[i]);
    for (size_t i = 0; i < o->seen.count; i++)
        if (o->trials[i].state == SOFA_TRIAL_PENDING)
            memcpy(b->pending + b->pending_n++ * dims, sofa_lattice_point(&o->seen, i), dims * sizeof *b->pending);
}

enum sofa_code sofa_blackbox_condition(struct sofa_optimizer *o, const int *centre, struct sofa_err *err)
{
    struct blackbox *b = o->own;
    enum sofa_code rc = SOFA_OK;

    for (size_t k = 0; k < b->outputs; k++) {
        struct sofa_gp *gp = b->output[k].gp;

        if (!b->output[k].fitted)
            continue;
        if (centre)
            SOFA_TRY(sofa_gp_take_nearest(gp, centre, SOFA_LOCAL_NEIGHBOURS, err));
        SOFA_TRY(sofa_gp_condition(gp, b->pending_n, b->pending, 1, NULL, err));
    }
out:
    return rc;
}
