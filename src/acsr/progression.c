#include "acsr/progression.h"

/* One progression less another, in slots of the first: `hit` is the first shared slot, then every `period`-th up to `last_hit`. */
struct overlap {
    int64_t hit, last_hit, period;
};

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        int64_t r = a % b;

        a = b;
        b = r;
    }
    return a;
}

/* s >= 0, least with stride * s = offset (modulo m); stride and m have gcd g, which divides offset.  Extended Euclid. */
static int64_t solve(int64_t stride, int64_t offset, int64_t m, int64_t g)
{
    int64_t r0 = m / g, r1 = stride / g % (m / g), x0 = 0, x1 = 1;
    int64_t period = m / g;

    while (r1) {
        int64_t q = r0 / r1, r = r0 - q * r1, x = x0 - q * x1;

        r0 = r1, r1 = r;
        x0 = x1, x1 = x;
    }
    x0 = (x0 % period + period) % period;
    offset = (offset / g % period + period) % period;
    return period == 1 ? 0 : x0 * offset % period;
}

/* False where they share nothing. */
static bool find_overlap(const struct sofa_acsr_row *p, const struct sofa_acsr_row *q, struct overlap *o)
{
    int64_t from = (int64_t)q->first - p->first, to = (int64_t)sofa_acsr_row_last(q) - p->first;
    int64_t lo = from <= 0 ? 0 : (from + p->stride - 1) / p->stride;
    int64_t hi = to < 0 ? -1 : to / p->stride, g = gcd(p->stride, q->stride), s;

    hi = hi >= p->count ? p->count - 1 : hi;
    if (!q->count || lo > hi || from % g)
        return false;
    o->period = q->stride / g;
    s = solve(p->stride, from, q->stride, g);
    o->hit = lo + ((s - lo) % o->period + o->period) % o->period;
    o->last_hit = o->hit > hi ? -1 : o->hit + (hi - o->hit) / o->period * o->period;
    return o->hit <= hi;
}

/* Slots from, from + step, ... (`count` of them) of the piece, labelled `code`. */
static bool put(struct pieces *out, const struct piece *piece, int64_t from, int64_t step, int64_t count, uint64_t code)
{
    const struct sofa_acsr_row *r = &piece->row;

    if (count <= 0)
        return true;
    if (out->n == PIECES_MAX)
        return false;
    out->piece[out->n++] =
        (struct piece){sofa_acsr_row_make(r->stride * step, r->first + r->stride * from, count), piece->label * 16 + code};
    return true;
}

/* What is left between the hits: runs from one to the next. */
static bool put_runs(struct pieces *out, const struct piece *piece, const struct overlap *o)
{
    bool ok = true;

    for (int64_t s = o->hit; s < o->last_hit && ok; s += o->period)
        ok = put(out, piece, s + 1, 1, o->period - 1, 2 + (uint64_t)((s - o->hit) / o->period));
    return ok;
}

/* What is left of slots from .. to but the hits: the other residues, each every period-th slot. */
static bool put_residues(struct pieces *out, const struct piece *piece, const struct overlap *o, int64_t from, int64_t to)
{
    bool ok = true;

    for (int64_t k = 1; k < o->period && ok; k++) {
        int64_t first = from + ((o->hit + k - from) % o->period + o->period) % o->period;

        ok = put(out, piece, first, o->period, to < first ? 0 : (to - first) / o->period + 1, (uint64_t)(1 + k));
    }
    return ok;
}

/* The piece but its hits. */
static bool put_rest(struct pieces *out, const struct piece *piece, const struct overlap *o)
{
    int64_t end = piece->row.count - 1, runs = (o->last_hit - o->hit) / o->period, residues = o->period - 1;

    if (runs > PIECE_SPLITS && residues > PIECE_SPLITS)
        return false;
    if (residues <= runs && o->hit < o->period && end - o->last_hit < o->period)
        return put_residues(out, piece, o, 0, end);
    return put(out, piece, 0, 1, o->hit, 0) &&
           (residues <= runs ? put_residues(out, piece, o, o->hit, o->last_hit) : put_runs(out, piece, o)) &&
           put(out, piece, o->last_hit + 1, 1, end - o->last_hit, 1);
}

bool sofa_pieces_subtract(struct pieces *pieces, const struct sofa_acsr_row *taken)
{
    struct pieces out = {.n = 0};
    bool ok = true;

    for (size_t k = 0; k < pieces->n && ok; k++) {
        const struct piece *piece = &pieces->piece[k];
        struct overlap o;

        if (find_overlap(&piece->row, taken, &o))
            ok = put_rest(&out, piece, &o);
        else
            ok = put(&out, piece, 0, 1, piece->row.count, 0);
    }
    *pieces = out;
    return ok;
}
