/*
 * Patterns from generators, row by row and without a mask.
 *
 * A row of one generator is one progression.  Of a union, the generators are taken in the order of their kinds (generator.h),
 * each less all before it, which leaves progressions again (progression.h).  The first pass counts what each cut leaves over all
 * rows: pieces of a label make one part where they are long enough to pay for 12 bytes a row, else they go to the remainder, as
 * does a row that would fall into too many pieces.  Cost: rows x generators^2, and the members of the remainder.
 */
#include <stdlib.h>

#include "acsr/generator.h"
#include "acsr/progression.h"

#define BUCKETS_MAX 64
#define LEAST_MEAN_COUNT 4 /* members per row that has any: below it 12 bytes a row buy less than 4 bytes a member */

/* Pieces of one generator and label over all rows. */
struct bucket {
    size_t term;
    uint64_t label;
    uint64_t members, rows;
    struct sofa_acsr_row *row; /* [rows] once it is a part, else NULL */
    size_t width;
};

struct build {
    struct terms terms;
    size_t rows, columns;
    bool causal;
    struct bucket bucket[BUCKETS_MAX];
    size_t n_buckets;
    uint64_t rest;   /* members that were sent to the remainder; before the arrays stand, an upper bound */
    size_t *start;   /* NULL in the first pass, which only counts */
    int32_t *column; /* likewise */
};

static struct bucket *find_bucket(struct build *b, size_t term, uint64_t label)
{
    for (size_t k = 0; k < b->n_buckets; k++)
        if (b->bucket[k].term == term && b->bucket[k].label == label)
            return &b->bucket[k];
    if (b->n_buckets == BUCKETS_MAX || b->start)
        return NULL;
    b->bucket[b->n_buckets] = (struct bucket){.term = term, .label = label};
    return &b->bucket[b->n_buckets++];
}

static void rest_add(struct build *b, int64_t column)
{
    b->column[b->rest++] = (int32_t)column;
}

static void place_piece(struct build *b, size_t i, size_t term, const struct piece *piece)
{
    struct bucket *bucket = find_bucket(b, term, piece->label);
    const struct sofa_acsr_row *r = &piece->row;

    if (bucket && bucket->row) {
        bucket->row[i] = *r;
        bucket->width = (size_t)r->count > bucket->width ? (size_t)r->count : bucket->width;
    } else if (!b->start) {
        *(bucket ? &bucket->members : &b->rest) += (uint64_t)r->count;
        if (bucket)
            bucket->rows++;
    } else {
        for (int64_t s = 0; s < r->count; s++)
            rest_add(b, r->first + r->stride * s);
    }
}

/* Member by member, where pieces would be too many. */
static void place_singly(struct build *b, const struct sofa_acsr_row *row, const struct sofa_acsr_row *taken, size_t n)
{
    if (!b->start)
        b->rest += (uint64_t)row->count;
    for (int64_t s = 0; s < row->count && b->start; s++) {
        int64_t column = row->first + row->stride * s;
        bool had = false;

        for (size_t t = 0; t < n && !had; t++)
            had = sofa_acsr_row_has(&taken[t], (size_t)column);
        if (!had)
            rest_add(b, column);
    }
}

static void place_row(struct build *b, size_t i)
{
    struct sofa_acsr_row taken[TERMS_MAX];
    size_t limit = b->causal ? i + 1 : b->columns;

    for (size_t t = 0; t < b->terms.n; t++) {
        struct pieces pieces = {.n = 1};
        bool whole = true;

        taken[t] = sofa_generator_row(&b->terms.term[t], i, limit);
        if (!taken[t].count)
            continue;
        pieces.piece[0] = (struct piece){taken[t], 0};
        for (size_t e = 0; e < t && whole; e++)
            whole = sofa_pieces_subtract(&pieces, &taken[e]);
        if (!whole)
            place_singly(b, &taken[t], taken, t);
        for (size_t k = 0; k < pieces.n && whole; k++)
            place_piece(b, i, t, &pieces.piece[k]);
    }
}

static int compare_columns(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

    return (x > y) - (x < y);
}

/* All rows: counts, or once the arrays stand fills them. */
static void walk(struct build *b)
{
    b->rest = 0;
    for (size_t i = 0; i < b->rows; i++) {
        uint64_t before = b->rest;

        if (b->start)
            b->start[i] = (size_t)before;
        place_row(b, i);
        if (b->start && b->rest > before + 1)
            qsort(b->column + before, (size_t)(b->rest - before), sizeof *b->column, compare_columns);
    }
    if (b->start)
        b->start[b->rows] = (size_t)b->rest;
}

/* More members first; then as they came about. */
static int compare_worth(const void *x, const void *y)
{
    const struct bucket *a = x, *b = y;

    if (!a->label != !b->label)
        return a->label ? 1 : -1;
    return a->members < b->members ? 1 : a->members > b->members ? -1 : 0;
}

static int compare_place(const void *x, const void *y)
{
    const struct bucket *a = x, *b = y;

    if (a->term != b->term)
        return a->term < b->term ? -1 : 1;
    return a->label < b->label ? -1 : a->label > b->label;
}

/* Keeps the buckets that are to be parts, in the order they are shown; the others' members become the remainder's. */
static void choose_parts(struct build *b)
{
    size_t kept = 0;

    qsort(b->bucket, b->n_buckets, sizeof b->bucket[0], compare_worth);
    for (size_t k = 0; k < b->n_buckets; k++) {
        const struct bucket *bucket = &b->bucket[k];

        if (kept < SOFA_PATTERN_PARTS_MAX && (!bucket->label || bucket->members >= LEAST_MEAN_COUNT * bucket->rows))
            b->bucket[kept++] = *bucket;
        else
            b->rest += bucket->members;
    }
    b->n_buckets = kept;
    qsort(b->bucket, kept, sizeof b->bucket[0], compare_place);
}

static enum sofa_code allocate(struct build *b, struct sofa_arena *arena, struct sofa_err *err)
{
    double bytes = (double)b->n_buckets * (double)b->rows * sizeof(struct sofa_acsr_row) +
                   ((double)b->rows + 1) * sizeof(size_t) + (double)b->rest * sizeof(int32_t);

    if (sofa_pattern_check_memory("the pattern", bytes, err))
        return SOFA_E_INPUT;
    for (size_t k = 0; k < b->n_buckets; k++) {
        struct sofa_acsr_row *row = sofa_arena_alloc(arena, b->rows, sizeof *row);

        if (!row)
            return sofa_fail_nomem(err, "a pattern");
        for (size_t i = 0; i < b->rows; i++)
            row[i] = SOFA_ACSR_ROW_NONE;
        b->bucket[k].row = row;
    }
    b->start = sofa_arena_alloc(arena, b->rows + 1, sizeof *b->start);
    b->column = sofa_arena_alloc(arena, (size_t)b->rest, sizeof *b->column);
    return b->start && b->column ? SOFA_OK : sofa_fail_nomem(err, "a pattern");
}

static enum sofa_code hand_over(const struct build *b, struct sofa_arena *arena, struct sofa_pattern *pattern, struct sofa_err *err)
{
    struct sofa_acsr *part = sofa_arena_alloc(arena, b->n_buckets, sizeof *part);

    if (!part)
        return sofa_fail_nomem(err, "a pattern");
    for (size_t k = 0; k < b->n_buckets; k++)
        part[k] = (struct sofa_acsr){b->rows, b->columns, b->bucket[k].width, b->bucket[k].row};
    *pattern = (struct sofa_pattern){.rows = b->rows,
                                     .columns = b->columns,
                                     .n_parts = b->n_buckets,
                                     .part = part,
                                     .rest = {b->rows, b->columns, b->start, b->column}};
    return SOFA_OK;
}

enum sofa_code sofa_pattern_generate(const char *spec, size_t rows, size_t columns, bool causal, struct sofa_arena *arena,
                                     struct sofa_pattern *pattern, struct sofa_err *err)
{
    struct build b = {.rows = rows, .columns = columns, .causal = causal};
    enum sofa_code rc;

    SOFA_TRY(sofa_generator_parse(spec, &b.terms, err));
    SOFA_TRY(sofa_pattern_check_sides(rows, columns, err));
    if (causal && rows != columns)
        return sofa_fail(err, SOFA_E_INPUT, "a causal pattern is square; expected as many rows as columns, not %zu and %zu", rows,
                         columns);
    /* at the least one part and the starts of the remainder: before any row is looked at */
    SOFA_TRY(sofa_pattern_check_memory("the pattern", (double)rows * (sizeof(struct sofa_acsr_row) + sizeof(size_t)), err));
    walk(&b);
    choose_parts(&b);
    SOFA_TRY(allocate(&b, arena, err));
    walk(&b);
    SOFA_TRY(hand_over(&b, arena, pattern, err));
out:
    return rc;
}
