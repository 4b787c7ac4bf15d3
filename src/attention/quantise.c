#include "attention/quantise.h"

#include <float.h>
#include <math.h>

enum sofa_code sofa_check_finite(const float *x, size_t rows, size_t columns, const char *what, struct sofa_err *err)
{
    size_t n = rows * columns, bad = 0;

    for (size_t i = 0; i < n; i++)
        bad += !(fabsf(x[i]) <= FLT_MAX);
    if (!bad)
        return SOFA_OK;
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(x[i]) <= FLT_MAX))
            return sofa_fail(err, SOFA_E_INPUT, "%s holds %s at row %zu, column %zu (%zu such values)", what,
                             isnan(x[i]) ? "NaN" : "an infinity", i / columns, i % columns, bad);
    return SOFA_OK;
}

double sofa_quantise_scale(const float *x, size_t n, int bits)
{
    float most = 0;

    for (size_t i = 0; i < n; i++) {
        float a = fabsf(x[i]);

        most = a > most ? a : most;
    }
    return most > 0 ? (double)most / ((1 << (bits - 1)) - 1) : 1;
}

int32_t sofa_lz_form(int32_t q)
{
    uint32_t magnitude = q < 0 ? 0u - (uint32_t)q : (uint32_t)q;
    int32_t p = 1;

    if (!q)
        return 0;
    for (; magnitude; magnitude >>= 1)
        p *= 2;
    return q < 0 ? -p : p;
}
