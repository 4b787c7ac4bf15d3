#include "attention/quantise.h"

#include <math.h>
#include <string.h>

#define INFINITE_BITS 0x7f800000u /* of a float; NaN lies above */

static enum sofa_code refuse(const float *x, size_t n, size_t columns, const char *what, struct sofa_err *err)
{
    size_t bad = 0, first = n;

    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i])) {
            first = bad ? first : i;
            bad++;
        }
    return sofa_fail(err, SOFA_E_INPUT, "%s holds %s at row %zu, column %zu (%zu values are not finite)", what,
                     isnan(x[first]) ? "NaN" : "an infinity", first / columns, first % columns, bad);
}

enum sofa_code sofa_quantise_scale(const struct sofa_attention_kernel *kernel, const float *x, size_t rows,
                                   size_t columns, int bits, const char *what, double *scale, struct sofa_err *err)
{
    uint32_t most = kernel->magnitude(x, rows * columns);
    float largest;

    if (most >= INFINITE_BITS)
        return refuse(x, rows * columns, columns, what, err);
    memcpy(&largest, &most, sizeof largest);
    *scale = largest > 0 ? (double)largest / ((1 << (bits - 1)) - 1) : 1;
    return SOFA_OK;
}
