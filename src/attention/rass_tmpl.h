/*
 * RASS on bit planes (rass.h), compiled once per instruction set.
 */
#include <string.h>

#include "attention/planes.h"

/* Strikes what was issued off the keys at `row`, which a query held; `leaves`: it has used up its budget, so this
 * is for good. */
PLANES_INLINE void still_held(uint64_t *row, const plane_words *issued, bool leaves, plane_words *held)
{
    memcpy(held, row, sizeof *held);
    *held &= ~*issued;
    if (leaves)
        memcpy(row, held, sizeof *held);
}

/* Takes from (or, starting from nothing, adds to) each key one for each query of list [n] that holds it.  The
 * planes stay in registers; three queries are added to a number of two bits first. */
PLANES_INLINE void change(const struct sofa_rass *x, size_t n, size_t planes, bool add)
{
    /* copies: the compiler can't know that no store below changes x */
    const size_t words = x->words;
    const uint32_t *list = x->list;
    uint64_t *all_held = x->held, *serves = x->serves;
    const uint64_t *all_issued = x->issued;

    for (size_t w = 0; w < words; w += SOFA_RASS_STEP) {
        plane_words p[8] = {{0}}, issued;

        memcpy(&issued, all_issued + w, sizeof issued);
        if (!add) {
            PLANES_UNROLL
            for (size_t b = 0; b < planes; b++)
                memcpy(&p[b], serves + b * words + w, sizeof p[b]);
        }
        for (size_t i = 0; i < n; i += 3) {
            plane_words a[3], ones, twos, carry = {0}, old;

            PLANES_UNROLL
            for (size_t j = 0; j < 3; j++)
                still_held(all_held + list[i + j] * words + w, &issued, !add, &a[j]);
            sum_of_three(&a[0], &a[1], &a[2], &ones);
            carry_of_three(&a[0], &a[1], &a[2], &twos);
            PLANES_UNROLL
            for (size_t b = 0; b < planes; b++) {
                old = p[b];
                if (b == 1) {
                    sum_of_three(&old, &twos, &carry, &p[b]);
                    if (add)
                        carry_of_three(&old, &twos, &carry, &carry);
                    else
                        borrow_of(&old, &twos, &carry, &carry);
                } else {
                    carry = b == 0 ? ones : carry;
                    p[b] = old ^ carry;
                    carry = add ? carry & old : carry & ~old;
                }
            }
        }
        PLANES_UNROLL
        for (size_t b = 0; b < planes; b++)
            memcpy(serves + b * words + w, &p[b], sizeof p[b]);
    }
}

static void change_many_planes(const struct sofa_rass *x, size_t n, size_t planes, bool add)
{
    if (add)
        memset(x->serves, 0, planes * x->words * sizeof *x->serves);
    for (size_t i = 0; i < n; i++)
        for (size_t w = 0; w < x->words; w++) {
            uint64_t *held = x->held + x->list[i] * x->words + w, carry = *held & ~x->issued[w];

            *held = add ? *held : carry;
            for (size_t b = 0; b < planes; b++) {
                uint64_t *p = x->serves + b * x->words + w, old = *p;

                *p = old ^ carry;
                carry &= add ? old : ~old;
            }
        }
}

PLANES_INLINE void change_serves(const struct sofa_rass *x, size_t n, size_t planes, bool add)
{
    x->list[n] = x->list[n + 1] = (uint32_t)x->rows; /* who holds nothing */
    switch (planes) {
    case 1:
        change(x, n, 1, add);
        break;
    case 2:
        change(x, n, 2, add);
        break;
    case 3:
        change(x, n, 3, add);
        break;
    case 4:
        change(x, n, 4, add);
        break;
    case 5:
        change(x, n, 5, add);
        break;
    case 6:
        change(x, n, 6, add);
        break;
    case 7:
        change(x, n, 7, add);
        break;
    case 8:
        change(x, n, 8, add);
        break;
    default:
        change_many_planes(x, n, planes, add);
    }
}

static void subtract_list(const struct sofa_rass *x, size_t n, size_t planes)
{
    change_serves(x, n, planes, false);
}

/* Lets the queries of list [spent] go and counts serves anew from those with budget; returns the planes it takes. */
static size_t recount(struct sofa_rass *x, size_t spent)
{
    size_t n = 0, planes = 0;

    for (size_t i = 0; i < spent; i++)
        for (size_t w = 0; w < x->words; w += SOFA_RASS_STEP) {
            plane_words held, issued;

            memcpy(&issued, x->issued + w, sizeof issued);
            still_held(x->held + x->list[i] * x->words + w, &issued, true, &held);
        }
    for (size_t rw = 0; rw < x->row_words; rw++)
        for (uint64_t busy = x->busy[rw]; busy; busy &= busy - 1)
            x->list[n++] = (uint32_t)(rw * 64 + (size_t)__builtin_ctzll(busy));
    for (size_t m = n; m; m >>= 1)
        planes++;
    change_serves(x, n, planes, true);
    return planes;
}

/* Narrows the candidates [n] to those with the bit set (or clear, with `flip` all ones), if there are any. */
PLANES_INLINE bool narrow_candidates(plane_words *candidates, size_t n, const uint64_t *plane, uint64_t flip)
{
    plane_words any = {0}, left[8];
    bool some;

    PLANES_UNROLL
    for (size_t i = 0; i < n; i++) {
        memcpy(&left[i], plane + i * SOFA_RASS_STEP, sizeof left[i]);
        left[i] = (left[i] ^ flip) & candidates[i];
        any |= left[i];
    }
    some = any_bit(&any);
    if (some) {
        PLANES_UNROLL
        for (size_t i = 0; i < n; i++)
            candidates[i] = left[i];
    }
    return some;
}

static size_t waiters(const struct sofa_rass *x, size_t key)
{
    size_t n = 0;

    for (size_t rw = 0; rw < x->row_words; rw++)
        n += (size_t)__builtin_popcountll(x->holders[key * x->row_words + rw]);
    return n;
}

/* The first of the keys with fewest waiters; `some` marks the words with candidates. */
static size_t least_awaited(const struct sofa_rass *x, const uint64_t *candidates, uint64_t some)
{
    size_t best = 0, least = SIZE_MAX;

    for (; some; some &= some - 1) {
        size_t w = (size_t)__builtin_ctzll(some);

        for (uint64_t bits = candidates[w]; bits; bits &= bits - 1) {
            size_t key = w * 64 + (size_t)__builtin_ctzll(bits), n = waiters(x, key);

            best = n < least ? key : best;
            least = n < least ? n : least;
        }
    }
    return best;
}

#define FEW 4 /* words with candidates up to which these are looked at one by one */

/* The key that serves most, of those the one waited for least (other holders = waiting - serves, and
 * serves is the same), of those the first; n steps of words, at most 8.  *serving, the planes of serves in
 * use, falls to the length of the most. */
PLANES_INLINE size_t best_key(const struct sofa_rass *x, size_t *serving, size_t top, size_t n)
{
    size_t most = 0;
    uint64_t some = 0;
    plane_words candidates[8];

    PLANES_UNROLL
    for (size_t i = 0; i < n; i++) {
        memcpy(&candidates[i], x->issued + i * SOFA_RASS_STEP, sizeof candidates[i]);
        candidates[i] = ~candidates[i];
    }
    for (size_t b = *serving; b-- > 0;)
        if (narrow_candidates(candidates, n, x->serves + b * x->words, 0) && !most)
            most = b + 1;
    *serving = most;
    PLANES_UNROLL
    for (size_t i = 0; i < n; i++)
        some |= words_with_bits(&candidates[i]) << i * SOFA_RASS_STEP;
    if (__builtin_popcountll(some) > FEW) {
        for (size_t b = top; b-- > 0;)
            narrow_candidates(candidates, n, x->waiting + b * x->words, ~(uint64_t)0);
        some = 0;
        PLANES_UNROLL
        for (size_t i = 0; i < n; i++)
            some |= words_with_bits(&candidates[i]) << i * SOFA_RASS_STEP;
        some &= -some;
    }
    PLANES_UNROLL
    for (size_t i = 0; i < n; i++)
        memcpy(x->candidates + i * SOFA_RASS_STEP, &candidates[i], sizeof candidates[i]);
    return least_awaited(x, x->candidates, some);
}

/* The same for any number of words. */
static size_t best_key_of_many(const struct sofa_rass *x, size_t *serving, size_t top)
{
    size_t most = 0;

    for (size_t w = 0; w < x->words; w++)
        x->candidates[w] = ~x->issued[w];
    for (size_t b = *serving + top; b-- > 0;) {
        bool set = b >= top;
        const uint64_t *plane = (set ? x->serves : x->waiting) + (set ? b - top : b) * x->words;
        uint64_t any = 0, flip = set ? 0 : ~(uint64_t)0;

        for (size_t w = 0; w < x->words; w++)
            any |= x->candidates[w] & (plane[w] ^ flip);
        if (any && set && !most)
            most = b - top + 1;
        for (size_t w = 0; any && w < x->words; w++)
            x->candidates[w] &= plane[w] ^ flip;
    }
    *serving = most;
    for (size_t w = 0;; w++)
        if (x->candidates[w])
            return w * 64 + (size_t)__builtin_ctzll(x->candidates[w]);
}

static size_t next_key(const struct sofa_rass *x, size_t *serving, size_t top)
{
    switch (x->words / SOFA_RASS_STEP) {
    case 1:
        return best_key(x, serving, top, 1);
    case 2:
        return best_key(x, serving, top, 2);
    case 3:
        return best_key(x, serving, top, 3);
    case 4:
        return best_key(x, serving, top, 4);
    case 5:
        return best_key(x, serving, top, 5);
    case 6:
        return best_key(x, serving, top, 6);
    case 7:
        return best_key(x, serving, top, 7);
    case 8:
        return best_key(x, serving, top, 8);
    default:
        return best_key_of_many(x, serving, top);
    }
}

/* Takes one from the budget of each query of word rw in `taking`; returns those who used theirs up. */
static uint64_t spend(struct sofa_rass *x, size_t rw, uint64_t taking)
{
    uint64_t left = 0, before = x->busy[rw];

    for (size_t b = 0; b < x->budget_planes; b++) {
        uint64_t *budget = x->budget + b * x->row_words + rw, old = *budget;

        *budget = old ^ taking;
        taking &= ~old;
        left |= *budget;
    }
    x->busy[rw] = left;
    return before ^ left;
}

/* Every query with budget that holds the key takes it; returns how many used up their budget. */
static size_t take(struct sofa_rass *x, size_t key, size_t top)
{
    uint64_t bit = (uint64_t)1 << key % 64;
    size_t word = key / 64, spent = 0, waiting = 0;

    for (size_t rw = 0; rw < x->row_words; rw++) {
        uint64_t *holders = x->holders + key * x->row_words + rw, taking = *holders & x->busy[rw];

        *holders ^= taking;
        waiting += (size_t)__builtin_popcountll(*holders);
        for (uint64_t gone = spend(x, rw, taking); gone; gone &= gone - 1)
            x->list[spent++] = (uint32_t)(rw * 64 + (size_t)__builtin_ctzll(gone));
    }
    x->issued[word] |= bit;
    for (size_t b = 0; b < top; b++) {
        uint64_t *w = x->waiting + b * x->words + word;

        *w = (*w & ~bit) | (waiting >> b & 1 ? bit : 0);
    }
    x->busy_rows -= spent;
    return spent;
}

/* Planes of `waiting` with a bit set. */
static size_t top_plane(const struct sofa_rass *x)
{
    size_t top = x->planes;

    for (; top; top--) {
        uint64_t any = 0;

        for (size_t w = 0; w < x->words; w++)
            any |= x->waiting[(top - 1) * x->words + w];
        if (any)
            break;
    }
    return top;
}

static size_t run_phase(struct sofa_rass *x, uint32_t *order)
{
    size_t issued = 0, top = top_plane(x), serving = top;

    memset(x->issued, 0, x->words * sizeof *x->issued);
    memcpy(x->serves, x->waiting, top * x->words * sizeof *x->serves);
    for (; x->busy_rows; issued++) {
        size_t key = next_key(x, &serving, top), spent;

        if (order)
            order[issued] = (uint32_t)key;
        spent = take(x, key, top);
        if (x->busy_rows < spent)
            serving = recount(x, spent);
        else if (spent)
            subtract_list(x, spent, serving);
    }
    return issued;
}

/* The holders of each key from what the queries hold. */
static void find_holders(struct sofa_rass *x)
{
    plane_words squares[64];

    for (size_t rw = 0; rw < x->row_words; rw++)
        for (size_t w = 0; w < x->words; w += SOFA_RASS_STEP) {
            size_t rows = x->rows - rw * 64 < 64 ? x->rows - rw * 64 : 64;
            uint64_t *held = x->held + rw * 64 * x->words + w, *holders = x->holders + w * 64 * x->row_words + rw;

            memset(squares, 0, sizeof squares);
            for (size_t i = 0; i < rows; i++)
                memcpy(&squares[i], held + i * x->words, sizeof *squares);
            transpose_squares(squares);
            for (size_t i = 0; i < 64; i++)
                for (size_t e = 0; e < SOFA_RASS_STEP; e++)
                    holders[(e * 64 + i) * x->row_words] = squares[i][e];
        }
}

/* Counts the holders of each key. */
static void count_waiting(struct sofa_rass *x)
{
    memset(x->held + x->rows * x->words, 0, x->words * sizeof *x->held);
    memset(x->issued, 0, x->words * sizeof *x->issued);
    for (size_t r = 0; r < x->rows; r++)
        x->list[r] = (uint32_t)r;
    change_serves(x, x->rows, x->planes, true);
    memcpy(x->waiting, x->serves, x->planes * x->words * sizeof *x->waiting);
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
        for (size_t r = 0; r < x->rows; r += 64)
            hand_out(x, r / 64, ~(uint64_t)0 >> (x->rows - r < 64 ? 64 - (x->rows - r) : 0), x->g);
        x->busy_rows = x->rows;
    } else {
        for (size_t r = 0; r < x->rows; r++)
            if (x->n[r] > x->done) {
                size_t left = x->n[r] - x->done;

                hand_out(x, r / 64, (uint64_t)1 << r % 64, left < x->g ? left : x->g);
                x->busy_rows++;
            }
    }
    x->done += x->g;
    return x->busy_rows;
}

SOFA_UNUSED static size_t tmpl_rass_run(struct sofa_rass *x, uint32_t *order)
{
    size_t loads = 0;

    find_holders(x);
    count_waiting(x);
    while (start_phase(x))
        loads += run_phase(x, order ? order + loads : NULL);
    return loads;
}
