/* The fused multiply-add of machines without one, for its test. */
#ifndef SOFA_TRANSFORMER_GEMM_REF_H
#define SOFA_TRANSFORMER_GEMM_REF_H

/* a * b + c rounded once, in any rounding of finite values; NaN and infinity as fmaf gives them. */
float sofa_gemm_emulated_fma(float a, float b, float c);

#endif
