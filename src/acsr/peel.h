/*
 * Within the room: one row of a mask as a few progressions.
 */
#ifndef SOFA_ACSR_PEEL_H
#define SOFA_ACSR_PEEL_H

#include "acsr/build.h"

#define PEEL_PIECES_MAX 8

/* Disjoint progressions that all are members; `left` members of the row are in none. */
struct peeled {
    size_t n, left;
    struct sofa_acsr_row piece[PEEL_PIECES_MAX];
};

/* Scratch for rows of up to `columns`. */
struct peel_scratch {
    uint8_t *alive;  /* [columns], all 0 between calls */
    int32_t *column; /* [columns] */
    size_t columns;
};

enum sofa_code sofa_peel_scratch(size_t columns, struct sofa_arena *arena, struct peel_scratch *scratch, struct sofa_err *err);

/* Three ways to take the row apart are tried and the one with the fewest bytes (12 a progression, 4 a member left) is kept:
 *  - runs of equal distance between neighbours, the longest eight of them (a window beside a stride: what lies in between is not
 *    part of either);
 *  - repeatedly the longest progression through a few places of the row, whatever lies in between (strides that cross);
 *  - the same after the longest run of neighbours was taken.
 * column[n] ascends.  Cost: 8 passes over the row at most, and 8 * 32 progressions followed. */
void sofa_peel_row(const int32_t *column, size_t n, const struct peel_scratch *scratch, struct peeled *peeled);

#endif
