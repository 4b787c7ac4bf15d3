/*
 * The lattice of points and the memory of which were seen; samplers over it.
 *
 * A point is int x [dims] with 0 <= x[j] < levels[j].  The memory is a hash table of the integer
 * vectors themselves, so no point is ever proposed twice, however large the space.
 */
#ifndef SOFA_OPT_LATTICE_H
#define SOFA_OPT_LATTICE_H

#include <gsl/gsl_rng.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "opt/optimizer.h"

struct sofa_lattice {
    size_t dims;
    const struct sofa_opt_dim *dim; /* [dims], borrowed */
    double size;                    /* number of points, may be beyond 2^64 */
    int *points;                    /* [capacity][dims], those seen, in order */
    size_t count, capacity;
    size_t *slots; /* [slot_count] index + 1 of a point, 0 = free */
    size_t slot_count;
};

#define SOFA_LATTICE_NONE ((size_t)-1)

/* `dim` must outlive the lattice.  Release it even after a failure. */
enum sofa_code sofa_lattice_init(struct sofa_lattice *lattice, size_t dims, const struct sofa_opt_dim *dim,
                                 struct sofa_err *err);
void sofa_lattice_release(struct sofa_lattice *lattice);

bool sofa_lattice_contains(const struct sofa_lattice *lattice, const int *x); /* is x within the levels */
/* The index at which x was added, SOFA_LATTICE_NONE if it wasn't. */
size_t sofa_lattice_find(const struct sofa_lattice *lattice, const int *x);
/* Adds x if it is new; *index is where it is. */
enum sofa_code sofa_lattice_add(struct sofa_lattice *lattice, const int *x, size_t *index, struct sofa_err *err);
static inline const int *sofa_lattice_point(const struct sofa_lattice *lattice, size_t index)
{
    return lattice->points + index * lattice->dims;
}

/* Steps x to the next point in counting order (first dimension fastest); false after the last. */
bool sofa_lattice_next(const struct sofa_lattice *lattice, int *x);
void sofa_lattice_random(const struct sofa_lattice *lattice, gsl_rng *rng, int *x);

/* Which points a sampler may return. */
typedef bool sofa_lattice_accept_fn(void *ctx, const int *x);

/* A point drawn uniformly among those unseen and accepted.  Refused points are drawn again; after
 * SOFA_LATTICE_TRIES refusals a space of up to SOFA_LATTICE_LISTABLE points is gone through one by
 * one.  False when none is left (or none was met, in a larger space). */
bool sofa_lattice_random_new(const struct sofa_lattice *lattice, gsl_rng *rng, sofa_lattice_accept_fn *accept,
                             void *ctx, int *x);
#define SOFA_LATTICE_TRIES 20000
#define SOFA_LATTICE_LISTABLE 2e6

/*
 * Low-discrepancy points: the Halton sequence with reversed digits (Vandewoestyne and Cools, 2006;
 * GSL's reversehalton, up to 1229 dimensions), shifted at random modulo 1 (Cranley and Patterson).
 */
struct sofa_halton;
enum sofa_code sofa_halton_new(struct sofa_halton **halton, size_t dims, gsl_rng *rng, struct sofa_err *err);
void sofa_halton_free(struct sofa_halton *halton);
void sofa_halton_next(struct sofa_halton *halton, double *u); /* u [dims] in [0,1) */
/* The next unseen and accepted point of the sequence; false after SOFA_LATTICE_TRIES refusals. */
bool sofa_lattice_halton_new(const struct sofa_lattice *lattice, struct sofa_halton *halton,
                             sofa_lattice_accept_fn *accept, void *ctx, int *x);

#endif
