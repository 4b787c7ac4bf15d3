/* AVX-512 F, BW, DQ, VL and VNNI. */
#include "attention/kernel_tmpl.h"

static bool runs_here(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma");
}

const struct sofa_attention_kernel sofa_attention_avx512 = TMPL_RECORD("avx512", runs_here);
