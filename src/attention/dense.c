/* Dense attention: what the sparse result is held against. */
#include <math.h>

#include "attention/kernel.h"

/* x [s][d] in rows of dp, the padding 0. */
static const float *padded_rows(const float *x, size_t s, size_t d, size_t dp, struct sofa_arena *arena)
{
    float *y = sofa_arena_zalloc(arena, s * dp, sizeof *y);

    for (size_t i = 0; y && i < s; i++)
        for (size_t c = 0; c < d; c++)
            y[i * dp + c] = x[i * d + c];
    return y;
}

/* x [s][d] as panels of keys, [s / PANEL][d][PANEL], the padding 0. */
static const float *panels(const float *x, size_t s, size_t d, struct sofa_arena *arena)
{
    float *y = sofa_arena_zalloc(arena, sofa_padded(s, SOFA_DENSE_PANEL) * d, sizeof *y);

    for (size_t i = 0; y && i < s; i++)
        for (size_t c = 0; c < d; c++)
            y[(i / SOFA_DENSE_PANEL * d + c) * SOFA_DENSE_PANEL + i % SOFA_DENSE_PANEL] = x[i * d + c];
    return y;
}

enum sofa_code sofa_attention_dense(const struct sofa_attention_kernel *kernel, size_t s, size_t d, bool causal,
                                    const float *q, const float *k, const float *v, float *out,
                                    struct sofa_arena *arena, struct sofa_err *err)
{
    struct sofa_arena_mark mark = sofa_arena_mark(arena);
    /* one vector more than a panel, so that rows of scores don't fall on the same cache sets */
    size_t dp = sofa_padded(d, SOFA_LANES), stride = sofa_padded(s, SOFA_DENSE_PANEL) + SOFA_LANES;
    struct sofa_dense a = {.s = s,
                           .d = d,
                           .dp = dp,
                           .stride = stride,
                           .causal = causal,
                           .q = padded_rows(q, s, d, dp, arena),
                           .k = panels(k, s, d, arena),
                           .v = padded_rows(v, s, d, dp, arena),
                           .scale = (float)(1 / sqrt((double)d)),
                           .score = sofa_arena_alloc(arena, SOFA_DENSE_ROWS * stride, sizeof *a.score),
                           .sums = sofa_arena_alloc(arena, SOFA_DENSE_ROWS * dp, sizeof *a.sums),
                           .out = out};
    bool room = a.q && a.k && a.v && a.score && a.sums;

    if (room)
        kernel->dense(&a);
    sofa_arena_rewind(arena, mark);
    return room ? SOFA_OK : sofa_fail_nomem(err, "dense attention");
}
