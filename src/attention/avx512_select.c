#include "attention/avx512.h"
#include "attention/select_tmpl.h"

void sofa_avx512_select(const struct sofa_packed *packed, const struct sofa_tiling *tiling, const uint32_t *rows,
                    const uint32_t *block_row, size_t n, struct sofa_marks *marks, int32_t *q, int32_t *x)
{
    select_rows(packed, tiling, rows, block_row, n, marks, q, x);
}

size_t sofa_avx512_expand(const uint64_t *bits, size_t words, uint32_t *keys)
{
    const __m512i order = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    size_t n = 0;

    for (size_t w = 0; w < words; w++)
        for (unsigned part = 0; bits[w] && part < 4; part++) {
            __mmask16 k = (__mmask16)(bits[w] >> 16 * part);
            __m512i index = _mm512_add_epi32(order, _mm512_set1_epi32((int32_t)(w * 64 + 16 * part)));

            _mm512_storeu_si512(keys + n, _mm512_maskz_compress_epi32(k, index));
            n += (size_t)__builtin_popcount(k);
        }
    return n;
}
