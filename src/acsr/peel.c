#include "acsr/peel.h"

#include <string.h>

#define STARTS 4      /* places of the row from which progressions are followed, */
#define NEIGHBOURS 8  /* each to its next few members */
#define LEAST_COUNT 4 /* 12 bytes hold no less than 3 members of 4 */
#define LEAST_RUN 8   /* neighbours worth taking before a stride that crosses them */
#define GOOD_ENOUGH 4 /* so few pieces with nothing left: no other way is tried */

enum sofa_code sofa_peel_scratch(size_t columns, struct sofa_arena *arena, struct peel_scratch *scratch, struct sofa_err *err)
{
    scratch->columns = columns;
    scratch->alive = sofa_arena_zalloc(arena, columns, sizeof *scratch->alive);
    scratch->column = sofa_arena_alloc(arena, columns, sizeof *scratch->column);
    return scratch->alive && scratch->column ? SOFA_OK : sofa_fail_nomem(err, "a pattern");
}

/* Puts the piece among the longest. */
static void keep_longest(struct peeled *peeled, struct sofa_acsr_row piece)
{
    size_t k = peeled->n;

    if (k == PEEL_PIECES_MAX && peeled->piece[k - 1].count >= piece.count)
        return;
    k = k == PEEL_PIECES_MAX ? k - 1 : k;
    peeled->n = k + 1;
    for (; k > 0 && peeled->piece[k - 1].count < piece.count; k--)
        peeled->piece[k] = peeled->piece[k - 1];
    peeled->piece[k] = piece;
}

/* How many members from column[0] on lie at equal distance.  Two that begin a longer run together with the next are left to it:
 * 5 stands alone before 9 10 11. */
static size_t segment_length(const int32_t *column, size_t n)
{
    size_t e = 2;

    if (n < 3)
        return n;
    while (e < n && column[e] - column[e - 1] == column[1] - column[0])
        e++;
    return e == 2 && n > 3 && column[3] - column[2] == column[2] - column[1] ? 1 : e;
}

static void finish(struct peeled *peeled, size_t n)
{
    peeled->left = n;
    for (size_t k = 0; k < peeled->n; k++)
        peeled->left -= (size_t)peeled->piece[k].count;
}

static void peel_segments(const int32_t *column, size_t n, struct peeled *peeled)
{
    size_t length;

    peeled->n = 0;
    for (size_t s = 0; s < n; s += length) {
        length = segment_length(column + s, n - s);
        keep_longest(peeled, sofa_acsr_row_make(length > 1 ? column[s + 1] - column[s] : 1, column[s], (int64_t)length));
    }
    finish(peeled, n);
}

/* The whole progression of this stride through `column`, both ways. */
static struct sofa_acsr_row follow(const struct peel_scratch *scratch, int64_t column, int64_t stride)
{
    int64_t first = column, last = column;

    while (first - stride >= 0 && scratch->alive[first - stride])
        first -= stride;
    while (last + stride < (int64_t)scratch->columns && scratch->alive[last + stride])
        last += stride;
    return sofa_acsr_row_make(stride, first, (last - first) / stride + 1);
}

static struct sofa_acsr_row longest_through_places(const struct peel_scratch *scratch, size_t n)
{
    struct sofa_acsr_row best = SOFA_ACSR_ROW_NONE;

    for (size_t p = 0; p < STARTS; p++) {
        size_t at = n * p / STARTS;

        for (size_t k = at + 1; k < n && k <= at + NEIGHBOURS; k++) {
            struct sofa_acsr_row row = follow(scratch, scratch->column[at], scratch->column[k] - scratch->column[at]);

            if (row.count > best.count)
                best = row;
        }
    }
    return best;
}

static struct sofa_acsr_row longest_run(const int32_t *column, size_t n)
{
    struct sofa_acsr_row best = SOFA_ACSR_ROW_NONE;
    size_t from = 0;

    for (size_t k = 1; k <= n; k++) {
        if (k < n && column[k] == column[k - 1] + 1)
            continue;
        if ((int64_t)(k - from) > best.count)
            best = sofa_acsr_row_make(1, column[from], (int64_t)(k - from));
        from = k;
    }
    return best;
}

/* Takes the row out of what is alive; returns how many columns are left in the list. */
static size_t take(const struct peel_scratch *scratch, size_t n, const struct sofa_acsr_row *row)
{
    size_t kept = 0;

    for (int32_t s = 0; s < row->count; s++)
        scratch->alive[row->first + row->stride * s] = 0;
    for (size_t k = 0; k < n; k++) {
        scratch->column[kept] = scratch->column[k];
        kept += scratch->alive[scratch->column[k]];
    }
    return kept;
}

static void peel_crossing(const int32_t *column, size_t n, bool run_first, const struct peel_scratch *scratch, struct peeled *peeled)
{
    size_t left = n;

    memcpy(scratch->column, column, n * sizeof *column);
    for (size_t k = 0; k < n; k++)
        scratch->alive[column[k]] = 1;
    for (peeled->n = 0; left && peeled->n < PEEL_PIECES_MAX; run_first = false) {
        struct sofa_acsr_row row = run_first ? longest_run(scratch->column, left) : longest_through_places(scratch, left);

        if (run_first && row.count < LEAST_RUN)
            continue;
        if (row.count < LEAST_COUNT)
            break;
        left = take(scratch, left, &row);
        peeled->piece[peeled->n++] = row;
    }
    for (size_t k = 0; k < left; k++)
        scratch->alive[scratch->column[k]] = 0;
    finish(peeled, n);
}

/* Bytes of metadata that the row takes. */
static size_t cost(const struct peeled *peeled)
{
    size_t bytes = peeled->left * sizeof(int32_t);

    for (size_t k = 0; k < peeled->n; k++) {
        size_t alone = (size_t)peeled->piece[k].count * sizeof(int32_t);

        bytes += alone < sizeof(struct sofa_acsr_row) ? alone : sizeof(struct sofa_acsr_row);
    }
    return bytes;
}

void sofa_peel_row(const int32_t *column, size_t n, const struct peel_scratch *scratch, struct peeled *peeled)
{
    struct peeled other;

    peel_segments(column, n, peeled);
    if (peeled->left == 0 && peeled->n <= GOOD_ENOUGH)
        return;
    for (int run_first = 1; run_first >= 0; run_first--) {
        peel_crossing(column, n, run_first, scratch, &other);
        if (cost(&other) < cost(peeled))
            *peeled = other;
    }
}
