/* X8 p(W8) with VNNI: (x + 128) unsigned by p/2 signed, 128 times the column's sum taken off, doubled. */
#include "attention/avx512.h"
#include "base/vec.h"

#include <string.h>

#define ROWS 4
#define COLUMNS 64 /* four vectors */

/* pw [h][d] halved: [d / COLUMNS][h / 4][COLUMNS][4], and -128 times the sums of the columns. */
static void pack_weights(const int16_t *pw, size_t h, size_t d, int8_t *w, int32_t *bias)
{
    size_t words = (h + 3) / 4, dp = sofa_padded(d, COLUMNS);

    memset(w, 0, words * dp * 4);
    memset(bias, 0, dp * sizeof *bias);
    for (size_t u = 0; u < h; u++)
        for (size_t j = 0; j < d; j++) {
            int16_t half = (int16_t)(pw[u * d + j] / 2);

            w[((j / COLUMNS * words + u / 4) * COLUMNS + j % COLUMNS) * 4 + u % 4] = (int8_t)half;
            bias[j] -= 128 * half;
        }
}

/* Four values of a row of X, offset to unsigned: in the vector, so that the broadcast is one with the load. */
INLINE __m512i four_values(const int8_t *x)
{
    int32_t word;

    memcpy(&word, x, 4);
    return _mm512_xor_si512(_mm512_set1_epi32(word), _mm512_set1_epi8((char)0x80));
}

/* One step of a tile: four of h, ROWS rows, COLUMNS columns. */
INLINE void step(const int8_t *const *x, size_t u, const int8_t *w, __m512i acc[ROWS][4])
{
    __m512i y[4];

    UNROLL
    for (size_t c = 0; c < 4; c++)
        y[c] = _mm512_load_si512(w + 64 * c);
    UNROLL
    for (size_t r = 0; r < ROWS; r++) {
        __m512i v = four_values(x[r] + u);

        UNROLL
        for (size_t c = 0; c < 4; c++)
            acc[r][c] = _mm512_dpbusd_epi32(acc[r][c], v, y[c]);
    }
}

INLINE void tile(const int8_t *const *x, const int8_t *w, const int32_t *bias, size_t h, __m512i acc[ROWS][4])
{
    size_t u = 0;

    UNROLL
    for (size_t r = 0; r < ROWS; r++) {
        UNROLL
        for (size_t c = 0; c < 4; c++)
            acc[r][c] = _mm512_load_si512(bias + 16 * c);
    }
    for (; u + 4 <= h; u += 4, w += 4 * COLUMNS)
        step(x, u, w, acc);
    if (u < h) {
        int8_t rest[ROWS][4] = {{0}};
        const int8_t *last[ROWS];

        for (size_t r = 0; r < ROWS; r++) {
            memcpy(rest[r], x[r] + u, h - u);
            last[r] = rest[r];
        }
        step(last, 0, w, acc);
    }
}

void sofa_avx512_predict(const int8_t *x, const int16_t *pw, size_t rows, size_t h, size_t d, int32_t *acc,
                         void *scratch)
{
    size_t words = (h + 3) / 4, dp = sofa_padded(d, COLUMNS);
    int32_t *bias = scratch;
    int8_t *w = (int8_t *)(bias + dp);

    pack_weights(pw, h, d, w, bias);
    for (size_t j = 0; j < d; j += COLUMNS)
        for (size_t i = 0; i < rows; i += ROWS) {
            size_t n = rows - i < ROWS ? rows - i : ROWS, width = d - j < COLUMNS ? d - j : COLUMNS;
            const int8_t *row[ROWS];
            __m512i sum[ROWS][4];

            for (size_t r = 0; r < ROWS; r++)
                row[r] = x + (r < n ? i + r : i) * h;
            tile(row, w + j * words * 4, bias + j, h, sum);
            for (size_t r = 0; r < n; r++)
                for (size_t c = 0; c < width; c += 16) {
                    __mmask16 k = width - c < 16 ? (__mmask16)((1u << (width - c)) - 1) : 0xffff;

                    _mm512_mask_storeu_epi32(acc + (i + r) * d + j + c, k,
                                             _mm512_add_epi32(sum[r][c / 16], sum[r][c / 16]));
                }
        }
}
