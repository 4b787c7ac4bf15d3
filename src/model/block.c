#include "model/block.h"

#include "base/isa.h"

/* in the order of base/isa */
static const struct sofa_block_kernel *const kernels[] = {
    &sofa_block_portable,
#ifdef SOFA_HAVE_AVX2
    &sofa_block_avx2,
#endif
#ifdef SOFA_HAVE_AVX512
    &sofa_block_avx512,
#endif
};

enum sofa_code sofa_block_kernel_find(const char *isa, const struct sofa_block_kernel **kernel, struct sofa_err *err)
{
    size_t index;
    enum sofa_code rc = sofa_isa_find(isa, &index, err);

    if (rc == SOFA_OK)
        *kernel = kernels[index];
    return rc;
}
