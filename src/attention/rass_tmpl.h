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
#if defined(__clang__)
#define PLANES_UNROLL _Pragma("clang loop unroll(full)")
#else
#define PLANES_UNROLL _Pragma("GCC unroll 8")
#endif

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

/* Takes one from (or, starting from nothing, adds one to) each key that each query of list [n] holds; the
 * planes stay in registers. */
PLANES_INLINE void change(const struct sofa_rass *x, size_t n, size_t planes, bool add)
{
    for (size_t w = 0; w < x->words; w += SOFA_RASS_STEP) {
        plane_words p[8] = {{0}};

        if (!add) {
            PLANES_UNROLL
            for (size_t b = 0; b < planes; b++)
                memcpy(&p[b], x->serves + b * x->words + w, sizeof p[b]);
        }
        for (size_t i = 0; i < n; i++) {
            plane_words carry, old;

            memcpy(&carry, x->held + x->list[i] * x->words + w, sizeof carry);
            PLANES_UNROLL
            for (size_t b = 0; b < planes; b++) {
                old = p[b];
                p[b] = old ^ carry;
                carry &= add ? old : ~old;
            }
        }
        PLANES_UNROLL
        for (size_t b = 0; b < planes; b++)
            memcpy(x->serves + b * x->words + w, &p[b], sizeof p[b]);
    }
}

static void change_many_planes(const struct sofa_rass *x, size_t n, size_t planes, bool add)
{
    if (add)
        memset(x->serves, 0, planes * x->words * sizeof *x->serves);
    for (size_t i = 0; i < n; i++)
        for (size_t w = 0; w < x->words; w++) {
            uint64_t carry = x->held[x->list[i] * x->words + w];

            for (size_t b = 0; b < planes; b++) {
                uint64_t *p = x->serves + b * x->words + w, old = *p;

                *p = old ^ carry;
                carry &= add ? old : ~old;
            }
        }
}

PLANES_INLINE void change_serves(const struct sofa_rass *x, size_t n, size_t planes, bool add)
{
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

/* Counts serves anew from the queries with budget; returns the planes it takes. */
static size_t recount(struct sofa_rass *x)
{
    size_t n = 0, planes = 0;

    for (size_t rw = 0; rw < x->row_words; rw++)
        for (uint64_t busy = x->busy[rw]; busy; busy &= busy - 1)
            x->list[n++] = (uint32_t)(rw * 64 + (size_t)__builtin_ctzll(busy));
    for (size_t m = n; m; m >>= 1)
        planes++;
    change_serves(x, n, planes, true);
    return planes;
}

/* Narrows the candidates [n] to those with the bit set (or clear, with `flip` all ones), if there are any. */
PLANES_INLINE void narrow_candidates(plane_words *candidates, size_t n, const uint64_t *plane, uint64_t flip)
{
    plane_words any = {0}, left[8];

    PLANES_UNROLL
    for (size_t i = 0; i < n; i++) {
        memcpy(&left[i], plane + i * SOFA_RASS_STEP, sizeof left[i]);
        left[i] = (left[i] ^ flip) & candidates[i];
        any |= left[i];
    }
    if (any_bit(&any)) {
        PLANES_UNROLL
        for (size_t i = 0; i < n; i++)
            candidates[i] = left[i];
    }
}

/* The key that serves most, of those the one waited for least (other holders = waiting - serves, and
 * serves is the same), of those the first; n steps of words, at most 8. */
PLANES_INLINE size_t best_key(const struct sofa_rass *x, size_t serving, size_t top, size_t n)
{
    plane_words candidates[8];

    PLANES_UNROLL
    for (size_t i = 0; i < 8; i++)
        memset(&candidates[i], 0xff, sizeof candidates[i]);
    for (size_t b = serving; b-- > 0;)
        narrow_candidates(candidates, n, x->serves + b * x->words, 0);
    for (size_t b = top; b-- > 0;)
        narrow_candidates(candidates, n, x->waiting + b * x->words, ~(uint64_t)0);
    PLANES_UNROLL
    for (size_t i = 0; i < n; i++)
        for (size_t w = 0; any_bit(&candidates[i]) && w < SOFA_RASS_STEP; w++)
            if (candidates[i][w])
                return (i * SOFA_RASS_STEP + w) * 64 + (size_t)__builtin_ctzll(candidates[i][w]);
    return 0;
}

/* The same for any number of words. */
static size_t best_key_of_many(const struct sofa_rass *x, size_t serving, size_t top)
{
    for (size_t w = 0; w < x->words; w++)
        x->candidates[w] = ~(uint64_t)0;
    for (size_t b = serving + top; b-- > 0;) {
        bool set = b >= top;
        const uint64_t *plane = (set ? x->serves : x->waiting) + (set ? b - top : b) * x->words;
        uint64_t any = 0, flip = set ? 0 : ~(uint64_t)0;

        for (size_t w = 0; w < x->words; w++)
            any |= x->candidates[w] & (plane[w] ^ flip);
        for (size_t w = 0; any && w < x->words; w++)
            x->candidates[w] &= plane[w] ^ flip;
    }
    for (size_t w = 0;; w++)
        if (x->candidates[w])
            return w * 64 + (size_t)__builtin_ctzll(x->candidates[w]);
}

static size_t next_key(const struct sofa_rass *x, size_t serving, size_t top)
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
    case 8:
        return best_key(x, serving, top, 8);
    default:
        return best_key_of_many(x, serving, top);
    }
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
                x->list[spent++] = (uint32_t)r;
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
    size_t issued = 0, top = top_plane(x), serving = top;

    memcpy(x->serves, x->waiting, top * x->words * sizeof *x->serves);
    for (; x->busy_rows; issued++) {
        size_t key = next_key(x, serving, top), spent;

        if (order)
            order[issued] = (uint32_t)key;
        spent = take(x, key, top);
        if (x->busy_rows < spent)
            serving = recount(x);
        else if (spent)
            subtract_list(x, spent, serving);
    }
    return issued;
}
