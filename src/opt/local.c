#include "opt/local.h"

#include <stdlib.h>
#include <string.h>

#include "base/columns.h"
#include "opt/propose.h"

#define SAMPLE 256  /* results that every region has, half of them from the front ... */
#define JOINING 128 /* ... and new ones that may join them until they are chosen anew */

enum sofa_code sofa_local_init(struct sofa_local *local, struct sofa_optimizer *o, size_t from, size_t columns,
                               const struct sofa_local_hooks *hooks, struct sofa_err *err)
{
    size_t dims = o->problem.dims;

    if (!o->problem.regions_from)
        o->problem.regions_from = from;
    local->hooks = hooks;
    local->columns = columns;
    local->centre = calloc(dims, sizeof *local->centre);
    local->seeds = calloc(SOFA_LOCAL_SEEDS * dims, sizeof *local->seeds);
    if (!local->centre || !local->seeds)
        return sofa_fail_nomem(err, "an optimizer");
    return sofa_regions_init(&local->regions, dims, err);
}

void sofa_local_release(struct sofa_local *local)
{
    sofa_regions_release(&local->regions);
    free(local->sample.trial);
    free(local->sample.in);
    free(local->centre);
    free(local->seeds);
}

static enum sofa_code reserve_sample(struct sofa_sample *sample, size_t count, struct sofa_err *err)
{
    const struct sofa_column columns[] = {SOFA_COLUMN(sample->trial, 1), SOFA_COLUMN(sample->in, 1)};

    if (count > sample->room)
        sample->n = 0;
    return sofa_columns_grow(columns, 2, &sample->room, count) ? SOFA_OK : sofa_fail_nomem(err, "an optimizer");
}

/* Of the front and of all that teaches, both evenly. */
static void choose_sample(struct sofa_local *local, const struct sofa_optimizer *o, size_t n)
{
    const struct sofa_regions *regions = &local->regions;
    struct sofa_sample *sample = &local->sample;
    size_t front = regions->front_n < SAMPLE / 2 ? regions->front_n : SAMPLE / 2, rest = SAMPLE - front, at = 0;

    memset(sample->in, 0, o->seen.count * sizeof *sample->in);
    for (size_t k = 0; k < front; k++)
        sample->in[regions->front[k * regions->front_n / front]] = true;
    for (size_t i = 0; i < o->seen.count; i++)
        if (local->hooks->teaches(o, i)) {
            sample->in[i] |= at * rest / n != (at + 1) * rest / n;
            at++;
        }
    sample->n = 0;
    for (size_t i = 0; i < o->seen.count; i++)
        if (sample->in[i])
            sample->trial[sample->n++] = i;
    sample->changes = o->changes;
    sample->last = o->seen.count;
}

/* Results told since the sample was chosen join it: rows that are appended cost the factor little. */
static void join_sample(struct sofa_local *local, const struct sofa_optimizer *o)
{
    struct sofa_sample *sample = &local->sample;

    for (; sample->last < o->seen.count && o->trials[sample->last].state != SOFA_TRIAL_PENDING; sample->last++)
        if (local->hooks->teaches(o, sample->last))
            sample->trial[sample->n++] = sample->last;
}

enum sofa_code sofa_local_sample(struct sofa_local *local, const struct sofa_optimizer *o, size_t n, bool afresh,
                                 bool *chosen, struct sofa_err *err)
{
    struct sofa_sample *sample = &local->sample;
    enum sofa_code rc;

    SOFA_TRY(reserve_sample(sample, o->seen.count, err));
    if (sample->n > 0)
        join_sample(local, o);
    *chosen = afresh || sample->n == 0 || sample->n > SAMPLE + JOINING || sample->changes != o->changes;
    if (*chosen)
        choose_sample(local, o, n);
out:
    return rc;
}

/* The most promising place in the whole space, as the sample has it, to local->centre; *found: there is one. */
static enum sofa_code screen(struct sofa_local *local, struct sofa_optimizer *o, size_t n, bool *found, struct sofa_err *err)
{
    const struct sofa_regions *regions = &local->regions;
    size_t good = 0, dims = o->problem.dims;
    enum sofa_code rc;

    SOFA_TRY(local->hooks->stand(o, n, NULL, err));
    for (size_t i = regions->front_n; i-- > 0 && good < SOFA_LOCAL_SEEDS; good++)
        memcpy(local->seeds + good * dims, sofa_lattice_point(&o->seen, regions->front[i]), dims * sizeof *local->seeds);
    if (good == 0 && local->hooks->nearly)
        good = local->hooks->nearly(o, local->seeds);
    SOFA_TRY(sofa_opt_screen(o, local->hooks->score, good, local->seeds, local->centre, found, err));
out:
    return rc;
}

/* The best unseen point of the region around local->centre. */
static enum sofa_code look_around(struct sofa_local *local, struct sofa_optimizer *o, size_t n, int *x,
                                  struct sofa_score *score, struct sofa_err *err)
{
    size_t good, dims = o->problem.dims;
    enum sofa_code rc;

    sofa_regions_place(&local->regions, o, local->centre);
    SOFA_TRY(local->hooks->stand(o, n, local->centre, err));
    memcpy(local->seeds, local->centre, dims * sizeof *local->seeds);
    good = 1 + sofa_regions_inside(&local->regions, o, local->seeds + dims, SOFA_LOCAL_SEEDS - 1);
    SOFA_TRY(sofa_opt_propose(o, local->hooks->score, &local->regions.box, good, local->seeds, x, score, err));
out:
    return rc;
}

enum sofa_code sofa_local_ask(struct sofa_local *local, struct sofa_optimizer *o, size_t n, int *x,
                              struct sofa_score *score, struct sofa_err *err)
{
    const struct sofa_local_hooks *hooks = local->hooks;
    bool found;
    enum sofa_code rc;

    *score = (struct sofa_score){.tier = SOFA_SCORE_REFUSED};
    SOFA_TRY(sofa_regions_update(&local->regions, o, local->columns, hooks->counts, hooks->row_of, err));
    SOFA_TRY(hooks->learn(o, n, err));
    SOFA_TRY(screen(local, o, n, &found, err));
    if (found)
        SOFA_TRY(look_around(local, o, n, x, score, err));
    if (score->tier == SOFA_SCORE_REFUSED)
        rc = sofa_opt_random_point(o, x, err);
out:
    return rc;
}
