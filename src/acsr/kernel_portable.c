/* The reference: runs everywhere. */
#include "acsr/kernel_tmpl.h"

static bool runs_here(void)
{
    return true;
}

const struct sofa_acsr_kernel sofa_acsr_portable = {.name = "portable", .runs_here = runs_here, TMPL_LOOPS};
