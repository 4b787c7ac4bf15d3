/*
 * The keys that the queries of a block see in a pattern, as sets of bits.
 *
 * A pattern takes keys out of sight as causality does: prediction, clipping and sorting never meet the others.
 */
#ifndef SOFA_ACSR_MEMBERS_H
#define SOFA_ACSR_MEMBERS_H

#include "acsr/acsr.h"
#include "base/arena.h"
#include "base/err.h"

struct sofa_members {
    const struct sofa_pattern *pattern;
    bool causal;
    size_t words; /* of 64 keys, with one word to spare behind a row */
    size_t from, rows; /* rows of the head that `bits` has now */
    size_t low, high;  /* words of a row in which some of them have keys: [low, high) */
    uint64_t *bits; /* [rows][words] */
};

/* Room for `rows` rows of words each. */
enum sofa_code sofa_members_init(struct sofa_members *members, const struct sofa_pattern *pattern, bool causal,
                                 size_t rows, size_t words, struct sofa_arena *arena, struct sofa_err *err);
/* Rows [from, from + rows).  SOFA_E_INPUT where one of them sees nothing. */
enum sofa_code sofa_members_fill(struct sofa_members *members, size_t from, size_t rows, struct sofa_err *err);

/* The set of a row that was filled. */
static inline const uint64_t *sofa_members_row(const struct sofa_members *members, size_t row)
{
    return members->bits + (row - members->from) * members->words;
}

/* 32 keys of a set from `key` on, the first in bit 0. */
static inline uint32_t sofa_members_some(const uint64_t *bits, size_t key)
{
    uint64_t low = bits[key / 64] >> key % 64;

    return (uint32_t)(key % 64 > 32 ? low | bits[key / 64 + 1] << (64 - key % 64) : low);
}

/* Keys in a row's set, and in that of all rows filled together. */
size_t sofa_members_count(const struct sofa_members *members, size_t row);
size_t sofa_members_union(const struct sofa_members *members);

#endif
