#include "attention/select.h"

#include <math.h>

#include "acsr/members.h"
#include "attention/kernel.h"

/* The largest threshold t with count(x >= t) >= quota lies in [low, high); halves until the count is
 * met or nothing lies between: then x == low are ties. */
static void bisect(const struct sofa_attention_kernel *kernel, const double *x, size_t n, size_t quota, bool integral,
                   double *low, double *high, size_t *above)
{
    *above = 0; /* count(x >= *high) */
    for (;;) {
        double middle = *low + (*high - *low) / 2;
        size_t c;

        if (integral)
            middle = floor(middle);
        if (middle <= *low || middle >= *high)
            return;
        c = kernel->count(x, n, middle);
        if (c > quota) {
            *low = middle;
            continue;
        }
        *high = middle;
        *above = c;
        if (c == quota)
            return;
    }
}

/* The least double above x. */
static double just_above(double x, bool integral)
{
    return integral ? x + 1 : nextafter(x, INFINITY);
}

size_t sofa_select(const struct sofa_attention_kernel *kernel, const double *x, size_t n, size_t quota, double least,
                   bool integral, uint32_t base, uint32_t *keys, size_t *feasible)
{
    double low = least, high, most;
    size_t above;

    *feasible = least == -INFINITY ? n : kernel->count(x, n, least);
    if (*feasible <= quota)
        return kernel->emit(x, n, least, least, 0, base, keys);
    if (low == -INFINITY) {
        low = x[0];
        for (size_t i = 1; i < n; i++)
            low = x[i] < low ? x[i] : low;
    }
    most = kernel->max(x, n);
    if (integral)
        low = ceil(low);
    high = just_above(most, integral);
    bisect(kernel, x, n, quota, integral, &low, &high, &above);
    return kernel->emit(x, n, high, low, quota - above, base, keys);
}

struct sofa_tiling sofa_tiling(const struct sofa_attention_params *params, size_t s, double logit_scale)
{
    size_t tiles = (size_t)params->tiles, keys = (s + tiles - 1) / tiles;

    return (struct sofa_tiling){.s = s,
                                .keys = keys,
                                .tiles = (s + keys - 1) / keys,
                                .causal = params->causal,
                                .permille = params->topk_permille,
                                .reach = params->radius / logit_scale,
                                .reference = params->reference};
}

/* The first key of the list with the largest score. */
static uint32_t best(const double *scores, const uint32_t *keys, size_t n)
{
    uint32_t first = keys[0];

    for (size_t t = 1; t < n; t++)
        first = scores[keys[t]] > scores[first] ? keys[t] : first;
    return first;
}

size_t sofa_select_row(const struct sofa_attention_kernel *kernel, const struct sofa_tiling *tiling, size_t row,
                       const double *scores, uint32_t *keys, uint32_t *first, size_t *clipped)
{
    size_t visible = sofa_visible(tiling, row), selected = 0;
    double benchmark = -INFINITY;

    for (size_t t = 0; t < tiling->tiles; t++) {
        size_t start = t * tiling->keys, n, feasible, got;
        double most;

        first[t] = UINT32_MAX;
        if (start >= visible)
            continue;
        n = visible - start < tiling->keys ? visible - start : tiling->keys;
        most = kernel->max(scores + start, n);
        benchmark = tiling->reference == SOFA_REFERENCE_SEGMENT || most > benchmark ? most : benchmark;
        got = sofa_select(kernel, scores + start, n, sofa_quota(n, tiling->permille), benchmark - tiling->reach,
                          true, (uint32_t)start, keys + selected, &feasible);
        *clipped += n - feasible;
        if (got)
            first[t] = best(scores, keys + selected, got);
        selected += got;
    }
    return selected;
}

/* Members of keys [start, end): their indices, and their scores side by side. */
static size_t gather(const uint64_t *bits, size_t start, size_t end, const double *scores, double *compact, uint32_t *index)
{
    size_t n = 0;

    for (size_t key = start; key < end; key++) {
        compact[n] = scores[key];
        index[n] = (uint32_t)key;
        n += bits[key / 64] >> key % 64 & 1;
    }
    return n;
}

size_t sofa_select_members(const struct sofa_attention_kernel *kernel, const struct sofa_tiling *tiling, size_t row,
                           const double *scores, double *compact, uint32_t *index, uint32_t *keys, uint32_t *first,
                           size_t *clipped)
{
    const uint64_t *bits = sofa_members_row(tiling->members, row);
    size_t visible = sofa_visible(tiling, row), selected = 0;
    double benchmark = -INFINITY;

    for (size_t t = 0; t < tiling->tiles; t++) {
        size_t start = t * tiling->keys, end = start + tiling->keys < visible ? start + tiling->keys : visible;
        size_t n = start < end ? gather(bits, start, end, scores, compact, index) : 0, feasible, got;
        double most;

        first[t] = UINT32_MAX;
        if (!n)
            continue;
        most = kernel->max(compact, n);
        benchmark = tiling->reference == SOFA_REFERENCE_SEGMENT || most > benchmark ? most : benchmark;
        got = sofa_select(kernel, compact, n, sofa_quota(n, tiling->permille), benchmark - tiling->reach, true, 0,
                          keys + selected, &feasible);
        for (size_t i = selected; i < selected + got; i++)
            keys[i] = index[keys[i]];
        *clipped += n - feasible;
        if (got)
            first[t] = best(scores, keys + selected, got);
        selected += got;
    }
    return selected;
}
