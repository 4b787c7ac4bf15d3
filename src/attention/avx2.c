/* AVX2 with FMA. */
#include "attention/avx2.h"
#include "attention/kernel_tmpl.h"

static void formal(const struct sofa_formal *formal, const struct sofa_rows *rows, float *sums, float *out)
{
    if (!sofa_avx2_formal(formal, rows, sums, out))
        tmpl_formal(formal, rows, sums, out);
}

const struct sofa_attention_kernel sofa_attention_avx2 = {
    .name = "avx2",
    TMPL_LOOPS,
    .softmax = sofa_avx2_softmax,
    .predict = tmpl_predict,
    .dense = sofa_avx2_dense,
    .select = sofa_avx2_select,
    .expand = tmpl_expand,
    .formal = formal,
};
