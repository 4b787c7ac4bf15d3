/*
 * One phase of RASS on bit planes (rass.h), compiled once per instruction set: eight words are one
 * vector where the machine has it, four or two elsewhere.
 */
#include <string.h>

#include "attention/kernel.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

typedef uint64_t plane_words __attribute__((vector_size(8 * SOFA_RASS_STEP)));

#define PLANES_INLINE static inline __attribute__((always_inline))

PLANES_INLINE bool any_bit(const plane_words *x)
{
#if defined(__AVX512F__)
    __m512i y;

    memcpy(&y, x, sizeof y);
    return _mm512_test_epi64_mask(y, y);
#else
    uint64_t any = 0;

    for (size_t i = 0; i < SOFA_RASS_STEP; i++)
        any |= (*x)[i];
    return any;
#endif
}

/* Takes one from each key of each query in spent [n], the low `planes` planes at a time in registers. */
PLANES_INLINE void subtract(const struct sofa_rass *x, size_t n, size_t planes)
{
    for (size_t w = 0; w < x->words; w += SOFA_RASS_STEP) {
        plane_words p[8];

        for (size_t b = 0; b < planes; b++)
            memcpy(&p[b], x->serves + b * x->words + w, sizeof p[b]);
        for (size_t i = 0; i < n; i++) {
            plane_words borrow, old;

            memcpy(&borrow, x->held + x->spent[i] * x->words + w, sizeof borrow);
            for (size_t b = 0; b < planes; b++) {
                old = p[b];
                p[b] = old ^ borrow;
                borrow &= ~old;
            }
        }
        for (size_t b = 0; b < planes; b++)
            memcpy(x->serves + b * x->words + w, &p[b], sizeof p[b]);
    }
}

static void subtract_many_planes(const struct sofa_rass *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t w = 0; w < x->words; w++) {
            uint64_t borrow = x->held[x->spent[i] * x->words + w];

            for (size_t b = 0; b < x->planes; b++) {
                uint64_t *p = x->serves + b * x->words + w, old = *p;

                *p = old ^ borrow;
                borrow &= ~old;
            }
        }
}

/* `top`: planes that can be set in this phase. */
static void subtract_spent(const struct sofa_rass *x, size_t n, size_t top)
{
    if (top <= 4)
        subtract(x, n, top);
    else if (top == 5)
        subtract(x, n, 5);
    else if (top == 6)
        subtract(x, n, 6);
    else if (top == 7)
        subtract(x, n, 7);
    else if (top == 8)
        subtract(x, n, 8);
    else
        subtract_many_planes(x, n);
}

/* Narrows the candidates to those with the bit set (or clear, with `flip` all ones), if there are any. */
PLANES_INLINE void narrow_candidates(const struct sofa_rass *x, const uint64_t *plane, uint64_t flip)
{
    plane_words any = {0}, c, p;

    for (size_t w = 0; w < x->words; w += SOFA_RASS_STEP) {
        memcpy(&c, x->candidates + w, sizeof c);
        memcpy(&p, plane + w, sizeof p);
        any |= c & (p ^ flip);
    }
    if (!any_bit(&any))
        return;
    for (size_t w = 0; w < x->words; w += SOFA_RASS_STEP) {
        memcpy(&c, x->candidates + w, sizeof c);
        memcpy(&p, plane + w, sizeof p);
        c &= p ^ flip;
        memcpy(x->candidates + w, &c, sizeof c);
    }
}

/* The key that serves most, of those the one waited for least (other holders = waiting - serves, and
 * serves is the same), of those the first. */
static size_t best_key(const struct sofa_rass *x, size_t top)
{
    memset(x->candidates, 0xff, x->words * sizeof *x->candidates);
    for (size_t b = top; b-- > 0;)
        narrow_candidates(x, x->serves + b * x->words, 0);
    for (size_t b = top; b-- > 0;)
        narrow_candidates(x, x->waiting + b * x->words, ~(uint64_t)0);
    for (size_t w = 0;; w++)
        if (x->candidates[w])
            return w * 64 + (size_t)__builtin_ctzll(x->candidates[w]);
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
        for (; taking; taking &= taking - 1) {
            size_t r = rw * 64 + (size_t)__builtin_ctzll(taking);

            x->held[r * x->words + word] ^= bit;
            x->left[r]--;
            if (--x->budget[r] == 0) {
                x->busy[rw] ^= (uint64_t)1 << r % 64;
                x->spent[spent++] = (uint32_t)r;
            }
        }
    }
    for (size_t b = 0; b < top; b++) {
        uint64_t *w = x->waiting + b * x->words + word;

        *w = (*w & ~bit) | (waiting >> b & 1 ? bit : 0);
        x->serves[b * x->words + word] &= ~bit;
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

SOFA_UNUSED static size_t tmpl_rass_phase(struct sofa_rass *x, uint32_t *order)
{
    size_t issued = 0, top = top_plane(x);

    memcpy(x->serves, x->waiting, top * x->words * sizeof *x->serves);
    for (; x->busy_rows; issued++) {
        size_t key = best_key(x, top), spent;

        if (order)
            order[issued] = (uint32_t)key;
        spent = take(x, key, top);
        if (spent && x->busy_rows)
            subtract_spent(x, spent, top);
    }
    return issued;
}
