/*
 * A workload: the shape of a transformer and of what it is given, and which part is counted.
 */
#ifndef SOFA_WORKLOAD_WORKLOAD_H
#define SOFA_WORKLOAD_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "config/node.h"

enum sofa_scope { SOFA_SCOPE_ATTENTION, SOFA_SCOPE_QKV_ATTENTION };
extern const char *const sofa_scope_names[]; /* "attention", "qkv+attention", NULL */

struct sofa_workload {
    char name[64];
    int layers, hidden, heads, kv_heads, head_dim;
    double queries, keys; /* S of each */
    bool causal;
    double batch;
    int scope; /* enum sofa_scope */
};

/* What the functional kernel measured of one head; the model takes nothing of this from a constant. */
struct sofa_selection {
    double density;        /* selected / visible pairs */
    double union_share;    /* keys a block of P queries selects / keys visible to it, mean over blocks */
    double naive_ratio;    /* loads of a block by the naive schedule / its union, >= 1 */
    double rass_ratio;     /* the same by RASS */
    double clipped;        /* share of visible pairs that clipping removed */
    double mispredicted;   /* share of predicted maxima that weren't the maximum */
};

/* Statistics of a whole workload: [layers][heads]; `heads` may be 1 where only means are known. */
struct sofa_statistics {
    int layers, heads;
    struct sofa_selection *head; /* [layers * heads], owned */
    char source[96];             /* "measured: bytelm", "synthetic: ...", "preset: ..." */
};

#endif
