#include "attention/avx2.h"
#include "attention/select_tmpl.h"

void sofa_avx2_select(const struct sofa_packed *packed, const struct sofa_tiling *tiling, const uint32_t *rows,
                    const uint32_t *block_row, size_t n, struct sofa_marks *marks, int32_t *q, int32_t *x)
{
    select_rows(packed, tiling, rows, block_row, n, marks, q, x);
}
