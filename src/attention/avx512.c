/* AVX-512 F, BW, DQ, VL and VNNI. */
#include "attention/avx512.h"
#include "attention/kernel_tmpl.h"

static bool runs_here(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma");
}

static void formal(const struct sofa_formal *formal, const struct sofa_rows *rows, float *sums, float *out)
{
    if (!sofa_avx512_formal(formal, rows, sums, out))
        tmpl_formal(formal, rows, sums, out);
}

const struct sofa_attention_kernel sofa_attention_avx512 = {
    .name = "avx512",
    .runs_here = runs_here,
    TMPL_LOOPS,
    .softmax = sofa_avx512_softmax,
    .predict = sofa_avx512_predict,
    .dense = sofa_avx512_dense,
    .select = sofa_avx512_select,
    .expand = sofa_avx512_expand,
    .formal = formal,
};
