#include "acsr/build.h"

enum sofa_code sofa_pattern_from_mask(const uint8_t *mask, size_t rows, size_t columns, struct sofa_arena *arena,
                                      struct sofa_pattern *pattern, struct sofa_err *err)
{
    struct sofa_acsr *part = sofa_arena_alloc(arena, 1, sizeof *part);
    size_t *start = sofa_arena_zalloc(arena, rows + 1, sizeof *start), members = 0, n = 0;
    int32_t *column;

    if (!part || !start)
        return sofa_fail_nomem(err, "a pattern");
    if (sofa_acsr_from_mask(mask, rows, columns, arena, part, NULL) == SOFA_OK) {
        *pattern = (struct sofa_pattern){rows, columns, part->width > 0, part, {rows, columns, start, NULL}};
        return SOFA_OK;
    }
    for (size_t k = 0; k < rows * columns; k++)
        members += mask[k] != 0;
    column = sofa_arena_alloc(arena, members, sizeof *column);
    if (!column)
        return sofa_fail_nomem(err, "a pattern");
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++)
            if (mask[i * columns + j])
                column[n++] = (int32_t)j;
        start[i + 1] = n;
    }
    *pattern = (struct sofa_pattern){rows, columns, 0, NULL, {rows, columns, start, column}};
    return SOFA_OK;
}
