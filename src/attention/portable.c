/* The reference: runs everywhere. */
#include "attention/kernel_tmpl.h"

static bool runs_here(void)
{
    return true;
}

const struct sofa_attention_kernel sofa_attention_portable = TMPL_RECORD("portable", runs_here);
