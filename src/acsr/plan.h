/*
 * How the kernels walk a pattern: which keys are worked on together, and for which queries.
 *
 * A plan depends on the pattern alone and is made once, before there is data.  Three things make it fast, each with a flag
 * so that a bench can show what it brings:
 *
 *   span       a block of queries walks only from its smallest member to its largest, not all keys;
 *   alignment  progressions of one stride and one residue form a group, which is dense in its own coordinates: key t of the
 *              group is column origin + stride t, and a row's members are an interval of t (a strided mask becomes a few
 *              small dense problems);
 *   placement  the tiles of a block lie on the union of its rows' intervals.  Candidates are all intervals of keys; they
 *              are ordered by inclusion, and the maximal ones that hold nothing but members of some row are kept: the
 *              connected pieces of the union.  So no tile is empty, nor is any column of one.  Where a row has two
 *              intervals in a piece, the piece is cut at the start of the second, so that each tile has at most one
 *              interval of a row.  Rows are taken sixteen at a time as they stand, or sorted by length and start where
 *              that gives fewer columns.
 *
 * Every member is in one run of one block or in one line, whatever the flags; sofa_acsr_plan_count shows it.  The paper
 * (Gupta et al., OOPSLA 2025) tiles by a poset of candidate tiles too, but prints no algorithm; this one is ours.
 */
#ifndef SOFA_ACSR_PLAN_H
#define SOFA_ACSR_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acsr/acsr.h"
#include "acsr/run.h"
#include "base/arena.h"
#include "base/err.h"

enum sofa_acsr_flag {
    SOFA_ACSR_SPAN = 1,
    SOFA_ACSR_ALIGN = 2,
    SOFA_ACSR_PLACE = 4, /* says nothing without span */
    SOFA_ACSR_ALL = 7,
};

/* Key t < keys is column origin + stride t.  Packed: worth a copy in which the keys stand next to each other. */
struct sofa_acsr_group {
    int32_t stride, origin;
    size_t keys;
    bool packed;
};

/* Up to sixteen queries and their runs.  Lanes past `lanes` repeat the last row and have no members. */
struct sofa_acsr_block {
    uint32_t group, first_run, n_runs, lanes;
    uint16_t opens, closes; /* bit l: the row of lane l is not worked on before, not after */
    int32_t row[SOFA_ACSR_LANES];
};

/* Members of one row that share too little with others: columns first + stride s, or a list. */
struct sofa_acsr_line {
    int32_t row, first, stride;
    size_t count;
    const int32_t *column; /* [count], NULL: the progression */
    bool opens, closes;
};

struct sofa_acsr_plan {
    size_t rows, columns;
    unsigned flags;
    bool shared; /* some row is in more than one block or line */
    size_t n_groups, n_blocks, n_runs, n_lines, n_empty;
    const struct sofa_acsr_group *group;
    const struct sofa_acsr_block *block; /* those of one group next to each other */
    const struct sofa_acsr_run *run;
    const struct sofa_acsr_line *line;
    const int32_t *empty; /* rows without a member */
    uint64_t members;
    uint64_t pairs; /* (query, key) pairs that are computed, members or not */
};

/* The pattern must outlive the plan.  SOFA_E_NOMEM. */
enum sofa_code sofa_acsr_plan_build(const struct sofa_pattern *pattern, unsigned flags, struct sofa_arena *arena,
                                    struct sofa_acsr_plan *plan, struct sofa_err *err);

/* count[rows][columns] += 1 for each time that the kernels take the pair as a member. */
void sofa_acsr_plan_count(const struct sofa_acsr_plan *plan, uint8_t *count);

#endif
