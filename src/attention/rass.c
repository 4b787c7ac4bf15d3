#include "attention/rass.h"

#include <string.h>

#include "attention/kernel.h"

#define WORD 64

size_t sofa_naive_loads(const struct sofa_block *block, size_t s, size_t g, uint32_t *stamp)
{
    size_t loads = 0, most = 0;

    memset(stamp, 0, s * sizeof *stamp);
    for (size_t r = 0; r < block->rows; r++) {
        size_t n = block->start[r + 1] - block->start[r];

        most = n > most ? n : most;
    }
    for (size_t from = 0, phase = 1; from < most; from += g, phase++)
        for (size_t r = 0; r < block->rows; r++) {
            size_t n = block->start[r + 1] - block->start[r], to = n < from + g ? n : from + g;

            for (size_t t = from; t < to; t++) {
                uint32_t key = block->keys[block->start[r] + t];

                loads += stamp[key] != phase;
                stamp[key] = (uint32_t)phase;
            }
        }
    return loads;
}

static void hold(struct sofa_rass *x, size_t r, const uint32_t *keys, size_t n)
{
    uint64_t *held = x->held + r * x->words, *holders = x->holders + r / WORD, bit = (uint64_t)1 << r % WORD;

    x->left[r] = n;
    for (size_t t = 0; t < n; t++) {
        held[keys[t] / WORD] |= (uint64_t)1 << keys[t] % WORD;
        holders[keys[t] * x->row_words] |= bit;
    }
}

/* Counts the holders of each key into the planes of `waiting`. */
static void count_holders(struct sofa_rass *x, size_t s)
{
    for (size_t key = 0; key < s; key++) {
        size_t count = 0;

        for (size_t w = 0; w < x->row_words; w++)
            count += (size_t)__builtin_popcountll(x->holders[key * x->row_words + w]);
        for (size_t b = 0; b < x->planes; b++)
            x->waiting[b * x->words + key / WORD] |= (uint64_t)(count >> b & 1) << key % WORD;
    }
}

static enum sofa_code rass_init(struct sofa_rass *x, const struct sofa_block *block, size_t s, size_t g,
                                struct sofa_arena *arena, struct sofa_err *err)
{
    *x = (struct sofa_rass){.rows = block->rows, .row_words = (block->rows + WORD - 1) / WORD, .g = g};
    x->words = sofa_padded((s + WORD - 1) / WORD, SOFA_RASS_STEP);
    for (size_t n = block->rows; n; n >>= 1)
        x->planes++;
    x->held = sofa_arena_zalloc(arena, x->rows * x->words, sizeof *x->held);
    x->holders = sofa_arena_zalloc(arena, s * x->row_words, sizeof *x->holders);
    x->waiting = sofa_arena_zalloc(arena, x->planes * x->words, sizeof *x->waiting);
    x->serves = sofa_arena_alloc(arena, x->planes * x->words, sizeof *x->serves);
    x->candidates = sofa_arena_alloc(arena, x->words, sizeof *x->candidates);
    x->busy = sofa_arena_alloc(arena, x->row_words, sizeof *x->busy);
    x->left = sofa_arena_alloc(arena, x->rows, sizeof *x->left);
    x->budget = sofa_arena_alloc(arena, x->rows, sizeof *x->budget);
    x->list = sofa_arena_alloc(arena, x->rows, sizeof *x->list);
    if (!x->held || !x->holders || !x->waiting || !x->serves || !x->candidates || !x->busy || !x->left ||
        !x->budget || !x->list)
        return sofa_fail_nomem(err, "scheduled loads");
    for (size_t r = 0; r < block->rows; r++)
        hold(x, r, block->keys + block->start[r], block->start[r + 1] - block->start[r]);
    count_holders(x, s);
    return SOFA_OK;
}

/* Hands out the budgets of a phase; the number of queries that have any. */
static size_t start_phase(struct sofa_rass *x)
{
    memset(x->busy, 0, x->row_words * sizeof *x->busy);
    x->busy_rows = 0;
    for (size_t r = 0; r < x->rows; r++) {
        x->budget[r] = x->left[r] < x->g ? x->left[r] : x->g;
        x->busy[r / WORD] |= (uint64_t)(x->budget[r] > 0) << r % WORD;
        x->busy_rows += x->budget[r] > 0;
    }
    return x->busy_rows;
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
    while (start_phase(&x))
        *loads += kernel->rass_phase(&x, order ? order + *loads : NULL);
out:
    sofa_arena_rewind(arena, mark);
    return rc;
}
