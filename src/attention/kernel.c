#include "attention/kernel.h"

#include <string.h>

/* best last */
static const struct sofa_attention_kernel *const kernels[] = {
    &sofa_attention_portable,
#ifdef SOFA_HAVE_AVX2
    &sofa_attention_avx2,
#endif
#ifdef SOFA_HAVE_AVX512
    &sofa_attention_avx512,
#endif
};
#define KERNELS (sizeof kernels / sizeof *kernels)

static const char *const names[] = {
    "portable",
#ifdef SOFA_HAVE_AVX2
    "avx2",
#endif
#ifdef SOFA_HAVE_AVX512
    "avx512",
#endif
};

static enum sofa_code find_best(const struct sofa_attention_kernel **kernel)
{
    for (size_t i = KERNELS; i-- > 0;)
        if (kernels[i]->runs_here()) {
            *kernel = kernels[i];
            break;
        }
    return SOFA_OK;
}

enum sofa_code sofa_attention_kernel_find(const char *isa, const struct sofa_attention_kernel **kernel,
                                          struct sofa_err *err)
{
    if (!isa || strcmp(isa, "auto") == 0)
        return find_best(kernel);
    for (size_t i = 0; i < KERNELS; i++) {
        if (strcmp(kernels[i]->name, isa) != 0)
            continue;
        if (!kernels[i]->runs_here())
            return sofa_fail(err, SOFA_E_USAGE, "this machine can't run the instruction set '%s'", isa);
        *kernel = kernels[i];
        return SOFA_OK;
    }
    sofa_fail(err, SOFA_E_USAGE, "unknown instruction set '%s'; there are: auto", isa);
    for (size_t i = 0; i < KERNELS; i++)
        sofa_err_append(err, " %s", names[i]);
    return SOFA_E_USAGE;
}

const char *sofa_attention_kernel_name(const struct sofa_attention_kernel *kernel)
{
    return kernel->name;
}

const char *const *sofa_attention_kernel_names(size_t *n)
{
    *n = sizeof names / sizeof *names;
    return names;
}
