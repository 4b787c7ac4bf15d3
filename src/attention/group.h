/*
 * Prediction and selection of up to 16 queries at once, a query to a lane.
 */
#ifndef SOFA_ATTENTION_GROUP_H
#define SOFA_ATTENTION_GROUP_H

#include "attention/pack.h"
#include "attention/select.h"

/* What is selected for the queries of a block; row r of the block is row `from + r` of the head. */
struct sofa_marks {
    size_t words;    /* of 64 keys, with one word to spare behind a row */
    uint64_t *bits;  /* [rows][words], cleared by the caller */
    uint32_t *first; /* [rows][tiles]: largest selected score of each tile, UINT32_MAX where none; or NULL */
    size_t clipped;  /* added to */
};

/* Keys whose scores are kept at once: whole tiles, from the 16 before the first to the 16 after the last. */
static inline size_t sofa_chunk_tiles(const struct sofa_tiling *tiling)
{
    return tiling->keys < 128 ? 128 / tiling->keys : 1;
}

static inline size_t sofa_chunk_keys(const struct sofa_tiling *tiling)
{
    return sofa_chunk_tiles(tiling) * tiling->keys + 2 * SOFA_GROUP;
}

/* Words of scratch for these scores [chunk_keys][GROUP] and, behind them, those of one tile at 16 bits. */
static inline size_t sofa_chunk_words(const struct sofa_tiling *tiling)
{
    return SOFA_GROUP * (sofa_chunk_keys(tiling) + tiling->keys / 2 + 1);
}

#endif
