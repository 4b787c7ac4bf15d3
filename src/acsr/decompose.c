/*
 * Any mask as disjoint regular parts and a remainder.
 *
 * 1. Where every row is one progression the mask is one part, and that is all (acsr.c).
 * 2. Each row is taken apart by itself into at most eight progressions (peel.c).
 * 3. Progressions of neighbouring rows that go on where the row above had one, with the same stride, are joined to a part; the
 *    pairs that differ least are joined first.  Then those that start anew go on with parts that have ended, and only then do
 *    they begin parts of their own.
 * 4. Parts that pay are kept, at most 16: at least 4 members in a row on average, and at least a hundredth of what CSR would
 *    take saved.  So a random mask stays CSR, however many short progressions it happens to have.
 * 5. Members in no kept part are the remainder.
 *
 * Exact whatever steps 2 to 4 come up with, for step 5 starts from the mask.  Cost: a few passes over the mask; 24 bytes a row
 * and part beside the result.
 */
#include <stdlib.h>
#include <string.h>

#include "acsr/peel.h"

#define OPEN_MAX 24          /* parts that rows may be joined to before the worthless ones are dropped */
#define LEAST_MEAN_COUNT 4   /* members per row that has any */
#define LEAST_SHARE 100      /* of the bytes of CSR: a hundredth */
#define NEAR_COLUMNS 32      /* a progression that starts so near the one above goes on from it, if it is short */

struct open_part {
    struct sofa_acsr_row *row; /* [rows] */
    struct sofa_acsr_row last; /* of the row that had one last */
    uint64_t members, rows;
    size_t width;
};

struct decompose {
    const uint8_t *mask;
    size_t rows, columns;
    struct sofa_arena *arena; /* of the result; the few bytes a column of scratch stay in it too */
    struct open_part part[OPEN_MAX];
    size_t n;
    uint64_t members;
    int32_t *column; /* [columns] */
    struct peel_scratch peel;
};

static size_t collect_row(const uint8_t *line, size_t columns, int32_t *column)
{
    size_t n = 0;

    for (size_t j = 0; j < columns; j++) {
        column[n] = (int32_t)j; /* n <= j: written whether it is a member or not, which spares a branch */
        n += line[j] != 0;
    }
    return n;
}

/* How far the piece is from going on where the part was; negative where it does not.  A part that ended before row i may go on
 * anywhere, if `anywhere`. */
static int64_t join_cost(const struct open_part *part, size_t i, const struct sofa_acsr_row *piece, bool anywhere)
{
    int64_t first = part->last.first, last = sofa_acsr_row_last(&part->last);
    int64_t from = piece->first, to = sofa_acsr_row_last(piece), reach = NEAR_COLUMNS + piece->count;
    bool near = from <= last + reach && to >= first - reach, ended = i == 0 || part->row[i - 1].count == 0;

    if (part->row[i].count || !(near || (anywhere && ended)))
        return -1;
    if (part->last.stride != piece->stride && part->last.count > 1 && piece->count > 1)
        return -1;
    return llabs(first - from) + llabs(last - to);
}

/* A part without a row yet; NULL when memory is exhausted. */
static struct open_part *open_part(struct decompose *d)
{
    struct sofa_acsr_row *row = sofa_acsr_rows_new(d->rows, d->arena);

    if (!row)
        return NULL;
    d->part[d->n] = (struct open_part){.row = row};
    return &d->part[d->n++];
}

static void join(struct open_part *part, size_t i, const struct sofa_acsr_row *piece)
{
    part->row[i] = *piece;
    part->last = *piece;
    part->members += (uint64_t)piece->count;
    part->rows++;
    part->width = (size_t)piece->count > part->width ? (size_t)piece->count : part->width;
}

/* The pair of piece and part that goes best together; false where none does. */
static bool best_pair(const struct decompose *d, size_t i, const struct peeled *peeled, const bool *placed, bool anywhere,
                      size_t *piece, size_t *part)
{
    int64_t best = INT64_MAX;

    for (size_t k = 0; k < peeled->n; k++)
        for (size_t p = 0; p < d->n && !placed[k]; p++) {
            int64_t cost = join_cost(&d->part[p], i, &peeled->piece[k], anywhere);

            if (cost >= 0 && cost < best) {
                best = cost;
                *piece = k;
                *part = p;
            }
        }
    return best < INT64_MAX;
}

static enum sofa_code place_row(struct decompose *d, size_t i, const struct peeled *peeled, struct sofa_err *err)
{
    bool placed[PEEL_PIECES_MAX] = {false};
    size_t piece, part;

    for (int anywhere = 0; anywhere < 2; anywhere++)
        while (best_pair(d, i, peeled, placed, anywhere, &piece, &part)) {
            join(&d->part[part], i, &peeled->piece[piece]);
            placed[piece] = true;
        }
    for (size_t k = 0; k < peeled->n && d->n < OPEN_MAX; k++) {
        struct open_part *fresh;

        if (placed[k])
            continue;
        fresh = open_part(d);
        if (!fresh)
            return sofa_fail_nomem(err, "a pattern");
        join(fresh, i, &peeled->piece[k]);
    }
    return SOFA_OK;
}

static enum sofa_code join_rows(struct decompose *d, struct sofa_err *err)
{
    for (size_t i = 0; i < d->rows; i++) {
        struct peeled peeled;
        size_t n = collect_row(d->mask + i * d->columns, d->columns, d->column);

        d->members += n;
        sofa_peel_row(d->column, n, &d->peel, &peeled);
        if (place_row(d, i, &peeled, err))
            return SOFA_E_NOMEM;
    }
    return SOFA_OK;
}

static int compare_worth(const void *x, const void *y)
{
    const struct open_part *a = x, *b = y;

    return a->members < b->members ? 1 : a->members > b->members ? -1 : 0;
}

/* The parts that pay, those with the most members first. */
static void choose_parts(struct decompose *d)
{
    size_t kept = 0;

    qsort(d->part, d->n, sizeof d->part[0], compare_worth);
    for (size_t p = 0; p < d->n && kept < SOFA_PATTERN_PARTS_MAX; p++) {
        const struct open_part *part = &d->part[p];
        uint64_t alone = part->members * sizeof(int32_t), regular = d->rows * sizeof(struct sofa_acsr_row);

        if (part->members >= LEAST_MEAN_COUNT * part->rows && alone >= regular + d->members * sizeof(int32_t) / LEAST_SHARE)
            d->part[kept++] = *part;
    }
    d->n = kept;
}

/* What no kept part has. */
static enum sofa_code fill_rest(struct decompose *d, struct sofa_csr *rest, struct sofa_err *err)
{
    uint8_t *line = d->peel.alive;
    uint64_t left = d->members;
    size_t *start, n = 0;
    int32_t *column;

    for (size_t p = 0; p < d->n; p++)
        left -= d->part[p].members;
    start = sofa_arena_alloc(d->arena, d->rows + 1, sizeof *start);
    column = sofa_arena_alloc(d->arena, (size_t)left + 1, sizeof *column); /* collect_row writes one past the last */
    if (!start || !column)
        return sofa_fail_nomem(err, "a pattern");
    for (size_t i = 0; i < d->rows; i++) {
        start[i] = n;
        memcpy(line, d->mask + i * d->columns, d->columns);
        for (size_t p = 0; p < d->n; p++)
            for (int32_t s = 0; s < d->part[p].row[i].count; s++)
                line[d->part[p].row[i].first + d->part[p].row[i].stride * s] = 0;
        n += collect_row(line, d->columns, column + n);
    }
    start[d->rows] = n;
    *rest = (struct sofa_csr){d->rows, d->columns, start, column};
    return SOFA_OK;
}

static enum sofa_code hand_over(struct decompose *d, struct sofa_pattern *pattern, struct sofa_err *err)
{
    struct sofa_acsr *part = sofa_arena_alloc(d->arena, d->n, sizeof *part);

    if (!part)
        return sofa_fail_nomem(err, "a pattern");
    for (size_t p = 0; p < d->n; p++)
        part[p] = (struct sofa_acsr){d->rows, d->columns, d->part[p].width, d->part[p].row};
    *pattern = (struct sofa_pattern){.rows = d->rows, .columns = d->columns, .n_parts = d->n, .part = part};
    return fill_rest(d, &pattern->rest, err);
}

static enum sofa_code decompose(struct decompose *d, struct sofa_pattern *pattern, struct sofa_err *err)
{
    enum sofa_code rc;

    d->column = sofa_arena_alloc(d->arena, d->columns, sizeof *d->column);
    if (!d->column)
        return sofa_fail_nomem(err, "a pattern");
    SOFA_TRY(sofa_peel_scratch(d->columns, d->arena, &d->peel, err));
    SOFA_TRY(join_rows(d, err));
    choose_parts(d);
    SOFA_TRY(hand_over(d, pattern, err));
out:
    return rc;
}

enum sofa_code sofa_pattern_from_mask(const uint8_t *mask, size_t rows, size_t columns, struct sofa_arena *arena,
                                      struct sofa_pattern *pattern, struct sofa_err *err)
{
    struct decompose d = {.mask = mask, .rows = rows, .columns = columns, .arena = arena};
    struct sofa_arena_mark mark = sofa_arena_mark(arena);
    struct sofa_acsr whole;
    enum sofa_code rc = sofa_pattern_check_sides(rows, columns, err);

    if (rc)
        return rc;
    if (sofa_acsr_from_mask(mask, rows, columns, arena, &whole, NULL) == SOFA_OK)
        return sofa_pattern_from_part(&whole, arena, pattern, err);
    sofa_arena_rewind(arena, mark);
    return decompose(&d, pattern, err);
}
