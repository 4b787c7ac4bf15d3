/*
 * What can be said of a pattern in a few numbers.
 */
#ifndef SOFA_ACSR_FACTS_H
#define SOFA_ACSR_FACTS_H

#include "acsr/acsr.h"

/* One regular part, over its rows that have a member. */
struct sofa_acsr_facts {
    size_t members, rows;
    size_t first_row, last_row, first_column, last_column;
    int32_t stride_least, stride_most; /* of rows with two members or more; 1 where there are none */
    int32_t count_least, count_most;
    int32_t shift;     /* by how much `first` grows from a row to the next, most often */
    double shift_share; /* of the pairs of neighbouring rows: how often that is */
};

struct sofa_pattern_facts {
    size_t members, rest;      /* rest: of them, in the remainder */
    size_t width;              /* of the fullest row */
    size_t empty_rows;
    size_t span_least, span_most; /* last - first + 1 of rows that have a member */
    double density, span_mean;
    double padded;             /* values that the parts hold as [rows][width] each */
    uint64_t bytes, bytes_csr; /* metadata */
};

/* The part must have a member. */
void sofa_acsr_describe(const struct sofa_acsr *part, struct sofa_acsr_facts *facts);
void sofa_pattern_describe(const struct sofa_pattern *pattern, struct sofa_pattern_facts *facts);

#endif
