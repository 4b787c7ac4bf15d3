/* The algorithms that learn nothing: random and low-discrepancy points. */
#include "opt/algorithm.h"

enum sofa_code sofa_opt_random_point(struct sofa_optimizer *o, int *x, struct sofa_err *err)
{
    if (sofa_lattice_random_new(&o->seen, o->rng, sofa_opt_accepts, o, x))
        return SOFA_OK;
    if ((double)o->seen.count >= o->seen.size)
        return sofa_fail(err, SOFA_E_EXHAUSTED, "all %.0f points of the space have been proposed", o->seen.size);
    if (o->seen.size <= SOFA_LATTICE_LISTABLE)
        return sofa_fail(err, SOFA_E_EXHAUSTED,
                         "none of the %.0f points left in the space meets the constraints",
                         o->seen.size - (double)o->seen.count);
    return sofa_fail(err, SOFA_E_EXHAUSTED, "none of %d random points of the space meets the constraints",
                     SOFA_LATTICE_TRIES);
}

enum sofa_code sofa_opt_halton_point(struct sofa_optimizer *o, struct sofa_halton *halton, int *x,
                                     struct sofa_err *err)
{
    if (sofa_lattice_halton_new(&o->seen, halton, sofa_opt_accepts, o, x))
        return SOFA_OK;
    return sofa_opt_random_point(o, x, err);
}

static enum sofa_code halton_init(struct sofa_optimizer *o, struct sofa_err *err)
{
    struct sofa_halton *halton;
    enum sofa_code rc = sofa_halton_new(&halton, o->problem.dims, o->rng, err);

    o->own = halton;
    return rc;
}

static enum sofa_code halton_ask(struct sofa_optimizer *o, int *x, struct sofa_err *err)
{
    return sofa_opt_halton_point(o, o->own, x, err);
}

static void halton_free(struct sofa_optimizer *o)
{
    sofa_halton_free(o->own);
}

/* Points that the cheap constraints refuse are drawn again and never proposed. */
const struct sofa_opt_method sofa_opt_random = {
    .public = {"random", "points drawn uniformly among those that the cheap constraints allow", false},
    .ask = sofa_opt_random_point,
};

const struct sofa_opt_method sofa_opt_halton = {
    .public = {"halton", "a low-discrepancy sequence of points, without learning", false},
    .init = halton_init,
    .ask = halton_ask,
    .free = halton_free,
};
