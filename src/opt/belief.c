/* What Bayesian search believes of the loss: what was told, the scale it is modelled on, and the process. */
#include "opt/bayesian.h"

#include <math.h>
#include <string.h>

#include "base/columns.h"
#include "opt/special.h"

#define FIT_ITERATIONS 60    /* of a fit from the prior ... */
#define FIT_WARM 10          /* ... and of one from the last, once FIT_SETTLED points were told */
#define FIT_SETTLED 30
#define FIT_ALWAYS 100       /* points up to which every result refits; beyond it every n/10 */
#define FIT_SUBSET 200       /* points that a fit uses at most */
#define CHOOSE_EVERY 20      /* results between two comparisons of the kernels; beyond FIT_ALWAYS n/2 */
#define TREND_SURE 40        /* results from which on it is compared whether signals help; before they do */
#define SHIFT_SHARE 0.1      /* of the limit, added to the loss before the logarithm */

bool sofa_belief_logarithm(const struct bayesian *b)
{
    return !b->raw && !isnan(b->shift);
}

double sofa_belief_loss(const struct bayesian *b, double loss)
{
    return sofa_belief_logarithm(b) ? sofa_opt_log(loss + b->shift) : loss;
}

#define COLUMNS 9

/* Scratch with a row for every trial. */
static void list_columns(struct bayesian *b, size_t dims, struct sofa_column columns[COLUMNS])
{
    const struct sofa_column list[COLUMNS] = {
        SOFA_COLUMN(b->points, b->q + 1), SOFA_COLUMN(b->losses, SOFA_BAYESIAN_DRAWS), SOFA_COLUMN(b->trial, 1),
        SOFA_COLUMN(b->pending, dims),    SOFA_COLUMN(b->x, dims),                     SOFA_COLUMN(b->z, 1),
        SOFA_COLUMN(b->rest, 1),          SOFA_COLUMN(b->fit_x, dims),                 SOFA_COLUMN(b->fit_z, 1)};

    memcpy(columns, list, sizeof list);
}

enum sofa_code sofa_belief_reserve(struct sofa_optimizer *o, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    struct sofa_column columns[COLUMNS];

    list_columns(b, o->problem.dims, columns);
    return sofa_columns_grow(columns, COLUMNS, &b->room, o->seen.count + 1) ? SOFA_OK : sofa_fail_nomem(err, "an optimizer");
}

void sofa_belief_release(struct bayesian *b)
{
    struct sofa_column columns[COLUMNS];

    list_columns(b, 0, columns);
    sofa_columns_free(columns, COLUMNS);
}

bool sofa_belief_teaches(const struct sofa_optimizer *o, size_t i)
{
    const struct bayesian *b = o->own;
    const struct sofa_opt_trial *trial = &o->trials[i];

    if (b->parts && !sofa_opt_all_finite(o->parts + i * o->problem.parts, o->problem.parts))
        return false;
    return b->u >= 0 && (trial->state == SOFA_TRIAL_DONE || trial->state == SOFA_TRIAL_INFEASIBLE) &&
           isfinite(trial->y[b->u]);
}

/* The place of the losses on a logarithmic scale: a tenth of the limit is where it begins to bend. */
static void set_shift(struct sofa_optimizer *o)
{
    struct bayesian *b = o->own;
    double least = INFINITY, scale = o->problem.limit;

    if (!isfinite(scale))
        scale = o->problem.uncertain_is_objective ? o->problem.reference[b->u] : (double)NAN;
    b->shift = NAN;
    if (b->plain || b->trend || !(isfinite(scale) && scale > 0))
        return;
    for (size_t i = 0; i < o->seen.count; i++)
        if (sofa_belief_teaches(o, i) && o->trials[i].y[b->u] < least)
            least = o->trials[i].y[b->u];
    b->shift = SHIFT_SHARE * scale;
    if (least + b->shift < 0.2 * b->shift) /* a loss below zero: keep it on the scale */
        b->shift = 0.2 * b->shift - least;
}

static void collect_pending(struct sofa_optimizer *o)
{
    struct bayesian *b = o->own;
    size_t dims = o->problem.dims;

    b->pending_n = 0;
    for (size_t i = 0; i < o->seen.count; i++)
        if (o->trials[i].state == SOFA_TRIAL_PENDING)
            memcpy(b->pending + b->pending_n++ * dims, sofa_lattice_point(&o->seen, i), dims * sizeof *b->pending);
}

/* Points and outputs that teach the process, in the order of the trials; returns their number. */
static size_t collect_outputs(struct sofa_optimizer *o)
{
    struct bayesian *b = o->own;
    size_t n = 0, dims = o->problem.dims;

    for (size_t i = 0; i < o->seen.count; i++)
        if (sofa_belief_teaches(o, i)) {
            memcpy(b->x + n * dims, sofa_lattice_point(&o->seen, i), dims * sizeof *b->x);
            b->z[n++] = sofa_belief_loss(b, o->trials[i].y[b->u]);
        }
    return n;
}

void sofa_belief_drop_signals(struct bayesian *b)
{
    if (b->signals)
        b->fitted = false;
    sofa_signals_free(b->signals);
    b->signals = NULL;
    b->trend = false;
}

/* Results of before signals were measured: then the objective is learnt without. */
static void check_signals(struct sofa_optimizer *o)
{
    struct bayesian *b = o->own;
    size_t parts = o->problem.parts;

    for (size_t i = 0; b->signals && i < o->seen.count; i++)
        if (sofa_belief_teaches(o, i) && !sofa_opt_all_finite(o->parts + i * parts, parts))
            sofa_belief_drop_signals(b);
}

enum sofa_code sofa_belief_learn_signals(struct sofa_optimizer *o, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    size_t n = 0, parts = o->problem.parts;
    enum sofa_code rc = SOFA_OK;

    if (!b->signals)
        return SOFA_OK;
    SOFA_TRY(sofa_signals_clear(b->signals, err));
    for (size_t i = 0; i < o->seen.count; i++)
        if (sofa_belief_teaches(o, i))
            SOFA_TRY(sofa_signals_add(b->signals, sofa_lattice_point(&o->seen, i), o->parts + i * parts,
                                      o->trials[i].y[b->u], err));
    SOFA_TRY(sofa_signals_learn(b->signals, err));
    for (size_t i = 0; i < o->seen.count; i++)
        if (sofa_belief_teaches(o, i)) {
            b->rest[n] = o->trials[i].y[b->u] - sofa_signals_trend(b->signals, o->parts + i * parts);
            n++;
        }
out:
    return rc;
}

const double *sofa_belief_outputs(const struct bayesian *b)
{
    return b->trend ? b->rest : b->z;
}

size_t sofa_belief_collect(struct sofa_optimizer *o)
{
    struct bayesian *b = o->own;

    collect_pending(o);
    if (b->u < 0)
        return 0;
    check_signals(o);
    set_shift(o);
    return collect_outputs(o);
}

static enum sofa_code fit_one(struct bayesian *b, int which, double *posterior, struct sofa_err *err)
{
    unsigned starts = b->fitted ? SOFA_GP_FROM_LAST : SOFA_GP_FROM_MODE | SOFA_GP_FROM_SHORT;

    if (which != b->chosen)
        starts |= SOFA_GP_FROM_MODE;
    return sofa_gp_fit(b->gp[which], starts,
                       starts == SOFA_GP_FROM_LAST && b->fitted_n >= FIT_SETTLED ? FIT_WARM : FIT_ITERATIONS, posterior,
                       err);
}

/* The points that the fit uses: half of them the latest, which lie where it matters, the others spread
 * evenly over the rest; returns their number. */
static size_t choose_subset(struct sofa_optimizer *o, size_t n)
{
    struct bayesian *b = o->own;
    size_t dims = o->problem.dims, used = n < FIT_SUBSET ? n : FIT_SUBSET, late = used / 2, early = used - late, from;

    for (size_t i = 0; i < used; i++) {
        from = used == n ? i : i < early ? i * (n - late) / early : n - used + i;
        memcpy(b->fit_x + i * dims, b->x + from * dims, dims * sizeof *b->x);
        b->fit_z[i] = sofa_belief_outputs(b)[from];
    }
    return used;
}

/* Fits one process on the scale in use; *posterior is of the losses themselves, so that scales can be compared:
 * the density of what was standardised, over the spread, times the slope of the logarithm. */
static enum sofa_code fit_scale(struct sofa_optimizer *o, int which, size_t n, double *posterior, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    size_t used = choose_subset(o, n);
    enum sofa_code rc;

    SOFA_TRY(sofa_gp_data(b->gp[which], used, b->fit_x, b->fit_z, err));
    SOFA_TRY(fit_one(b, which, posterior, err));
    *posterior -= (double)used * sofa_opt_log(sofa_gp_spread(b->gp[which]));
    for (size_t i = 0; i < used && sofa_belief_logarithm(b); i++)
        *posterior -= b->fit_z[i]; /* d ln(loss + shift) / d loss = exp(-z) */
out:
    return rc;
}

/* Chooses the scale, then the kernel, by what is most probable; *posterior as in fit_scale. */
static enum sofa_code choose_process(struct sofa_optimizer *o, size_t n, double *posterior, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    double here, other;
    enum sofa_code rc;

    SOFA_TRY(fit_scale(o, b->chosen, n, &here, err));
    if (!isnan(b->shift)) {
        b->raw = !b->raw;
        collect_outputs(o);
        SOFA_TRY(fit_scale(o, b->chosen, n, &other, err));
        if (other > here) {
            here = other;
        } else {
            b->raw = !b->raw;
            collect_outputs(o);
            SOFA_TRY(fit_scale(o, b->chosen, n, &here, err));
        }
    }
    if (b->gp[1]) {
        SOFA_TRY(fit_scale(o, !b->chosen, n, &other, err));
        b->chosen = other > here ? !b->chosen : b->chosen;
        here = other > here ? other : here;
    }
    *posterior = here;
out:
    return rc;
}

static void set_trend(struct sofa_optimizer *o, bool on)
{
    struct bayesian *b = o->own;

    b->trend = on;
    set_shift(o);
    collect_outputs(o);
}

/* The same; and whether signals are used.  What they weigh is chosen from the results too, which costs as Schwarz's
 * criterion has it (Annals of Statistics 6, 1978). */
static enum sofa_code choose(struct sofa_optimizer *o, size_t n, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    double here, other;
    enum sofa_code rc;

    if (b->signals && n < TREND_SURE)
        set_trend(o, true);
    SOFA_TRY(choose_process(o, n, &here, err));
    if (b->signals && n >= TREND_SURE) {
        set_trend(o, !b->trend);
        SOFA_TRY(choose_process(o, n, &other, err));
        here -= (b->trend ? -0.5 : 0.5) * (double)o->problem.parts * sofa_opt_log((double)n);
        if (here >= other) { /* as it was */
            set_trend(o, !b->trend);
            SOFA_TRY(choose_process(o, n, &here, err));
        }
    }
    b->chosen_n = n;
out:
    return rc;
}

/* Refits where enough is new; every CHOOSE_EVERY results scales and kernels are compared. */
enum sofa_code sofa_belief_fit(struct sofa_optimizer *o, size_t n, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    size_t step = n < FIT_ALWAYS ? 1 : n / 10, pause = n < FIT_ALWAYS ? CHOOSE_EVERY : n / 2;
    bool choice = b->gp[1] || b->signals || !isnan(b->shift);
    double posterior;
    enum sofa_code rc = SOFA_OK;

    if (b->fitted && n < b->fitted_n + step && b->changes == o->changes)
        return SOFA_OK;
    if (choice && (!b->fitted || n >= b->chosen_n + pause))
        SOFA_TRY(choose(o, n, err));
    else
        SOFA_TRY(fit_scale(o, b->chosen, n, &posterior, err));
    b->fitted = true;
    b->fitted_n = n;
    b->changes = o->changes;
out:
    return rc;
}
