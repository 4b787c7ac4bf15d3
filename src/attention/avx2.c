/* AVX2 with FMA. */
#include "attention/avx2.h"
#include "attention/kernel_tmpl.h"

static bool runs_here(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

const struct sofa_attention_kernel sofa_attention_avx2 = {
    .name = "avx2",
    .runs_here = runs_here,
    TMPL_LOOPS,
    .predict = tmpl_predict,
    .dense = sofa_avx2_dense,
    .expand = tmpl_expand,
    .formal = tmpl_formal,
};
