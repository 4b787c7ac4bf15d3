/* AVX2 with FMA. */
#include "acsr/kernel_tmpl.h"

const struct sofa_acsr_kernel sofa_acsr_avx2 = {.name = "avx2", TMPL_LOOPS};
