/*
 * Quantisation and the leading-zero form (steps 1 and 2 of the kernel).
 */
#ifndef SOFA_ATTENTION_QUANTISE_H
#define SOFA_ATTENTION_QUANTISE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* What stands for the dropped mantissa: the mean of 2^(-f), f the leading one's fraction, is taken as 3/4. */
#define SOFA_LZ_MEAN 0.75

/* SOFA_E_INPUT when a value of x [rows][columns] is not finite; `what` names the tensor. */
enum sofa_code sofa_check_finite(const float *x, size_t rows, size_t columns, const char *what, struct sofa_err *err);

/* The scale s = max|x| / (2^(bits-1) - 1), 1 if all are zero. */
double sofa_quantise_scale(const float *x, size_t n, int bits);

/* x rounded to the nearest integer, ties to even, |x| < 2^51. */
static inline double sofa_round_even(double x)
{
    return (x + 0x1.8p52) - 0x1.8p52;
}

/* sign(q) 2^(floor(log2|q|) + 1), 0 for 0. */
int32_t sofa_lz_form(int32_t q);

#endif
