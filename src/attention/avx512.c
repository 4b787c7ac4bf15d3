/* AVX-512 F, BW, DQ, VL and VNNI. */
#include "attention/avx512.h"
#include "attention/kernel_tmpl.h"

static void formal(const struct sofa_formal *formal, const struct sofa_rows *rows, float *sums, float *out)
{
    if (!sofa_avx512_formal(formal, rows, sums, out))
        tmpl_formal(formal, rows, sums, out);
}

const struct sofa_attention_kernel sofa_attention_avx512 = {
    .name = "avx512",
    TMPL_LOOPS,
    .softmax = sofa_avx512_softmax,
    .predict = sofa_avx512_predict,
    .dense = sofa_avx512_dense,
    .select = sofa_avx512_select,
    .expand = sofa_avx512_expand,
    .formal = formal,
};
