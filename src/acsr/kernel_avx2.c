/* AVX2 with FMA. */
#include "acsr/kernel_tmpl.h"

static bool runs_here(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

const struct sofa_acsr_kernel sofa_acsr_avx2 = {.name = "avx2", .runs_here = runs_here, TMPL_LOOPS};
