/* The reference: runs everywhere. */
#include "attention/kernel_tmpl.h"

const struct sofa_attention_kernel sofa_attention_portable = {
    .name = "portable",
    TMPL_LOOPS,
    .softmax = tmpl_softmax,
    .predict = tmpl_predict,
    .dense = tmpl_dense,
    .expand = tmpl_expand,
    .formal = tmpl_formal,
};
