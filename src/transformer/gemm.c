#include "transformer/gemm.h"

#include <string.h>

#include "base/isa.h"

#define N SOFA_GEMM_PANEL
#define DEPTH 256 /* of a product: 256 x 32 floats are 32 KiB, a panel that stays near the core */
#define ROWS 240  /* a multiple of the kernels' 12 and 6 */

/* in the order of base/isa */
static const struct sofa_gemm *const gemms[] = {
    &sofa_gemm_portable,
#ifdef SOFA_HAVE_AVX2
    &sofa_gemm_avx2,
#endif
#ifdef SOFA_HAVE_AVX512
    &sofa_gemm_avx512,
#endif
};

const struct sofa_gemm *sofa_gemm_find(const char *isa)
{
    size_t index;

    return sofa_isa_find(isa, &index, NULL) == SOFA_OK ? gemms[index] : &sofa_gemm_portable;
}

static size_t panels_of(size_t out)
{
    return (out + N - 1) / N;
}

size_t sofa_gemm_packed_size(size_t out, size_t in)
{
    return panels_of(out) * in * N;
}

void sofa_gemm_pack(const float *w, size_t out, size_t in, float *packed)
{
    memset(packed, 0, sofa_gemm_packed_size(out, in) * sizeof *packed);
    for (size_t o = 0; o < out; o++)
        for (size_t k = 0; k < in; k++)
            packed[(o / N * in + k) * N + o % N] = w[o * in + k];
}

static void set_rows(float *c, size_t ldc, size_t m, size_t n, const float *bias)
{
    static const float zeros[N];

    for (size_t i = 0; i < m; i++)
        memcpy(c + i * ldc, bias ? bias : zeros, n * sizeof *c);
}

/* c [m][n] += x panel, n <= 32: a last panel that is narrower goes through a full one. */
static void run_panel(const struct sofa_gemm *gemm, size_t m, size_t n, size_t k, const float *x, size_t in,
                      const float *panel, float *y, size_t out)
{
    float full[ROWS * N];

    if (n == N) {
        gemm->panel(m, k, x, in, panel, y, out);
        return;
    }
    memset(full, 0, m * N * sizeof *full);
    for (size_t i = 0; i < m; i++)
        memcpy(full + i * N, y + i * out, n * sizeof *full);
    gemm->panel(m, k, x, in, panel, full, N);
    for (size_t i = 0; i < m; i++)
        memcpy(y + i * out, full + i * N, n * sizeof *full);
}

void sofa_gemm_run(const struct sofa_gemm *gemm, size_t m, size_t out, size_t in, const float *x,
                   const float *packed, const float *bias, float *y)
{
    for (size_t row = 0; row < m; row += ROWS) {
        size_t rows = m - row < ROWS ? m - row : ROWS;

        for (size_t p = 0; p < panels_of(out); p++) {
            size_t n = out - p * N < N ? out - p * N : N;
            float *c = y + row * out + p * N;

            set_rows(c, out, rows, n, bias ? bias + p * N : NULL);
            for (size_t k = 0; k < in; k += DEPTH)
                run_panel(gemm, rows, n, in - k < DEPTH ? in - k : DEPTH, x + row * in + k, in,
                          packed + (p * in + k) * N, c, out);
        }
    }
}
