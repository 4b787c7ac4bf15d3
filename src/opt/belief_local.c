/* What Bayesian search of one uncertain objective believes in a long search (local.h): the chosen process on the
 * sample and on the results nearest to a place.  The fits go on as before, on few results. */
#include <stdlib.h>
#include <string.h>

#include "opt/bayesian.h"

/* What of a result is compared: the exact objectives, and the loss where it is one. */
static void row_of(const struct sofa_optimizer *o, size_t trial, double *y)
{
    const struct bayesian *b = o->own;

    for (size_t j = 0; j < b->q; j++)
        y[j] = o->trials[trial].y[b->exact[j]];
    y[b->q] = o->problem.uncertain_is_objective ? o->trials[trial].y[b->u] : 0;
}

/* The reference that is taken from results is taken from all of them. */
static void note_most(struct sofa_optimizer *o)
{
    struct bayesian *b = o->own;

    for (size_t i = 0; i < o->seen.count; i++)
        if (sofa_belief_counts(o, i))
            for (size_t j = 0; j < b->q; j++)
                if (o->trials[i].y[b->exact[j]] > b->most[j])
                    b->most[j] = o->trials[i].y[b->exact[j]];
}

/* The process for the sample is as the chosen one, whose own data are those of the last fit. */
static enum sofa_code choose_process(struct sofa_optimizer *o, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    struct sofa_gp *like = b->gp[b->chosen];
    enum sofa_code rc = SOFA_OK;

    if (!b->sample_gp || b->sample_chosen != b->chosen) {
        sofa_gp_free(b->sample_gp);
        SOFA_TRY(sofa_gp_new(o->problem.dims, o->problem.dim, sofa_gp_additive(like), &b->sample_gp, err));
        b->sample_chosen = b->chosen;
        for (int k = 0; k < 2; k++)
            if (b->gp[k])
                sofa_gp_forget(b->gp[k]); /* from now on they see no more than a fit does */
    }
    b->model = b->sample_gp;
    memcpy(sofa_gp_theta(b->model), sofa_gp_theta(like), sofa_gp_theta_count(like) * sizeof(double));
out:
    return rc;
}

/* The sample's rows among the results that teach; returns their number. */
static size_t find_rows(const struct sofa_optimizer *o, size_t *row)
{
    const struct bayesian *b = o->own;
    const struct sofa_sample *sample = &b->local.sample;
    size_t found = 0, at = 0;

    for (size_t i = 0; i < o->seen.count && found < sample->n; i++) {
        if (i == sample->trial[found])
            row[found++] = at;
        at += sofa_belief_teaches(o, i);
    }
    return found;
}

static enum sofa_code learn(struct sofa_optimizer *o, size_t n, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    size_t before = b->fitted_n;
    bool chosen;
    enum sofa_code rc;

    SOFA_TRY(sofa_belief_fit(o, n, err));
    note_most(o);
    SOFA_TRY(choose_process(o, err));
    SOFA_TRY(sofa_local_sample(&b->local, o, n, b->fitted_n != before, &chosen, err));
    SOFA_TRY(sofa_gp_survey(b->model, n, b->x, b->z, err));
    SOFA_TRY(sofa_gp_take(b->model, find_rows(o, b->trial), b->trial, err)); /* b->trial: scratch until the points are set */
out:
    return rc;
}

static enum sofa_code stand(struct sofa_optimizer *o, size_t n, const int *centre, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    enum sofa_code rc = SOFA_OK;

    if (centre)
        SOFA_TRY(sofa_gp_take_nearest(b->model, centre, SOFA_LOCAL_NEIGHBOURS, err));
    SOFA_TRY(sofa_belief_condition(o, n, false, err));
    sofa_belief_points(o, b->local.regions.front_n, b->local.regions.front);
    SOFA_TRY(sofa_belief_front(o, n, err));
out:
    return rc;
}

const struct sofa_local_hooks sofa_belief_local = {.teaches = sofa_belief_teaches,
                                                   .counts = sofa_belief_counts,
                                                   .row_of = row_of,
                                                   .learn = learn,
                                                   .stand = stand,
                                                   .score = sofa_bayesian_score};
