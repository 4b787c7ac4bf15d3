/* The product on AVX-512: 12 rows by 32 outputs in 24 registers. */
#include "transformer/gemm_tmpl.h"

const struct sofa_gemm sofa_gemm_avx512 = {"avx512", panel, run_silu, run_gelu_tanh};
