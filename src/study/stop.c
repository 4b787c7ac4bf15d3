/*
 * The early stop that a space may ask for: so many suggestions one after another that each promise less than a share
 * of the hypervolume.
 *
 * It only says when to end.  What is suggested doesn't depend on it, so a study that goes on after it, or with
 * another rule, goes on as it would have gone without; the count then begins where the study stood.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opt/optimizer.h"
#include "study/loop.h"

static const char rule_key[] = "early stop", ended_key[] = "stopped early after", counts_key[] = "early stop counts from";

/* The rule as the store keeps it; empty where there is none. */
static void write_rule(const struct sofa_loop *l, char *text, size_t size)
{
    const struct sofa_space_stop *stop = &l->problem->space->search.stop;

    *text = '\0';
    if (stop->node)
        snprintf(text, size, "%.17g %zu", stop->improvement, stop->suggestions);
}

enum sofa_code sofa_loop_open_stop(struct sofa_loop *l, struct sofa_err *err)
{
    char rule[64], *was = NULL;
    size_t ended, from = 0;
    enum sofa_code rc;

    write_rule(l, rule, sizeof rule);
    SOFA_TRY(sofa_store_get(l->store, rule_key, &was, err));
    SOFA_TRY(sofa_loop_get_size(l, counts_key, &l->counts_from, err));
    SOFA_TRY(sofa_loop_get_size(l, ended_key, &ended, err));
    if (!was && !*rule)
        goto out; /* nothing is written for a study without a rule */
    if (was ? strcmp(was, rule) != 0 : l->n_stored > 0)
        from = l->n_stored;
    else if (l->options->extend)
        from = ended;
    if (from > 0) {
        l->counts_from = from;
        SOFA_TRY(sofa_loop_set_size(l, counts_key, from, err));
        SOFA_TRY(sofa_loop_set_size(l, ended_key, 0, err));
    }
    SOFA_TRY(sofa_store_set(l->store, rule_key, rule, err));
    rc = sofa_store_flush(l->store, err);
out:
    free(was);
    return rc;
}

enum sofa_code sofa_loop_count_promise(struct sofa_loop *l, struct sofa_err *err)
{
    const struct sofa_space_stop *stop = &l->problem->space->search.stop;
    enum sofa_code rc = SOFA_OK;
    double share;

    if (!stop->node)
        return SOFA_OK;
    SOFA_TRY(sofa_optimizer_promise(l->optimizer, &share, err));
    l->poor = l->asked >= l->counts_from && share < stop->improvement ? l->poor + 1 : 0; /* not where it is unknown */
out:
    return rc;
}

enum sofa_code sofa_loop_stop(struct sofa_loop *l, struct sofa_err *err)
{
    const struct sofa_space_stop *stop = &l->problem->space->search.stop;

    /* what the store holds was asked for by a run that didn't end there */
    if (!stop->node || l->poor < stop->suggestions || l->asked < l->n_stored)
        return SOFA_OK;
    l->ended = true;
    snprintf(l->study->note, sizeof l->study->note,
             "%zu suggestions in a row promised less than %g %% of the hypervolume each (search.stop)",
             stop->suggestions, 100 * stop->improvement);
    return sofa_loop_set_size(l, ended_key, l->asked, err);
}
