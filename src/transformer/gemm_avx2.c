/* The product on AVX2 and FMA: 6 rows by half a panel in 12 registers. */
#include "transformer/gemm_tmpl.h"

const struct sofa_gemm sofa_gemm_avx2 = {"avx2", panel, run_silu, run_gelu_tanh};
