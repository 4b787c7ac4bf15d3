/* The reference: runs everywhere. */
#include "acsr/kernel_tmpl.h"

const struct sofa_acsr_kernel sofa_acsr_portable = {.name = "portable", TMPL_LOOPS};
