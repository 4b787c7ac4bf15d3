/*
 * What blocks of queries ask of a pattern: how many members, which keys, in how many tiles.  Counted, not
 * estimated: this is what the analytical model lays out for a layer whose keys are known before the data.
 */
#ifndef SOFA_ACSR_SPANS_H
#define SOFA_ACSR_SPANS_H

#include "acsr/acsr.h"

/* One block of queries. */
struct sofa_span {
    double members; /* query-key pairs */
    double keys;    /* that some query of the block sees */
    double fresh;   /* of these, the ones no earlier block saw */
    double tiles;   /* that hold one of them */
    double fullest; /* sum over tiles of the members that the fullest row has in it: what lanes in step go through */
};

struct sofa_spans {
    const char *name;   /* of the pattern, for people */
    bool fixed;         /* the members are the selection: nothing is predicted or sorted */
    double rows, tile;  /* queries of a block; keys of a tile, 0: one tile is the whole block */
    double queries, members, visible; /* of the whole pattern; visible: pairs without it */
    double keys;        /* that some query sees */
    double naive_ratio, rass_ratio; /* of a fixed one: loads of a block by these schedules over its keys, 1 until counted */
    size_t blocks;
    const struct sofa_span *block; /* [blocks] */
};

/* Blocks of `rows` queries, tiles of `tile` keys (0: no tiles).  SOFA_E_INPUT where a query sees no key. */
enum sofa_code sofa_spans_count(const struct sofa_pattern *pattern, bool causal, size_t rows, size_t tile,
                                struct sofa_arena *arena, struct sofa_spans *spans, struct sofa_err *err);

#endif
