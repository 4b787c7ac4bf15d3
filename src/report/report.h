/*
 * What a study leaves: pareto.json, pareto.csv, a table, a line of progress.
 *
 * Numbers in files are printed so that they read back to the same double; the files hold nothing of
 * the machine, the time or the number of jobs, so that equal studies give equal bytes.
 */
#ifndef SOFA_REPORT_REPORT_H
#define SOFA_REPORT_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "base/str.h"
#include "study/evaluate.h"
#include "study/study.h"

struct cJSON;

/* FOLDER/pareto.json, FOLDER/pareto.csv and FOLDER/report.html (report/html.h; it tells times, and is made
 * from what study.db has by now), each written atomically.  SOFA_E_IO. */
enum sofa_code sofa_report_write(const struct sofa_study *study, const char *folder, struct sofa_err *err);

/* The front as comma-separated values (RFC 4180): id, parameters that vary, metrics. */
void sofa_report_csv(const struct sofa_study *study, struct sofa_str *out);

/* The front as a table for a terminal: objectives, then the parameters that vary. */
void sofa_report_table(const struct sofa_study *study, struct sofa_str *out);

/* What the cycle-level simulator says of the same design. */
struct sofa_simulated {
    double cycles, dram_bytes;
};
/* One evaluation as JSON: objectives, metrics, feasibility, breakdowns, sources, parameters, and what was
 * `simulated` (or NULL); NULL when memory is exhausted. */
struct cJSON *sofa_report_evaluation(const struct sofa_problem *problem, const struct sofa_design *design,
                                     const struct sofa_evaluation *evaluation, const struct sofa_simulated *simulated);
/* The same for people. */
void sofa_report_evaluation_text(const struct sofa_problem *problem, const struct sofa_design *design,
                                 const struct sofa_evaluation *evaluation, const struct sofa_simulated *simulated,
                                 struct sofa_str *out);

/* Progress on a stream: one line that is rewritten on a terminal, a line now and then elsewhere. */
enum sofa_progress_mode { SOFA_PROGRESS_AUTO, SOFA_PROGRESS_PLAIN, SOFA_PROGRESS_NONE };
struct sofa_progress_line {
    FILE *stream;
    bool rewrite; /* a terminal */
    bool quiet;
    double last;  /* seconds at which a line was last printed */
    size_t width; /* of what stands on the terminal's line */
};
void sofa_progress_line_init(struct sofa_progress_line *line, enum sofa_progress_mode mode, FILE *stream);
/* The `progress` of struct sofa_study_options; ctx is the line. */
void sofa_progress_line_show(void *ctx, const struct sofa_study_progress *progress);
/* Ends the line, so that what follows starts on its own. */
void sofa_progress_line_end(struct sofa_progress_line *line);

#endif
