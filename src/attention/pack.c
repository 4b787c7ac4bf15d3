#include "attention/pack.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* The first four elements as bytes, or two as halves, of a word. */
static inline int32_t word_of(const int32_t *x, int bits)
{
    if (bits == 8)
        return (int32_t)((x[0] & 0xffu) | (x[1] & 0xffu) << 8 | (x[2] & 0xffu) << 16 | (uint32_t)x[3] << 24);
    return (int32_t)((x[0] & 0xffffu) | (uint32_t)x[1] << 16);
}

/* x [d] to words a stride apart, 0 behind the last element. */
static inline void pack_row(const int32_t *x, size_t d, int bits, size_t stride, int32_t *row)
{
    size_t n = 32 / (size_t)bits, c = 0;
    int32_t last[4] = {0};

    for (; c + n <= d; c += n, row += stride)
        *row = word_of(x + c, bits);
    if (c < d) {
        memcpy(last, x + c, (d - c) * sizeof *x);
        *row = word_of(last, bits);
    }
}

static void pack_keys(const struct sofa_khat *khat, int bits, size_t words, int32_t *k, int32_t *bias)
{
    for (size_t j = 0; j < khat->s; j++) {
        const int32_t *x = khat->q + j * khat->d;
        int32_t sum = 0;

        pack_row(x, khat->d, bits, SOFA_GROUP, k + j / SOFA_GROUP * SOFA_GROUP * words + j % SOFA_GROUP);
        for (size_t c = 0; bits == 8 && c < khat->d; c++)
            sum += x[c];
        bias[j] = -64 * sum;
    }
}

static int32_t magnitude(int32_t x)
{
    return x < 0 ? -x : x;
}

/* What bounds the scores of a query: the largest magnitude of each column of K^ and the largest norm of its rows. */
struct bounds {
    int32_t *largest; /* [d] */
    double norm;
};

/* The shift of a query by which no score can pass SOFA_SCORE_MAX, or SOFA_NOT_PACKED.  A score is at most the sum
 * over the columns and at most the product of the norms (Cauchy-Schwarz); partial sums may pass 32 bits, since
 * they wrap around. */
static uint8_t query_shift(const int32_t *p, const struct bounds *bounds, size_t d)
{
    double by_column = 0, square = 0, bound;
    int32_t least = INT32_MAX;
    uint8_t shift = 0;

    for (size_t c = 0; c < d; c++) {
        int32_t half = magnitude(p[c]) / 2;

        by_column += (double)half * bounds->largest[c]; /* whole, and below 2^53 */
        square += (double)half * half;
        least = half && half < least ? half : least;
    }
    bound = sqrt(square) * bounds->norm * (1 + 0x1p-40) + 1;
    bound = by_column < bound ? by_column : bound;
    for (; bound > SOFA_SCORE_MAX; bound /= 2)
        shift++;
    return shift < 31 && least >> shift ? shift : SOFA_NOT_PACKED;
}

/* half [d] is scratch. */
static void pack_queries(const int32_t *p, size_t s, size_t d, int bits, size_t words,
                         const struct bounds *bounds, int32_t *half, int32_t *q, uint8_t *shift)
{
    for (size_t i = 0; i < s; i++, p += d, q += words) {
        int cut;

        shift[i] = bits == 8 ? 0 : query_shift(p, bounds, d);
        cut = shift[i] == SOFA_NOT_PACKED ? 0 : shift[i];
        for (size_t c = 0; c < d; c++) {
            int32_t x = magnitude(p[c]) / 2 >> cut;

            half[c] = (p[c] < 0 ? -x : x) + (bits == 8 ? 64 : 0);
        }
        pack_row(half, d, bits, 1, q);
    }
}

/* The bounds of K^, and whether all of it lies within `bits` signed bits. */
static bool find_bounds(const struct sofa_khat *khat, struct bounds *bounds, int bits)
{
    int32_t least = 0, most = 0;
    double square = 0;

    memset(bounds->largest, 0, khat->d * sizeof *bounds->largest);
    for (size_t j = 0; j < khat->s; j++) {
        int64_t sum = 0;

        for (size_t c = 0; c < khat->d; c++) {
            int32_t x = khat->q[j * khat->d + c], m = x == INT32_MIN ? INT32_MAX : magnitude(x);

            bounds->largest[c] = m > bounds->largest[c] ? m : bounds->largest[c];
            least = x < least ? x : least;
            most = x > most ? x : most;
            sum += (int64_t)(int16_t)x * (int16_t)x;
        }
        square = (double)sum > square ? (double)sum : square;
    }
    bounds->norm = sqrt(square);
    return least >= -(1 << (bits - 1)) && most < 1 << (bits - 1);
}

enum sofa_code sofa_pack(const struct sofa_khat *khat, const int32_t *p, int q_bits, struct sofa_packed *packed,
                         struct sofa_arena *arena, struct sofa_err *err)
{
    size_t s = khat->s, d = khat->d, groups = (s + SOFA_GROUP - 1) / SOFA_GROUP, words;
    struct bounds bounds = {.largest = sofa_arena_alloc(arena, d, sizeof *bounds.largest)};
    int32_t *half = sofa_arena_alloc(arena, d, sizeof *half), *q, *k, *bias;
    uint8_t *shift = sofa_arena_alloc(arena, s, 1);
    int bits;

    *packed = (struct sofa_packed){.s = s, .d = d};
    if (!bounds.largest || !half || !shift)
        return sofa_fail_nomem(err, "packed operands");
    bits = q_bits <= 8 && find_bounds(khat, &bounds, 8) ? 8 : find_bounds(khat, &bounds, 16) ? 16 : 0;
    if (!bits || d > UINT16_MAX)
        return SOFA_OK;
    words = bits == 8 ? (d + 3) / 4 : (d + 1) / 2;
    q = sofa_arena_zalloc(arena, s * words, sizeof *q);
    k = sofa_arena_zalloc(arena, groups * SOFA_GROUP * words, sizeof *k);
    bias = sofa_arena_zalloc(arena, groups * SOFA_GROUP, sizeof *bias);
    if (!q || !k || !bias)
        return sofa_fail_nomem(err, "packed operands");
    pack_keys(khat, bits, words, k, bias);
    pack_queries(p, s, d, bits, words, &bounds, half, q, shift);
    *packed = (struct sofa_packed){s, d, words, bits, q, k, bias, shift};
    return SOFA_OK;
}
