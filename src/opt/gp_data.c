/* The data of a Gaussian process: room for them, their scale, and which of many are taken. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/columns.h"
#include "opt/gp_impl.h"

#define BLOCK SOFA_DENSE_LANES

double *sofa_gp_new_rows(size_t rows, size_t length)
{
    size_t bytes = rows * length * sizeof(double);
    double *p = aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);

    return p ? memset(p, 0, bytes) : NULL;
}

void sofa_gp_free_rows(struct sofa_gp *gp)
{
    double **const rows[] = {&gp->u, &gp->cholesky, &gp->inverse_t, &gp->inverse, &gp->precision,
                             &gp->strip, &gp->z, &gp->innovation, &gp->weight};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        free(*rows[i]);
        *rows[i] = NULL;
    }
    sofa_gp_free_base(gp);
    free(gp->x);
    free(gp->factored_x);
    gp->x = gp->factored_x = NULL;
    gp->capacity = gp->draws_capacity = gp->factored = 0;
}

void sofa_gp_forget(struct sofa_gp *gp)
{
    sofa_gp_free_rows(gp);
    gp->n = 0;
}

enum sofa_code sofa_gp_reserve(struct sofa_gp *gp, size_t rows, struct sofa_err *err)
{
    size_t dims = gp->space.dims, n = GP_LEAST_ROWS;
    int *x = gp->x;
    double *z = gp->z;

    if (rows <= gp->capacity)
        return SOFA_OK;
    while (n < rows)
        n += n / 2 / 16 * 16;
    gp->x = NULL;
    gp->z = NULL;
    sofa_gp_free_rows(gp);
    gp->x = calloc(n * dims, sizeof *gp->x);
    gp->factored_x = calloc(n * dims, sizeof *gp->x);
    gp->z = sofa_gp_new_rows(1, n);
    gp->u = sofa_gp_new_rows(gp->space.padded + BLOCK, n);
    gp->cholesky = sofa_gp_new_rows(n, n);
    gp->inverse_t = sofa_gp_new_rows(n, n);
    gp->inverse = sofa_gp_new_rows(n, n);
    gp->strip = sofa_gp_new_rows(GP_STRIP_ROWS, n);
    if (gp->x && gp->z && x && z) {
        memcpy(gp->x, x, gp->n * dims * sizeof *x);
        memcpy(gp->z, z, gp->n * sizeof *z);
    }
    free(x);
    free(z);
    if (!gp->x || !gp->factored_x || !gp->z || !gp->u || !gp->cholesky || !gp->inverse_t || !gp->inverse ||
        !gp->strip) {
        sofa_gp_free_rows(gp);
        gp->n = 0;
        return sofa_fail_nomem(err, "a Gaussian process");
    }
    gp->capacity = n;
    return sofa_gp_reserve_tables(gp, n, err);
}

/* Centre and spread of the outputs, which the process sees standardised. */
static void set_scale(struct sofa_gp *gp, size_t n, const double *z)
{
    double sum = 0, squares = 0;

    for (size_t i = 0; i < n; i++)
        sum += z[i];
    gp->centre = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (z[i] - gp->centre) * (z[i] - gp->centre);
    gp->spread = sqrt(squares / (double)n);
    if (!(gp->spread > 1e-12 * (1 + fabs(gp->centre))))
        gp->spread = 1; /* a constant: any unit will do */
}

enum sofa_code sofa_gp_data(struct sofa_gp *gp, size_t n, const int *x, const double *z, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(sofa_gp_reserve(gp, n + 1, err));
    memcpy(gp->x, x, n * gp->space.dims * sizeof *x);
    gp->n = n;
    set_scale(gp, n, z);
    for (size_t i = 0; i < n; i++)
        gp->z[i] = (z[i] - gp->centre) / gp->spread;
out:
    return rc;
}

static enum sofa_code reserve_survey(struct gp_survey *survey, size_t padded, size_t n, struct sofa_err *err)
{
    const struct sofa_column columns[] = {SOFA_COLUMN(survey->u, padded), SOFA_COLUMN(survey->r2, 1),
                                          SOFA_COLUMN(survey->order, 1), SOFA_COLUMN(survey->taken, 1)};

    return sofa_columns_grow(columns, 4, &survey->room, n) ? SOFA_OK : sofa_fail_nomem(err, "a Gaussian process");
}

void sofa_gp_free_survey(struct gp_survey *survey)
{
    free(survey->u);
    free(survey->r2);
    free(survey->order);
    free(survey->taken);
    *survey = (struct gp_survey){0};
}

enum sofa_code sofa_gp_survey(struct sofa_gp *gp, size_t n, const int *x, const double *z, struct sofa_err *err)
{
    const struct gp_space *space = &gp->space;
    struct gp_survey *survey = &gp->survey;
    enum sofa_code rc;

    SOFA_TRY(reserve_survey(survey, space->padded, n, err));
    gp->n = 0;
    sofa_gp_set(gp, gp->theta); /* the warp */
    for (size_t c = 0; c < space->columns; c++)
        for (size_t i = 0; i < n; i++)
            survey->u[c * survey->room + i] = sofa_gp_feature(space, space->warped, c, x + i * space->dims);
    set_scale(gp, n, z);
    survey->n = n;
    survey->x = x;
    survey->z = z;
out:
    return rc;
}

static int compare_near(const void *pa, const void *pb)
{
    const struct gp_near *a = pa, *b = pb;

    if (a->r2 != b->r2)
        return a->r2 < b->r2 ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static int compare_index(const void *pa, const void *pb)
{
    const struct gp_near *a = pa, *b = pb;

    return (a->index > b->index) - (a->index < b->index);
}

/* Row i of the survey becomes the next of the data. */
static void take_row(struct sofa_gp *gp, size_t i)
{
    size_t dims = gp->space.dims;

    memcpy(gp->x + gp->n * dims, gp->survey.x + i * dims, dims * sizeof *gp->x);
    gp->z[gp->n++] = (gp->survey.z[i] - gp->centre) / gp->spread;
}

enum sofa_code sofa_gp_take(struct sofa_gp *gp, size_t count, const size_t *rows, struct sofa_err *err)
{
    enum sofa_code rc;

    gp->n = 0;
    SOFA_TRY(sofa_gp_reserve(gp, count + 1, err));
    memset(gp->survey.taken, 0, gp->survey.n * sizeof *gp->survey.taken);
    for (size_t k = 0; k < count; k++) {
        take_row(gp, rows[k]);
        gp->survey.taken[rows[k]] = true;
    }
    gp->survey.base = count;
out:
    return rc;
}

enum sofa_code sofa_gp_take_nearest(struct sofa_gp *gp, const int *centre, size_t most, struct sofa_err *err)
{
    struct gp_survey *survey = &gp->survey;
    size_t left = 0, n;
    enum sofa_code rc;

    sofa_gp_features(gp, centre, gp->scratch);
    gp->dense->distances(survey->u, survey->room, gp->scratch, gp->kernel.inverse, gp->space.columns, survey->n,
                         survey->r2);
    for (size_t i = 0; i < survey->n; i++)
        if (!survey->taken[i])
            survey->order[left++] = (struct gp_near){survey->r2[i], i};
    qsort(survey->order, left, sizeof *survey->order, compare_near);
    n = left < most ? left : most;
    qsort(survey->order, n, sizeof *survey->order, compare_index); /* as they were told */
    gp->n = survey->base;
    SOFA_TRY(sofa_gp_reserve(gp, gp->n + n + 1, err));
    for (size_t k = 0; k < n; k++)
        take_row(gp, survey->order[k].index);
out:
    return rc;
}
