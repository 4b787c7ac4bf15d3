/* LAYERS layers of a ratio and a tile count each, and a shared capacity that costs area alone: what the includer says of
 * their loss is uncertain, work and area are exact. */
#ifndef SOFA_TESTS_OPT_LAYERS_H
#define SOFA_TESTS_OPT_LAYERS_H

#include <math.h>

#include "opt/optimizer.h"

#define DIMS (2 * LAYERS + 1)

static struct sofa_opt_dim dims[DIMS];

static void set_dims(void)
{
    for (int l = 0; l < LAYERS; l++) {
        dims[2 * l] = (struct sofa_opt_dim){.levels = 10, .group = 0, .layer = l, .corner = 9};
        dims[2 * l + 1] = (struct sofa_opt_dim){.levels = 8, .group = 1, .layer = l, .corner = 0};
    }
    dims[2 * LAYERS] = (struct sofa_opt_dim){.levels = 6, .group = 2, .layer = -1, .corner = -1, .apart = true};
}

static void cheap(void *ctx, const int *x, struct sofa_opt_cheap *out)
{
    double work = 1;

    (void)ctx;
    for (int l = 0; l < LAYERS; l++)
        work += (1 + x[2 * l]) * (1.5 - 0.1 * x[2 * l + 1]) * (1 + 0.2 * l);
    *out = (struct sofa_opt_cheap){.y = {(double)NAN, work / (1 + x[2 * LAYERS]), 1 + x[2 * LAYERS]}, .feasible = true};
}

#endif
