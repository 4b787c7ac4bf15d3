/*
 * SADS: tiled, clipped top-k selection of one row (step 6 of the kernel).
 */
#ifndef SOFA_ATTENTION_SELECT_H
#define SOFA_ATTENTION_SELECT_H

#include "attention/attention.h"

/* Keeps the `quota` largest of x [n] that are >= least, ties to the lower index; appends base + index to
 * keys (room for n) in ascending order.  `feasible` gets the number of x >= least.  The x are
 * integers where `integral`, else any finite doubles.  Returns the number kept. */
size_t sofa_select(const struct sofa_attention_kernel *kernel, const double *x, size_t n, size_t quota, double least,
                   bool integral, uint32_t base, uint32_t *keys, size_t *feasible);

struct sofa_members;

/* The tiling of a row and what one head asks of it. */
struct sofa_tiling {
    size_t s, keys, tiles; /* keys per tile; tiles that hold keys */
    bool causal;
    int permille;
    double reach; /* radius / c: how far below the benchmark a score may lie */
    enum sofa_reference reference;
    const struct sofa_members *members; /* of the block at hand; NULL: all that causality leaves */
};
struct sofa_tiling sofa_tiling(const struct sofa_attention_params *params, size_t s, double logit_scale);

/* Keys [0, n) that causality leaves a row. */
static inline size_t sofa_visible(const struct sofa_tiling *tiling, size_t row)
{
    return tiling->causal ? row + 1 : tiling->s;
}

static inline size_t sofa_quota(size_t visible, int permille)
{
    return (visible * (size_t)permille + 999) / 1000;
}

/* Selects of row `row`, scores [visible], all tiles.  first [tiles] gets the selected key with the
 * largest score of each tile, UINT32_MAX where none was selected.  `clipped` is added to. */
size_t sofa_select_row(const struct sofa_attention_kernel *kernel, const struct sofa_tiling *tiling, size_t row,
                       const double *scores, uint32_t *keys, uint32_t *first, size_t *clipped);

/* The same among the members of the pattern; compact and index have room for the keys of a tile. */
size_t sofa_select_members(const struct sofa_attention_kernel *kernel, const struct sofa_tiling *tiling, size_t row,
                           const double *scores, double *compact, uint32_t *index, uint32_t *keys, uint32_t *first,
                           size_t *clipped);

#endif
