
/* Written by hand, put into every generated kernel behind its tables. */
static void other_run(struct tile *t, const struct sofa_acsr_run *r, const struct tile_keys *keys)
{
    size_t n = (size_t)(r->to - r->from), step = tile_chunk_keys(n);

    for (size_t at = 0; at < n; at += step) {
        int32_t from = r->from + (int32_t)at, keys_here = (int32_t)(n - at < step ? n - at : step);
        const float *k = keys->k + (size_t)from * keys->k_stride, *v = keys->v + (size_t)from * keys->v_stride;
        struct chunk c = {keys_here, r->full_from - from, r->full_to - from, {0}, {0}};

        tile_limits(t, r, from, keys_here);
        memcpy(c.begin, t->range[0], sizeof c.begin);
        memcpy(c.end, t->range[1], sizeof c.end);
        if (c.n % TILE_SLACK && (size_t)from + (size_t)c.n + TILE_SLACK <= keys->n)
            c.n += TILE_SLACK - c.n % TILE_SLACK;
        (keys->k_stride == DP ? chunk : chunk_far)(t, k, v, keys->k_stride, &c, TILE_JOIN, NULL);
    }
}

static void other(struct tile *t, const struct arrays *a, const struct block *b, const struct tile_keys *keys)
{
    struct tile_rows rows = {b->row, b->lanes, b->opens, b->closes, a->out, a->most, a->total};

    pack(t, a, b->row);
    for (size_t l = 0; l < LANES; l++)
        tile_load(t, &rows, l, D, DP);
    for (uint32_t i = 0; i < b->runs; i++)
        other_run(t, &run[b->run + i], keys);
    for (size_t l = 0; l < LANES; l++)
        tile_store(t, &rows, l, D, DP);
}

/* Keys of a group where they stand, or next to each other in `packed`. */
static struct tile_keys keys_of(const struct group *g, const struct tile_keys *all, float *packed)
{
    size_t stride = (size_t)g->stride * DP, origin = (size_t)g->origin * DP;

    if (!g->packed)
        return (struct tile_keys){all->k + origin, all->v + origin, stride, stride, g->keys};
    for (size_t t = 0; t < g->keys; t++) {
        memcpy(packed + t * DP, all->k + origin + t * stride, DP * sizeof *packed);
        memcpy(packed + (g->keys + t) * DP, all->v + origin + t * stride, DP * sizeof *packed);
    }
    return (struct tile_keys){packed, packed + g->keys * DP, DP, DP, g->keys};
}

static void run_segment(struct tile *t, const struct arrays *a, const struct segment *s, const struct tile_keys *keys)
{
    for (uint32_t i = 0; i < s->count; i++) {
        int32_t row = s->row + (int32_t)i * s->row_step;
        size_t from = (size_t)(s->from + (int32_t)i * s->from_step);

        if (s->shape < 0)
            other(t, a, &block[row], keys);
        else
            call(s->shape, t, a, row, keys->k + from * keys->k_stride, keys->v + from * keys->v_stride);
    }
}

/* x [COLUMNS][D] in rows of DP. */
static const float *padded(const float *x, float *y)
{
    if (D == DP)
        return x;
    memset(y, 0, sizeof *y * COLUMNS * DP);
    for (size_t i = 0; i < COLUMNS; i++)
        memcpy(y + i * DP, x + i * D, sizeof *y * D);
    return y;
}

#define STATES ((ROWS + LANES - 1) / LANES * LANES)
#define PADDED (D == DP ? 0 : COLUMNS * DP)
#define SCORES ((TILE_CHUNK + TILE_SLACK) * LANES)

extern const size_t sofa_acsr_generated_scratch;
const size_t sofa_acsr_generated_scratch = 2 * LANES * DP + SCORES + 2 * (size_t)PACKED * DP + 2 * PADDED + 2 * STATES;
extern const size_t sofa_acsr_generated_shape[4];
const size_t sofa_acsr_generated_shape[4] = {1, ROWS, COLUMNS, D};

void sofa_acsr_generated_attend(const float *q, const float *k, const float *v, float *out, float *scratch);
void sofa_acsr_generated_attend(const float *q, const float *k, const float *v, float *out, float *scratch)
{
    float *packed = scratch + 2 * LANES * DP + SCORES, *pads = packed + 2 * (size_t)PACKED * DP, *states = pads + 2 * PADDED;
    struct tile t = {.query = scratch, .sum = scratch + LANES * DP, .score = scratch + 2 * LANES * DP};
    struct tile_keys all = {padded(k, pads), padded(v, pads + PADDED), DP, DP, COLUMNS}, keys = all;
    struct arrays a = {q, out, states, states + STATES};

    for (size_t i = 0; i < SEGMENTS; i++) {
        if (i == 0 || segment[i].group != segment[i - 1].group)
            keys = keys_of(&group[segment[i].group], &all, packed);
        run_segment(&t, &a, &segment[i], &keys);
    }
    for (size_t i = 0; i < LINES; i++) {
        struct tile_rows rows = {&line[i].row, 1, line[i].opens, line[i].closes, out, a.most, a.total};

        line_query(t.query, q + (size_t)line[i].row * D, D, DP, FACTOR);
        line_run(&t, &all, &rows, &line[i].members, D, DP);
    }
    for (size_t i = 0; i < EMPTY; i++)
        memset(out + (size_t)empty[i] * D, 0, sizeof *out * D);
}
