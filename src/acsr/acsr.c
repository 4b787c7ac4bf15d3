#include "acsr/acsr.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acsr/build.h"

#define MEMORY_LIMIT_BYTES ((uint64_t)4 << 30)

bool sofa_acsr_row_has(const struct sofa_acsr_row *row, size_t column)
{
    int64_t d = (int64_t)column - row->first;

    return d >= 0 && d % row->stride == 0 && d / row->stride < row->count;
}

size_t sofa_acsr_members(const struct sofa_acsr *part)
{
    size_t n = 0;

    for (size_t i = 0; i < part->rows; i++)
        n += (size_t)part->row[i].count;
    return n;
}

size_t sofa_pattern_members(const struct sofa_pattern *pattern)
{
    size_t n = pattern->rest.start[pattern->rows];

    for (size_t p = 0; p < pattern->n_parts; p++)
        n += sofa_acsr_members(&pattern->part[p]);
    return n;
}

size_t sofa_pattern_row_members(const struct sofa_pattern *pattern, size_t row)
{
    size_t n = pattern->rest.start[row + 1] - pattern->rest.start[row];

    for (size_t p = 0; p < pattern->n_parts; p++)
        n += (size_t)pattern->part[p].row[row].count;
    return n;
}

size_t sofa_pattern_width(const struct sofa_pattern *pattern)
{
    size_t widest = 0;

    for (size_t i = 0; i < pattern->rows; i++) {
        size_t n = sofa_pattern_row_members(pattern, i);

        widest = n > widest ? n : widest;
    }
    return widest;
}

static void widen(size_t *first, size_t *last, int64_t a, int64_t b)
{
    *first = (size_t)a < *first ? (size_t)a : *first;
    *last = (size_t)b > *last ? (size_t)b : *last;
}

bool sofa_pattern_row_span(const struct sofa_pattern *pattern, size_t row, size_t *first, size_t *last)
{
    const struct sofa_csr *rest = &pattern->rest;

    *first = SIZE_MAX;
    *last = 0;
    for (size_t p = 0; p < pattern->n_parts; p++) {
        const struct sofa_acsr_row *r = &pattern->part[p].row[row];

        if (r->count)
            widen(first, last, r->first, sofa_acsr_row_last(r));
    }
    if (rest->start[row + 1] > rest->start[row])
        widen(first, last, rest->column[rest->start[row]], rest->column[rest->start[row + 1] - 1]);
    return *first != SIZE_MAX;
}

static int compare_columns(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

    return (x > y) - (x < y);
}

size_t sofa_pattern_row_columns(const struct sofa_pattern *pattern, size_t row, int32_t *column)
{
    const struct sofa_csr *rest = &pattern->rest;
    bool sorted = true;
    size_t n = 0;

    for (size_t p = 0; p < pattern->n_parts; p++) {
        const struct sofa_acsr_row *r = &pattern->part[p].row[row];

        sorted = sorted && (n == 0 || r->count == 0 || column[n - 1] < r->first);
        for (int32_t s = 0; s < r->count; s++)
            column[n++] = r->first + r->stride * s;
    }
    for (size_t k = rest->start[row]; k < rest->start[row + 1]; k++) {
        sorted = sorted && (n == 0 || column[n - 1] < rest->column[k]);
        column[n++] = rest->column[k];
    }
    if (!sorted)
        qsort(column, n, sizeof *column, compare_columns);
    return n;
}

void sofa_pattern_to_mask(const struct sofa_pattern *pattern, uint8_t *mask)
{
    const struct sofa_csr *rest = &pattern->rest;

    memset(mask, 0, pattern->rows * pattern->columns);
    for (size_t i = 0; i < pattern->rows; i++) {
        uint8_t *line = mask + i * pattern->columns;

        for (size_t p = 0; p < pattern->n_parts; p++) {
            const struct sofa_acsr_row *r = &pattern->part[p].row[i];

            for (int32_t s = 0; s < r->count; s++)
                line[r->first + r->stride * s] = 1;
        }
        for (size_t k = rest->start[i]; k < rest->start[i + 1]; k++)
            line[rest->column[k]] = 1;
    }
}

uint64_t sofa_pattern_bytes(const struct sofa_pattern *pattern)
{
    size_t rest = pattern->rest.start[pattern->rows];
    uint64_t bytes = (uint64_t)pattern->n_parts * pattern->rows * sizeof(struct sofa_acsr_row);

    return rest ? bytes + rest * sizeof(int32_t) + (pattern->rows + 1) * sizeof(size_t) : bytes;
}

uint64_t sofa_pattern_bytes_csr(const struct sofa_pattern *pattern)
{
    return sofa_pattern_members(pattern) * sizeof(int32_t) + (pattern->rows + 1) * sizeof(size_t);
}

uint64_t sofa_pattern_memory_limit(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t half = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page / 2 : MEMORY_LIMIT_BYTES;

    return half < MEMORY_LIMIT_BYTES ? half : MEMORY_LIMIT_BYTES;
}

struct sofa_acsr_row *sofa_acsr_rows_new(size_t rows, struct sofa_arena *arena)
{
    struct sofa_acsr_row *row = sofa_arena_alloc(arena, rows, sizeof *row);

    for (size_t i = 0; row && i < rows; i++)
        row[i] = SOFA_ACSR_ROW_NONE;
    return row;
}

enum sofa_code sofa_pattern_check_sides(size_t rows, size_t columns, struct sofa_err *err)
{
    if (!rows || !columns)
        return sofa_fail(err, SOFA_E_INPUT, "a pattern of %zu rows and %zu columns is empty", rows, columns);
    if (rows > SOFA_PATTERN_SIDE_MAX || columns > SOFA_PATTERN_SIDE_MAX)
        return sofa_fail(err, SOFA_E_INPUT, "a pattern of %zu rows and %zu columns is too large; expected at most %zu of each",
                         rows, columns, SOFA_PATTERN_SIDE_MAX);
    return SOFA_OK;
}

enum sofa_code sofa_pattern_check_memory(const char *what, double bytes, struct sofa_err *err)
{
    double gib = (double)((uint64_t)1 << 30), limit = (double)sofa_pattern_memory_limit();

    if (bytes <= limit)
        return SOFA_OK;
    return sofa_fail(err, SOFA_E_INPUT, "%s needs %.3g GiB, limit %.3g GiB", what, bytes / gib, limit / gib);
}

/* Appends column j, past all so far, to a row; false where that makes it no progression. */
static bool extend(struct sofa_acsr_row *row, int32_t j)
{
    if (row->count == 0)
        row->first = j;
    else if (row->count == 1)
        row->stride = j - row->first;
    else if ((int64_t)sofa_acsr_row_last(row) + row->stride != j)
        return false;
    row->count++;
    return true;
}

static enum sofa_code fail_illegal(size_t i, const struct sofa_acsr_row *row, int32_t j, struct sofa_err *err)
{
    return sofa_fail(err, SOFA_E_INPUT, "row %zu is no progression at column %d: from %d on with stride %d, column %lld should follow",
                     i, j, row->first, row->stride, (long long)sofa_acsr_row_last(row) + row->stride);
}

static enum sofa_code part_init(size_t rows, size_t columns, struct sofa_arena *arena, struct sofa_acsr *part,
                                struct sofa_acsr_row **row, struct sofa_err *err)
{
    if (sofa_pattern_check_sides(rows, columns, err))
        return SOFA_E_INPUT;
    *row = sofa_acsr_rows_new(rows, arena);
    *part = (struct sofa_acsr){.rows = rows, .columns = columns, .row = *row};
    return *row ? SOFA_OK : sofa_fail_nomem(err, "a regular part");
}

enum sofa_code sofa_acsr_from_mask(const uint8_t *mask, size_t rows, size_t columns, struct sofa_arena *arena,
                                   struct sofa_acsr *part, struct sofa_err *err)
{
    struct sofa_acsr_row *row;
    enum sofa_code rc;

    SOFA_TRY(part_init(rows, columns, arena, part, &row, err));
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++)
            if (mask[i * columns + j] && !extend(&row[i], (int32_t)j))
                return fail_illegal(i, &row[i], (int32_t)j, err);
        part->width = (size_t)row[i].count > part->width ? (size_t)row[i].count : part->width;
    }
out:
    return rc;
}

enum sofa_code sofa_acsr_from_pattern(const struct sofa_pattern *pattern, struct sofa_arena *arena, struct sofa_acsr *part,
                                      struct sofa_err *err)
{
    struct sofa_acsr_row *row;
    enum sofa_code rc;
    int32_t *column;

    SOFA_TRY(part_init(pattern->rows, pattern->columns, arena, part, &row, err));
    column = sofa_arena_alloc(arena, sofa_pattern_width(pattern), sizeof *column);
    if (!column)
        return sofa_fail_nomem(err, "a regular part");
    for (size_t i = 0; i < pattern->rows; i++) {
        size_t n = sofa_pattern_row_columns(pattern, i, column);

        for (size_t k = 0; k < n; k++)
            if (!extend(&row[i], column[k]))
                return fail_illegal(i, &row[i], column[k], err);
        part->width = n > part->width ? n : part->width;
    }
out:
    return rc;
}

enum sofa_code sofa_pattern_from_part(const struct sofa_acsr *part, struct sofa_arena *arena, struct sofa_pattern *pattern,
                                      struct sofa_err *err)
{
    struct sofa_acsr *one = sofa_arena_alloc(arena, 1, sizeof *one);
    size_t *start = sofa_arena_zalloc(arena, part->rows + 1, sizeof *start);

    if (!one || !start)
        return sofa_fail_nomem(err, "a pattern");
    *one = *part;
    *pattern = (struct sofa_pattern){part->rows, part->columns, part->width > 0, one, {part->rows, part->columns, start, NULL}};
    return SOFA_OK;
}
