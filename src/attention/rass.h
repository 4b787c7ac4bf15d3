/*
 * Loads of key/value pairs for a block of queries (step 9 of the kernel).
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
};

/* In each phase every query takes its next g keys in ascending order; a phase loads their union. */
size_t sofa_naive_loads(const struct sofa_block *block, size_t s, size_t g, uint32_t *stamp /* [s], scratch */);

/* RASS: per phase, while a query has budget left (min(g, keys left)), issues the key, not yet issued in
 * this phase, that serves most queries with budget; ties to the key with fewest other waiting
 * holders, then to the lower index.  `order`, where not NULL, gets the keys as they are issued (room
 * for all selected pairs).  The number of keys issued. */
enum sofa_code sofa_rass_loads(const struct sofa_block *block, size_t s, size_t g, uint32_t *order, size_t *loads,
                               struct sofa_arena *arena, struct sofa_err *err);

#endif
