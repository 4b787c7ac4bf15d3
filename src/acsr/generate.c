/*
 * Patterns from generators, row by row and without a mask.
 *
 * A row of one generator is one progression.  Of a union, the generators are taken in the order of their kinds (generator.h),
 * each less all before it, which leaves progressions again (progression.h), labelled by the cuts that they come from.  The first
 * pass counts what each label has over all rows.  Labels of a generator that never meet in a row make one part (a window cut by
 * global columns at its left end in some rows, and whole in the others).  Every generator's largest part is kept, the others
 * where they pay for 12 bytes a row; what is not kept goes to the remainder, as does a row that would fall into too many
 * pieces.  Cost: rows x generators^2, and the members of the remainder.
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
    uint64_t with; /* bit k: bucket k has a piece in the same row */
    struct draft *part;
};

/* Buckets that never meet. */
struct draft {
    size_t term;
    uint64_t members, rows;
    uint64_t buckets; /* bits */
    struct sofa_acsr_row *row; /* [rows] once it is a part, else NULL */
    size_t width;
    bool largest; /* of its generator */
};

struct build {
    struct terms terms;
    size_t rows, columns;
    bool causal;
    struct bucket bucket[BUCKETS_MAX];
    struct draft draft[BUCKETS_MAX];
    size_t n_buckets, n_drafts;
    uint64_t rest;   /* members that were sent to the remainder; before the arrays stand, an upper bound */
    size_t *start;   /* NULL in the first pass, which only counts */
    int32_t *column; /* likewise */
};

/* NULL where there are too many. */
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

static void count_pieces(struct build *b, size_t term, const struct pieces *pieces)
{
    struct bucket *bucket[PIECES_MAX];
    uint64_t set = 0;

    for (size_t k = 0; k < pieces->n; k++) {
        bucket[k] = find_bucket(b, term, pieces->piece[k].label);
        if (bucket[k]) {
            set |= (uint64_t)1 << (bucket[k] - b->bucket);
            bucket[k]->members += (uint64_t)pieces->piece[k].row.count;
            bucket[k]->rows++;
        } else {
            b->rest += (uint64_t)pieces->piece[k].row.count;
        }
    }
    for (size_t k = 0; k < pieces->n; k++)
        if (bucket[k])
            bucket[k]->with |= set;
}

static void fill_pieces(struct build *b, size_t i, size_t term, const struct pieces *pieces)
{
    for (size_t k = 0; k < pieces->n; k++) {
        const struct sofa_acsr_row *r = &pieces->piece[k].row;
        struct bucket *bucket = find_bucket(b, term, pieces->piece[k].label);
        struct draft *part = bucket ? bucket->part : NULL;

        if (part && part->row) {
            part->row[i] = *r;
            part->width = (size_t)r->count > part->width ? (size_t)r->count : part->width;
        } else {
            for (int64_t s = 0; s < r->count; s++)
                rest_add(b, r->first + r->stride * s);
        }
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
        else if (b->start)
            fill_pieces(b, i, t, &pieces);
        else
            count_pieces(b, t, &pieces);
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

/* Joins buckets of a generator that never meet. */
static void draft_parts(struct build *b)
{
    for (size_t k = 0; k < b->n_buckets; k++) {
        struct bucket *bucket = &b->bucket[k];
        struct draft *d = b->draft;

        while (d < b->draft + b->n_drafts && (d->term != bucket->term || d->buckets & bucket->with))
            d++;
        if (d == b->draft + b->n_drafts)
            b->draft[b->n_drafts++] = (struct draft){.term = bucket->term};
        d->buckets |= (uint64_t)1 << k;
        d->members += bucket->members;
        d->rows += bucket->rows;
        bucket->part = d;
    }
    for (struct draft *d = b->draft; d < b->draft + b->n_drafts; d++) {
        d->largest = true;
        for (struct draft *e = b->draft; e < b->draft + b->n_drafts; e++)
            if (e->term == d->term && (e->members > d->members || (e->members == d->members && e < d)))
                d->largest = false;
    }
}

/* The draft that is worth most of those not chosen yet; NULL where none pays. */
static struct draft *best_draft(struct build *b, const bool *chosen)
{
    struct draft *best = NULL;

    for (size_t k = 0; k < b->n_drafts; k++) {
        struct draft *d = &b->draft[k];
        bool pays = d->largest || d->members >= LEAST_MEAN_COUNT * d->rows;

        if (!chosen[k] && pays && (!best || d->largest > best->largest || (d->largest == best->largest && d->members > best->members)))
            best = d;
    }
    return best;
}

/* Gives the drafts that are to be parts their rows; the others' members are the remainder's. */
static enum sofa_code allocate(struct build *b, struct sofa_arena *arena, struct sofa_err *err)
{
    bool chosen[BUCKETS_MAX] = {false};
    double bytes = ((double)b->rows + 1) * sizeof(size_t);
    struct draft *d;

    for (size_t n = 0; n < SOFA_PATTERN_PARTS_MAX && (d = best_draft(b, chosen)); n++) {
        chosen[d - b->draft] = true;
        bytes += (double)b->rows * sizeof(struct sofa_acsr_row);
    }
    for (size_t k = 0; k < b->n_drafts; k++)
        b->rest += chosen[k] ? 0 : b->draft[k].members;
    if (sofa_pattern_check_memory("the pattern", bytes + (double)b->rest * sizeof(int32_t), err))
        return SOFA_E_INPUT;
    for (size_t k = 0; k < b->n_drafts; k++)
        if (chosen[k] && !(b->draft[k].row = sofa_acsr_rows_new(b->rows, arena)))
            return sofa_fail_nomem(err, "a pattern");
    b->start = sofa_arena_alloc(arena, b->rows + 1, sizeof *b->start);
    b->column = sofa_arena_alloc(arena, (size_t)b->rest, sizeof *b->column);
    return b->start && b->column ? SOFA_OK : sofa_fail_nomem(err, "a pattern");
}

static enum sofa_code hand_over(const struct build *b, struct sofa_arena *arena, struct sofa_pattern *pattern, struct sofa_err *err)
{
    struct sofa_acsr *part = sofa_arena_alloc(arena, SOFA_PATTERN_PARTS_MAX, sizeof *part);

    if (!part)
        return sofa_fail_nomem(err, "a pattern");
    *pattern = (struct sofa_pattern){
        .rows = b->rows, .columns = b->columns, .part = part, .rest = {b->rows, b->columns, b->start, b->column}};
    for (size_t t = 0; t < b->terms.n; t++)
        for (size_t k = 0; k < b->n_drafts; k++)
            if (b->draft[k].term == t && b->draft[k].row)
                part[pattern->n_parts++] = (struct sofa_acsr){b->rows, b->columns, b->draft[k].width, b->draft[k].row};
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
    draft_parts(&b);
    SOFA_TRY(allocate(&b, arena, err));
    walk(&b);
    SOFA_TRY(hand_over(&b, arena, pattern, err));
out:
    return rc;
}
