/* AVX-512 F, BW, DQ, VL and VNNI: one set for all of the program. */
#include "acsr/kernel_tmpl.h"

const struct sofa_acsr_kernel sofa_acsr_avx512 = {.name = "avx512", TMPL_LOOPS};
