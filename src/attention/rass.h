/*
 * Loads of key/value pairs for a block of queries (step 9 of the kernel).
 *
 * RASS runs on bit planes: plane b of a counter array holds bit b of the counts of 64 keys a word, so that
 * the counts of all keys change and compare in a few passes over s/64 words.  The budgets of 64 queries stand
 * in bit planes too.  A phase starts with serves = waiting (every query with keys left has budget).  A key
 * that is issued goes out of the race for the phase (`issued`); its column of serves is stale from then on.
 * A query takes every key it holds that is issued while it has budget, so its row of held is brought up to
 * date once a phase, when its budget is used up.  The most that a key serves never grows within a phase, so the
 * upper planes of serves drop out one by one.
 * Every query uses up its budget in each phase, hence after i phases it has max(0, n - i g) keys left.
 */
#ifndef SOFA_ATTENTION_RASS_H
#define SOFA_ATTENTION_RASS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* The selected keys of `rows` queries: query r holds keys [start[r], start[r + 1]), ascending. */
struct sofa_block {
    size_t rows;
    const size_t *start; /* [rows + 1] */
    const uint32_t *keys;
    const uint64_t *bits; /* [rows][bit_words]: the same as a set; NULL where there is none */
    size_t bit_words;
};

/* State of a schedule; row_words and words count 64-bit words of query and key sets. */
struct sofa_rass {
    size_t rows, row_words, words, planes, budget_planes, g;
    uint64_t *held;       /* [rows + 1][words]: keys the query waited for when last without budget; the last row is empty */
    uint64_t *holders;    /* [64 words][row_words]: queries that still wait for the key */
    uint64_t *waiting;    /* [planes][words]: their number */
    uint64_t *serves;     /* [planes][words]: the number of those with budget left in this phase */
    uint64_t *issued;     /* [words]: keys of this phase */
    uint64_t *candidates; /* [words] */
    uint64_t *budget;     /* [budget_planes][row_words] */
    uint64_t *busy;       /* [row_words]: queries with budget */
    size_t busy_rows, done, least; /* done: keys asked of each query in earlier phases; least: of n */
    size_t *n;            /* [rows]: keys selected */
    uint32_t *list;       /* [rows + 2]: queries, scratch */
};
#define SOFA_RASS_STEP 8 /* words worked on together: `words` is a multiple of it */

struct sofa_attention_kernel;

/* Keys of a block lie below s.  In each phase every query takes its next g keys in ascending order; a phase loads their union.
 * Leaves a stamp other than 0 on each key of the block. */
size_t sofa_naive_loads(const struct sofa_block *block, size_t s, size_t g, uint32_t *stamp /* [s], scratch */);

/* RASS: per phase, while a query has budget left (min(g, keys left)), issues the key, not yet issued in
 * this phase, that serves most queries with budget; ties to the key with fewest other waiting
 * holders, then to the lower index; every query with budget that holds it takes it.  `order`, where not
 * NULL, gets the keys as they are issued (room for all selected pairs).  *loads: keys issued. */
enum sofa_code sofa_rass_loads(const struct sofa_attention_kernel *kernel, const struct sofa_block *block, size_t s,
                               size_t g, uint32_t *order, size_t *loads, struct sofa_arena *arena,
                               struct sofa_err *err);

#endif
