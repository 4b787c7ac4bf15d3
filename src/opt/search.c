#include "opt/search.h"

#include <stdlib.h>
#include <string.h>

bool sofa_score_better(struct sofa_score a, struct sofa_score b)
{
    return a.tier != b.tier ? a.tier > b.tier : a.value > b.value;
}

enum sofa_code sofa_search_init(struct sofa_search *search, const struct sofa_lattice *seen, sofa_score_fn *score,
                                void *ctx, struct sofa_err *err)
{
    *search = (struct sofa_search){
        .seen = seen, .score = score, .ctx = ctx, .climbs = 2, .rounds = 30, .best = SOFA_LATTICE_NONE};
    return sofa_lattice_init(&search->met, seen->dims, seen->dim, err);
}

void sofa_search_release(struct sofa_search *search)
{
    sofa_lattice_release(&search->met);
    free(search->scores);
    search->scores = NULL;
}

static enum sofa_code reserve(struct sofa_search *search, size_t count, struct sofa_err *err)
{
    size_t n = search->capacity ? search->capacity : 256;
    struct sofa_score *scores;

    while (n < count)
        n *= 2;
    if (n == search->capacity)
        return SOFA_OK;
    scores = realloc(search->scores, n * sizeof *scores);
    if (!scores)
        return sofa_fail_nomem(err, "the search");
    search->scores = scores;
    search->capacity = n;
    return SOFA_OK;
}

/* Notes the points met from index `from` on: scores them and keeps the best unseen. */
static enum sofa_code score_new(struct sofa_search *search, const struct sofa_near *near, size_t from,
                                struct sofa_err *err)
{
    size_t count = search->met.count - from;
    enum sofa_code rc;

    SOFA_TRY(reserve(search, search->met.count, err));
    if (count)
        search->score(search->ctx, near, count, sofa_lattice_point(&search->met, from), search->scores + from);
    for (size_t i = from; i < search->met.count; i++)
        if (search->scores[i].tier != SOFA_SCORE_REFUSED && !search->scores[i].bound &&
            (search->best == SOFA_LATTICE_NONE ||
             sofa_score_better(search->scores[i], search->scores[search->best])) &&
            sofa_lattice_find(search->seen, sofa_lattice_point(&search->met, i)) == SOFA_LATTICE_NONE)
            search->best = i;
out:
    return rc;
}

enum sofa_code sofa_search_seed(struct sofa_search *search, size_t count, const int *x, struct sofa_err *err)
{
    size_t from = search->met.count, index;
    enum sofa_code rc = SOFA_OK;

    for (size_t i = 0; i < count; i++)
        SOFA_TRY(sofa_lattice_add(&search->met, x + i * search->met.dims, &index, err));
    SOFA_TRY(score_new(search, NULL, from, err));
out:
    return rc;
}

/* The levels to try in dimension j that stands at `level`: into try [max], returns how many. */
static size_t levels_to_try(const struct sofa_search *search, size_t j, int level, int *try, size_t max)
{
    const struct sofa_opt_dim *dim = &search->met.dim[j];
    int low = search->region ? search->region->low[j] : 0, high = search->region ? search->region->high[j] : dim->levels - 1;
    const int steps[] = {level - 1, level + 1, level - 3, level + 3, low, high};
    size_t n = 0, k;

    if (dim->unordered && (size_t)dim->levels <= max) {
        for (int l = 0; l < dim->levels; l++)
            if (l != level)
                try[n++] = l;
        return n;
    }
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        for (k = 0; k < n && try[k] != steps[i]; k++)
            ;
        if (k == n && steps[i] >= low && steps[i] <= high && steps[i] != level)
            try[n++] = steps[i];
    }
    return n;
}

struct move {
    size_t dim;
    int level;
    struct sofa_score score;
};

static int compare_moves(const void *pa, const void *pb)
{
    const struct move *a = pa, *b = pb;

    if (sofa_score_better(a->score, b->score))
        return -1;
    if (sofa_score_better(b->score, a->score))
        return 1;
    return (a->dim > b->dim) - (a->dim < b->dim);
}

#define TRIES_MAX 32

/* A neighbour to look at. */
struct try {
    size_t dim;
    int level;
    size_t index; /* in `met` */
};

/* The neighbours of x in the dimensions of `look` [dims], noted in `met`; returns their number in *count. */
static enum sofa_code list_tries(struct sofa_search *search, const int *x, const char *look, struct try *tries,
                                 size_t *count, struct sofa_err *err)
{
    size_t dims = search->met.dims, n;
    int levels[TRIES_MAX], *at = malloc(dims * sizeof *at);
    enum sofa_code rc = SOFA_OK;

    *count = 0;
    if (!at)
        return sofa_fail_nomem(err, "the search");
    memcpy(at, x, dims * sizeof *at);
    for (size_t j = 0; j < dims; j++) {
        n = look[j] ? levels_to_try(search, j, x[j], levels, TRIES_MAX) : 0;
        for (size_t k = 0; k < n; k++) {
            struct try *try = &tries[(*count)++];

            *try = (struct try){.dim = j, .level = levels[k]};
            at[j] = levels[k];
            SOFA_TRY(sofa_lattice_add(&search->met, at, &try->index, err));
        }
        at[j] = x[j];
    }
out:
    free(at);
    return rc;
}

/* The best move of each dimension that is better than `here`, into moves [dims]; returns their number.  Dimensions
 * without one are struck from `look`. */
static size_t choose_moves(const struct sofa_search *search, struct sofa_score here, size_t count,
                           const struct try *tries, char *look, struct move *moves)
{
    size_t found = 0;

    memset(look, 0, search->met.dims);
    for (size_t t = 0; t < count; t++) {
        struct sofa_score score = search->scores[tries[t].index];
        bool first = !look[tries[t].dim];

        if (score.bound || !sofa_score_better(score, first ? here : moves[found - 1].score))
            continue;
        look[tries[t].dim] = 1;
        found += first;
        moves[found - 1] = (struct move){tries[t].dim, tries[t].level, score};
    }
    qsort(moves, found, sizeof *moves, compare_moves);
    return found;
}

/* Scores the neighbours of x in the dimensions of `look` [dims] at once; fills moves [dims] with the best
 * improving one of each, best first, and returns their number in *count. */
static enum sofa_code find_moves(struct sofa_search *search, const int *x, struct sofa_score here, char *look,
                                 struct move *moves, size_t *count, struct sofa_err *err)
{
    struct sofa_near near = {.base = x, .here = here, .best = {.tier = SOFA_SCORE_REFUSED}};
    struct try *tries = malloc(search->met.dims * TRIES_MAX * sizeof *tries);
    size_t from = search->met.count, tried;
    enum sofa_code rc;

    *count = 0;
    if (!tries)
        return sofa_fail_nomem(err, "the search");
    if (search->best != SOFA_LATTICE_NONE)
        near.best = search->scores[search->best];
    SOFA_TRY(list_tries(search, x, look, tries, &tried, err));
    SOFA_TRY(score_new(search, &near, from, err));
    *count = choose_moves(search, here, tried, tries, look, moves);
out:
    free(tries);
    return rc;
}

/* Applies the best `count` moves together, then half of them, until the score improves.  One move
 * alone always does. */
static enum sofa_code apply_moves(struct sofa_search *search, int *x, struct sofa_score *here, const struct move *moves,
                                  size_t count, struct sofa_err *err)
{
    size_t dims = search->met.dims, index;
    int *at = malloc(dims * sizeof *at);
    enum sofa_code rc = SOFA_OK;

    if (!at)
        return sofa_fail_nomem(err, "the search");
    for (; count > 0; count /= 2) {
        memcpy(at, x, dims * sizeof *at);
        for (size_t k = 0; k < count; k++)
            at[moves[k].dim] = moves[k].level;
        SOFA_TRY(sofa_search_seed(search, 1, at, err));
        index = sofa_lattice_find(&search->met, at);
        if (!search->scores[index].bound && sofa_score_better(search->scores[index], *here)) {
            memcpy(x, at, dims * sizeof *at);
            *here = search->scores[index];
            break;
        }
    }
out:
    free(at);
    return rc;
}

static enum sofa_code climb(struct sofa_search *search, size_t seed, struct sofa_err *err)
{
    size_t dims = search->met.dims, count = 1;
    char *look = malloc(dims);
    bool all = true;
    int *x = malloc(dims * sizeof *x);
    struct move *moves = malloc(dims * sizeof *moves);
    struct sofa_score here = search->scores[seed];
    enum sofa_code rc = SOFA_OK;

    if (!x || !moves || !look) {
        rc = sofa_fail_nomem(err, "the search");
        goto out;
    }
    memcpy(x, sofa_lattice_point(&search->met, seed), dims * sizeof *x);
    memset(look, 1, dims);
    /* dimensions that had nothing to offer are looked at again when no other has */
    for (size_t round = 0; round < search->rounds && (count > 0 || !all); round++) {
        all = count == 0 || round == 0;
        if (all)
            memset(look, 1, dims);
        SOFA_TRY(find_moves(search, x, here, look, moves, &count, err));
        if (count > 0)
            SOFA_TRY(apply_moves(search, x, &here, moves, count, err));
    }
out:
    free(look);
    free(x);
    free(moves);
    return rc;
}

/* The best of the seeds [from, to) that wasn't climbed from; SOFA_LATTICE_NONE when there is none. */
static size_t best_seed(const struct sofa_search *search, const char *climbed, size_t from, size_t to)
{
    size_t best = SOFA_LATTICE_NONE;

    for (size_t i = from; i < to; i++)
        if (!climbed[i] &&
            (best == SOFA_LATTICE_NONE || sofa_score_better(search->scores[i], search->scores[best])))
            best = i;
    return best;
}

enum sofa_code sofa_search_run(struct sofa_search *search, struct sofa_err *err)
{
    size_t seeds = search->met.count, best, climbs = search->climbs + (search->strangers > 0 && search->climbs > 0);
    char *climbed = calloc(seeds + 1, 1);
    enum sofa_code rc = SOFA_OK;

    if (!climbed)
        return sofa_fail_nomem(err, "the search");
    for (size_t k = 0; k < climbs; k++) {
        best = best_seed(search, climbed, k < search->climbs ? 0 : search->strangers, seeds);
        if (best == SOFA_LATTICE_NONE)
            continue;
        climbed[best] = 1;
        SOFA_TRY(climb(search, best, err));
    }
out:
    free(climbed);
    return rc;
}
