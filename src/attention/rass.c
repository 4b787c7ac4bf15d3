#include "attention/rass.h"

#include <string.h>

#include "attention/kernel.h"

#define WORD 64

/* How many of keys [n] aren't loaded in this phase yet. */
static inline size_t load(const uint32_t *keys, size_t n, uint32_t phase, uint32_t *stamp)
{
    size_t loads = 0;

    for (size_t t = 0; t < n; t++) {
        loads += stamp[keys[t]] != phase;
        stamp[keys[t]] = phase;
    }
    return loads;
}

size_t sofa_naive_loads(const struct sofa_block *block, size_t s, size_t g, uint32_t *stamp)
{
    size_t loads = 0, most = 0, least = SIZE_MAX, from = 0;
    uint32_t phase = 1;

    memset(stamp, 0, s * sizeof *stamp);
    for (size_t r = 0; r < block->rows; r++) {
        size_t n = block->start[r + 1] - block->start[r];

        most = n > most ? n : most;
        least = n < least ? n : least;
    }
    for (; from + g <= least; from += g, phase++) /* all have enough */
        for (size_t r = 0; r < block->rows; r++)
            loads += load(block->keys + block->start[r] + from, g, phase, stamp);
    for (; from < most; from += g, phase++)
        for (size_t r = 0; r < block->rows; r++) {
            size_t n = block->start[r + 1] - block->start[r], left = n > from ? n - from : 0;

            loads += load(block->keys + block->start[r] + from, left < g ? left : g, phase, stamp);
        }
    return loads;
}

/* Marks the keys of query r. */
static void hold(struct sofa_rass *x, const struct sofa_block *block, size_t r)
{
    uint64_t *held = x->held + r * x->words;
    const uint32_t *keys = block->keys + block->start[r];
    size_t n = block->start[r + 1] - block->start[r];

    x->n[r] = n;
    x->least = n < x->least ? n : x->least;
    if (block->bits) {
        const uint64_t *bits = block->bits + r * block->bit_words;

        memcpy(held, bits, (x->words < block->bit_words ? x->words : block->bit_words) * sizeof *held);
        return;
    }
    for (size_t t = 0; t < n;) {
        size_t word = keys[t] / WORD;
        uint64_t bits = 0;

        for (; t < n && keys[t] / WORD == word; t++)
            bits |= (uint64_t)1 << keys[t] % WORD;
        held[word] = bits;
    }
}

static size_t bit_length(size_t n)
{
    size_t bits = 0;

    for (; n; n >>= 1)
        bits++;
    return bits;
}

static enum sofa_code rass_init(struct sofa_rass *x, const struct sofa_block *block, size_t s, size_t g,
                                struct sofa_arena *arena, struct sofa_err *err)
{
    *x = (struct sofa_rass){.rows = block->rows, .row_words = (block->rows + WORD - 1) / WORD, .g = g, .least = s};
    x->words = sofa_padded((s + WORD - 1) / WORD, SOFA_RASS_STEP);
    x->planes = bit_length(block->rows);
    x->budget_planes = bit_length(g < s ? g : s);
    x->held = sofa_arena_zalloc(arena, (x->rows + 1) * x->words, sizeof *x->held);
    x->holders = sofa_arena_alloc(arena, x->words * WORD * x->row_words, sizeof *x->holders);
    x->waiting = sofa_arena_alloc(arena, x->planes * x->words, sizeof *x->waiting);
    x->serves = sofa_arena_alloc(arena, x->planes * x->words, sizeof *x->serves);
    x->issued = sofa_arena_alloc(arena, x->words, sizeof *x->issued);
    x->candidates = sofa_arena_alloc(arena, x->words, sizeof *x->candidates);
    x->budget = sofa_arena_alloc(arena, x->budget_planes * x->row_words, sizeof *x->budget);
    x->busy = sofa_arena_alloc(arena, x->row_words, sizeof *x->busy);
    x->n = sofa_arena_alloc(arena, x->rows, sizeof *x->n);
    x->list = sofa_arena_alloc(arena, x->rows + 2, sizeof *x->list);
    if (!x->held || !x->holders || !x->waiting || !x->serves || !x->issued || !x->candidates || !x->budget ||
        !x->busy || !x->n || !x->list)
        return sofa_fail_nomem(err, "scheduled loads");
    for (size_t r = 0; r < block->rows; r++)
        hold(x, block, r);
    return SOFA_OK;
}

enum sofa_code sofa_rass_loads(const struct sofa_attention_kernel *kernel, const struct sofa_block *block, size_t s,
                               size_t g, uint32_t *order, size_t *loads, struct sofa_arena *arena,
                               struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    struct sofa_arena_mark mark = sofa_arena_mark(arena);
    struct sofa_rass x;

    *loads = 0;
    SOFA_TRY(rass_init(&x, block, s, g, arena, err));
    *loads = kernel->rass_run(&x, order);
out:
    sofa_arena_rewind(arena, mark);
    return rc;
}
