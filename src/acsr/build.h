/*
 * Within the room: what generators and the decomposition share while they build a pattern.
 */
#ifndef SOFA_ACSR_BUILD_H
#define SOFA_ACSR_BUILD_H

#include "acsr/acsr.h"

#define SOFA_ACSR_ROW_NONE ((struct sofa_acsr_row){1, 0, 0})

/* The last column of a row that has one. */
static inline int32_t sofa_acsr_row_last(const struct sofa_acsr_row *row)
{
    return row->first + row->stride * (row->count - 1);
}

/* A progression whose numbers fit; one element has stride 1, none is SOFA_ACSR_ROW_NONE. */
static inline struct sofa_acsr_row sofa_acsr_row_make(int64_t stride, int64_t first, int64_t count)
{
    if (count <= 0)
        return SOFA_ACSR_ROW_NONE;
    return (struct sofa_acsr_row){count == 1 ? 1 : (int32_t)stride, (int32_t)first, (int32_t)count};
}

/* `rows` rows with no member each; NULL when memory is exhausted. */
struct sofa_acsr_row *sofa_acsr_rows_new(size_t rows, struct sofa_arena *arena);

/* Sides of 1 .. SOFA_PATTERN_SIDE_MAX; SOFA_E_INPUT. */
enum sofa_code sofa_pattern_check_sides(size_t rows, size_t columns, struct sofa_err *err);

/* SOFA_E_INPUT, "WHAT needs N GiB, limit M GiB", where bytes pass the limit. */
enum sofa_code sofa_pattern_check_memory(const char *what, double bytes, struct sofa_err *err);

#endif
