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

/* Transposes a square of bits: bit j of x[i] against bit i of x[j], halves against each other first. */
static void transpose(uint64_t *x)
{
    uint64_t mask = UINT32_MAX;

    for (size_t half = WORD / 2; half; half /= 2, mask ^= mask << half)
        for (size_t i = 0; i < WORD; i = ((i | half) + 1) & ~half) {
            uint64_t swap = (x[i] >> half ^ x[i | half]) & mask;

            x[i] ^= swap << half;
            x[i | half] ^= swap;
        }
}

/* The holders of each key from what the queries hold. */
static void find_holders(struct sofa_rass *x)
{
    uint64_t square[WORD];

    for (size_t rw = 0; rw < x->row_words; rw++)
        for (size_t w = 0; w < x->words; w++) {
            for (size_t i = 0; i < WORD; i++)
                square[i] = rw * WORD + i < x->rows ? x->held[(rw * WORD + i) * x->words + w] : 0;
            transpose(square);
            for (size_t i = 0; i < WORD; i++)
                x->holders[(w * WORD + i) * x->row_words + rw] = square[i];
        }
}

/* Counts the holders of each key into the planes of `waiting`. */
static void count_holders(struct sofa_rass *x)
{
    for (size_t r = 0; r < x->rows; r++)
        for (size_t w = 0; w < x->words; w++) {
            uint64_t carry = x->held[r * x->words + w];

            for (size_t b = 0; carry; b++) {
                uint64_t *p = x->waiting + b * x->words + w, old = *p;

                *p = old ^ carry;
                carry &= old;
            }
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
    x->waiting = sofa_arena_zalloc(arena, x->planes * x->words, sizeof *x->waiting);
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
    find_holders(x);
    count_holders(x);
    return SOFA_OK;
}

/* Gives each query of word rw in `queries` a budget of n. */
static void hand_out(struct sofa_rass *x, size_t rw, uint64_t queries, size_t n)
{
    for (size_t b = 0; b < x->budget_planes; b++)
        x->budget[b * x->row_words + rw] |= n >> b & 1 ? queries : 0;
    x->busy[rw] |= queries;
}

/* Hands out the budgets of a phase; the number of queries that have any. */
static size_t start_phase(struct sofa_rass *x)
{
    memset(x->budget, 0, x->budget_planes * x->row_words * sizeof *x->budget);
    memset(x->busy, 0, x->row_words * sizeof *x->busy);
    x->busy_rows = 0;
    if (x->least >= x->g && x->done <= x->least - x->g) { /* all have enough */
        for (size_t r = 0; r < x->rows; r += WORD)
            hand_out(x, r / WORD, ~(uint64_t)0 >> (x->rows - r < WORD ? WORD - (x->rows - r) : 0), x->g);
        x->busy_rows = x->rows;
    } else {
        for (size_t r = 0; r < x->rows; r++)
            if (x->n[r] > x->done) {
                size_t left = x->n[r] - x->done;

                hand_out(x, r / WORD, (uint64_t)1 << r % WORD, left < x->g ? left : x->g);
                x->busy_rows++;
            }
    }
    x->done += x->g;
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
