/*
 * Regular sparsity: which keys each query sees, known before the data.
 *
 * The format is SPLAT's affine-compressed sparse row (ACSR): a row's members are one arithmetic progression of columns, kept
 * as three integers, so metadata grows with the rows and not with the members (Gupta et al.: SPLAT, OOPSLA 2025, arXiv
 * 2407.16847).  One progression per row can't hold a window and global columns together; a pattern is therefore a union of disjoint ACSR parts, with what is not
 * regular beside them in ordinary compressed rows (CSR).
 *
 * Rows are queries, columns are keys; both count from 0.  A mask is a byte per pair, [rows][columns], 0 = not a member.
 * Everything here lives in the caller's arena and is freed with it; nothing is changed once built.
 */
#ifndef SOFA_ACSR_ACSR_H
#define SOFA_ACSR_ACSR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* Row i of one regular part: its slot s in [0, count) is column stride*s + first.  stride >= 1 always, also where it says
 * nothing: one element has stride 1; none has stride 1, first 0, count 0. */
struct sofa_acsr_row {
    int32_t stride, first, count;
};

/* One regular part.  Values are an array [rows][width], row i using its first row[i].count slots. */
struct sofa_acsr {
    size_t rows, columns;
    size_t width;                    /* W: the largest count */
    const struct sofa_acsr_row *row; /* [rows] */
};

/* What is not regular. */
struct sofa_csr {
    size_t rows, columns;
    const size_t *start;   /* [rows + 1]; row i has column[start[i]] .. column[start[i + 1] - 1] */
    const int32_t *column; /* ascending in a row; may be NULL where start[rows] is 0 */
};

/* A pattern: every member is in exactly one part or in the remainder. */
struct sofa_pattern {
    size_t rows, columns;
    size_t n_parts;
    const struct sofa_acsr *part; /* [n_parts], none without a member */
    struct sofa_csr rest;         /* always there, perhaps empty */
};

#define SOFA_PATTERN_SIDE_MAX ((size_t)INT32_MAX) /* rows or columns */
#define SOFA_PATTERN_PARTS_MAX ((size_t)16)

/* The pattern that SPEC says, [rows][columns], without a mask in between.  SPEC is generators of sofa_generators (below)
 * joined by '+' (with blanks around it or not), each a name and its numbers: "window:64", "dilated:32:2", "window:64+global_columns:4", "longformer".  Causal
 * keeps columns j <= i only and needs rows == columns.  Members that two generators share are in one part only.
 * SOFA_E_INPUT: what SPEC has wrong, sizes that can't be, or more memory than sofa_pattern_memory_limit(). */
enum sofa_code sofa_pattern_generate(const char *spec, size_t rows, size_t columns, bool causal, struct sofa_arena *arena,
                                     struct sofa_pattern *pattern, struct sofa_err *err);

/* Whether SPEC can be read, without building anything.  SOFA_E_INPUT. */
enum sofa_code sofa_pattern_check(const char *spec, struct sofa_err *err);

/* Any mask as parts and remainder (decompose.c has the algorithm and its cost).  A mask without a member gives a pattern
 * without one.  SOFA_E_INPUT for sides that can't be, SOFA_E_NOMEM. */
enum sofa_code sofa_pattern_from_mask(const uint8_t *mask, size_t rows, size_t columns, struct sofa_arena *arena,
                                      struct sofa_pattern *pattern, struct sofa_err *err);

/* The mask as one ACSR part, which is legal only where every row is one progression: stride = second minus first member, then
 * every column is checked.  SOFA_E_INPUT names the first row and column that break it. */
enum sofa_code sofa_acsr_from_mask(const uint8_t *mask, size_t rows, size_t columns, struct sofa_arena *arena,
                                   struct sofa_acsr *part, struct sofa_err *err);

/* The same of a pattern, however many parts it has: as one part, or refused with row and column. */
enum sofa_code sofa_acsr_from_pattern(const struct sofa_pattern *pattern, struct sofa_arena *arena, struct sofa_acsr *part,
                                      struct sofa_err *err);

/* A pattern of one part, whose rows it borrows.  SOFA_E_NOMEM. */
enum sofa_code sofa_pattern_from_part(const struct sofa_acsr *part, struct sofa_arena *arena, struct sofa_pattern *pattern,
                                      struct sofa_err *err);

/* Writes all of mask[rows][columns]: 1 for members, 0 for others. */
void sofa_pattern_to_mask(const struct sofa_pattern *pattern, uint8_t *mask);

/* Counts.  Density = members / (rows * columns). */
size_t sofa_acsr_members(const struct sofa_acsr *part);
size_t sofa_pattern_members(const struct sofa_pattern *pattern);
size_t sofa_pattern_row_members(const struct sofa_pattern *pattern, size_t row);
size_t sofa_pattern_width(const struct sofa_pattern *pattern); /* members of the fullest row */

/* The smallest and largest column of a row; false where the row has none. */
bool sofa_pattern_row_span(const struct sofa_pattern *pattern, size_t row, size_t *first, size_t *last);

/* A row's columns in ascending order in column[], which has room for sofa_pattern_row_members; returns how many. */
size_t sofa_pattern_row_columns(const struct sofa_pattern *pattern, size_t row, int32_t *column);

/* Whether j is a member of row i of the part: (j - first) mod stride = 0 and 0 <= (j - first) / stride < count. */
bool sofa_acsr_row_has(const struct sofa_acsr_row *row, size_t column);

/* Bytes of metadata: as parts and remainder, and if every member stood in CSR with 4-byte columns and 8-byte row starts. */
uint64_t sofa_pattern_bytes(const struct sofa_pattern *pattern);
uint64_t sofa_pattern_bytes_csr(const struct sofa_pattern *pattern);

/* No pattern or mask larger than this is built: 4 GiB or half of this machine's memory, whichever is less. */
uint64_t sofa_pattern_memory_limit(void);

/* A generator's number.  A parameter that has a default may be left out, and all after it. */
struct sofa_generator_parameter {
    const char *name;
    int64_t least, most;
    int64_t fallback; /* -1: it must be given */
};

#define SOFA_GENERATOR_PARAMETERS 3

/* One row of the table of generators; `named` is set for a union known by name (it stands for other generators). */
struct sofa_generator {
    const char *name;
    struct sofa_generator_parameter parameter[SOFA_GENERATOR_PARAMETERS]; /* up to the first without a name */
    bool named;
    const char *help;   /* which columns a row has */
    const char *source; /* where the pattern is from */
};

/* The table, *n rows. */
const struct sofa_generator *sofa_generators(size_t *n);

/* Appends how it is written: "window:reach", "longformer[:reach=256[:tokens=1]]". */
void sofa_generator_form(const struct sofa_generator *generator, struct sofa_str *out);

#endif
