/*
 * RASS on bit planes: plane b of a counter array holds bit b of the counts of 64 keys a word, so that
 * the counts of all keys change and compare in a few passes over s/64 words.
 *
 *   held[r]     keys that query r still waits for
 *   waiting[k]  queries that wait for key k, in bit planes
 *   serves[k]   those of them with budget left in this phase, in bit planes
 *
 * A phase starts with serves = waiting (every query with keys left has budget).  Taking a key clears
 * its column of serves, which also keeps it from being issued twice in a phase.
 */
#include "attention/rass.h"

#include <stdbool.h>
#include <string.h>

#define WORD 64
#define STEP 8 /* words worked on together */

struct rass {
    size_t rows, words, planes, g;
    uint64_t *held, *waiting, *serves, *candidates;
    size_t *left, *budget; /* [rows] */
    size_t busy;           /* queries with budget */
};

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
            size_t n = block->start[r + 1] - block->start[r], to = n - from > g ? from + g : n;

            for (size_t t = from; t < n && t < to; t++) {
                uint32_t key = block->keys[block->start[r] + t];

                loads += stamp[key] != phase;
                stamp[key] = (uint32_t)phase;
            }
        }
    return loads;
}

static void planes_add(uint64_t *planes, size_t words, size_t n, size_t key)
{
    uint64_t carry = (uint64_t)1 << key % WORD;

    for (size_t b = 0; b < n && carry; b++) {
        uint64_t *w = &planes[b * words + key / WORD], old = *w;

        *w = old ^ carry;
        carry &= old;
    }
}

/* Takes one from each key whose bit is set in `mask`.  `words` is a multiple of STEP. */
static void planes_subtract(uint64_t *restrict planes, size_t words, size_t n, const uint64_t *restrict mask)
{
    for (size_t w = 0; w < words; w += STEP) {
        uint64_t borrow[STEP];

        memcpy(borrow, mask + w, sizeof borrow);
        for (size_t b = 0; b < n; b++) {
            uint64_t *restrict p = planes + b * words + w;

            for (size_t i = 0; i < STEP; i++) {
                uint64_t old = p[i];

                p[i] = old ^ borrow[i];
                borrow[i] &= ~old;
            }
        }
    }
}

static bool any_common(const uint64_t *a, const uint64_t *b, size_t words)
{
    uint64_t any = 0;

    for (size_t w = 0; w < words; w++)
        any |= a[w] & b[w];
    return any;
}

static bool any_without(const uint64_t *a, const uint64_t *b, size_t words)
{
    uint64_t any = 0;

    for (size_t w = 0; w < words; w++)
        any |= a[w] & ~b[w];
    return any;
}

/* The key that serves most, of those the one waited for least (other holders = waiting - serves, and
 * serves is the same), of those the first. */
static size_t best_key(struct rass *x)
{
    uint64_t *c = x->candidates;

    memset(c, 0xff, x->words * sizeof *c);
    for (size_t b = x->planes; b-- > 0;) {
        const uint64_t *plane = x->serves + b * x->words;

        if (any_common(c, plane, x->words))
            for (size_t w = 0; w < x->words; w++)
                c[w] &= plane[w];
    }
    for (size_t b = x->planes; b-- > 0;) {
        const uint64_t *plane = x->waiting + b * x->words;

        if (any_without(c, plane, x->words))
            for (size_t w = 0; w < x->words; w++)
                c[w] &= ~plane[w];
    }
    for (size_t w = 0;; w++)
        if (c[w])
            return w * WORD + (size_t)__builtin_ctzll(c[w]);
}

/* Every query with budget that holds the key takes it. */
static void take(struct rass *x, size_t key)
{
    uint64_t bit = (uint64_t)1 << key % WORD;
    size_t word = key / WORD;

    for (size_t r = 0; r < x->rows; r++) {
        uint64_t *held = x->held + r * x->words;

        if (!x->budget[r] || !(held[word] & bit))
            continue;
        held[word] ^= bit;
        for (size_t b = 0, borrow = 1; b < x->planes && borrow; b++) {
            uint64_t *w = &x->waiting[b * x->words + word];

            borrow = !(*w & bit);
            *w ^= bit;
        }
        x->left[r]--;
        if (--x->budget[r] == 0) {
            x->busy--;
            planes_subtract(x->serves, x->words, x->planes, held);
        }
    }
    for (size_t b = 0; b < x->planes; b++)
        x->serves[b * x->words + word] &= ~bit;
}

static size_t phase(struct rass *x, uint32_t *order)
{
    size_t issued = 0;

    memcpy(x->serves, x->waiting, x->planes * x->words * sizeof *x->serves);
    for (; x->busy; issued++) {
        size_t key = best_key(x);

        if (order)
            order[issued] = (uint32_t)key;
        take(x, key);
    }
    return issued;
}

static enum sofa_code rass_init(struct rass *x, const struct sofa_block *block, size_t s, size_t g,
                                struct sofa_arena *arena, struct sofa_err *err)
{
    *x = (struct rass){.rows = block->rows, .words = (s + WORD * STEP - 1) / (WORD * STEP) * STEP, .g = g};
    for (size_t n = block->rows; n; n >>= 1)
        x->planes++;
    x->held = sofa_arena_zalloc(arena, x->rows * x->words, sizeof *x->held);
    x->waiting = sofa_arena_zalloc(arena, x->planes * x->words, sizeof *x->waiting);
    x->serves = sofa_arena_alloc(arena, x->planes * x->words, sizeof *x->serves);
    x->candidates = sofa_arena_alloc(arena, x->words, sizeof *x->candidates);
    x->left = sofa_arena_alloc(arena, x->rows, sizeof *x->left);
    x->budget = sofa_arena_alloc(arena, x->rows, sizeof *x->budget);
    if (!x->held || !x->waiting || !x->serves || !x->candidates || !x->left || !x->budget)
        return sofa_fail_nomem(err, "scheduled loads");
    for (size_t r = 0; r < block->rows; r++) {
        x->left[r] = block->start[r + 1] - block->start[r];
        for (size_t t = block->start[r]; t < block->start[r + 1]; t++) {
            x->held[r * x->words + block->keys[t] / WORD] |= (uint64_t)1 << block->keys[t] % WORD;
            planes_add(x->waiting, x->words, x->planes, block->keys[t]);
        }
    }
    return SOFA_OK;
}

enum sofa_code sofa_rass_loads(const struct sofa_block *block, size_t s, size_t g, uint32_t *order, size_t *loads,
                               struct sofa_arena *arena, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    struct sofa_arena_mark mark = sofa_arena_mark(arena);
    struct rass x;

    *loads = 0;
    SOFA_TRY(rass_init(&x, block, s, g, arena, err));
    for (;;) {
        x.busy = 0;
        for (size_t r = 0; r < x.rows; r++) {
            x.budget[r] = x.left[r] < g ? x.left[r] : g;
            x.busy += x.budget[r] > 0;
        }
        if (!x.busy)
            break;
        *loads += phase(&x, order ? order + *loads : NULL);
    }
out:
    sofa_arena_rewind(arena, mark);
    return rc;
}
