#include "opt/lattice.h"

#include <gsl/gsl_qrng.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

static uint64_t hash_point(const int *x, size_t dims)
{
    uint64_t h = 0;

    for (size_t j = 0; j < dims; j++)
        h = (h + (uint64_t)(unsigned)x[j] + 1) * 0x9e3779b97f4a7c15u; /* odd: nothing is lost */
    return sofa_mix64(h);
}

static enum sofa_code grow_slots(struct sofa_lattice *lattice, struct sofa_err *err)
{
    size_t n = lattice->slot_count ? 2 * lattice->slot_count : 64, at;
    size_t *slots = calloc(n, sizeof *slots);

    if (!slots)
        return sofa_fail_nomem(err, "the points seen");
    for (size_t i = 0; i < lattice->count; i++) {
        at = (size_t)hash_point(sofa_lattice_point(lattice, i), lattice->dims) & (n - 1);
        while (slots[at])
            at = (at + 1) & (n - 1);
        slots[at] = i + 1;
    }
    free(lattice->slots);
    lattice->slots = slots;
    lattice->slot_count = n;
    return SOFA_OK;
}

enum sofa_code sofa_lattice_init(struct sofa_lattice *lattice, size_t dims, const struct sofa_opt_dim *dim,
                                 struct sofa_err *err)
{
    *lattice = (struct sofa_lattice){.dims = dims, .dim = dim, .size = 1};
    for (size_t j = 0; j < dims; j++)
        lattice->size *= dim[j].levels;
    return grow_slots(lattice, err);
}

void sofa_lattice_release(struct sofa_lattice *lattice)
{
    free(lattice->points);
    free(lattice->slots);
    *lattice = (struct sofa_lattice){0};
}

bool sofa_lattice_contains(const struct sofa_lattice *lattice, const int *x)
{
    for (size_t j = 0; j < lattice->dims; j++)
        if (x[j] < 0 || x[j] >= lattice->dim[j].levels)
            return false;
    return true;
}

/* The slot of x, or the free one where it belongs. */
static size_t find_slot(const struct sofa_lattice *lattice, const int *x)
{
    size_t mask = lattice->slot_count - 1;
    size_t at = (size_t)hash_point(x, lattice->dims) & mask;

    while (lattice->slots[at] && memcmp(sofa_lattice_point(lattice, lattice->slots[at] - 1), x,
                                        lattice->dims * sizeof *x) != 0)
        at = (at + 1) & mask;
    return at;
}

size_t sofa_lattice_find(const struct sofa_lattice *lattice, const int *x)
{
    return lattice->slots[find_slot(lattice, x)] - 1; /* 0 - 1 is SOFA_LATTICE_NONE */
}

static enum sofa_code grow_points(struct sofa_lattice *lattice, struct sofa_err *err)
{
    size_t n = lattice->capacity ? 2 * lattice->capacity : 64;
    int *points = realloc(lattice->points, n * lattice->dims * sizeof *points);

    if (!points)
        return sofa_fail_nomem(err, "the points seen");
    lattice->points = points;
    lattice->capacity = n;
    return SOFA_OK;
}

enum sofa_code sofa_lattice_add(struct sofa_lattice *lattice, const int *x, size_t *index, struct sofa_err *err)
{
    size_t at = find_slot(lattice, x);
    enum sofa_code rc = SOFA_OK;

    *index = lattice->slots[at] - 1; /* 0 - 1 is SOFA_LATTICE_NONE */
    if (*index != SOFA_LATTICE_NONE)
        return SOFA_OK;
    if (lattice->count == lattice->capacity)
        SOFA_TRY(grow_points(lattice, err));
    if (2 * (lattice->count + 1) > lattice->slot_count) {
        SOFA_TRY(grow_slots(lattice, err));
        at = find_slot(lattice, x);
    }
    *index = lattice->count++;
    memcpy(lattice->points + *index * lattice->dims, x, lattice->dims * sizeof *x);
    lattice->slots[at] = *index + 1;
out:
    return rc;
}

bool sofa_lattice_next(const struct sofa_lattice *lattice, int *x)
{
    for (size_t j = 0; j < lattice->dims; j++) {
        if (++x[j] < lattice->dim[j].levels)
            return true;
        x[j] = 0;
    }
    return false;
}

void sofa_lattice_random(const struct sofa_lattice *lattice, gsl_rng *rng, int *x)
{
    for (size_t j = 0; j < lattice->dims; j++)
        x[j] = (int)sofa_rng_below(rng, (size_t)lattice->dim[j].levels);
}

static bool is_new(const struct sofa_lattice *lattice, sofa_lattice_accept_fn *accept, void *ctx, const int *x)
{
    return sofa_lattice_find(lattice, x) == SOFA_LATTICE_NONE && (!accept || accept(ctx, x));
}

/* Goes through the whole space; each point left is as likely as any other (reservoir of one). */
static bool pick_listed(const struct sofa_lattice *lattice, gsl_rng *rng, sofa_lattice_accept_fn *accept,
                        void *ctx, int *x)
{
    int *at = calloc(lattice->dims ? lattice->dims : 1, sizeof *at);
    size_t left = 0;

    if (!at)
        return false;
    do {
        if (is_new(lattice, accept, ctx, at) && sofa_rng_below(rng, ++left) == 0)
            memcpy(x, at, lattice->dims * sizeof *x);
    } while (sofa_lattice_next(lattice, at));
    free(at);
    return left > 0;
}

bool sofa_lattice_random_new(const struct sofa_lattice *lattice, gsl_rng *rng, sofa_lattice_accept_fn *accept,
                             void *ctx, int *x)
{
    double tries = lattice->size <= SOFA_LATTICE_LISTABLE ? 2 * lattice->size : SOFA_LATTICE_TRIES;

    if (tries > SOFA_LATTICE_TRIES)
        tries = SOFA_LATTICE_TRIES;
    for (size_t t = 0; t < (size_t)tries; t++) {
        sofa_lattice_random(lattice, rng, x);
        if (is_new(lattice, accept, ctx, x))
            return true;
    }
    return lattice->size <= SOFA_LATTICE_LISTABLE && pick_listed(lattice, rng, accept, ctx, x);
}

struct sofa_halton {
    gsl_qrng *sequence;
    size_t dims;
    double *shift; /* [dims] */
    double *u;     /* [dims] */
};

enum sofa_code sofa_halton_new(struct sofa_halton **halton, size_t dims, gsl_rng *rng, struct sofa_err *err)
{
    struct sofa_halton *h = calloc(1, sizeof *h);

    *halton = h;
    if (h) {
        h->dims = dims;
        h->sequence = gsl_qrng_alloc(gsl_qrng_reversehalton, dims ? (unsigned)dims : 1);
        h->shift = calloc(dims ? dims : 1, sizeof *h->shift);
        h->u = calloc(dims ? dims : 1, sizeof *h->u);
    }
    if (!h || !h->sequence || !h->shift || !h->u) {
        sofa_halton_free(h);
        *halton = NULL;
        return sofa_fail_nomem(err, "a Halton sequence");
    }
    for (size_t j = 0; j < dims; j++)
        h->shift[j] = gsl_rng_uniform(rng);
    return SOFA_OK;
}

void sofa_halton_free(struct sofa_halton *halton)
{
    if (!halton)
        return;
    if (halton->sequence)
        gsl_qrng_free(halton->sequence);
    free(halton->shift);
    free(halton->u);
    free(halton);
}

void sofa_halton_next(struct sofa_halton *halton, double *u)
{
    gsl_qrng_get(halton->sequence, halton->u);
    for (size_t j = 0; j < halton->dims; j++) {
        u[j] = halton->u[j] + halton->shift[j];
        u[j] -= u[j] >= 1;
    }
}

bool sofa_lattice_halton_new(const struct sofa_lattice *lattice, struct sofa_halton *halton,
                             sofa_lattice_accept_fn *accept, void *ctx, int *x)
{
    double u;

    for (size_t t = 0; t < SOFA_LATTICE_TRIES; t++) {
        gsl_qrng_get(halton->sequence, halton->u);
        for (size_t j = 0; j < lattice->dims; j++) {
            u = halton->u[j] + halton->shift[j];
            x[j] = (int)((u - (u >= 1)) * lattice->dim[j].levels);
        }
        if (is_new(lattice, accept, ctx, x))
            return true;
    }
    return false;
}
