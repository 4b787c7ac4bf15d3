#include "acsr/kernel.h"

#include <math.h>
#include <string.h>

#include "acsr/impl.h"
#include "base/isa.h"

/* in the order of base/isa */
static const struct sofa_acsr_kernel *const kernels[] = {
    &sofa_acsr_portable,
#ifdef SOFA_HAVE_AVX2
    &sofa_acsr_avx2,
#endif
#ifdef SOFA_HAVE_AVX512
    &sofa_acsr_avx512,
#endif
};

const char *sofa_acsr_kernel_name(const struct sofa_acsr_kernel *kernel)
{
    return kernel->name;
}

enum sofa_code sofa_acsr_kernel_find(const char *isa, const struct sofa_acsr_kernel **kernel, struct sofa_err *err)
{
    size_t index;
    enum sofa_code rc = sofa_isa_find(isa, &index, err);

    if (rc == SOFA_OK)
        *kernel = kernels[index];
    return rc;
}

static size_t padded(size_t n)
{
    return (n + SOFA_ACSR_LANES - 1) / SOFA_ACSR_LANES * SOFA_ACSR_LANES;
}

/* x [n][d] in rows of dp, the padding 0; x itself where nothing is to be padded. */
static const float *padded_rows(const float *x, size_t n, size_t d, size_t dp, struct sofa_arena *arena)
{
    float *y;

    if (d == dp || !x)
        return x;
    y = sofa_arena_zalloc(arena, n * dp, sizeof *y);
    for (size_t i = 0; y && i < n; i++)
        memcpy(y + i * dp, x + i * d, d * sizeof *y);
    return y;
}

enum sofa_code sofa_acsr_work_init(struct sofa_acsr_work *w, const struct sofa_acsr_plan *plan,
                                   const struct sofa_acsr_operands *o, struct sofa_arena *arena, struct sofa_err *err)
{
    size_t dp = padded(o->d), chunk = (size_t)SOFA_ACSR_SCORES * SOFA_ACSR_LANES;

    *w = (struct sofa_acsr_work){
        .plan = plan,
        .d = o->d,
        .dp = dp,
        .q = o->q,
        .out = o->out,
        .k = padded_rows(o->k, plan->columns, o->d, dp, arena),
        .v = padded_rows(o->v, plan->columns, o->d, dp, arena),
        .k_stride = dp,
        .v_stride = dp,
        .keys = plan->columns,
        .query = sofa_arena_alloc(arena, dp * SOFA_ACSR_LANES, sizeof(float)),
        .score = sofa_arena_alloc(arena, chunk, sizeof(float)),
        .sum = sofa_arena_alloc(arena, dp * SOFA_ACSR_LANES, sizeof(float)),
    };
    if (plan->shared) {
        w->most = sofa_arena_alloc(arena, plan->rows, sizeof(float));
        w->total = sofa_arena_alloc(arena, plan->rows, sizeof(float));
    }
    if ((o->k && !w->k) || (o->v && !w->v) || !w->query || !w->score || !w->sum ||
        (plan->shared && (!w->most || !w->total)))
        return sofa_fail_nomem(err, "the scratch of a kernel");
    return SOFA_OK;
}

size_t sofa_acsr_packed_size(const struct sofa_acsr_work *w)
{
    size_t most = 0;

    for (size_t g = 0; g < w->plan->n_groups; g++)
        if (w->plan->group[g].packed && w->plan->group[g].keys > most)
            most = w->plan->group[g].keys;
    return 2 * most * w->dp;
}

struct sofa_acsr_work sofa_acsr_work_group(const struct sofa_acsr_work *all, const struct sofa_acsr_group *g,
                                           float *packed)
{
    struct sofa_acsr_work w = *all;
    size_t stride = (size_t)g->stride * w.dp, origin = (size_t)g->origin * w.dp;

    w.keys = g->keys;
    if (!g->packed) {
        w.k = w.k ? w.k + origin : NULL;
        w.v = w.v ? w.v + origin : NULL;
        w.k_stride = w.v_stride = stride;
        return w;
    }
    for (size_t t = 0; t < g->keys; t++) {
        if (all->k)
            memcpy(packed + t * w.dp, all->k + origin + t * stride, w.dp * sizeof *packed);
        if (all->v)
            memcpy(packed + (g->keys + t) * w.dp, all->v + origin + t * stride, w.dp * sizeof *packed);
    }
    w.k = packed;
    w.v = packed + g->keys * w.dp;
    return w;
}

enum sofa_code sofa_acsr_attention(const struct sofa_acsr_kernel *kernel, const struct sofa_acsr_plan *plan,
                                   const struct sofa_acsr_operands *operands, struct sofa_arena *arena,
                                   struct sofa_err *err)
{
    struct sofa_arena_mark mark = sofa_arena_mark(arena);
    struct sofa_acsr_work all, w;
    uint32_t group = UINT32_MAX;
    enum sofa_code rc;
    float *packed;

    SOFA_TRY(sofa_acsr_work_init(&all, plan, operands, arena, err));
    packed = sofa_arena_alloc(arena, sofa_acsr_packed_size(&all) + 1, sizeof *packed);
    if (!packed) {
        rc = sofa_fail_nomem(err, "packed keys");
        goto out;
    }
    w = all;
    for (size_t i = 0; i < plan->n_blocks; i++) {
        if (plan->block[i].group != group)
            w = sofa_acsr_work_group(&all, &plan->group[plan->block[i].group], packed);
        group = plan->block[i].group;
        kernel->block(&w, &plan->block[i]);
    }
    for (size_t i = 0; i < plan->n_lines; i++)
        kernel->line(&all, &plan->line[i]);
    for (size_t i = 0; i < plan->n_empty; i++)
        memset(operands->out + (size_t)plan->empty[i] * operands->d, 0, operands->d * sizeof *operands->out);
out:
    sofa_arena_rewind(arena, mark);
    return rc;
}
