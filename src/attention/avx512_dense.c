#include "attention/avx512.h"
#include "attention/dense_tmpl.h"

void sofa_avx512_dense(const struct sofa_dense *dense)
{
    dense_tiles(dense);
}
