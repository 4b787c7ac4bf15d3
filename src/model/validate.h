/*
 * The model held against what is published, row by row.
 */
#ifndef SOFA_MODEL_VALIDATE_H
#define SOFA_MODEL_VALIDATE_H

#include "arch/published.h"
#include "base/str.h"
#include "model/model.h"

#define SOFA_VALIDATE_LEVELS 3 /* losses of 0, 1 and 2 %: 18.7, 12.3 and 7.4 % of the keys */

/* What the rows are computed from; all owned by the caller. */
struct sofa_validation {
    const struct sofa_hardware *hw;
    const struct sofa_published *published;
    const struct sofa_workload *benchmark;  /* [published->n_benchmarks] */
    const struct sofa_workload *llama;      /* Llama-7B */
    struct sofa_selection selection[SOFA_VALIDATE_LEVELS];
    double rass_naive, rass_loads;          /* vectors of the published scheduling example */
    double segments_differ;                 /* indices that a sort in segments selects otherwise, in per cent */
};

/* Share of the keys that is kept at each level, in thousandths. */
extern const int sofa_validate_permille[SOFA_VALIDATE_LEVELS];

/* Our figure for a row, in the row's unit; NAN where the row says why it can't be reached, or for a name
 * that isn't known (*known false). */
double sofa_validate_row(const struct sofa_validation *validation, const struct sofa_published_row *row, bool *known);

/* What there is to say of a row, as one line: its note, or why it can't be reached.  "{NAME}" in the file stands for a
 * figure that is computed here, as a row or for notes alone.  Replaces *text, which the caller releases.  SOFA_E_INPUT
 * for a name that isn't known. */
enum sofa_code sofa_validate_note(const struct sofa_validation *validation, const struct sofa_published_row *row,
                                  struct sofa_str *text, struct sofa_err *err);

#endif
