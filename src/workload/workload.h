/*
 * A workload: the shape of a transformer and of what it is given, and which part is counted;
 * and the statistics of what the functional kernel selected in it.
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
    char source[192];
    int layers, hidden, heads, kv_heads, head_dim;
    double queries, keys; /* S of each */
    bool causal;          /* query i sees the keys up to keys - queries + i */
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
    double union_all;      /* keys any query of the head selects / keys; only the scope qkv+attention needs it */
    /* What the head lost, not for the model: NAN where it wasn't measured, of a language model from some rows alone. */
    double mass;           /* softmax mass on the selected keys, mean over queries */
    double output_error;   /* relative error of its output against dense attention */
};

struct sofa_spans; /* acsr/spans.h */

/* Statistics of a whole workload: [layers][heads]; `heads` may be 1 where only means are known. */
struct sofa_statistics {
    int layers, heads;
    struct sofa_selection *head; /* [layers * heads], owned */
    /* [layers], not owned: what the layer's pattern of keys asks for, NULL where it has none; shares and densities of
     * its heads are then of the pattern's members, and of no matter where it is fixed.  NULL: no layer has a pattern. */
    const struct sofa_spans *const *spans;
    char source[96];             /* "measured: bytelm", "synthetic: ...", "preset: ..." */
};

/* Reads a shape file (kind: workload).  The widths, heads and lengths must fit each other:
 * SOFA_E_INPUT with the place of the key that doesn't. */
enum sofa_code sofa_workload_read(const char *path, struct sofa_workload *workload, struct sofa_err *err);
/* The same checks for a workload made elsewhere. */
enum sofa_code sofa_workload_check(const struct sofa_workload *workload, struct sofa_err *err);

/* Query-key pairs one head sees. */
double sofa_workload_visible_pairs(const struct sofa_workload *workload);
/* Operations (a multiply-accumulate is two) of the same work done densely, over all layers, heads
 * and the batch: 4 d for each visible pair, and for qkv+attention 4 H d for each key and K/V head. */
double sofa_workload_dense_operations(const struct sofa_workload *workload);

/* Reads statistics (kind: statistics) for a workload.  Its rows must be one, or one a layer, and each
 * one selection or a list with one a head; what is given once holds for all. */
enum sofa_code sofa_statistics_read(const char *path, const struct sofa_workload *workload,
                                    struct sofa_statistics *statistics, struct sofa_err *err);
/* All set to one selection; `heads` is 1.  SOFA_E_NOMEM. */
enum sofa_code sofa_statistics_init(struct sofa_statistics *statistics, int layers, int heads,
                                    const struct sofa_selection *selection, struct sofa_err *err);
void sofa_statistics_release(struct sofa_statistics *statistics);
/* Whether a selection is possible: shares within [0, 1], ratios at least 1. */
enum sofa_code sofa_selection_check(const struct sofa_selection *selection, struct sofa_err *err);

#endif
