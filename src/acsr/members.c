#include "acsr/members.h"

#include <string.h>

enum sofa_code sofa_members_init(struct sofa_members *m, const struct sofa_pattern *pattern, bool causal,
                                 size_t rows, size_t words, struct sofa_arena *arena, struct sofa_err *err)
{
    *m = (struct sofa_members){.pattern = pattern, .causal = causal, .words = words,
                               .bits = sofa_arena_zalloc(arena, rows * words, sizeof *m->bits)};
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

/* Keys [first, last] are among the block's. */
static void widen(struct sofa_members *m, size_t first, size_t last)
{
    m->low = first / 64 < m->low ? first / 64 : m->low;
    m->high = last / 64 >= m->high ? last / 64 + 1 : m->high;
}

/* Keys of a part's row below `end`; whether there are any. */
static bool put_part(struct sofa_members *m, uint64_t *bits, const struct sofa_acsr_row *row, size_t end)
{
    size_t first = (size_t)row->first, stride = (size_t)row->stride, count = (size_t)row->count;

    if (!count || first >= end)
        return false;
    count = (end - first - 1) / stride + 1 < count ? (end - first - 1) / stride + 1 : count;
    widen(m, first, first + (count - 1) * stride);
    if (stride == 1)
        put_span(bits, first, first + count);
    for (size_t t = 0; stride > 1 && t < count; t++)
        bits[(first + t * stride) / 64] |= (uint64_t)1 << (first + t * stride) % 64;
    return true;
}

static bool put_rest(struct sofa_members *m, uint64_t *bits, const struct sofa_csr *rest, size_t row, size_t end)
{
    size_t i = rest->start[row];

    for (; i < rest->start[row + 1] && (size_t)rest->column[i] < end; i++) {
        widen(m, (size_t)rest->column[i], (size_t)rest->column[i]);
        bits[rest->column[i] / 64] |= (uint64_t)1 << rest->column[i] % 64;
    }
    return i > rest->start[row];
}

enum sofa_code sofa_members_fill(struct sofa_members *m, size_t from, size_t rows, struct sofa_err *err)
{
    const struct sofa_pattern *p = m->pattern;

    for (size_t r = 0; r < m->rows && m->low < m->high; r++)
        memset(m->bits + r * m->words + m->low, 0, (m->high - m->low) * sizeof *m->bits);
    m->from = from;
    m->rows = rows;
    m->low = m->words;
    m->high = 0;
    for (size_t i = from; i < from + rows; i++) {
        uint64_t *bits = m->bits + (i - from) * m->words;
        size_t end = m->causal ? i + 1 : p->columns;
        bool any = put_rest(m, bits, &p->rest, i, end);

        for (size_t part = 0; part < p->n_parts; part++)
            any |= put_part(m, bits, &p->part[part].row[i], end);
        if (!any)
            return sofa_fail(err, SOFA_E_INPUT, "the pattern leaves query %zu without a key", i);
    }
    return SOFA_OK;
}

size_t sofa_members_count(const struct sofa_members *m, size_t row)
{
    const uint64_t *bits = sofa_members_row(m, row);
    size_t n = 0;

    for (size_t w = m->low; w < m->high; w++)
        n += (size_t)__builtin_popcountll(bits[w]);
    return n;
}

size_t sofa_members_union(const struct sofa_members *m)
{
    size_t n = 0;

    for (size_t w = m->low; w < m->high; w++) {
        uint64_t any = 0;

        for (size_t r = 0; r < m->rows; r++)
            any |= m->bits[r * m->words + w];
        n += (size_t)__builtin_popcountll(any);
    }
    return n;
}
