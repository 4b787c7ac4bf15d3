#define SOFA_DENSE_NAME sofa_dense_ref
#define SOFA_DENSE_ISA "portable"
#include "opt/dense_loops.h"

const struct sofa_dense *sofa_dense_best(void)
{
#ifdef SOFA_HAVE_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &sofa_dense_avx2;
#endif
    return &sofa_dense_ref;
}
