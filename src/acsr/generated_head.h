
/* Written by hand, put into every generated kernel behind its sizes. */
#include <string.h>

struct arrays {
    const float *q;
    float *out, *most, *total;
};
struct block {
    int32_t row[LANES];
    uint32_t lanes, opens, closes, run, runs;
};
/* count calls of a shape, or of blocks from the table with row as its index, in steps of row and key. */
struct segment {
    int shape;
    uint32_t group, count;
    int32_t row, row_step, from, from_step;
};
struct group {
    size_t keys;
    int32_t stride, origin, packed;
};
struct line {
    int32_t row;
    uint32_t opens, closes;
    struct tile_line members;
};

/* A chunk of n keys, some of them behind the last member; all lanes see full_from to full_to. */
struct chunk {
    int32_t n, full_from, full_to;
    _Alignas(64) float begin[LANES];
    _Alignas(64) float end[LANES];
};

INLINE void end_chunk(struct tile *t, const float *v, size_t stride, size_t n, const vec most[TILE_VECTORS],
                      enum tile_end how, float *const *out)
{
    tile_weights(t, n, most, how);
    tile_sums(t, v, stride, DP, how, out);
}

INLINE void any_chunk(struct tile *t, const float *k, const float *v, size_t stride, const struct chunk *c,
                      enum tile_end how, float *const *out)
{
    struct sofa_acsr_run run = {0, c->n, c->full_from, c->full_to, {0}, {0}, NULL};
    struct tile_keys keys = {k, v, stride, stride, (size_t)c->n};
    vec most[TILE_VECTORS];

    t->begin = c->begin;
    t->end = c->end;
    if (how == TILE_JOIN)
        tile_start(t, most, TILE_JOIN);
    else
        tile_start(t, most, TILE_FIRST);
    tile_scores(t, &keys, &run, 0, (size_t)c->n, D, stride, most);
    if (how == TILE_OUT)
        end_chunk(t, v, stride, (size_t)c->n, most, TILE_OUT, out);
    else if (how == TILE_FIRST)
        end_chunk(t, v, stride, (size_t)c->n, most, TILE_FIRST, out);
    else
        end_chunk(t, v, stride, (size_t)c->n, most, TILE_JOIN, out);
}

/* Keys next to each other, and keys apart. */
static __attribute__((noinline)) void chunk(struct tile *t, const float *k, const float *v, size_t stride,
                                            const struct chunk *c, enum tile_end how, float *const *out)
{
    (void)stride;
    any_chunk(t, k, v, DP, c, how, out);
}

static __attribute__((noinline, unused)) void chunk_far(struct tile *t, const float *k, const float *v, size_t stride,
                                                        const struct chunk *c, enum tile_end how, float *const *out)
{
    any_chunk(t, k, v, stride, c, how, out);
}

INLINE void pack(struct tile *t, const struct arrays *a, const int32_t row[LANES])
{
    const float *q[LANES];

    for (size_t l = 0; l < LANES; l++)
        q[l] = a->q + (size_t)row[l] * D;
    tile_pack(q, D, FACTOR, t->query);
}
