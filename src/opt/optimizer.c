#include "opt/optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "opt/algorithm.h"

static const struct sofa_opt_method *const methods[] = {&sofa_opt_bayesian, &sofa_opt_paper,  &sofa_opt_nsga2,
                                                      &sofa_opt_random,   &sofa_opt_halton, &sofa_opt_exhaustive};
#define METHODS (sizeof methods / sizeof *methods)

#define RNG_STREAM 0x6f7074 /* "opt": apart from the other users of the seed */

const struct sofa_opt_algorithm *sofa_opt_algorithms(size_t *n)
{
    static struct sofa_opt_algorithm list[METHODS];

    for (size_t i = 0; i < METHODS; i++)
        list[i] = methods[i]->public;
    *n = METHODS;
    return list;
}

static const struct sofa_opt_method *find_method(const char *name)
{
    for (size_t i = 0; i < METHODS; i++)
        if (strcmp(methods[i]->public.name, name) == 0)
            return methods[i];
    return NULL;
}

static enum sofa_code check_dim(const struct sofa_opt_dim *dim, size_t j, struct sofa_err *err)
{
    if (dim->levels < 1)
        return sofa_fail(err, SOFA_E_USAGE, "dimension %zu has no level", j);
    if (dim->group < 0 || dim->layer < -1 || dim->corner < -1 || dim->corner >= dim->levels)
        return sofa_fail(err, SOFA_E_USAGE, "dimension %zu: group, layer or corner out of range", j);
    for (int l = 0; dim->coord && l < dim->levels; l++)
        if (!(dim->coord[l] >= 0 && dim->coord[l] <= 1))
            return sofa_fail(err, SOFA_E_USAGE, "dimension %zu: the place of level %d is not in [0,1]", j, l);
    return SOFA_OK;
}

static enum sofa_code check_problem(const struct sofa_opt_problem *p, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    if (p->dims > 0 && !p->dim)
        return sofa_fail(err, SOFA_E_USAGE, "there are no dimensions");
    if (p->objectives < 1 || p->objectives > SOFA_OPT_OBJECTIVES_MAX)
        return sofa_fail(err, SOFA_E_USAGE, "1 to %d objectives, not %zu", SOFA_OPT_OBJECTIVES_MAX,
                         p->objectives);
    if (p->uncertain < SOFA_OPT_ALL_UNCERTAIN || p->uncertain >= (int)p->objectives)
        return sofa_fail(err, SOFA_E_USAGE, "there is no objective %d", p->uncertain);
    if (p->uncertain != SOFA_OPT_ALL_UNCERTAIN && !p->cheap && (p->objectives > 1 || p->uncertain < 0))
        return sofa_fail(err, SOFA_E_USAGE, "cheap objectives without a function for them");
    if (p->constraints > SOFA_OPT_CONSTRAINTS_MAX ||
        (p->constraints > 0 && p->uncertain != SOFA_OPT_ALL_UNCERTAIN))
        return sofa_fail(err, SOFA_E_USAGE, "up to %d constraints, where all objectives are uncertain",
                         SOFA_OPT_CONSTRAINTS_MAX);
    if (isnan(p->limit))
        return sofa_fail(err, SOFA_E_USAGE, "the limit is not a number");
    for (size_t j = 0; j < p->dims; j++)
        SOFA_TRY(check_dim(&p->dim[j], j, err));
out:
    return rc;
}

enum sofa_code sofa_optimizer_new(const char *algorithm, const struct sofa_opt_problem *problem,
                                  struct sofa_optimizer **optimizer, struct sofa_err *err)
{
    const struct sofa_opt_method *method = find_method(algorithm);
    struct sofa_optimizer *o = NULL;
    enum sofa_code rc;

    *optimizer = NULL;
    if (!method)
        return sofa_fail(err, SOFA_E_USAGE, "there is no algorithm '%s'", algorithm);
    SOFA_TRY(check_problem(problem, err));
    o = calloc(1, sizeof *o);
    if (!o)
        return sofa_fail_nomem(err, "an optimizer");
    o->problem = *problem;
    o->method = method;
    SOFA_TRY(sofa_lattice_init(&o->seen, problem->dims, problem->dim, err));
    o->rng = sofa_rng_new(problem->seed, RNG_STREAM);
    if (!o->rng) {
        rc = sofa_fail_nomem(err, "an optimizer");
        goto out;
    }
    if (method->init)
        SOFA_TRY(method->init(o, err));
    *optimizer = o;
    o = NULL;
out:
    sofa_optimizer_free(o);
    return rc;
}

void sofa_optimizer_free(struct sofa_optimizer *optimizer)
{
    if (!optimizer)
        return;
    if (optimizer->method->free)
        optimizer->method->free(optimizer);
    sofa_lattice_release(&optimizer->seen);
    free(optimizer->trials);
    free(optimizer->parts);
    if (optimizer->rng)
        gsl_rng_free(optimizer->rng);
    free(optimizer);
}

static void note_parts(struct sofa_optimizer *o, size_t index, const double *parts)
{
    for (size_t p = 0; p < o->problem.parts; p++)
        o->parts[index * o->problem.parts + p] = parts ? parts[p] : (double)NAN;
}

/* Notes x down; *index is its trial, *fresh whether it is a new one. */
static enum sofa_code note_trial(struct sofa_optimizer *o, const int *x, size_t *index, bool *fresh,
                                 struct sofa_err *err)
{
    struct sofa_opt_trial *trials;
    double *parts;
    size_t before = o->seen.count, n;
    enum sofa_code rc = SOFA_OK;

    if (before == o->capacity) {
        n = o->capacity ? 2 * o->capacity : 64;
        trials = realloc(o->trials, n * sizeof *trials);
        if (!trials)
            return sofa_fail_nomem(err, "the trials");
        o->trials = trials;
        if (o->problem.parts) {
            parts = realloc(o->parts, n * o->problem.parts * sizeof *parts);
            if (!parts)
                return sofa_fail_nomem(err, "the trials");
            o->parts = parts;
        }
        o->capacity = n;
    }
    SOFA_TRY(sofa_lattice_add(&o->seen, x, index, err));
    *fresh = *index == before;
    if (*fresh) {
        o->trials[*index] = (struct sofa_opt_trial){.state = SOFA_TRIAL_PENDING};
        note_parts(o, *index, NULL);
    }
out:
    return rc;
}

enum sofa_code sofa_optimizer_ask(struct sofa_optimizer *optimizer, int *x, struct sofa_err *err)
{
    enum sofa_code rc;
    size_t index;
    bool fresh;

    optimizer->gain = NAN;
    SOFA_TRY(optimizer->method->ask(optimizer, x, err));
    SOFA_TRY(note_trial(optimizer, x, &index, &fresh, err));
out:
    return rc;
}

/* What a result is worth: a feasible point without all its numbers is a failed one. */
static struct sofa_opt_trial read_result(const struct sofa_optimizer *o, const double *y, const double *g,
                                         enum sofa_opt_status status)
{
    struct sofa_opt_trial trial = {.state = SOFA_TRIAL_FAILED};
    bool met = true;

    for (size_t k = 0; k < o->problem.constraints; k++) {
        trial.g[k] = g && status != SOFA_OPT_FAILED ? g[k] : (double)NAN;
        met &= !(trial.g[k] > 0);
    }
    for (size_t j = 0; j < o->problem.objectives; j++)
        trial.y[j] = y && status != SOFA_OPT_FAILED ? y[j] : (double)NAN;
    if (status == SOFA_OPT_INFEASIBLE || (status == SOFA_OPT_DONE && !met))
        trial.state = SOFA_TRIAL_INFEASIBLE;
    else if (status == SOFA_OPT_DONE && sofa_opt_all_finite(trial.y, o->problem.objectives))
        trial.state = SOFA_TRIAL_DONE;
    return trial;
}

static enum sofa_code tell(struct sofa_optimizer *o, const int *x, const struct sofa_opt_trial *result, const double *parts,
                           struct sofa_err *err)
{
    enum sofa_code rc;
    size_t index;
    bool fresh;

    if (!sofa_lattice_contains(&o->seen, x))
        return sofa_fail(err, SOFA_E_USAGE, "a result for a point outside the space");
    SOFA_TRY(note_trial(o, x, &index, &fresh, err));
    if (o->trials[index].state != SOFA_TRIAL_PENDING)
        o->changes++;
    o->trials[index] = *result;
    note_parts(o, index, parts);
    if (o->method->tell)
        SOFA_TRY(o->method->tell(o, index, err));
out:
    return rc;
}

enum sofa_code sofa_optimizer_tell(struct sofa_optimizer *optimizer, const int *x, const double *y,
                                   enum sofa_opt_status status, struct sofa_err *err)
{
    return sofa_optimizer_tell_all(optimizer, x, y, NULL, status, err);
}

enum sofa_code sofa_optimizer_tell_all(struct sofa_optimizer *optimizer, const int *x, const double *y,
                                       const double *g, enum sofa_opt_status status, struct sofa_err *err)
{
    struct sofa_opt_trial result = read_result(optimizer, y, g, status);

    return tell(optimizer, x, &result, NULL, err);
}

enum sofa_code sofa_optimizer_tell_parts(struct sofa_optimizer *optimizer, const int *x, const double *y,
                                         const double *parts, enum sofa_opt_status status, struct sofa_err *err)
{
    struct sofa_opt_trial result = read_result(optimizer, y, NULL, status);

    return tell(optimizer, x, &result, parts, err);
}

const char *sofa_optimizer_state(const struct sofa_optimizer *optimizer)
{
    return optimizer->state;
}

void sofa_opt_cheap_of(const struct sofa_optimizer *o, const int *x, struct sofa_opt_cheap *cheap)
{
    *cheap = (struct sofa_opt_cheap){.feasible = true};
    if (o->problem.cheap)
        o->problem.cheap(o->problem.ctx, x, cheap);
}

bool sofa_opt_accepts(void *optimizer, const int *x)
{
    struct sofa_opt_cheap cheap;

    sofa_opt_cheap_of(optimizer, x, &cheap);
    return cheap.feasible;
}
