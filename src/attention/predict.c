/* Steps 1-3: X at 8 bits, and the predicted keys (DLZS phase 1). */
#include <math.h>

#include "attention/kernel.h"
#include "attention/quantise.h"

#define X_BITS 8
#define W_BITS 8

enum sofa_code sofa_attention_quantise_x(const struct sofa_attention_kernel *kernel, const float *x, size_t s,
                                         size_t h, struct sofa_arena *arena, struct sofa_quant8 *x8,
                                         struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    struct sofa_arena_mark mark;
    int32_t *row;
    double scale;
    int8_t *q;

    if (!s || !h || h > SOFA_HIDDEN_MAX)
        return sofa_fail(err, SOFA_E_INPUT, "X has %zu tokens of width %zu; the kernel takes widths of 1 to %d", s, h,
                         SOFA_HIDDEN_MAX);
    SOFA_TRY(sofa_quantise_scale(kernel, x, s, h, X_BITS, "X", &scale, err));
    q = sofa_arena_alloc(arena, s, h);
    mark = sofa_arena_mark(arena);
    row = sofa_arena_alloc(arena, h, sizeof *row);
    if (!q || !row)
        return sofa_fail_nomem(err, "X at 8 bits");
    *x8 = (struct sofa_quant8){s, h, scale, q};
    for (size_t i = 0; i < s; i++) {
        kernel->quantise(x + i * h, h, x8->scale, X_BITS, row);
        for (size_t c = 0; c < h; c++)
            q[i * h + c] = (int8_t)row[c];
    }
    sofa_arena_rewind(arena, mark);
out:
    return rc;
}

/* The least right shift that makes every |acc| fit in `bits` signed bits. */
static int least_shift(const int32_t *acc, size_t n, int bits)
{
    int64_t most = 0;
    int length = 0;

    for (size_t i = 0; i < n; i++) {
        int64_t a = acc[i] < 0 ? -(int64_t)acc[i] : acc[i];

        most = a > most ? a : most;
    }
    for (; most; most >>= 1)
        length++;
    return length > bits - 1 ? length - (bits - 1) : 0;
}

/* Rounds down, also where >> of a negative number would be the compiler's choice. */
static int32_t shift_down(int32_t x, int shift)
{
    return x >= 0 ? x >> shift : ~(~x >> shift);
}

static int32_t clip(double x, double most)
{
    x = sofa_round_even(x);
    return (int32_t)(x > most ? most : x < -most ? -most : x);
}

static void rotate(int32_t *q, size_t s, size_t d, struct sofa_rope rope, int bits)
{
    double most = (1 << (bits - 1)) - 1;
    size_t half = d / 2;

    for (size_t i = 0; i < s; i++)
        for (size_t j = 0; j < half; j++) {
            double a = q[i * d + j], b = q[i * d + half + j];
            double c = rope.cos[i * half + j], w = rope.sin[i * half + j];

            q[i * d + j] = clip(a * c - b * w, most);
            q[i * d + half + j] = clip(a * w + b * c, most);
        }
}

enum sofa_code sofa_attention_predict_keys(const struct sofa_attention_kernel *kernel, int khat_bits,
                                           const struct sofa_quant8 *x8, const float *wk, size_t d,
                                           struct sofa_rope rope, struct sofa_arena *arena,
                                           struct sofa_khat *khat, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    size_t s = x8->rows, h = x8->columns;
    int32_t *q = sofa_arena_alloc(arena, s * d, sizeof *q), *w;
    struct sofa_arena_mark mark = sofa_arena_mark(arena);
    int16_t *pw = sofa_arena_alloc(arena, h * d, sizeof *pw);
    void *scratch;
    double scale;
    int shift;

    w = sofa_arena_alloc(arena, h * d, sizeof *w);
    scratch = sofa_arena_alloc(arena, sofa_predict_scratch(h, d), 1);
    if (!q || !pw || !w || !scratch)
        return sofa_fail_nomem(err, "predicted keys");
    if (!d || (rope.cos && d % 2))
        return sofa_fail(err, SOFA_E_INPUT, "a head width of %zu cannot carry rotary embedding", d);
    SOFA_TRY(sofa_quantise_scale(kernel, wk, h, d, W_BITS, "Wk", &scale, err));
    kernel->quantise(wk, h * d, scale, W_BITS, w);
    kernel->lz_form(w, h * d);
    for (size_t i = 0; i < h * d; i++)
        pw[i] = (int16_t)w[i];
    kernel->predict(x8->q, pw, s, h, d, q, scratch);
    shift = least_shift(q, s * d, khat_bits);
    for (size_t i = 0; i < s * d; i++)
        q[i] = shift_down(q[i], shift);
    if (rope.cos)
        rotate(q, s, d, rope, khat_bits);
    *khat = (struct sofa_khat){s, d, x8->scale * scale * ldexp(SOFA_LZ_MEAN, shift), q};
    sofa_arena_rewind(arena, mark);
out:
    return rc;
}
