#include "opt/parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "opt/gp.h"
#include "opt/lattice.h"
#include "opt/special.h"

#define FIT_ITERATIONS 40
#define FIT_AGAIN 1.05  /* settings told, over those of the last fit, from which on a function is fitted again */
#define FIT_SETTLED 100 /* settings from which on it is not any more */
#define FIT_MOST 200    /* settings that a fit uses at most */
#define SD_LEAST 1e-9   /* of a sum, over the largest value told */

/* What is believed of a setting. */
struct belief {
    size_t stamp; /* of the knowledge it comes from */
    double sd;
};

/* A function that one or more parts are. */
struct kind {
    size_t dims, settings;
    struct sofa_opt_dim *dim;
    struct sofa_lattice known; /* settings told ... */
    double *value;             /* ... their values, [settings] */
    size_t *times;             /* ... and how often */
    struct sofa_gp *gp;        /* NULL: there is one setting only */
    size_t fitted;
    struct belief *belief; /* [settings] */
    double *mean;          /* [settings][most_draws] */
    int *pending;          /* [pending_n][dims]: settings of pending points that are not known */
    size_t pending_n;
    int *x; /* [dims] scratch */
};

struct sofa_parts {
    const struct sofa_opt_problem *problem;
    size_t n, kinds, most_draws, draws;
    struct kind *kind;
    size_t *from;  /* [n][problem dims]: dimension from[j] of the problem is the j-th of the part's kind */
    size_t *place; /* [n][pending_room]: where a pending point's setting stands in `known`, or behind that in `pending` */
    size_t pending_room;
    double *normals, *deviation; /* [draws][pending settings of a kind]; [kinds] */
    size_t stamp;
    double largest; /* magnitude of the sums told */
};

static bool matters(const struct sofa_opt_dim *dim)
{
    return !dim->apart && dim->levels > 1;
}

/* The dimensions of a part, into from [problem dims] (NULL: they are counted only), and how many settings they
 * have; returns their number. */
static size_t dims_of(const struct sofa_opt_problem *problem, size_t part, size_t *from, double *settings)
{
    size_t n = 0;

    *settings = 1;
    for (size_t j = 0; j < problem->dims; j++) {
        const struct sofa_opt_dim *dim = &problem->dim[j];

        if (!matters(dim) || (dim->layer >= 0 && (size_t)dim->layer != part))
            continue;
        *settings *= dim->levels;
        if (from)
            from[n] = j;
        n++;
    }
    return n;
}

bool sofa_parts_suit(const struct sofa_opt_problem *problem)
{
    size_t all = 0;
    double settings;

    for (size_t j = 0; j < problem->dims; j++)
        all += matters(&problem->dim[j]);
    for (size_t p = 0; p < problem->parts; p++)
        if (dims_of(problem, p, NULL, &settings) == all || settings > SOFA_PARTS_SETTINGS)
            return false;
    return problem->parts > 0;
}

static bool alike(const struct sofa_opt_dim *a, const struct sofa_opt_dim *b)
{
    if (a->levels != b->levels || a->unordered != b->unordered || !a->coord != !b->coord)
        return false;
    return !a->coord || memcmp(a->coord, b->coord, (size_t)a->levels * sizeof *a->coord) == 0;
}

/* Whether the parts said to be of a kind have dimensions alike. */
static bool kinds_hold(const struct sofa_parts *parts, const size_t *dims)
{
    const struct sofa_opt_problem *problem = parts->problem;
    size_t period = problem->part_kinds;

    for (size_t p = period; p < parts->n; p++) {
        const size_t *from = parts->from + p * problem->dims, *first = parts->from + p % period * problem->dims;

        if (dims[p] != dims[p % period])
            return false;
        for (size_t j = 0; j < dims[p]; j++)
            if (!alike(&problem->dim[from[j]], &problem->dim[first[j]]))
                return false;
    }
    return true;
}

static enum sofa_code kind_init(struct kind *kind, const struct sofa_opt_problem *problem, size_t dims, const size_t *from,
                                size_t draws, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    kind->dims = dims;
    kind->settings = 1;
    kind->dim = calloc(dims + 1, sizeof *kind->dim);
    kind->x = calloc(dims + 1, sizeof *kind->x);
    if (!kind->dim || !kind->x)
        return sofa_fail_nomem(err, "an optimizer");
    for (size_t j = 0; j < dims; j++) {
        kind->dim[j] = problem->dim[from[j]];
        kind->dim[j].layer = -1;
        kind->settings *= (size_t)kind->dim[j].levels;
    }
    kind->value = calloc(kind->settings, sizeof *kind->value);
    kind->times = calloc(kind->settings, sizeof *kind->times);
    kind->belief = calloc(kind->settings, sizeof *kind->belief);
    kind->mean = calloc(kind->settings * draws, sizeof *kind->mean);
    if (!kind->value || !kind->times || !kind->belief || !kind->mean)
        return sofa_fail_nomem(err, "an optimizer");
    SOFA_TRY(sofa_lattice_init(&kind->known, dims, kind->dim, err));
    if (kind->settings > 1)
        SOFA_TRY(sofa_gp_new(dims, kind->dim, false, &kind->gp, err));
out:
    return rc;
}

static void kind_release(struct kind *kind)
{
    sofa_lattice_release(&kind->known);
    sofa_gp_free(kind->gp);
    free(kind->dim);
    free(kind->x);
    free(kind->value);
    free(kind->times);
    free(kind->belief);
    free(kind->mean);
    free(kind->pending);
}

static enum sofa_code init(struct sofa_parts *parts, struct sofa_err *err)
{
    const struct sofa_opt_problem *problem = parts->problem;
    size_t *dims = calloc(parts->n, sizeof *dims);
    double settings;
    enum sofa_code rc = SOFA_OK;

    parts->from = calloc(parts->n * problem->dims, sizeof *parts->from);
    if (!dims || !parts->from) {
        rc = sofa_fail_nomem(err, "an optimizer");
        goto out;
    }
    for (size_t p = 0; p < parts->n; p++)
        dims[p] = dims_of(problem, p, parts->from + p * problem->dims, &settings);
    parts->kinds = problem->part_kinds && problem->part_kinds < parts->n && kinds_hold(parts, dims) ? problem->part_kinds : parts->n;
    parts->kind = calloc(parts->kinds, sizeof *parts->kind);
    parts->deviation = calloc(parts->kinds, sizeof *parts->deviation);
    if (!parts->kind || !parts->deviation) {
        rc = sofa_fail_nomem(err, "an optimizer");
        goto out;
    }
    for (size_t k = 0; k < parts->kinds; k++)
        SOFA_TRY(kind_init(&parts->kind[k], problem, dims[k], parts->from + k * problem->dims, parts->most_draws, err));
out:
    free(dims);
    return rc;
}

enum sofa_code sofa_parts_new(const struct sofa_opt_problem *problem, size_t draws, struct sofa_parts **out,
                              struct sofa_err *err)
{
    struct sofa_parts *parts = calloc(1, sizeof *parts);
    enum sofa_code rc;

    *out = NULL;
    if (!parts)
        return sofa_fail_nomem(err, "an optimizer");
    *parts = (struct sofa_parts){.problem = problem, .n = problem->parts, .most_draws = draws, .draws = 1, .stamp = 1};
    rc = init(parts, err);
    if (rc != SOFA_OK)
        sofa_parts_free(parts);
    else
        *out = parts;
    return rc;
}

void sofa_parts_free(struct sofa_parts *parts)
{
    if (!parts)
        return;
    for (size_t k = 0; parts->kind && k < parts->kinds; k++)
        kind_release(&parts->kind[k]);
    free(parts->kind);
    free(parts->deviation);
    free(parts->from);
    free(parts->place);
    free(parts->normals);
    free(parts);
}

enum sofa_code sofa_parts_clear(struct sofa_parts *parts, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    parts->largest = 0;
    for (size_t k = 0; k < parts->kinds; k++) {
        struct kind *kind = &parts->kind[k];

        sofa_lattice_release(&kind->known);
        SOFA_TRY(sofa_lattice_init(&kind->known, kind->dims, kind->dim, err));
        memset(kind->times, 0, kind->settings * sizeof *kind->times);
    }
out:
    return rc;
}

static struct kind *kind_of(const struct sofa_parts *parts, size_t part)
{
    return &parts->kind[part % parts->kinds];
}

/* The setting of a part at x, as its kind has it. */
static const int *setting(const struct sofa_parts *parts, size_t part, const int *x)
{
    const size_t *from = parts->from + part * parts->problem->dims;
    struct kind *kind = kind_of(parts, part);

    for (size_t j = 0; j < kind->dims; j++)
        kind->x[j] = x[from[j]];
    return kind->x;
}

/* The number of a setting in counting order. */
static size_t number_of(const struct kind *kind, const int *x)
{
    size_t number = 0;

    for (size_t j = 0; j < kind->dims; j++)
        number = number * (size_t)kind->dim[j].levels + (size_t)x[j];
    return number;
}

enum sofa_code sofa_parts_add(struct sofa_parts *parts, const int *x, const double *value, struct sofa_err *err)
{
    double sum = 0;
    enum sofa_code rc = SOFA_OK;

    for (size_t p = 0; p < parts->n; p++) {
        struct kind *kind = kind_of(parts, p);
        size_t i;

        SOFA_TRY(sofa_lattice_add(&kind->known, setting(parts, p, x), &i, err));
        kind->times[i]++;
        kind->value[i] = kind->times[i] == 1 ? value[p] : kind->value[i] + (value[p] - kind->value[i]) / (double)kind->times[i];
        sum += value[p];
    }
    parts->largest = fabs(sum) > parts->largest ? fabs(sum) : parts->largest;
out:
    return rc;
}

static enum sofa_code reserve_pending(struct sofa_parts *parts, size_t pending, struct sofa_err *err)
{
    size_t of_a_kind = pending * (parts->n / parts->kinds + 1);

    if (pending <= parts->pending_room)
        return SOFA_OK;
    parts->pending_room = 0;
    free(parts->normals);
    free(parts->place);
    parts->normals = calloc(parts->most_draws * of_a_kind, sizeof *parts->normals);
    parts->place = calloc(parts->n * pending, sizeof *parts->place);
    if (!parts->normals || !parts->place)
        return sofa_fail_nomem(err, "an optimizer");
    for (size_t k = 0; k < parts->kinds; k++) {
        struct kind *kind = &parts->kind[k];

        free(kind->pending);
        kind->pending = calloc(of_a_kind * (kind->dims + 1), sizeof *kind->pending);
        if (!kind->pending)
            return sofa_fail_nomem(err, "an optimizer");
    }
    parts->pending_room = pending;
    return SOFA_OK;
}

/* Where a setting stands; one that is not known is noted as pending. */
static size_t place_of(struct kind *kind, const int *x)
{
    size_t known = sofa_lattice_find(&kind->known, x), k = 0;

    if (known != SOFA_LATTICE_NONE)
        return known;
    while (k < kind->pending_n && memcmp(kind->pending + k * kind->dims, x, kind->dims * sizeof *x) != 0)
        k++;
    if (k == kind->pending_n)
        memcpy(kind->pending + kind->pending_n++ * kind->dims, x, kind->dims * sizeof *x);
    return kind->known.count + k;
}

/* Normal innovations, other ones for every kind: additive recurrences with the roots of primes. */
static void set_normals(struct sofa_parts *parts, size_t number, size_t pending)
{
    static const double primes[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53};
    const double golden = 0.6180339887498949;

    for (size_t f = 0; f < parts->draws; f++)
        for (size_t i = 0; i < pending; i++) {
            double u = ((double)f + 0.5) * sqrt(primes[i % 16]) + golden * (double)(number + i / 16);

            parts->normals[f * pending + i] = sofa_normal_quantile(u - floor(u));
        }
}

static enum sofa_code learn_kind(struct sofa_parts *parts, size_t number, struct sofa_err *err)
{
    struct kind *kind = &parts->kind[number];
    size_t n = kind->known.count, used = n < FIT_MOST ? n : FIT_MOST;
    double posterior;
    enum sofa_code rc;

    if (kind->fitted == 0 || (kind->fitted < FIT_SETTLED && (double)n >= FIT_AGAIN * (double)kind->fitted)) {
        SOFA_TRY(sofa_gp_data(kind->gp, used, kind->known.points, kind->value, err));
        SOFA_TRY(sofa_gp_fit(kind->gp, kind->fitted ? SOFA_GP_FROM_LAST : SOFA_GP_FROM_MODE | SOFA_GP_FROM_SHORT,
                             FIT_ITERATIONS, &posterior, err));
        kind->fitted = n;
    }
    SOFA_TRY(sofa_gp_data(kind->gp, n, kind->known.points, kind->value, err));
    if (parts->draws > 1)
        set_normals(parts, number, kind->pending_n);
    SOFA_TRY(sofa_gp_condition(kind->gp, kind->pending_n, kind->pending, parts->draws,
                               parts->draws > 1 ? parts->normals : NULL, err));
out:
    return rc;
}

enum sofa_code sofa_parts_learn(struct sofa_parts *parts, size_t pending, const int *x_pending, size_t draws,
                                struct sofa_err *err)
{
    enum sofa_code rc;

    parts->draws = draws;
    parts->stamp++;
    SOFA_TRY(reserve_pending(parts, pending, err));
    for (size_t k = 0; k < parts->kinds; k++)
        parts->kind[k].pending_n = 0;
    for (size_t p = 0; p < parts->n; p++)
        for (size_t i = 0; i < pending; i++)
            parts->place[p * parts->pending_room + i] =
                place_of(kind_of(parts, p), setting(parts, p, x_pending + i * parts->problem->dims));
    for (size_t k = 0; k < parts->kinds; k++)
        if (parts->kind[k].gp)
            SOFA_TRY(learn_kind(parts, k, err));
out:
    return rc;
}

double sofa_parts_pending(const struct sofa_parts *parts, size_t draw, size_t i)
{
    double sum = 0;

    for (size_t p = 0; p < parts->n; p++) {
        const struct kind *kind = kind_of(parts, p);
        size_t known = kind->known.count, place = parts->place[p * parts->pending_room + i];

        sum += place < known ? kind->value[place] : sofa_gp_pending(kind->gp, draw, place - known);
    }
    return sum;
}

/* What is believed of the setting x with this number. */
static const struct belief *look_up(struct sofa_parts *parts, struct kind *kind, const int *x, size_t number)
{
    struct belief *belief = &kind->belief[number];
    double *mean = kind->mean + number * parts->most_draws;
    size_t known;

    if (belief->stamp == parts->stamp)
        return belief;
    belief->stamp = parts->stamp;
    known = sofa_lattice_find(&kind->known, x);
    if (known == SOFA_LATTICE_NONE) {
        sofa_gp_predict(kind->gp, 1, &x, mean, &belief->sd);
        return belief;
    }
    belief->sd = 0;
    for (size_t f = 0; f < parts->draws; f++)
        mean[f] = kind->value[known];
    return belief;
}

/* The same of part p at point x; its means to *mean. */
static const struct belief *look_up_part(struct sofa_parts *parts, size_t p, const int *x, const double **mean)
{
    struct kind *kind = kind_of(parts, p);
    const int *here = setting(parts, p, x);
    size_t number = number_of(kind, here);

    *mean = kind->mean + number * parts->most_draws;
    return look_up(parts, kind, here, number);
}

void sofa_parts_predict(struct sofa_parts *parts, const int *x, double *mean, double *sd)
{
    double variance = SD_LEAST * parts->largest * SD_LEAST * parts->largest;

    memset(mean, 0, parts->draws * sizeof *mean);
    memset(parts->deviation, 0, parts->kinds * sizeof *parts->deviation);
    for (size_t p = 0; p < parts->n; p++) {
        const double *of_part;
        const struct belief *belief = look_up_part(parts, p, x, &of_part);

        for (size_t f = 0; f < parts->draws; f++)
            mean[f] += of_part[f];
        parts->deviation[p % parts->kinds] += belief->sd;
    }
    for (size_t k = 0; k < parts->kinds; k++)
        variance += parts->deviation[k] * parts->deviation[k];
    *sd = sqrt(variance);
}

void sofa_parts_each(struct sofa_parts *parts, const int *x, double *mean, double *sd)
{
    for (size_t p = 0; p < parts->n; p++) {
        const double *of_part;

        sd[p] = look_up_part(parts, p, x, &of_part)->sd;
        mean[p] = of_part[0];
    }
}
