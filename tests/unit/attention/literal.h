/*
 * The kernel's definition taken word by word, slow and in double or 64-bit integers, with nothing
 * shared with the program: what the kernel is compared with on random inputs.
 */
#ifndef SOFA_TESTS_LITERAL_H
#define SOFA_TESTS_LITERAL_H

#include "attention/attention.h"

struct literal {
    size_t s, h, d;
    int64_t *khat;      /* [s][d] */
    int64_t *scores;    /* [s][s] */
    uint8_t *selection; /* [s][s] */
    double *o;          /* [s][d] */
    struct sofa_attention_stats stats;
};

/* All arrays of `out` are malloc'd; literal_free.  `mask` [s][s], NULL for none: the members of a pattern
 * (params->pattern isn't looked at, params->fixed is). */
void literal_run(const struct sofa_attention_params *params, const uint8_t *mask, size_t s, size_t h, size_t d, const float *x,
                 const float *wk, const float *q, const float *k, const float *v, struct sofa_rope rope,
                 struct literal *out);
void literal_free(struct literal *out);

/* Loads of rows [from, to) of a selection. */
size_t literal_naive(const uint8_t *selection, size_t s, size_t from, size_t to, size_t g);
size_t literal_rass(const uint8_t *selection, size_t s, size_t from, size_t to, size_t g);

#endif
