/* AVX-512 F, BW, DQ, VL and VNNI: one set for all of the program. */
#include "acsr/kernel_tmpl.h"

static bool runs_here(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma");
}

const struct sofa_acsr_kernel sofa_acsr_avx512 = {.name = "avx512", .runs_here = runs_here, TMPL_LOOPS};
