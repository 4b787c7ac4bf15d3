#define SOFA_DENSE_NAME sofa_dense_avx2
#define SOFA_DENSE_ISA "avx2"
#include "opt/dense_loops.h"
