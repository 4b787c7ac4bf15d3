/*
 * Score prediction and selection of 16 queries, a query to a lane.
 */
#include <math.h>
#include <string.h>

#include "acsr/members.h"
#include "attention/group.h"
#include "attention/lanes.h"

static lanes count_from(const int32_t *x, size_t n, lanes least)
{
    lanes a = lanes_all(0), b = a;
    size_t j = 0;

    for (; j + 2 <= n; j += 2) {
        a = lanes_count(a, lanes_load(x + j * SOFA_GROUP), least);
        b = lanes_count(b, lanes_load(x + (j + 1) * SOFA_GROUP), least);
    }
    if (j < n)
        a = lanes_count(a, lanes_load(x + j * SOFA_GROUP), least);
    return lanes_add(a, b);
}

/* y [n / 2] pairs of keys: four counters of what lies below, each of two keys, so that none passes 16 bits. */
static lanes count_shorts(const int16_t *y, size_t n, lanes least)
{
    shorts bar = shorts_both(least), below[4] = {0};
    size_t j = 0;

    for (; j + 8 <= n; j += 8) {
        UNROLL
        for (size_t i = 0; i < 4; i++)
            below[i] = shorts_add(below[i], shorts_greater(bar, shorts_load(y + (j + 2 * i) * SOFA_GROUP)));
    }
    for (; j < n; j += 2)
        below[0] = shorts_add(below[0], shorts_greater(bar, shorts_load(y + j * SOFA_GROUP)));
    below[0] = shorts_add(shorts_add(below[0], below[1]), shorts_add(below[2], below[3]));
    return lanes_add(lanes_all((int32_t)n), shorts_total(below[0]));
}

/* The least and the largest score of each lane; the least without the hidden ones where there may be some. */
INLINE void range_of(const int32_t *x, size_t n, bool hidden, lanes *least, lanes *most)
{
    lanes low[2] = {lanes_all(INT32_MAX), lanes_all(INT32_MAX)}, high[2] = {lanes_all(INT32_MIN), lanes_all(INT32_MIN)};

    for (size_t j = 0; j < n; j += 2) {
        UNROLL
        for (size_t i = 0; i < 2; i++) {
            lanes u = lanes_load(x + (j + i < n ? j + i : j) * SOFA_GROUP);

            high[i] = lanes_max(high[i], u);
            if (hidden)
                u = lanes_pick(u, lanes_equal(u, lanes_all(INT32_MIN)), lanes_all(INT32_MAX));
            low[i] = lanes_min(low[i], u);
        }
    }
    *least = lanes_min(low[0], low[1]);
    *most = lanes_max(high[0], high[1]);
}

static void range(const int32_t *x, size_t n, bool hidden, lanes *least, lanes *most)
{
    if (hidden)
        range_of(x, n, true, least, most);
    else
        range_of(x, n, false, least, most);
}

/* log2 with a straight line between powers of two: good enough to aim by.  The bits of a float, read as
 * an integer, are that. */
static reals rough_log2(lanes count)
{
    return reals_mul(reals_of(lanes_bits(reals_add(reals_of(count), reals_all(0.5f)))), reals_all(0x1p-23f));
}

/* count(low) > want > count(high), not counting ties: where between them to look next. */
struct bracket {
    lanes low, high, at_low, at_high;
};

static lanes aim(const struct bracket *b, lanes want, int step)
{
    lanes one = lanes_all(1), middle;

    if (step % 4 == 3) {
        middle = lanes_add(b->low, lanes_half(lanes_sub(b->high, b->low)));
    } else {
        reals span = reals_sub(reals_of(b->high), reals_of(b->low)), part;

        if (step < 2) { /* a tail falls off about exponentially */
            reals l = rough_log2(b->at_low);

            part = reals_div(reals_sub(l, rough_log2(want)), reals_sub(l, rough_log2(b->at_high)));
        } else {
            part = reals_div(reals_of(lanes_sub(b->at_low, want)), reals_of(lanes_sub(b->at_low, b->at_high)));
        }
        span = reals_min(reals_mul(span, part), reals_all(0x1.fffffep30f));
        middle = lanes_add(b->low, lanes_of(span));
    }
    return lanes_max(lanes_min(middle, lanes_sub(b->high, one)), lanes_add(b->low, one));
}

/* Scores of a tile, [n][16], at 32 bits or, where y isn't NULL, at 16. */
struct scores {
    const int32_t *x;
    const int16_t *y;
    size_t n;
};

/* Lanes whose bracket isn't narrow enough. */
static truth still_open(const struct bracket *b, lanes want)
{
    return truth_and(lanes_greater(b->at_low, want), lanes_greater(lanes_sub(b->high, lanes_all(1)), b->low));
}

/* Narrows the bracket to the threshold `low`: count(low) == want, or > want only by ties with low.
 * `guess` is tried first in the lanes where it lies inside. */
INLINE void narrow(const struct scores *s, struct bracket *b, lanes want, lanes guess)
{
    for (int step = 0;; step++) {
        truth open = still_open(b, want), enough, few;
        lanes middle, c;

        if (!truth_bits(open))
            return;
        middle = aim(b, want, step);
        if (step == 0)
            middle = lanes_pick(middle, truth_and(lanes_greater(guess, b->low), lanes_greater(b->high, guess)), guess);
        c = s->y ? count_shorts(s->y, s->n, middle) : count_from(s->x, s->n, middle);
        few = truth_and(open, lanes_greater(want, c));
        enough = truth_without(open, few);
        b->low = lanes_pick(b->low, enough, middle);
        b->at_low = lanes_pick(b->at_low, enough, c);
        b->high = lanes_pick(b->high, few, middle);
        b->at_high = lanes_pick(b->at_high, few, c);
    }
}

#define SHORT_MOST 32768 /* keys whose number 16 bits count (below zero) */

/* Narrows the bracket among scores cut to their upper 16 bits, which are counted twice as fast: y = (x - middle) >>
 * shift, with the least shift of the lane that fits.  What is left between two neighbours y is left to `narrow`. */
static void narrow_coarsely(const int32_t *x, size_t n, int16_t *y, struct bracket *b, lanes want, lanes guess)
{
    lanes floor = b->low, most = lanes_sub(b->high, lanes_all(1)), half = lanes_half(lanes_sub(most, floor));
    lanes middle = lanes_add(floor, half), top, bottom, shift;
    struct scores s = {.y = y, .n = n + n % 2};
    struct bracket c;
    truth moved;

    shift = lanes_sub(lanes_exponent(reals_of(lanes_add(half, lanes_all(2)))), lanes_all(14));
    shift = lanes_max(shift, lanes_all(0));
    for (size_t j = 0; j < n; j += 2) {
        const int32_t *at = x + j * SOFA_GROUP;
        lanes one = lanes_max(lanes_load(at), floor), other = floor;

        if (j + 1 < n)
            other = lanes_max(lanes_load(at + SOFA_GROUP), floor);
        store_pair(y + j * SOFA_GROUP, lanes_shift(lanes_sub(one, middle), shift),
                   lanes_shift(lanes_sub(other, middle), shift));
    }
    bottom = lanes_shift(lanes_sub(floor, middle), shift);
    top = lanes_add(lanes_shift(lanes_sub(most, middle), shift), lanes_all(1));
    guess = lanes_max(lanes_min(guess, most), floor);
    c = (struct bracket){bottom, top, b->at_low, b->at_high};
    narrow(&s, &c, want, lanes_shift(lanes_sub(guess, middle), shift));
    moved = lanes_greater(c.low, bottom);
    b->low = lanes_pick(b->low, moved, lanes_add(lanes_unshift(c.low, shift), middle));
    b->at_low = c.at_low;
    moved = lanes_greater(top, c.high);
    b->high = lanes_pick(b->high, moved, lanes_add(lanes_unshift(c.high, shift), middle));
    b->at_high = c.at_high;
}

/* What is kept of a group of queries from tile to tile. */
struct group {
    const struct sofa_tiling *tiling;
    const uint32_t *rows; /* of the head, [n] */
    size_t n;
    double unit[SOFA_GROUP]; /* A^ of a packed score of 1 */
    lanes benchmark, guess, visible, quota;
};

/* Visible keys of a tile, all of them, in every lane. */
static void show(struct group *g, size_t n)
{
    lanes all = lanes_all((int32_t)n), quota = lanes_all((int32_t)sofa_quota(n, g->tiling->permille));

    g->visible = all;
    g->quota = lanes_pick(all, lanes_greater(lanes_all((int32_t)g->n), lanes_order()), quota);
}

/* Visible keys of a tile, some of them, in every lane; scores that are not visible become INT32_MIN. */
static void hide(struct group *g, int32_t *x, size_t start, size_t n)
{
    int32_t visible[SOFA_GROUP], quota[SOFA_GROUP], least = (int32_t)n;

    for (size_t l = 0; l < SOFA_GROUP; l++) {
        size_t all = sofa_visible(g->tiling, g->rows[l < g->n ? l : g->n - 1]);

        visible[l] = all <= start ? 0 : all - start < n ? (int32_t)(all - start) : (int32_t)n;
        quota[l] = (int32_t)sofa_quota((size_t)visible[l], l < g->n ? g->tiling->permille : 1000);
        least = visible[l] < least ? visible[l] : least;
    }
    g->visible = lanes_load(visible);
    g->quota = lanes_load(quota);
    for (int32_t j = least; j < (int32_t)n; j++) {
        int32_t *at = x + (size_t)j * SOFA_GROUP;

        lanes_store(at, lanes_pick(lanes_all(INT32_MIN), lanes_greater(g->visible, lanes_all(j)), lanes_load(at)));
    }
}

/* Whether a query of the group sees one of the keys [start, end). */
static bool sees(const struct group *g, size_t start, size_t end)
{
    for (size_t l = 0; l < g->n; l++) {
        const uint64_t *bits = sofa_members_row(g->tiling->members, g->rows[l]);

        for (size_t key = start; key < end; key += 32)
            if (sofa_members_some(bits, key) << (end - key < 32 ? 32 - (end - key) : 0))
                return true;
    }
    return false;
}

/* The same in a pattern; key by key from the last of 32, whose bit is the sign. */
static void hide_others(struct group *g, int32_t *x, size_t start, size_t n)
{
    int32_t visible[SOFA_GROUP], quota[SOFA_GROUP];

    for (size_t j0 = 0; j0 < n; j0 += 32) {
        int32_t some[SOFA_GROUP];
        lanes bits;

        for (size_t l = 0; l < SOFA_GROUP; l++)
            some[l] = (int32_t)sofa_members_some(sofa_members_row(g->tiling->members, g->rows[l < g->n ? l : g->n - 1]),
                                                 start + j0);
        bits = lanes_load(some);
        for (size_t j = 32; j-- > 0; bits = lanes_add(bits, bits)) {
            int32_t *at = x + (j0 + j) * SOFA_GROUP;

            if (j0 + j < n)
                lanes_store(at, lanes_pick(lanes_all(INT32_MIN), lanes_greater(lanes_all(0), bits), lanes_load(at)));
        }
    }
    g->visible = count_from(x, n, lanes_all(-SOFA_SCORE_MAX));
    lanes_store(visible, g->visible);
    for (size_t l = 0; l < SOFA_GROUP; l++)
        quota[l] = (int32_t)sofa_quota((size_t)visible[l], l < g->n ? g->tiling->permille : 1000);
    g->quota = lanes_load(quota);
}

/* The least packed score that clipping lets through, in every lane. */
static lanes clip_floor(const struct group *g)
{
    int32_t benchmark[SOFA_GROUP], least[SOFA_GROUP];

    lanes_store(benchmark, g->benchmark);
    for (size_t l = 0; l < SOFA_GROUP; l++) {
        double t = ceil((benchmark[l] * g->unit[l] - g->tiling->reach) / g->unit[l]);

        least[l] = t < -SOFA_SCORE_MAX ? -SOFA_SCORE_MAX : (int32_t)t;
    }
    return lanes_load(least);
}

/* Row masks from the lanes' comparisons: bit j of row l is set where x[j][l] >= threshold[l]. */
static void mark(const struct group *g, const int32_t *x, size_t start, size_t n, lanes threshold,
                 const uint32_t *block_row, struct sofa_marks *marks)
{
    for (size_t j0 = 0; j0 < n; j0 += 64) {
        uint16_t column[64];
        size_t m = n - j0 < 64 ? n - j0 : 64, at = start + j0;

        for (size_t j = 0; j < m; j++)
            column[j] = (uint16_t)~truth_bits(lanes_greater(threshold, lanes_load(x + (j0 + j) * SOFA_GROUP)));
        memset(column + m, 0, (64 - m) * sizeof *column);
        for (size_t l = 0; l < g->n; l++) {
            uint64_t bits = transpose_bits(column, l) | (uint64_t)transpose_bits(column + 32, l) << 32;
            uint64_t *row = marks->bits + block_row[l] * marks->words + at / 64;

            row[0] |= bits << at % 64;
            if (at % 64)
                row[1] |= bits >> (64 - at % 64);
        }
    }
}

/* Of the keys that tie with the threshold, the last ones give way. */
static void drop_ties(const int32_t *x, size_t lane, size_t start, size_t n, int32_t threshold, int32_t excess,
                      uint64_t *row)
{
    for (size_t j = n; excess > 0; j--)
        if (x[(j - 1) * SOFA_GROUP + lane] == threshold) {
            size_t key = start + j - 1;

            row[key / 64] &= ~((uint64_t)1 << key % 64);
            excess--;
        }
}

static void leave_first(const struct group *g, const int32_t *x, size_t start, size_t n, lanes most, unsigned selected,
                        size_t tile, const uint32_t *block_row, struct sofa_marks *marks)
{
    lanes index = lanes_all(0);
    int32_t first[SOFA_GROUP];

    for (size_t j = n; j-- > 0;)
        index = lanes_pick(index, lanes_equal(lanes_load(x + j * SOFA_GROUP), most), lanes_all((int32_t)j));
    lanes_store(first, index);
    for (size_t l = 0; l < g->n; l++)
        marks->first[block_row[l] * g->tiling->tiles + tile] =
            selected >> l & 1 ? (uint32_t)start + (uint32_t)first[l] : UINT32_MAX;
}

static int32_t sum_of_first(lanes x, size_t n)
{
    int32_t each[SOFA_GROUP], sum = 0;

    lanes_store(each, x);
    for (size_t l = 0; l < n; l++)
        sum += each[l];
    return sum;
}

static void drop_excess(const struct group *g, const int32_t *x, size_t start, size_t n, const struct bracket *b,
                        const uint32_t *block_row, struct sofa_marks *marks)
{
    unsigned over = truth_bits(lanes_greater(b->at_low, g->quota));
    int32_t threshold[SOFA_GROUP], excess[SOFA_GROUP];

    if (!over)
        return;
    lanes_store(threshold, b->low);
    lanes_store(excess, lanes_sub(b->at_low, g->quota));
    for (; over; over &= over - 1) {
        size_t l = (size_t)__builtin_ctz(over);

        drop_ties(x, l, start, n, threshold[l], excess[l], marks->bits + block_row[l] * marks->words);
    }
}

static void select_tile(struct group *g, int32_t *x, int16_t *y, size_t tile, const uint32_t *block_row,
                        struct sofa_marks *marks)
{
    size_t start = tile * g->tiling->keys;
    size_t n = g->tiling->s - start < g->tiling->keys ? g->tiling->s - start : g->tiling->keys;
    lanes least, most, floor, feasible;
    bool partly = g->tiling->members || start + n > sofa_visible(g->tiling, g->rows[0]);
    struct scores scores = {.x = x, .n = n};
    struct bracket b;

    if (g->tiling->members)
        hide_others(g, x, start, n);
    else if (partly)
        hide(g, x, start, n);
    else
        show(g, n);
    range(x, n, partly, &least, &most);
    g->benchmark = g->tiling->reference == SOFA_REFERENCE_SEGMENT ? most : lanes_max(g->benchmark, most);
    floor = least;
    feasible = g->visible;
    if (g->tiling->reach < INFINITY) {
        floor = lanes_max(floor, clip_floor(g));
        feasible = count_from(x, n, floor);
        marks->clipped += (size_t)sum_of_first(lanes_sub(g->visible, feasible), g->n);
    }
    b = (struct bracket){floor, lanes_add(most, lanes_all(1)), feasible, lanes_all(0)};
    if (n <= SHORT_MOST && truth_bits(still_open(&b, g->quota)))
        narrow_coarsely(x, n, y, &b, g->quota, g->guess);
    narrow(&scores, &b, g->quota, g->guess);
    g->guess = b.low;
    mark(g, x, start, n, b.low, block_row, marks);
    drop_excess(g, x, start, n, &b, block_row, marks);
    if (marks->first)
        leave_first(g, x, start, n, most, truth_bits(lanes_greater(b.at_low, lanes_all(0))), tile, block_row, marks);
}

/* The group's queries, word by word, a query to a lane. */
static void gather_queries(const struct sofa_packed *packed, const uint32_t *rows, size_t n, int32_t *q)
{
    memset(q, 0, packed->words * SOFA_GROUP * sizeof *q);
    for (size_t l = 0; l < n; l++)
        for (size_t c = 0; c < packed->words; c++)
            q[c * SOFA_GROUP + l] = packed->q[rows[l] * packed->words + c];
}

static void select_rows(const struct sofa_packed *packed, const struct sofa_tiling *tiling, const uint32_t *rows,
                        const uint32_t *block_row, size_t n, struct sofa_marks *marks, int32_t *q, int32_t *x)
{
    struct group g = {.tiling = tiling, .rows = rows, .n = n};
    size_t visible = sofa_visible(tiling, rows[n - 1]), chunk = sofa_chunk_tiles(tiling) * tiling->keys;
    int16_t *y = (int16_t *)(x + SOFA_GROUP * sofa_chunk_keys(tiling));

    gather_queries(packed, rows, n, q);
    g.benchmark = g.guess = lanes_all(INT32_MIN);
    for (size_t l = 0; l < SOFA_GROUP; l++)
        g.unit[l] = l < n ? ldexp(1, 1 + packed->shift[rows[l]]) : 1;
    for (size_t start = 0; start < visible; start += chunk) {
        size_t end = start + chunk < packed->s ? start + chunk : packed->s, base = start / SOFA_GROUP * SOFA_GROUP;

        if (tiling->members && !sees(&g, start, end))
            continue;
        for (size_t j = base; j < end && j < visible; j += SOFA_GROUP) {
            const int32_t *k = packed->k + j * packed->words;
            int32_t *out = x + (j - base) * SOFA_GROUP;

            if (packed->bits == 8)
                products8(q, k, packed->bias + j, packed->words, out);
            else
                products16(q, k, packed->words, out);
        }
        for (size_t tile = start / tiling->keys; tile * tiling->keys < end && tile * tiling->keys < visible; tile++)
            select_tile(&g, x + (tile * tiling->keys - base) * SOFA_GROUP, y, tile, block_row, marks);
    }
}

