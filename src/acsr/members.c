#include "acsr/members.h"

#include <string.h>

enum sofa_code sofa_members_init(struct sofa_members *m, const struct sofa_pattern *pattern, bool causal,
                                 size_t rows, size_t words, struct sofa_arena *arena, struct sofa_err *err)
{
    *m = (struct sofa_members){.pattern = pattern, .causal = causal, .words = words,
                               .bits = sofa_arena_alloc(arena, rows * words, sizeof *m->bits)};
    return m->bits ? SOFA_OK : sofa_fail_nomem(err, "a pattern");
}

/* Keys [first, end). */
static void put_span(uint64_t *bits, size_t first, size_t end)
{
    for (size_t w = first / 64; w * 64 < end; w++) {
        uint64_t word = ~(uint64_t)0;

        if (first > w * 64)
            word &= ~(uint64_t)0 << first % 64;
        if (end < (w + 1) * 64)
            word &= ~(~(uint64_t)0 << end % 64);
        bits[w] |= word;
    }
}

/* Keys of a part's row below `end`. */
static void put_part(uint64_t *bits, const struct sofa_acsr_row *row, size_t end)
{
    size_t first = (size_t)row->first, last = first + (size_t)row->stride * (size_t)row->count;

    if (row->stride == 1) {
        put_span(bits, first, last < end ? last : end);
        return;
    }
    for (size_t key = first; key < last && key < end; key += (size_t)row->stride)
        bits[key / 64] |= (uint64_t)1 << key % 64;
}

static void put_rest(uint64_t *bits, const struct sofa_csr *rest, size_t row, size_t end)
{
    for (size_t i = rest->start[row]; i < rest->start[row + 1] && (size_t)rest->column[i] < end; i++)
        bits[rest->column[i] / 64] |= (uint64_t)1 << rest->column[i] % 64;
}

static size_t count(const uint64_t *bits, size_t words)
{
    size_t n = 0;

    for (size_t w = 0; w < words; w++)
        n += (size_t)__builtin_popcountll(bits[w]);
    return n;
}

enum sofa_code sofa_members_fill(struct sofa_members *m, size_t from, size_t rows, struct sofa_err *err)
{
    const struct sofa_pattern *p = m->pattern;

    m->from = from;
    m->rows = rows;
    memset(m->bits, 0, rows * m->words * sizeof *m->bits);
    for (size_t i = from; i < from + rows; i++) {
        uint64_t *bits = m->bits + (i - from) * m->words;
        size_t end = m->causal ? i + 1 : p->columns;

        for (size_t part = 0; part < p->n_parts; part++)
            if (p->part[part].row[i].count)
                put_part(bits, &p->part[part].row[i], end);
        put_rest(bits, &p->rest, i, end);
        if (!count(bits, m->words))
            return sofa_fail(err, SOFA_E_INPUT, "the pattern leaves query %zu without a key", i);
    }
    return SOFA_OK;
}

size_t sofa_members_count(const struct sofa_members *m, size_t row)
{
    return count(sofa_members_row(m, row), m->words);
}

size_t sofa_members_union(const struct sofa_members *m)
{
    size_t n = 0;

    for (size_t w = 0; w < m->words; w++) {
        uint64_t any = 0;

        for (size_t r = 0; r < m->rows; r++)
            any |= m->bits[r * m->words + w];
        n += (size_t)__builtin_popcountll(any);
    }
    return n;
}
