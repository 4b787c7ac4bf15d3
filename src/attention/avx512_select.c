/*
 * Score prediction and selection with AVX-512: 16 queries in the lanes of a vector, one vector a key.
 */
#include "attention/avx512.h"
#include "attention/vec.h"

#include <math.h>
#include <string.h>

/* x [16 keys][16 lanes] of one block of keys. */
static void products8(const int32_t *q, const int32_t *k, const int32_t *bias, size_t words, int32_t *x)
{
    __m512i acc[SOFA_GROUP];

    UNROLL
    for (size_t j = 0; j < SOFA_GROUP; j++)
        acc[j] = _mm512_set1_epi32(bias[j]);
    for (size_t c = 0; c < words; c++) {
        __m512i a = _mm512_load_si512(q + c * SOFA_GROUP);

        UNROLL
        for (size_t j = 0; j < SOFA_GROUP; j++)
            acc[j] = _mm512_dpbusd_epi32(acc[j], a, _mm512_set1_epi32(k[c * SOFA_GROUP + j]));
    }
    UNROLL
    for (size_t j = 0; j < SOFA_GROUP; j++)
        _mm512_store_si512(x + j * SOFA_GROUP, acc[j]);
}

static void products16(const int32_t *q, const int32_t *k, size_t words, int32_t *x)
{
    __m512i acc[SOFA_GROUP];

    UNROLL
    for (size_t j = 0; j < SOFA_GROUP; j++)
        acc[j] = _mm512_setzero_si512();
    for (size_t c = 0; c < words; c++) {
        __m512i a = _mm512_load_si512(q + c * SOFA_GROUP);

        UNROLL
        for (size_t j = 0; j < SOFA_GROUP; j++)
            acc[j] = _mm512_dpwssd_epi32(acc[j], a, _mm512_set1_epi32(k[c * SOFA_GROUP + j]));
    }
    UNROLL
    for (size_t j = 0; j < SOFA_GROUP; j++)
        _mm512_store_si512(x + j * SOFA_GROUP, acc[j]);
}

static __m512i count_from(const int32_t *x, size_t n, __m512i least)
{
    __m512i one = _mm512_set1_epi32(1), a = _mm512_setzero_si512(), b = a;
    size_t j = 0;

    for (; j + 2 <= n; j += 2) {
        __m512i u = _mm512_load_si512(x + j * SOFA_GROUP), v = _mm512_load_si512(x + (j + 1) * SOFA_GROUP);

        a = _mm512_mask_add_epi32(a, _mm512_cmpge_epi32_mask(u, least), a, one);
        b = _mm512_mask_add_epi32(b, _mm512_cmpge_epi32_mask(v, least), b, one);
    }
    if (j < n) {
        __m512i u = _mm512_load_si512(x + j * SOFA_GROUP);

        a = _mm512_mask_add_epi32(a, _mm512_cmpge_epi32_mask(u, least), a, one);
    }
    return _mm512_add_epi32(a, b);
}

static void range(const int32_t *x, size_t n, __m512i *least, __m512i *most)
{
    __m512i a = _mm512_load_si512(x), b = a;

    for (size_t j = 1; j < n; j++) {
        __m512i u = _mm512_load_si512(x + j * SOFA_GROUP);

        a = _mm512_min_epi32(a, u);
        b = _mm512_max_epi32(b, u);
    }
    *least = a;
    *most = b;
}

/* log2 with a straight line between powers of two: good enough to aim by. */
static __m512 rough_log2(__m512i count)
{
    __m512 x = _mm512_add_ps(_mm512_cvtepi32_ps(count), _mm512_set1_ps(0.5f));

    return _mm512_add_ps(_mm512_getexp_ps(x), _mm512_getmant_ps(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero));
}

/* count(low) > want > count(high), not counting ties: where between them to look next. */
struct bracket {
    __m512i low, high, at_low, at_high;
};

static __m512i aim(const struct bracket *b, __m512i want, int step)
{
    __m512 span = _mm512_cvtepu32_ps(_mm512_sub_epi32(b->high, b->low)), part;
    __m512i middle;

    if (step % 4 == 3) {
        middle = _mm512_add_epi32(b->low, _mm512_srli_epi32(_mm512_sub_epi32(b->high, b->low), 1));
    } else {
        if (step < 2) { /* a tail falls off about exponentially */
            __m512 l = rough_log2(b->at_low), h = rough_log2(b->at_high), w = rough_log2(want);

            part = _mm512_div_ps(_mm512_sub_ps(l, w), _mm512_sub_ps(l, h));
        } else {
            part = _mm512_div_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(b->at_low, want)),
                                 _mm512_cvtepi32_ps(_mm512_sub_epi32(b->at_low, b->at_high)));
        }
        middle = _mm512_add_epi32(b->low, _mm512_cvttps_epu32(_mm512_mul_ps(span, part)));
    }
    middle = _mm512_min_epi32(middle, _mm512_sub_epi32(b->high, _mm512_set1_epi32(1)));
    return _mm512_max_epi32(middle, _mm512_add_epi32(b->low, _mm512_set1_epi32(1)));
}

/* Narrows the bracket to the threshold `low`: count(low) == want, or > want only by ties with low.
 * `guess` is tried first in the lanes where it lies inside. */
static void narrow(const int32_t *x, size_t n, struct bracket *b, __m512i want, __m512i guess)
{
    const __m512i one = _mm512_set1_epi32(1);

    for (int step = 0;; step++) {
        __mmask16 open = _mm512_cmpgt_epi32_mask(b->at_low, want) &
                         _mm512_cmpgt_epi32_mask(_mm512_sub_epi32(b->high, one), b->low);
        __mmask16 inside, enough;
        __m512i middle, c;

        if (!open)
            return;
        middle = aim(b, want, step);
        if (step == 0) {
            inside = _mm512_cmpgt_epi32_mask(guess, b->low) & _mm512_cmplt_epi32_mask(guess, b->high);
            middle = _mm512_mask_mov_epi32(middle, inside, guess);
        }
        c = count_from(x, n, middle);
        enough = open & _mm512_cmpge_epi32_mask(c, want);
        b->low = _mm512_mask_mov_epi32(b->low, enough, middle);
        b->at_low = _mm512_mask_mov_epi32(b->at_low, enough, c);
        b->high = _mm512_mask_mov_epi32(b->high, open & (__mmask16)~enough, middle);
        b->at_high = _mm512_mask_mov_epi32(b->at_high, open & (__mmask16)~enough, c);
    }
}

/* What is kept of a group of queries from tile to tile. */
struct group {
    const struct sofa_tiling *tiling;
    const uint32_t *rows; /* of the head, [n] */
    size_t n;
    double unit[SOFA_GROUP]; /* A^ of a packed score of 1 */
    __m512i benchmark, guess;
    int32_t visible[SOFA_GROUP], quota[SOFA_GROUP];
};

/* Visible keys of a tile in every lane; scores that are not visible become INT32_MIN. */
static void hide(struct group *g, int32_t *x, size_t start, size_t n)
{
    __m512i visible;
    int32_t least = (int32_t)n;

    for (size_t l = 0; l < SOFA_GROUP; l++) {
        size_t all = sofa_visible(g->tiling, g->rows[l < g->n ? l : g->n - 1]);

        g->visible[l] = all <= start ? 0 : all - start < n ? (int32_t)(all - start) : (int32_t)n;
        g->quota[l] = (int32_t)sofa_quota((size_t)g->visible[l], l < g->n ? g->tiling->permille : 1000);
        least = g->visible[l] < least ? g->visible[l] : least;
    }
    visible = _mm512_loadu_si512(g->visible);
    for (int32_t j = least; j < (int32_t)n; j++) {
        __mmask16 gone = _mm512_cmple_epi32_mask(visible, _mm512_set1_epi32(j));
        int32_t *at = x + (size_t)j * SOFA_GROUP;

        _mm512_store_si512(at, _mm512_mask_mov_epi32(_mm512_load_si512(at), gone, _mm512_set1_epi32(INT32_MIN)));
    }
}

/* The least packed score that clipping lets through, in every lane. */
static __m512i clip_floor(const struct group *g)
{
    int32_t benchmark[SOFA_GROUP], least[SOFA_GROUP];

    _mm512_storeu_si512(benchmark, g->benchmark);
    for (size_t l = 0; l < SOFA_GROUP; l++) {
        double t = ceil((benchmark[l] * g->unit[l] - g->tiling->reach) / g->unit[l]);

        least[l] = t < -SOFA_SCORE_MAX ? -SOFA_SCORE_MAX : (int32_t)t;
    }
    return _mm512_loadu_si512(least);
}

/* Row masks from the lanes' comparisons: bit j of row l is set where x[j][l] >= threshold[l]. */
static void mark(const struct group *g, const int32_t *x, size_t start, size_t n, __m512i threshold,
                 const uint32_t *block_row, struct sofa_marks *marks)
{
    for (size_t j0 = 0; j0 < n; j0 += 32) {
        uint16_t lanes[32] = {0};
        size_t m = n - j0 < 32 ? n - j0 : 32, at = start + j0;
        __m512i z;

        for (size_t j = 0; j < m; j++)
            lanes[j] = (uint16_t)_mm512_cmpge_epi32_mask(_mm512_load_si512(x + (j0 + j) * SOFA_GROUP), threshold);
        z = _mm512_loadu_si512(lanes);
        for (size_t l = 0; l < g->n; l++) {
            uint64_t bits = _mm512_test_epi16_mask(z, _mm512_set1_epi16((short)(1u << l)));
            uint64_t *row = marks->bits + block_row[l] * marks->words + at / 64;

            row[0] |= bits << at % 64;
            if (at % 64 > 32)
                row[1] |= bits >> (64 - at % 64);
        }
    }
}

/* Of the keys that tie with the threshold, the last ones give way. */
static void drop_ties(const int32_t *x, size_t lane, size_t start, size_t n, int32_t threshold, int32_t excess,
                      uint64_t *row)
{
    for (size_t j = n; excess > 0; j--)
        if (x[(j - 1) * SOFA_GROUP + lane] == threshold) {
            size_t key = start + j - 1;

            row[key / 64] &= ~((uint64_t)1 << key % 64);
            excess--;
        }
}

static void leave_first(const struct group *g, const int32_t *x, size_t start, size_t n, __m512i most,
                        __mmask16 selected, size_t tile, const uint32_t *block_row, struct sofa_marks *marks)
{
    __m512i index = _mm512_setzero_si512();
    int32_t first[SOFA_GROUP];

    for (size_t j = n; j-- > 0;) {
        __mmask16 k = _mm512_cmpeq_epi32_mask(_mm512_load_si512(x + j * SOFA_GROUP), most);

        index = _mm512_mask_mov_epi32(index, k, _mm512_set1_epi32((int32_t)j));
    }
    _mm512_storeu_si512(first, index);
    for (size_t l = 0; l < g->n; l++)
        marks->first[block_row[l] * g->tiling->tiles + tile] =
            selected >> l & 1 ? (uint32_t)start + (uint32_t)first[l] : UINT32_MAX;
}

static void select_tile(struct group *g, int32_t *x, size_t tile, const uint32_t *block_row, struct sofa_marks *marks)
{
    size_t start = tile * g->tiling->keys;
    size_t n = g->tiling->s - start < g->tiling->keys ? g->tiling->s - start : g->tiling->keys;
    __m512i least, most, want, floor, feasible, visible;
    int32_t threshold[SOFA_GROUP], count[SOFA_GROUP];
    __mmask16 used = (__mmask16)((1u << g->n) - 1);
    struct bracket b;

    hide(g, x, start, n);
    want = _mm512_loadu_si512(g->quota);
    visible = _mm512_loadu_si512(g->visible);
    range(x, n, &least, &most);
    g->benchmark = g->tiling->reference == SOFA_REFERENCE_SEGMENT ? most : _mm512_max_epi32(g->benchmark, most);
    floor = _mm512_max_epi32(least, _mm512_set1_epi32(-SOFA_SCORE_MAX));
    feasible = visible;
    if (g->tiling->reach < INFINITY) {
        floor = _mm512_max_epi32(floor, clip_floor(g));
        feasible = count_from(x, n, floor);
        marks->clipped += (size_t)_mm512_mask_reduce_add_epi32(used, _mm512_sub_epi32(visible, feasible));
    }
    b = (struct bracket){floor, _mm512_add_epi32(most, _mm512_set1_epi32(1)), feasible, _mm512_setzero_si512()};
    narrow(x, n, &b, want, g->guess);
    g->guess = b.low;
    mark(g, x, start, n, b.low, block_row, marks);
    _mm512_storeu_si512(threshold, b.low);
    _mm512_storeu_si512(count, b.at_low);
    for (size_t l = 0; l < g->n; l++)
        if (count[l] > g->quota[l])
            drop_ties(x, l, start, n, threshold[l], count[l] - g->quota[l],
                      marks->bits + block_row[l] * marks->words);
    if (marks->first)
        leave_first(g, x, start, n, most, _mm512_cmpgt_epi32_mask(b.at_low, _mm512_setzero_si512()), tile, block_row,
                    marks);
}

/* The group's queries, word by word, a query to a lane. */
static void gather_queries(const struct sofa_packed *packed, const uint32_t *rows, size_t n, int32_t *q)
{
    memset(q, 0, packed->words * SOFA_GROUP * sizeof *q);
    for (size_t l = 0; l < n; l++)
        for (size_t c = 0; c < packed->words; c++)
            q[c * SOFA_GROUP + l] = packed->q[rows[l] * packed->words + c];
}

void sofa_avx512_select(const struct sofa_packed *packed, const struct sofa_tiling *tiling, const uint32_t *rows,
                        const uint32_t *block_row, size_t n, struct sofa_marks *marks, int32_t *q, int32_t *x)
{
    struct group g = {.tiling = tiling, .rows = rows, .n = n};
    size_t visible = sofa_visible(tiling, rows[n - 1]), chunk = sofa_chunk_tiles(tiling) * tiling->keys;

    gather_queries(packed, rows, n, q);
    g.benchmark = g.guess = _mm512_set1_epi32(INT32_MIN);
    for (size_t l = 0; l < SOFA_GROUP; l++)
        g.unit[l] = l < n ? ldexp(1, 1 + packed->shift[rows[l]]) : 1;
    for (size_t start = 0; start < visible; start += chunk) {
        size_t end = start + chunk < packed->s ? start + chunk : packed->s, base = start / SOFA_GROUP * SOFA_GROUP;

        for (size_t j = base; j < end && j < visible; j += SOFA_GROUP) {
            const int32_t *k = packed->k + j * packed->words;
            int32_t *out = x + (j - base) * SOFA_GROUP;

            if (packed->bits == 8)
                products8(q, k, packed->bias + j, packed->words, out);
            else
                products16(q, k, packed->words, out);
        }
        for (size_t tile = start / tiling->keys; tile * tiling->keys < end && tile * tiling->keys < visible; tile++)
            select_tile(&g, x + (tile * tiling->keys - base) * SOFA_GROUP, tile, block_row, marks);
    }
}

size_t sofa_avx512_expand(const uint64_t *bits, size_t words, uint32_t *keys)
{
    const __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    size_t n = 0;

    for (size_t w = 0; w < words; w++)
        for (unsigned part = 0; bits[w] && part < 4; part++) {
            __mmask16 k = (__mmask16)(bits[w] >> 16 * part);
            __m512i index = _mm512_add_epi32(lanes, _mm512_set1_epi32((int32_t)(w * 64 + 16 * part)));

            _mm512_storeu_si512(keys + n, _mm512_maskz_compress_epi32(k, index));
            n += (size_t)__builtin_popcount(k);
        }
    return n;
}
