/*
 * `sofa-dse pattern --run`: attention over the pattern on this machine, held against double precision and timed.
 */
#ifndef SOFA_CLI_PATTERN_RUN_H
#define SOFA_CLI_PATTERN_RUN_H

#include "acsr/jit.h"
#include "cli/pattern.h"

struct sofa_pattern_run_options {
    size_t d;        /* head width */
    const char *isa; /* NULL: the best there is */
    bool no_jit;
};

/* Milliseconds are medians of calls in turns, of this thread's CPU time; NAN where nothing was run. */
struct sofa_pattern_run {
    const char *isa;
    size_t d, calls, rows_compared;
    uint64_t pairs; /* that are computed, members or not */
    double plan_ms, general_ms, generated_ms, dense_ms;
    double largest_difference; /* of any result from double precision */
    struct sofa_jit_facts jit;
    char no_kernel[SOFA_ERR_TEXT_MAX]; /* why none was generated; "" where one was */
};

/* SOFA_E_NUMERIC where a result is off by more than SOFA_PATTERN_RUN_WITHIN. */
#define SOFA_PATTERN_RUN_WITHIN 1e-5
enum sofa_code sofa_pattern_run(const struct sofa_pattern_source *source, const struct sofa_pattern_run_options *options,
                                struct sofa_pattern_run *result, struct sofa_err *err);

struct cJSON *sofa_pattern_run_json(const struct sofa_pattern_run *run);
void sofa_pattern_run_print(const struct sofa_pattern_run *run);

#endif
