#include "opt/parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "opt/gp.h"
#include "opt/lattice.h"
#include "opt/special.h"

#define FIT_ITERATIONS 40
#define FIT_AGAIN 1.05   /* settings told, over those of the last fit, from which on a part is fitted again */
#define FIT_SETTLED 100  /* settings from which on it is not any more */
#define SD_LEAST 1e-9    /* of a sum, over the largest value told */

/* What is believed of a setting. */
struct belief {
    size_t stamp; /* of the knowledge it comes from */
    double sd;
};

struct part {
    size_t dims, *from; /* dimension `from[j]` of the problem is its own j-th */
    struct sofa_opt_dim *dim;
    struct sofa_lattice known; /* settings told ... */
    double *value;             /* ... their values, [settings] */
    size_t *times;             /* ... and how often */
    struct sofa_gp *gp;
    size_t fitted;
    struct belief *belief; /* [settings] */
    double *mean;          /* [settings][draws] */
    size_t settings;
    int *pending;  /* [pending_n][dims]: settings of pending points that are not known */
    size_t *place; /* of each pending point: where its setting stands in `known`, or behind that in `pending` */
    size_t pending_n;
    int *x; /* [dims] scratch */
};

struct sofa_parts {
    const struct sofa_opt_problem *problem;
    size_t n, most_draws, draws, pending_room;
    struct part *part;
    size_t stamp;
    double largest; /* magnitude of the sums told */
    double *normals;
};

static bool hangs_on(const struct sofa_opt_dim *dim, size_t part)
{
    return !dim->apart && dim->levels > 1 && (dim->layer < 0 || (size_t)dim->layer == part);
}

bool sofa_parts_suit(const struct sofa_opt_problem *problem)
{
    size_t all = 0;

    for (size_t j = 0; j < problem->dims; j++)
        all += !problem->dim[j].apart && problem->dim[j].levels > 1;
    for (size_t p = 0; p < problem->parts; p++) {
        size_t own = 0;
        double settings = 1;

        for (size_t j = 0; j < problem->dims; j++)
            if (hangs_on(&problem->dim[j], p)) {
                settings *= problem->dim[j].levels;
                own++;
            }
        if (settings > SOFA_PARTS_SETTINGS || own == all)
            return false;
    }
    return problem->parts > 0;
}

static enum sofa_code part_init(struct part *part, const struct sofa_opt_problem *problem, size_t number, size_t draws,
                                struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    part->settings = 1;
    part->dim = calloc(problem->dims, sizeof *part->dim);
    part->from = calloc(problem->dims, sizeof *part->from);
    part->x = calloc(problem->dims, sizeof *part->x);
    if (!part->dim || !part->from || !part->x)
        return sofa_fail_nomem(err, "an optimizer");
    for (size_t j = 0; j < problem->dims; j++)
        if (hangs_on(&problem->dim[j], number)) {
            part->dim[part->dims] = problem->dim[j];
            part->dim[part->dims].layer = -1;
            part->from[part->dims++] = j;
            part->settings *= (size_t)problem->dim[j].levels;
        }
    part->value = calloc(part->settings, sizeof *part->value);
    part->times = calloc(part->settings, sizeof *part->times);
    part->belief = calloc(part->settings, sizeof *part->belief);
    part->mean = calloc(part->settings * draws, sizeof *part->mean);
    if (!part->value || !part->times || !part->belief || !part->mean)
        return sofa_fail_nomem(err, "an optimizer");
    SOFA_TRY(sofa_lattice_init(&part->known, part->dims, part->dim, err));
    if (part->settings > 1)
        SOFA_TRY(sofa_gp_new(part->dims, part->dim, false, &part->gp, err));
out:
    return rc;
}

static void part_release(struct part *part)
{
    sofa_lattice_release(&part->known);
    sofa_gp_free(part->gp);
    free(part->dim);
    free(part->from);
    free(part->x);
    free(part->value);
    free(part->times);
    free(part->belief);
    free(part->mean);
    free(part->pending);
    free(part->place);
}

enum sofa_code sofa_parts_new(const struct sofa_opt_problem *problem, size_t draws, struct sofa_parts **out,
                              struct sofa_err *err)
{
    struct sofa_parts *parts = calloc(1, sizeof *parts);
    enum sofa_code rc = SOFA_OK;

    *out = NULL;
    if (!parts)
        return sofa_fail_nomem(err, "an optimizer");
    *parts = (struct sofa_parts){.problem = problem, .n = problem->parts, .most_draws = draws, .draws = 1, .stamp = 1};
    parts->part = calloc(parts->n, sizeof *parts->part);
    if (!parts->part) {
        rc = sofa_fail_nomem(err, "an optimizer");
        goto out;
    }
    for (size_t p = 0; p < parts->n; p++)
        SOFA_TRY(part_init(&parts->part[p], problem, p, draws, err));
    *out = parts;
    parts = NULL;
out:
    sofa_parts_free(parts);
    return rc;
}

void sofa_parts_free(struct sofa_parts *parts)
{
    if (!parts)
        return;
    for (size_t p = 0; parts->part && p < parts->n; p++)
        part_release(&parts->part[p]);
    free(parts->part);
    free(parts->normals);
    free(parts);
}

enum sofa_code sofa_parts_clear(struct sofa_parts *parts, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    parts->largest = 0;
    for (size_t p = 0; p < parts->n; p++) {
        struct part *part = &parts->part[p];

        sofa_lattice_release(&part->known);
        SOFA_TRY(sofa_lattice_init(&part->known, part->dims, part->dim, err));
        memset(part->times, 0, part->settings * sizeof *part->times);
    }
out:
    return rc;
}

/* The part's own coordinates of x. */
static const int *own(const struct part *part, const int *x)
{
    for (size_t j = 0; j < part->dims; j++)
        part->x[j] = x[part->from[j]];
    return part->x;
}

/* The number of a setting in counting order. */
static size_t number_of(const struct part *part, const int *x)
{
    size_t number = 0;

    for (size_t j = 0; j < part->dims; j++)
        number = number * (size_t)part->dim[j].levels + (size_t)x[j];
    return number;
}

enum sofa_code sofa_parts_add(struct sofa_parts *parts, const int *x, const double *value, struct sofa_err *err)
{
    double sum = 0;
    enum sofa_code rc = SOFA_OK;

    for (size_t p = 0; p < parts->n; p++) {
        struct part *part = &parts->part[p];
        size_t i;

        SOFA_TRY(sofa_lattice_add(&part->known, own(part, x), &i, err));
        part->times[i]++;
        part->value[i] = part->times[i] == 1 ? value[p] : part->value[i] + (value[p] - part->value[i]) / (double)part->times[i];
        sum += value[p];
    }
    parts->largest = fabs(sum) > parts->largest ? fabs(sum) : parts->largest;
out:
    return rc;
}

static enum sofa_code reserve_pending(struct sofa_parts *parts, size_t pending, struct sofa_err *err)
{
    if (pending <= parts->pending_room)
        return SOFA_OK;
    parts->pending_room = 0;
    free(parts->normals);
    parts->normals = calloc(parts->most_draws * pending, sizeof *parts->normals);
    if (!parts->normals)
        return sofa_fail_nomem(err, "an optimizer");
    for (size_t p = 0; p < parts->n; p++) {
        struct part *part = &parts->part[p];

        free(part->pending);
        free(part->place);
        part->pending = calloc(pending * (part->dims + 1), sizeof *part->pending);
        part->place = calloc(pending, sizeof *part->place);
        if (!part->pending || !part->place)
            return sofa_fail_nomem(err, "an optimizer");
    }
    parts->pending_room = pending;
    return SOFA_OK;
}

/* Where the settings of the pending points stand. */
static void place_pending(struct part *part, size_t dims, size_t pending, const int *x_pending)
{
    part->pending_n = 0;
    for (size_t i = 0; i < pending; i++) {
        const int *x = own(part, x_pending + i * dims);
        size_t known = sofa_lattice_find(&part->known, x), k = 0;

        if (known != SOFA_LATTICE_NONE) {
            part->place[i] = known;
            continue;
        }
        while (k < part->pending_n && memcmp(part->pending + k * part->dims, x, part->dims * sizeof *x) != 0)
            k++;
        if (k == part->pending_n)
            memcpy(part->pending + part->pending_n++ * part->dims, x, part->dims * sizeof *x);
        part->place[i] = part->known.count + k;
    }
}

/* Normal innovations, other ones for every part: additive recurrences with the roots of primes. */
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

static enum sofa_code learn_part(struct sofa_parts *parts, size_t number, struct sofa_err *err)
{
    struct part *part = &parts->part[number];
    size_t n = part->known.count;
    double posterior;
    enum sofa_code rc;

    SOFA_TRY(sofa_gp_data(part->gp, n, part->known.points, part->value, err));
    if (part->fitted == 0 || (part->fitted < FIT_SETTLED && (double)n >= FIT_AGAIN * (double)part->fitted)) {
        SOFA_TRY(sofa_gp_fit(part->gp, part->fitted ? SOFA_GP_FROM_LAST : SOFA_GP_FROM_MODE | SOFA_GP_FROM_SHORT,
                             FIT_ITERATIONS, &posterior, err));
        part->fitted = n;
    }
    if (parts->draws > 1)
        set_normals(parts, number, part->pending_n);
    SOFA_TRY(sofa_gp_condition(part->gp, part->pending_n, part->pending, parts->draws,
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
    for (size_t p = 0; p < parts->n; p++) {
        place_pending(&parts->part[p], parts->problem->dims, pending, x_pending);
        if (parts->part[p].gp)
            SOFA_TRY(learn_part(parts, p, err));
    }
out:
    return rc;
}

double sofa_parts_pending(const struct sofa_parts *parts, size_t draw, size_t i)
{
    double sum = 0;

    for (size_t p = 0; p < parts->n; p++) {
        const struct part *part = &parts->part[p];
        size_t known = part->known.count, place = part->place[i];

        sum += place < known ? part->value[place] : sofa_gp_pending(part->gp, draw, place - known);
    }
    return sum;
}

/* What is believed of the setting with this number. */
static const struct belief *look_up(struct sofa_parts *parts, struct part *part, const int *x, size_t number)
{
    struct belief *belief = &part->belief[number];
    double *mean = part->mean + number * parts->most_draws;
    size_t known;

    if (belief->stamp == parts->stamp)
        return belief;
    belief->stamp = parts->stamp;
    known = sofa_lattice_find(&part->known, x);
    if (known == SOFA_LATTICE_NONE) {
        sofa_gp_predict(part->gp, 1, &x, mean, &belief->sd);
        return belief;
    }
    belief->sd = 0;
    for (size_t f = 0; f < parts->draws; f++)
        mean[f] = part->value[known];
    return belief;
}

void sofa_parts_predict(struct sofa_parts *parts, const int *x, double *mean, double *sd)
{
    double variance = SD_LEAST * parts->largest * SD_LEAST * parts->largest;

    memset(mean, 0, parts->draws * sizeof *mean);
    for (size_t p = 0; p < parts->n; p++) {
        struct part *part = &parts->part[p];
        const int *here = own(part, x);
        size_t number = number_of(part, here);
        const struct belief *belief = look_up(parts, part, here, number);

        for (size_t f = 0; f < parts->draws; f++)
            mean[f] += part->mean[number * parts->most_draws + f];
        variance += belief->sd * belief->sd;
    }
    *sd = sqrt(variance);
}
