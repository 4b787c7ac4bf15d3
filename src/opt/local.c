/*
 * Bayesian search beyond the number of results that one process can hold (regions.h): a process on a sample of the
 * results screens the space for the most promising place; the nearest results join it there.  Pending points are believed at their means there; fantasies are for the
 * scarce evaluations of a short search.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "opt/bayesian.h"
#include "opt/propose.h"

#define SAMPLE 256     /* results that every region has, half of them from the front ... */
#define JOINING 128    /* ... and new ones that may join them until they are chosen anew */
#define NEIGHBOURS 128 /* results near the place that join them there */

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

void sofa_sample_release(struct sofa_sample *sample)
{
    sofa_gp_free(sample->gp);
    free(sample->trial);
    free(sample->row);
    free(sample->row_of);
    free(sample->in);
}

static enum sofa_code reserve_sample(struct sofa_sample *sample, size_t room, struct sofa_err *err)
{
    if (room <= sample->room)
        return SOFA_OK;
    free(sample->trial);
    free(sample->row);
    free(sample->row_of);
    free(sample->in);
    sample->trial = calloc(room, sizeof *sample->trial);
    sample->row = calloc(room, sizeof *sample->row);
    sample->row_of = calloc(room, sizeof *sample->row_of);
    sample->in = calloc(room, sizeof *sample->in);
    sample->n = 0;
    sample->room = sample->trial && sample->row && sample->row_of && sample->in ? room : 0;
    return sample->room ? SOFA_OK : sofa_fail_nomem(err, "an optimizer");
}

/* Of the front and of all that teaches, both evenly. */
static void choose_sample(struct sofa_optimizer *o, size_t n)
{
    struct bayesian *b = o->own;
    struct sofa_sample *sample = &b->sample;
    size_t front = b->regions.front_n < SAMPLE / 2 ? b->regions.front_n : SAMPLE / 2, rest = SAMPLE - front, at = 0;

    memset(sample->in, 0, o->seen.count * sizeof *sample->in);
    for (size_t k = 0; k < front; k++)
        sample->in[b->regions.front[k * b->regions.front_n / front]] = true;
    for (size_t i = 0; i < o->seen.count; i++)
        if (sofa_belief_teaches(o, i)) {
            sample->in[i] |= at * rest / n != (at + 1) * rest / n;
            at++;
        }
    sample->n = 0;
    for (size_t i = 0; i < o->seen.count; i++)
        if (sample->in[i])
            sample->trial[sample->n++] = i;
    sample->fit = b->fitted_n;
    sample->changes = o->changes;
    sample->last = o->seen.count;
}

/* Results told since the sample was chosen join it: rows that are appended cost the factor little. */
static void join_sample(struct sofa_optimizer *o)
{
    struct bayesian *b = o->own;
    struct sofa_sample *sample = &b->sample;

    for (; sample->last < o->seen.count && o->trials[sample->last].state != SOFA_TRIAL_PENDING; sample->last++)
        if (sofa_belief_teaches(o, sample->last))
            sample->trial[sample->n++] = sample->last;
}

static enum sofa_code update_sample(struct sofa_optimizer *o, size_t n, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    struct sofa_sample *sample = &b->sample;
    size_t row = 0;
    enum sofa_code rc;

    SOFA_TRY(reserve_sample(sample, b->room, err));
    if (sample->n > 0)
        join_sample(o);
    if (sample->n == 0 || sample->n > SAMPLE + JOINING || sample->fit != b->fitted_n || sample->changes != o->changes)
        choose_sample(o, n);
    for (size_t i = 0; i < o->seen.count; i++)
        if (sofa_belief_teaches(o, i))
            sample->row_of[i] = row++;
    for (size_t k = 0; k < sample->n; k++)
        sample->row[k] = sample->row_of[sample->trial[k]];
out:
    return rc;
}

/* The process on the sample, for the whole space: the chosen one, whose own data are those of the last fit. */
static enum sofa_code update_process(struct sofa_optimizer *o, size_t n, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    struct sofa_gp *like = b->gp[b->chosen];
    enum sofa_code rc;

    if (!b->sample.gp || b->sample.chosen != b->chosen) {
        sofa_gp_free(b->sample.gp);
        SOFA_TRY(sofa_gp_new(o->problem.dims, o->problem.dim, sofa_gp_additive(like), &b->sample.gp, err));
        b->sample.chosen = b->chosen;
        for (int k = 0; k < 2; k++)
            if (b->gp[k])
                sofa_gp_forget(b->gp[k]); /* from now on they see no more than a fit does */
    }
    b->model = b->sample.gp;
    memcpy(sofa_gp_theta(b->model), sofa_gp_theta(like), sofa_gp_theta_count(like) * sizeof(double));
    SOFA_TRY(update_sample(o, n, err));
    SOFA_TRY(sofa_gp_survey(b->model, n, b->x, b->z, err));
    SOFA_TRY(sofa_gp_take(b->model, b->sample.n, b->sample.row, err));
out:
    return rc;
}

static enum sofa_code set_acquisition(struct sofa_optimizer *o, size_t n, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    enum sofa_code rc;

    SOFA_TRY(sofa_belief_condition(o, n, false, err));
    sofa_belief_points(o, b->regions.front_n, b->regions.front);
    SOFA_TRY(sofa_belief_front(o, n, err));
out:
    return rc;
}

/* The most promising place in the whole space, as the sample has it, to `centre`; *found: there is one. */
static enum sofa_code screen(struct sofa_optimizer *o, size_t n, int *centre, bool *found, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    size_t good = 0;
    enum sofa_code rc;

    SOFA_TRY(set_acquisition(o, n, err));
    for (size_t i = b->regions.front_n; i-- > 0 && good < SOFA_BAYESIAN_SEEDS; good++)
        memcpy(b->seeds + good * o->problem.dims, sofa_lattice_point(&o->seen, b->regions.front[i]),
               o->problem.dims * sizeof *b->seeds);
    SOFA_TRY(sofa_opt_screen(o, sofa_bayesian_score, good, b->seeds, centre, found, err));
out:
    return rc;
}

/* The best unseen point of the region around a centre. */
static enum sofa_code look_at(struct sofa_optimizer *o, size_t n, const int *centre, int *x, struct sofa_score *score,
                              struct sofa_err *err)
{
    struct bayesian *b = o->own;
    size_t good;
    enum sofa_code rc;

    sofa_regions_place(&b->regions, o, centre);
    SOFA_TRY(sofa_gp_take_nearest(b->model, centre, NEIGHBOURS, err));
    SOFA_TRY(set_acquisition(o, n, err));
    memcpy(b->seeds, centre, o->problem.dims * sizeof *b->seeds);
    good = 1 + sofa_regions_inside(&b->regions, o, b->seeds + o->problem.dims, SOFA_BAYESIAN_SEEDS - 1);
    SOFA_TRY(sofa_opt_propose(o, sofa_bayesian_score, &b->regions.box, good, b->seeds, x, score, err));
out:
    return rc;
}

enum sofa_code sofa_local_ask(struct sofa_optimizer *o, size_t n, int *x, struct sofa_score *score, struct sofa_err *err)
{
    struct bayesian *b = o->own;
    bool found;
    enum sofa_code rc;

    *score = (struct sofa_score){.tier = SOFA_SCORE_REFUSED};
    SOFA_TRY(sofa_belief_fit(o, n, err));
    SOFA_TRY(sofa_regions_update(&b->regions, o, b->q + 1, sofa_belief_counts, row_of, err));
    note_most(o);
    SOFA_TRY(update_process(o, n, err));
    SOFA_TRY(screen(o, n, b->centre, &found, err));
    if (found)
        SOFA_TRY(look_at(o, n, b->centre, x, score, err));
    if (score->tier == SOFA_SCORE_REFUSED)
        rc = sofa_opt_random_point(o, x, err);
out:
    return rc;
}
