#include "opt/pareto.h"

#include <stdlib.h>
#include <string.h>

#define DIMS_MAX 6

bool sofa_pareto_dominates(const double *a, const double *b, size_t m)
{
    bool better = false;

    for (size_t j = 0; j < m; j++) {
        if (!(a[j] <= b[j]))
            return false;
        better |= a[j] < b[j];
    }
    return better;
}

static bool equal(const double *a, const double *b, size_t m)
{
    for (size_t j = 0; j < m; j++)
        if (a[j] != b[j])
            return false;
    return true;
}

static bool any_nan(const double *y, size_t m)
{
    for (size_t j = 0; j < m; j++)
        if (y[j] != y[j])
            return true;
    return false;
}

struct row {
    const double *y;
    size_t m;
    size_t index;
};

/* Lexicographic, then by place: a row can only be dominated by one before it. */
static int compare_rows(const void *pa, const void *pb)
{
    const struct row *a = pa, *b = pb;

    for (size_t j = 0; j < a->m; j++)
        if (a->y[j] != b->y[j])
            return a->y[j] < b->y[j] ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

/*
 * The lower left steps of points in the plane, a ascending and b descending: whether a point has one
 * at or below it in both is found in the logarithm of their number.
 */
struct steps {
    double (*at)[2];
    size_t n;
};

/* Puts (a, b) among the steps; false where one of them is at or below it. */
static bool steps_add(struct steps *s, double a, double b)
{
    size_t low = 0, high = s->n, to;

    while (low < high) { /* the first with more than a */
        size_t middle = (low + high) / 2;

        if (s->at[middle][0] <= a)
            low = middle + 1;
        else
            high = middle;
    }
    if (low > 0 && s->at[low - 1][1] <= b)
        return false;
    low -= low > 0 && s->at[low - 1][0] == a;
    for (to = low; to < s->n && s->at[to][1] >= b; to++)
        ;
    memmove(s->at + low + 1, s->at + to, (s->n - to) * sizeof *s->at);
    s->at[low][0] = a;
    s->at[low][1] = b;
    s->n += low + 1 - to;
    return true;
}

/* keep_front for up to three objectives, in n log n: the rows come with the first ascending, so that the
 * other two decide.  `room` holds [n + 1][2]. */
static size_t keep_front_3(struct row *order, size_t n, size_t m, double (*room)[2])
{
    struct steps steps = {room, 0};
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        if (steps_add(&steps, m > 1 ? order[i].y[1] : 0, m > 2 ? order[i].y[2] : 0))
            order[kept++] = order[i];
    return kept;
}

/* Keeps the rows of order[n] that are on the front, in order; returns how many. */
static size_t keep_front(struct row *order, size_t n, size_t m, double (*room)[2])
{
    size_t kept = 0, k;

    if (m <= 3)
        return keep_front_3(order, n, m, room);
    for (size_t i = 0; i < n; i++) {
        for (k = 0; k < kept; k++)
            if (sofa_pareto_dominates(order[k].y, order[i].y, m) || equal(order[k].y, order[i].y, m))
                break;
        if (k == kept)
            order[kept++] = order[i];
    }
    return kept;
}

enum sofa_code sofa_pareto_front(const double *y, size_t n, size_t m, bool *front, struct sofa_err *err)
{
    double (*room)[2];
    struct row *order;
    size_t used = 0, kept;

    if (n == 0)
        return SOFA_OK;
    room = malloc((n + 1) * sizeof *room);
    order = malloc(n * sizeof *order);
    if (!order || !room) {
        free(order);
        free(room);
        return sofa_fail_nomem(err, "a Pareto front");
    }
    memset(front, 0, n * sizeof *front);
    for (size_t i = 0; i < n; i++)
        if (!any_nan(y + i * m, m))
            order[used++] = (struct row){y + i * m, m, i};
    qsort(order, used, sizeof *order, compare_rows);
    kept = keep_front(order, used, m, room);
    for (size_t k = 0; k < kept; k++)
        front[order[k].index] = true;
    free(order);
    free(room);
    return SOFA_OK;
}

/*
 * Hypervolume.  The rows hold w = reference - y > 0, so that a row dominates the box [0, w];
 * level l of the recursion has its own rows, since WFG takes one objective off at each level.
 */
struct scratch {
    double *rows[DIMS_MAX + 1]; /* [m] -> [n][m]: the limit sets of the m-dimensional problem */
};

static int compare_last_2(const void *pa, const void *pb)
{
    const double *a = pa, *b = pb;

    return (a[0] < b[0]) - (a[0] > b[0]); /* descending */
}

/* Sorts rows so that the last column ascends; ties by the other columns, for a fixed order. */
#define COMPARE_LAST(m)                                                                           \
    static int compare_last_##m(const void *pa, const void *pb)                                  \
    {                                                                                             \
        const double *a = pa, *b = pb;                                                            \
                                                                                                  \
        for (size_t j = m; j-- > 0;)                                                              \
            if (a[j] != b[j])                                                                     \
                return a[j] < b[j] ? -1 : 1;                                                      \
        return 0;                                                                                 \
    }
COMPARE_LAST(3)
COMPARE_LAST(4)
COMPARE_LAST(5)
COMPARE_LAST(6)

/* The first column descending, then the others. */
static int compare_first_3(const void *pa, const void *pb)
{
    const double *a = pa, *b = pb;

    for (size_t j = 0; j < 3; j++)
        if (a[j] != b[j])
            return a[j] > b[j] ? -1 : 1;
    return 0;
}

static int (*const compare_last[DIMS_MAX + 1])(const void *, const void *) = {
    NULL, NULL, compare_last_2, compare_last_3, compare_last_4, compare_last_5, compare_last_6};

static double sweep_1(const double *w, size_t n)
{
    double best = 0;

    for (size_t i = 0; i < n; i++)
        best = w[i] > best ? w[i] : best;
    return best;
}

static double sweep_2(double *w, size_t n)
{
    double volume = 0, top = 0;

    qsort(w, n, 2 * sizeof *w, compare_last_2);
    for (size_t i = 0; i < n; i++)
        if (w[2 * i + 1] > top) {
            volume += w[2 * i] * (w[2 * i + 1] - top);
            top = w[2 * i + 1];
        }
    return volume;
}

/* Puts (a, b) into a staircase, a descending and b ascending; returns the area it adds. */
static double stair_insert(double (*stair)[2], size_t *n, double a, double b)
{
    size_t from = 0, to;
    double added = 0, low;

    while (from < *n && stair[from][0] >= a)
        from++;
    if (from > 0 && stair[from - 1][1] >= b)
        return 0;
    low = from > 0 ? stair[from - 1][1] : 0;
    for (to = from; to < *n && stair[to][1] <= b; to++) {
        added += (a - stair[to][0]) * (stair[to][1] - low);
        low = stair[to][1];
    }
    added += (a - (to < *n ? stair[to][0] : 0)) * (b - low);
    /* steps left of `from` with the same a and a lower b are dominated too */
    while (from > 0 && stair[from - 1][0] == a)
        from--;
    memmove(stair + from + 1, stair + to, (*n - to) * sizeof *stair);
    stair[from][0] = a;
    stair[from][1] = b;
    *n += from + 1 - to;
    return added;
}

/* From the tallest row down: the area under the rows seen times the height to the next. */
static double sweep_3(double *w, size_t n, double *room)
{
    double (*stair)[2] = (double (*)[2])room;
    double volume = 0, area = 0;
    size_t steps = 0;

    qsort(w, n, 3 * sizeof *w, compare_last_3);
    for (size_t i = n; i-- > 0;) {
        area += stair_insert(stair, &steps, w[3 * i], w[3 * i + 1]);
        volume += area * (w[3 * i + 2] - (i > 0 ? w[3 * (i - 1) + 2] : 0));
    }
    return volume;
}

/* Drops dominated rows of w [n][m] (larger is better); returns how many are left. */
static size_t drop_dominated(double *w, size_t n, size_t m)
{
    size_t kept = 0;
    bool dominated;

    for (size_t i = 0; i < n; i++) {
        dominated = false;
        for (size_t k = 0; k < n && !dominated; k++) {
            bool covers = k != i && (k < kept || k > i);

            for (size_t j = 0; covers && j < m; j++)
                covers = w[k * m + j] >= w[i * m + j];
            dominated = covers;
        }
        if (!dominated) {
            if (kept != i)
                memmove(w + kept * m, w + i * m, m * sizeof *w);
            kept++;
        }
    }
    return kept;
}

/* The same for m = 3 in n log n; `room` holds [n + 1][2].  The rows end up with the first descending. */
static size_t drop_dominated_3(double *w, size_t n, double *room)
{
    struct steps steps = {(double (*)[2])room, 0};
    size_t kept = 0;

    qsort(w, n, 3 * sizeof *w, compare_first_3);
    for (size_t i = 0; i < n; i++)
        if (steps_add(&steps, -w[3 * i + 1], -w[3 * i + 2]))
            memmove(w + 3 * kept++, w + 3 * i, 3 * sizeof *w);
    return kept;
}

static double volume_of(double *w, size_t n, size_t m, struct scratch *scratch);

/* Row i's height times what it covers beyond the rows after it, which are all at least as tall. */
static double exclusive(const double *w, size_t n, size_t m, size_t i, struct scratch *scratch)
{
    double *limit = scratch->rows[m - 1];
    double box = 1;
    size_t count = 0;

    for (size_t j = 0; j + 1 < m; j++)
        box *= w[i * m + j];
    for (size_t k = i + 1; k < n; k++, count++)
        for (size_t j = 0; j + 1 < m; j++)
            limit[count * (m - 1) + j] = w[k * m + j] < w[i * m + j] ? w[k * m + j] : w[i * m + j];
    count = drop_dominated(limit, count, m - 1);
    return w[i * m + m - 1] * (box - volume_of(limit, count, m - 1, scratch));
}

static double volume_of(double *w, size_t n, size_t m, struct scratch *scratch)
{
    double volume = 0;

    if (n == 0)
        return 0;
    if (m == 1)
        return sweep_1(w, n);
    if (m == 2)
        return sweep_2(w, n);
    if (m == 3)
        return sweep_3(w, n, scratch->rows[2]);
    qsort(w, n, m * sizeof *w, compare_last[m]);
    for (size_t i = 0; i < n; i++)
        volume += exclusive(w, n, m, i, scratch);
    return volume;
}

/* Fills w with reference - y of the rows below the reference; returns how many. */
static size_t rows_below(const double *y, size_t n, size_t m, const double *reference, double *w)
{
    size_t used = 0, j;

    for (size_t i = 0; i < n; i++) {
        for (j = 0; j < m && y[i * m + j] < reference[j]; j++)
            w[used * m + j] = reference[j] - y[i * m + j];
        used += j == m;
    }
    return used;
}

enum sofa_code sofa_hypervolume(const double *y, size_t n, size_t m, const double *reference, double *volume,
                                struct sofa_err *err)
{
    struct scratch scratch = {{NULL}};
    size_t doubles = 0, used;
    double *room, *p;

    *volume = 0;
    if (m < 1 || m > DIMS_MAX)
        return sofa_fail(err, SOFA_E_USAGE, "hypervolume: 1 to %d objectives, not %zu", DIMS_MAX, m);
    for (size_t l = 1; l <= m; l++)
        doubles += (n + 1) * (l < 2 ? 2 : l);
    room = malloc(2 * doubles * sizeof *room);
    if (!room)
        return sofa_fail_nomem(err, "the hypervolume");
    p = room;
    for (size_t l = 1; l <= m; l++, p += (n + 1) * (l < 2 ? 2 : l))
        scratch.rows[l] = p;
    used = rows_below(y, n, m, reference, scratch.rows[m]);
    /* steps and staircase in three dimensions live in rows[2], which is free unless m == 2 */
    used = m == 3 ? drop_dominated_3(scratch.rows[3], used, scratch.rows[2]) : drop_dominated(scratch.rows[m], used, m);
    *volume = volume_of(scratch.rows[m], used, m, &scratch);
    free(room);
    return SOFA_OK;
}
