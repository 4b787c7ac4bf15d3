/*
 * The hot loops in plain C, compiled once per instruction set (kernel.h says what each does).
 *
 * No loop leaves an order of operations to the compiler: floating-point sums run over fixed lanes,
 * fused operations are written as fmaf(), and nothing is contracted (-ffp-contract=off).
 */
#include <math.h>
#include <string.h>

#include "attention/kernel.h"
#include "attention/rass_tmpl.h"

/* doubles of one vector of the machine */
#if defined(__AVX512F__)
#define DOUBLES 8
#elif defined(__AVX__)
#define DOUBLES 4
#else
#define DOUBLES 2
#endif
typedef double doubles __attribute__((vector_size(8 * DOUBLES)));

SOFA_UNUSED static void tmpl_predict(const int8_t *x, const int16_t *pw, size_t rows, size_t h, size_t d, int32_t *acc,
                                     void *scratch)
{
    (void)scratch;
    memset(acc, 0, rows * d * sizeof *acc);
    for (size_t i = 0; i < rows; i++) {
        int32_t *restrict a = acc + i * d;

        for (size_t u = 0; u < h; u++) {
            const int16_t *restrict w = pw + u * d;
            int16_t f = x[i * h + u];

            for (size_t j = 0; f && j < d; j++)
                a[j] += (int32_t)f * w[j];
        }
    }
}

/* R rows by two vectors of columns. */
#define SCORE_TILE(R)                                                                               \
    do {                                                                                            \
        doubles acc[R][2] = {{{0}}};                                                                \
        for (size_t c = 0; c < d; c++) {                                                            \
            doubles b0, b1;                                                                         \
            memcpy(&b0, b + c * stride + j, sizeof b0);                                             \
            memcpy(&b1, b + c * stride + j + DOUBLES, sizeof b1);                                   \
            PLANES_UNROLL                                                                           \
            for (size_t r = 0; r < (R); r++) {                                                      \
                doubles f = a[(i + r) * d + c] - (doubles){0};                                      \
                acc[r][0] += f * b0;                                                                \
                acc[r][1] += f * b1;                                                                \
            }                                                                                       \
        }                                                                                           \
        PLANES_UNROLL                                                                               \
        for (size_t r = 0; r < (R); r++)                                                            \
            memcpy(out + (i + r) * stride + j, acc[r], sizeof acc[r]);                              \
    } while (0)

SOFA_UNUSED static void tmpl_scores(const double *a, const double *b, size_t rows, size_t d, size_t stride, size_t n,
                                    double *out)
{
    for (size_t j = 0; j < n; j += 2 * DOUBLES) {
        size_t i = 0;

        for (; i + 4 <= rows; i += 4)
            SCORE_TILE(4);
        for (; i < rows; i++)
            SCORE_TILE(1);
    }
}

SOFA_UNUSED static void tmpl_scores_wide(const struct sofa_packed *packed, size_t row, size_t n, double *out)
{
    const int32_t *q = packed->q + row * packed->words;

    for (size_t j = 0; j < n; j += SOFA_GROUP) {
        const int32_t *k = packed->k + j * packed->words;
        int64_t acc[SOFA_GROUP] = {0};

        for (size_t c = 0; c < packed->words; c++) {
            int32_t low = (int16_t)q[c], high = q[c] >> 16;

            for (size_t l = 0; l < SOFA_GROUP; l++) {
                int32_t word = k[c * SOFA_GROUP + l];

                acc[l] += low * (int16_t)word + high * (word >> 16); /* below 2^30 each */
            }
        }
        for (size_t l = 0; l < SOFA_GROUP; l++)
            out[j + l] = 2 * (double)acc[l];
    }
}

/* R rows by a vector of columns. */
#define WEIGH_TILE(R)                                                                               \
    do {                                                                                            \
        doubles acc[R] = {{0}};                                                                     \
        for (size_t i = 0; i < n; i++) {                                                            \
            doubles x;                                                                              \
            memcpy(&x, v + i * d + j, sizeof x);                                                    \
            PLANES_UNROLL                                                                           \
            for (size_t q = 0; q < (R); q++)                                                        \
                acc[q] += p[(r + q) * stride + i] * x;                                              \
        }                                                                                           \
        PLANES_UNROLL                                                                               \
        for (size_t q = 0; q < (R); q++)                                                            \
            memcpy(out + (r + q) * d + j, &acc[q], sizeof acc[q]);                                  \
    } while (0)

SOFA_UNUSED static void tmpl_weigh(const double *p, const double *v, size_t rows, size_t n, size_t d, size_t stride,
                                   double *out)
{
    size_t j = 0;

    for (; j + DOUBLES <= d; j += DOUBLES) {
        size_t r = 0;

        for (; r + 4 <= rows; r += 4)
            WEIGH_TILE(4);
        for (; r < rows; r++)
            WEIGH_TILE(1);
    }
    for (; j < d; j++)
        for (size_t r = 0; r < rows; r++) {
            double sum = 0;

            for (size_t i = 0; i < n; i++)
                sum += p[r * stride + i] * v[i * d + j];
            out[r * d + j] = sum;
        }
}

/* e^x for x <= 0, 0 below -700: x = n ln 2 + r, Taylor to r^13 (remainder below 5e-18 for |r| <= ln 2 / 2). */
static inline double exp64(double x)
{
    double z = x < -700 ? -700 : x, t = z * 0x1.71547652b82fep0 + 0x1.8p52;
    double n = t - 0x1.8p52, r, y;
    uint64_t bits;

    r = z - n * 0x1.62e42feep-1;
    r = r - n * 0x1.a39ef35793c76p-33;
    y = 1. / 6227020800 * r + 1. / 479001600;
    y = y * r + 1. / 39916800;
    y = y * r + 1. / 3628800;
    y = y * r + 1. / 362880;
    y = y * r + 1. / 40320;
    y = y * r + 1. / 5040;
    y = y * r + 1. / 720;
    y = y * r + 1. / 120;
    y = y * r + 1. / 24;
    y = y * r + 1. / 6;
    y = y * r + 0.5;
    y = y * r + 1;
    y = y * r + 1;
    memcpy(&bits, &t, sizeof bits);
    bits = (bits + 1023) << 52;
    memcpy(&t, &bits, sizeof t);
    return x < -700 ? 0 : y * t;
}

SOFA_UNUSED static double tmpl_exp_sum(double *x, size_t n, double most, double scale)
{
    double acc[8] = {0}, sum = 0;
    size_t i = 0;

    for (size_t j = 0; j < n; j++)
        x[j] = exp64((x[j] - most) * scale);
    for (; i + 8 <= n; i += 8)
        for (size_t l = 0; l < 8; l++)
            acc[l] += x[i + l];
    for (; i < n; i++)
        sum += x[i];
    for (size_t l = 0; l < 8; l++)
        sum += acc[l];
    return sum;
}

/* The largest of x [n], n > 0. */
#define LARGEST(NAME, TYPE)                                                                         \
    SOFA_UNUSED static TYPE NAME(const TYPE *x, size_t n)                                           \
    {                                                                                               \
        TYPE m[SOFA_LANES], most = x[0];                                                            \
        size_t i = 0;                                                                               \
                                                                                                    \
        for (size_t l = 0; l < SOFA_LANES; l++)                                                     \
            m[l] = most;                                                                            \
        for (; i + SOFA_LANES <= n; i += SOFA_LANES)                                                \
            for (size_t l = 0; l < SOFA_LANES; l++)                                                 \
                m[l] = x[i + l] > m[l] ? x[i + l] : m[l];                                           \
        for (; i < n; i++)                                                                          \
            most = x[i] > most ? x[i] : most;                                                       \
        for (size_t l = 0; l < SOFA_LANES; l++)                                                     \
            most = m[l] > most ? m[l] : most;                                                       \
        return most;                                                                                \
    }
LARGEST(tmpl_max, double)
LARGEST(largest_float, float)

SOFA_UNUSED static size_t tmpl_count_near(const float *x, size_t n, float least, float most, size_t *above)
{
    int32_t near = 0, far = 0;

    for (size_t i = 0; i < n; i += SOFA_LANES) {
        int32_t left = n - i < SOFA_LANES ? (int32_t)(n - i) : SOFA_LANES;

        for (int32_t l = 0; l < SOFA_LANES; l++) {
            near += (l < left) & (x[i + (size_t)l] > least);
            far += (l < left) & (x[i + (size_t)l] > most);
        }
    }
    *above = (size_t)far;
    return (size_t)near;
}

SOFA_UNUSED static size_t tmpl_count(const double *x, size_t n, double least)
{
    int64_t c = 0;

    for (size_t i = 0; i < n; i++)
        c += x[i] >= least;
    return (size_t)c;
}

SOFA_UNUSED static size_t tmpl_emit(const double *x, size_t n, double above, double equal, size_t ties, uint32_t base,
                        uint32_t *keys)
{
    size_t k = 0;

    if (!ties) {
        for (size_t i = 0; i < n; i++) {
            keys[k] = base + (uint32_t)i;
            k += x[i] >= above;
        }
        return k;
    }
    for (size_t i = 0; i < n; i++) {
        bool tie = x[i] >= equal && x[i] < above && ties;

        keys[k] = base + (uint32_t)i;
        k += tie || x[i] >= above;
        ties -= tie;
    }
    return k;
}

/* e^x for x <= 0, exactly 0 below -87 so that no denormal appears.  Reduction and coefficients are
 * those of expf in Cephes (Moshier, netlib.org/cephes/single). */
static inline float exp32(float x)
{
    float z = x < -87.0f ? -87.0f : x;
    float t = fmaf(z, 0x1.715476p0f, 0x1.8p23f);
    float n = t - 0x1.8p23f, r, y;
    uint32_t bits;

    r = fmaf(n, -0.693359375f, z);
    r = fmaf(n, 2.12194440e-4f, r);
    y = fmaf(r, 1.9875691500e-4f, 1.3981999507e-3f);
    y = fmaf(r, y, 8.3334519073e-3f);
    y = fmaf(r, y, 4.1665795894e-2f);
    y = fmaf(r, y, 1.6666665459e-1f);
    y = fmaf(r, y, 5.0000001201e-1f);
    y = fmaf(r * r, y, r) + 1.0f;
    memcpy(&bits, &t, sizeof bits);
    bits = (bits + 127) << 23;
    memcpy(&t, &bits, sizeof t);
    return x < -87.0f ? 0.0f : y * t;
}

/* The 16 partial sums as a tree: l with l + 8, then + 4, + 2, + 1. */
static inline float sum_lanes(float a[SOFA_LANES])
{
    for (size_t half = SOFA_LANES / 2; half; half /= 2)
        for (size_t l = 0; l < half; l++)
            a[l] += a[l + half];
    return a[0];
}

/* weight = exp((score - max) scale); both are padded to whole lanes, the padding of weight becomes 0. */
SOFA_UNUSED static float tmpl_softmax(float *score, float *weight, size_t n, float scale)
{
    float acc[SOFA_LANES] = {0}, most = largest_float(score, n);
    size_t padded = sofa_padded(n, SOFA_LANES);

    for (size_t i = n; i < padded; i++)
        score[i] = -INFINITY;
    for (size_t i = 0; i < padded; i += SOFA_LANES)
        for (size_t l = 0; l < SOFA_LANES; l++) {
            float w = exp32((score[i + l] - most) * scale);

            weight[i + l] = w;
            acc[l] += w;
        }
    return sum_lanes(acc);
}

static void formal_row(const struct sofa_formal *formal, const float *q, const uint32_t *keys, size_t n, float *score,
                       float *weight, float *restrict sum, float *out)
{
    size_t dp = formal->dp;
    double scale;

    for (size_t t = 0; t < n; t++) {
        const float *k = formal->k + keys[t] * dp;
        float acc[SOFA_LANES] = {0};

        for (size_t c = 0; c < dp; c += SOFA_LANES)
            for (size_t l = 0; l < SOFA_LANES; l++)
                acc[l] = fmaf(q[c + l], k[c + l], acc[l]);
        score[t] = sum_lanes(acc);
    }
    scale = formal->value_scale / tmpl_softmax(score, weight, n, formal->logit_scale);
    memset(sum, 0, dp * sizeof *sum);
    for (size_t t = 0; t < n; t++) {
        const float *restrict v = formal->v + keys[t] * dp;
        float w = weight[t];

        for (size_t c = 0; c < dp; c++)
            sum[c] = fmaf(w, v[c], sum[c]);
    }
    for (size_t c = 0; c < formal->d; c++)
        out[c] = (float)(sum[c] * scale);
}

SOFA_UNUSED static void tmpl_formal(const struct sofa_formal *formal, const struct sofa_rows *rows, float *sums, float *out)
{
    for (size_t i = 0; i < rows->n; i++) {
        size_t at = sofa_lane_start(rows, i), n = rows->start[i + 1] - rows->start[i];

        formal_row(formal, formal->q + (rows->first + i) * formal->dp, rows->keys + rows->start[i], n,
                   rows->score + at, rows->weight + at, sums, out + i * formal->d);
    }
}

SOFA_UNUSED static size_t tmpl_expand(const uint64_t *bits, size_t words, uint32_t *keys)
{
    size_t n = 0;

    for (size_t w = 0; w < words; w++)
        for (uint64_t b = bits[w]; b; b &= b - 1)
            keys[n++] = (uint32_t)(w * 64 + (size_t)__builtin_ctzll(b));
    return n;
}

SOFA_UNUSED static void tmpl_quantise(const float *x, size_t n, double scale, int bits, int32_t *q)
{
    double most = (1 << (bits - 1)) - 1;

    for (size_t i = 0; i < n; i++) {
        double y = (x[i] / scale + 0x1.8p52) - 0x1.8p52;

        y = y > most ? most : y;
        q[i] = (int32_t)(y < -most ? -most : y);
    }
}

SOFA_UNUSED static void tmpl_dense(const struct sofa_dense *a)
{
    for (size_t i = 0; i < a->s; i++) {
        size_t n = a->causal ? i + 1 : a->s;
        const float *q = a->q + i * a->dp;
        float *restrict sum = a->sums;
        double scale;

        for (size_t j0 = 0; j0 < n; j0 += SOFA_DENSE_PANEL) {
            float acc[SOFA_DENSE_PANEL] = {0};

            for (size_t c = 0; c < a->d; c++) {
                const float *restrict k = a->k + j0 * a->d + c * SOFA_DENSE_PANEL;

                for (size_t j = 0; j < SOFA_DENSE_PANEL; j++)
                    acc[j] = fmaf(q[c], k[j], acc[j]);
            }
            memcpy(a->score + j0, acc, sizeof acc);
        }
        scale = 1 / tmpl_softmax(a->score, a->score, n, a->scale);
        memset(sum, 0, a->dp * sizeof *sum);
        for (size_t j = 0; j < n; j++)
            for (size_t c = 0; c < a->dp; c++)
                sum[c] = fmaf(a->score[j], a->v[j * a->dp + c], sum[c]);
        for (size_t c = 0; c < a->d; c++)
            a->out[i * a->d + c] = (float)(sum[c] * scale);
    }
}

SOFA_UNUSED static uint32_t tmpl_magnitude(const float *x, size_t n)
{
    int32_t most = 0;

    for (size_t i = 0; i < n; i++) {
        int32_t bits;

        memcpy(&bits, x + i, sizeof bits);
        bits &= INT32_MAX;
        most = bits > most ? bits : most;
    }
    return (uint32_t)most;
}

/* The exponent of the integer as a float is the place of its leading one. */
SOFA_UNUSED static void tmpl_lz_form(int32_t *q, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float x = (float)q[i];
        uint32_t bits;

        memcpy(&bits, &x, sizeof bits);
        bits &= 0xff800000u;
        memcpy(&x, &bits, sizeof x);
        q[i] = 2 * (int32_t)x;
    }
}

/* Members of a record that no variant has in its own form. */
#define TMPL_LOOPS                                                                                  \
    .magnitude = tmpl_magnitude, .lz_form = tmpl_lz_form, .scores = tmpl_scores,          \
    .scores_wide = tmpl_scores_wide, .weigh = tmpl_weigh, .exp_sum = tmpl_exp_sum,                  \
    .max = tmpl_max, .count = tmpl_count, .count_near = tmpl_count_near, .emit = tmpl_emit,         \
    .quantise = tmpl_quantise,                                                                      \
    .rass_run = tmpl_rass_run
