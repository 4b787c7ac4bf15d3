/*
 * Within the room: arithmetic on progressions of columns, without looking at their members one by one.
 */
#ifndef SOFA_ACSR_PROGRESSION_H
#define SOFA_ACSR_PROGRESSION_H

#include "acsr/build.h"

/* A progression cut out of another.  Pieces of different rows with the same label came about by the same cuts (left of, right
 * of, ...), so that they belong into one part. */
struct piece {
    struct sofa_acsr_row row;
    uint64_t label;
};

#define PIECES_MAX 32   /* of one generator in one row */
#define PIECE_SPLITS 12 /* most pieces one cut may leave */

struct pieces {
    size_t n;
    struct piece piece[PIECES_MAX];
};

/* Takes the members of `taken` out of every piece: exact, and each piece stays one or more progressions.  False where that would
 * leave more than the limits above; the pieces are worth nothing then. */
bool sofa_pieces_subtract(struct pieces *pieces, const struct sofa_acsr_row *taken);

#endif
