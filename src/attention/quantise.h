/*
 * Quantisation and the leading-zero form (steps 1 and 2 of the kernel).
 */
#ifndef SOFA_ATTENTION_QUANTISE_H
#define SOFA_ATTENTION_QUANTISE_H

#include <stddef.h>
#include <stdint.h>

#include "attention/kernel.h"

/* What stands for the dropped mantissa: the mean of 2^(-f), f the leading one's fraction, is taken as 3/4. */
#define SOFA_LZ_MEAN 0.75

/* The scale s = max|x| / (2^(bits-1) - 1) of x [rows][columns], 1 if all are zero.  SOFA_E_INPUT when a value is
 * not finite; `what` names the tensor. */
enum sofa_code sofa_quantise_scale(const struct sofa_attention_kernel *kernel, const float *x, size_t rows,
                                   size_t columns, int bits, const char *what, double *scale, struct sofa_err *err);

/* x rounded to the nearest integer, ties to even, |x| < 2^51. */
static inline double sofa_round_even(double x)
{
    return (x + 0x1.8p52) - 0x1.8p52;
}

#endif
