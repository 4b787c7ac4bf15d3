#include "acsr/spans.h"

#include <string.h>

#include "acsr/members.h"

/* Keys [start, end) of a set, 32 at a time. */
static size_t count_keys(const uint64_t *bits, size_t start, size_t end)
{
    size_t n = 0;

    for (size_t key = start; key < end; key += 32) {
        uint32_t some = sofa_members_some(bits, key);

        n += (size_t)__builtin_popcount(end - key < 32 ? some & ((1u << (end - key)) - 1) : some);
    }
    return n;
}

static size_t fullest_row(const struct sofa_members *m, size_t start, size_t end)
{
    size_t most = 0;

    for (size_t r = 0; r < m->rows; r++) {
        size_t n = count_keys(m->bits + r * m->words, start, end);

        most = n > most ? n : most;
    }
    return most;
}

static void count_tiles(const struct sofa_members *m, const uint64_t *any, size_t tile, struct sofa_span *span)
{
    size_t columns = m->pattern->columns, step = tile ? tile : columns;

    for (size_t start = m->low * 64 / step * step; start < columns && start < m->high * 64; start += step) {
        size_t end = columns - start < step ? columns : start + step;

        if (!count_keys(any, start, end))
            continue;
        span->tiles++;
        span->fullest += (double)fullest_row(m, start, end);
    }
}

/* The block that `m` is filled with; any [words] is scratch, seen [words] the keys of the blocks before. */
static void count_block(const struct sofa_members *m, size_t tile, uint64_t *any, uint64_t *seen, struct sofa_span *span)
{
    *span = (struct sofa_span){.members = 0};
    memset(any, 0, m->words * sizeof *any);
    for (size_t w = m->low; w < m->high; w++) {
        for (size_t r = 0; r < m->rows; r++) {
            any[w] |= m->bits[r * m->words + w];
            span->members += __builtin_popcountll(m->bits[r * m->words + w]);
        }
        span->keys += __builtin_popcountll(any[w]);
        span->fresh += __builtin_popcountll(any[w] & ~seen[w]);
        seen[w] |= any[w];
    }
    count_tiles(m, any, tile, span);
}

enum sofa_code sofa_spans_count(const struct sofa_pattern *pattern, bool causal, size_t rows, size_t tile,
                                struct sofa_arena *arena, struct sofa_spans *spans, struct sofa_err *err)
{
    size_t blocks = (pattern->rows + rows - 1) / rows, words = pattern->columns / 64 + 2;
    struct sofa_span *block = sofa_arena_alloc(arena, blocks, sizeof *block);
    struct sofa_arena_mark mark = sofa_arena_mark(arena);
    uint64_t *any = sofa_arena_alloc(arena, words, sizeof *any), *seen = sofa_arena_zalloc(arena, words, sizeof *seen);
    double s = (double)pattern->rows;
    struct sofa_members m;
    enum sofa_code rc;

    if (!block || !any || !seen)
        return sofa_fail_nomem(err, "the spans of a pattern");
    SOFA_TRY(sofa_members_init(&m, pattern, causal, rows < pattern->rows ? rows : pattern->rows, words, arena, err));
    *spans = (struct sofa_spans){.rows = (double)rows, .tile = (double)tile, .queries = s, .blocks = blocks, .block = block,
                                 .naive_ratio = 1, .rass_ratio = 1,
                                 .visible = causal ? s * (s + 1) / 2 : s * (double)pattern->columns};
    for (size_t i = 0; i < blocks; i++) {
        size_t from = i * rows;

        SOFA_TRY(sofa_members_fill(&m, from, pattern->rows - from < rows ? pattern->rows - from : rows, err));
        count_block(&m, tile, any, seen, &block[i]);
        spans->members += block[i].members;
        spans->keys += block[i].fresh;
    }
out:
    sofa_arena_rewind(arena, mark);
    return rc;
}
