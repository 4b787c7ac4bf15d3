/*
 * Exhaustive search.  Where an evaluation is needed to know a point, every point that the cheap
 * constraints allow is proposed, in counting order.  Where all objectives are cheap, the space is gone
 * through at the first question and only the exact front is proposed: that is what other searches
 * are tested against.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "opt/algorithm.h"
#include "opt/pareto.h"

#define POINTS_MAX 1e7 /* model evaluations */

/* The points that no other one met so far dominates. */
struct front {
    int *x;    /* [capacity][dims] */
    double *y; /* [capacity][objectives] */
    size_t count, capacity;
};

struct exhaustive {
    int *at; /* [dims] the next point to look at */
    bool done;
    bool listed; /* the front is known */
    struct front front;
    size_t given; /* points of the front proposed */
};

static enum sofa_code exhaustive_init(struct sofa_optimizer *o, struct sofa_err *err)
{
    struct exhaustive *e;

    if (o->seen.size > POINTS_MAX)
        return sofa_fail(err, SOFA_E_USAGE, "the space has %.3g points; exhaustive search takes up to %.0e",
                         o->seen.size, POINTS_MAX);
    o->own = e = calloc(1, sizeof *e);
    if (e)
        e->at = calloc(o->problem.dims, sizeof *e->at);
    return e && e->at ? SOFA_OK : sofa_fail_nomem(err, "an optimizer");
}

static void exhaustive_free(struct sofa_optimizer *o)
{
    struct exhaustive *e = o->own;

    if (!e)
        return;
    free(e->front.x);
    free(e->front.y);
    free(e->at);
    free(e);
}

static enum sofa_code reserve(struct front *front, size_t dims, size_t m, struct sofa_err *err)
{
    size_t n = front->capacity ? 2 * front->capacity : 64;
    int *x;
    double *y;

    if (front->count < front->capacity)
        return SOFA_OK;
    x = realloc(front->x, n * dims * sizeof *x);
    front->x = x ? x : front->x;
    y = realloc(front->y, n * m * sizeof *y);
    front->y = y ? y : front->y;
    if (!x || !y)
        return sofa_fail_nomem(err, "the exact front");
    front->capacity = n;
    return SOFA_OK;
}

static bool equal(const double *a, const double *b, size_t m)
{
    return memcmp(a, b, m * sizeof *a) == 0;
}

static void move_entry(struct front *front, size_t to, size_t from, size_t dims, size_t m)
{
    if (to == from)
        return;
    memcpy(front->x + to * dims, front->x + from * dims, dims * sizeof *front->x);
    memcpy(front->y + to * m, front->y + from * m, m * sizeof *front->y);
}

/* Adds a point unless one of the front dominates or equals it; drops those that it dominates. */
static enum sofa_code offer(struct front *front, size_t dims, size_t m, const int *x, const double *y,
                            struct sofa_err *err)
{
    size_t kept = 0;
    enum sofa_code rc;

    for (size_t k = 0; k < front->count; k++)
        if (sofa_pareto_dominates(front->y + k * m, y, m) || equal(front->y + k * m, y, m))
            return SOFA_OK;
    for (size_t k = 0; k < front->count; k++)
        if (!sofa_pareto_dominates(y, front->y + k * m, m))
            move_entry(front, kept++, k, dims, m);
    front->count = kept;
    SOFA_TRY(reserve(front, dims, m, err));
    memcpy(front->x + kept * dims, x, dims * sizeof *x);
    memcpy(front->y + kept * m, y, m * sizeof *y);
    front->count++;
out:
    return rc;
}

static enum sofa_code list_front(struct sofa_optimizer *o, struct exhaustive *e, struct sofa_err *err)
{
    size_t dims = o->problem.dims, m = o->problem.objectives;
    struct sofa_opt_cheap cheap;
    enum sofa_code rc = SOFA_OK;

    do {
        sofa_opt_cheap_of(o, e->at, &cheap);
        if (cheap.feasible && sofa_opt_all_finite(cheap.y, m))
            SOFA_TRY(offer(&e->front, dims, m, e->at, cheap.y, err));
    } while (sofa_lattice_next(&o->seen, e->at));
    e->listed = true;
out:
    return rc;
}

static enum sofa_code ask_front(struct sofa_optimizer *o, int *x, struct sofa_err *err)
{
    struct exhaustive *e = o->own;
    size_t dims = o->problem.dims;
    enum sofa_code rc = SOFA_OK;

    if (!e->listed)
        SOFA_TRY(list_front(o, e, err));
    while (e->given < e->front.count) {
        memcpy(x, e->front.x + e->given++ * dims, dims * sizeof *x);
        if (sofa_lattice_find(&o->seen, x) == SOFA_LATTICE_NONE)
            return SOFA_OK;
    }
    rc = sofa_fail(err, SOFA_E_EXHAUSTED, "all %zu points of the exact front have been proposed", e->front.count);
out:
    return rc;
}

static enum sofa_code exhaustive_ask(struct sofa_optimizer *o, int *x, struct sofa_err *err)
{
    struct exhaustive *e = o->own;
    bool fits;

    if (o->problem.uncertain == -1)
        return ask_front(o, x, err);
    while (!e->done) {
        memcpy(x, e->at, o->problem.dims * sizeof *x);
        fits = sofa_lattice_find(&o->seen, x) == SOFA_LATTICE_NONE && sofa_opt_accepts(o, x);
        e->done = !sofa_lattice_next(&o->seen, e->at);
        if (fits)
            return SOFA_OK;
    }
    return sofa_fail(err, SOFA_E_EXHAUSTED, "all points that meet the constraints have been proposed");
}

const struct sofa_opt_method sofa_opt_exhaustive = {
    .public = {"exhaustive", "every point; with exact objectives only, the points of the exact front", false},
    .init = exhaustive_init,
    .ask = exhaustive_ask,
    .free = exhaustive_free,
};
