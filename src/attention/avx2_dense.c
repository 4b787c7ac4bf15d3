#include "attention/avx2.h"
#include "attention/dense_tmpl.h"

void sofa_avx2_dense(const struct sofa_dense *dense)
{
    dense_tiles(dense);
}
