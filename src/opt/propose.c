#include "opt/propose.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define RANDOM_SEEDS 80 /* of the climb */
#define MUTANTS 60      /* seeds made from the good points */
#define GOOD_SEEDS 8    /* good points that are seeds themselves: they were seen, little is to be gained there */
#define LISTED 1500.0   /* points up to which a space is scored as a whole */

void sofa_opt_corner(const struct sofa_optimizer *o, int *x)
{
    for (size_t j = 0; j < o->problem.dims; j++) {
        const struct sofa_opt_dim *dim = &o->problem.dim[j];

        x[j] = dim->corner < 0 ? (dim->levels - 1) / 2 : dim->corner;
    }
}

static void random_point(struct sofa_optimizer *o, const struct sofa_region *region, int *x)
{
    if (!region) {
        sofa_lattice_random(&o->seen, o->rng, x);
        return;
    }
    for (size_t j = 0; j < o->problem.dims; j++)
        x[j] = region->low[j] + (int)sofa_rng_below(o->rng, (size_t)(region->high[j] - region->low[j] + 1));
}

/* Random points that the cheap constraints allow; returns their number. */
static size_t random_seeds(struct sofa_optimizer *o, const struct sofa_region *region, int *x, size_t max)
{
    size_t n = 0;

    for (size_t t = 0; t < 20 * max && n < max; t++) {
        random_point(o, region, x + n * o->problem.dims);
        n += sofa_opt_accepts(o, x + n * o->problem.dims);
    }
    return n;
}

/* A point near `from`: every dimension moves by 1 or 2 levels with probability 2/d. */
static void mutate(struct sofa_optimizer *o, const struct sofa_region *region, const int *from, int *x)
{
    for (size_t j = 0; j < o->problem.dims; j++) {
        const struct sofa_opt_dim *dim = &o->problem.dim[j];
        int low = region ? region->low[j] : 0, high = region ? region->high[j] : dim->levels - 1, step;

        x[j] = from[j];
        if (gsl_rng_uniform(o->rng) * (double)o->problem.dims >= 2)
            continue;
        step = (int)sofa_rng_below(o->rng, 4) - 2;
        x[j] += step >= 0 ? step + 1 : step; /* -2 -1 1 2 */
        if (dim->unordered)
            x[j] = (int)sofa_rng_below(o->rng, (size_t)dim->levels);
        x[j] = x[j] < low ? low : x[j] > high ? high : x[j];
    }
}

static enum sofa_code add_seeds(struct sofa_optimizer *o, struct sofa_search *search, size_t good, const int *x_good,
                                int *room, struct sofa_err *err)
{
    size_t dims = o->problem.dims, count = 0;
    enum sofa_code rc;

    SOFA_TRY(sofa_search_seed(search, good < GOOD_SEEDS ? good : GOOD_SEEDS, x_good, err));
    for (; good && count < MUTANTS; count++)
        mutate(o, search->region, x_good + sofa_rng_below(o->rng, good) * dims, room + count * dims);
    SOFA_TRY(sofa_search_seed(search, count, room, err));
    if (o->problem.constraints > 0) /* they may part the space */
        search->strangers = search->met.count;
    SOFA_TRY(sofa_search_seed(search, random_seeds(o, search->region, room, RANDOM_SEEDS), room, err));
    if (search->best == SOFA_LATTICE_NONE && !search->region) { /* a rare feasible point, or the end of the space */
        SOFA_TRY(sofa_opt_random_point(o, room, err));
        SOFA_TRY(sofa_search_seed(search, 1, room, err));
    }
out:
    return rc;
}

/* Scores a small space as a whole; x is scratch. */
static enum sofa_code add_all(struct sofa_optimizer *o, struct sofa_search *search, int *x, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    memset(x, 0, o->problem.dims * sizeof *x);
    do
        SOFA_TRY(sofa_search_seed(search, 1, x, err));
    while (sofa_lattice_next(&o->seen, x));
    search->climbs = 0;
    if (search->best == SOFA_LATTICE_NONE)
        SOFA_TRY(sofa_opt_random_point(o, x, err)); /* says why there is none */
out:
    return rc;
}

enum sofa_code sofa_opt_propose(struct sofa_optimizer *o, sofa_score_fn *score, const struct sofa_region *region,
                                size_t good, const int *x_good, int *x, struct sofa_score *result,
                                struct sofa_err *err)
{
    int *room = calloc((MUTANTS + RANDOM_SEEDS) * o->problem.dims, sizeof *room);
    struct sofa_search search = {0};
    enum sofa_code rc;

    if (!room)
        return sofa_fail_nomem(err, "the search");
    SOFA_TRY(sofa_search_init(&search, &o->seen, score, o, err));
    search.region = region;
    if (o->seen.size <= LISTED && !region)
        SOFA_TRY(add_all(o, &search, room, err));
    else
        SOFA_TRY(add_seeds(o, &search, good, x_good, room, err));
    SOFA_TRY(sofa_search_run(&search, err));
    if (search.best == SOFA_LATTICE_NONE) {
        *result = (struct sofa_score){.tier = SOFA_SCORE_REFUSED};
        if (!region)
            SOFA_TRY(sofa_opt_random_point(o, x, err));
        goto out;
    }
    memcpy(x, sofa_lattice_point(&search.met, search.best), o->problem.dims * sizeof *x);
    *result = search.scores[search.best];
out:
    free(room);
    sofa_search_release(&search);
    return rc;
}

enum sofa_code sofa_opt_screen(struct sofa_optimizer *o, sofa_score_fn *score, size_t good, const int *x_good, int *x,
                               bool *found, struct sofa_err *err)
{
    size_t dims = o->problem.dims, best = SOFA_LATTICE_NONE;
    int *room = calloc((MUTANTS + RANDOM_SEEDS) * dims, sizeof *room);
    struct sofa_search search = {0};
    enum sofa_code rc;

    if (!room)
        return sofa_fail_nomem(err, "the search");
    SOFA_TRY(sofa_search_init(&search, &o->seen, score, o, err));
    SOFA_TRY(add_seeds(o, &search, good, x_good, room, err));
    for (size_t i = 0; i < search.met.count; i++)
        if (search.scores[i].tier != SOFA_SCORE_REFUSED &&
            (best == SOFA_LATTICE_NONE || sofa_score_better(search.scores[i], search.scores[best])))
            best = i;
    *found = best != SOFA_LATTICE_NONE;
    if (*found)
        memcpy(x, sofa_lattice_point(&search.met, best), dims * sizeof *x);
out:
    free(room);
    sofa_search_release(&search);
    return rc;
}
