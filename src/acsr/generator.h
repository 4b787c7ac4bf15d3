/*
 * Within the room: what a SPEC's text says, and the progression that one generator gives a row.
 */
#ifndef SOFA_ACSR_GENERATOR_H
#define SOFA_ACSR_GENERATOR_H

#include "acsr/acsr.h"

/* The plain generators, narrowest claim on a row first: where two share members the one that stands here first keeps them, so
 * that what is left of the other is still a progression (global rows take whole rows, global columns cut a window at its end;
 * a window cut out of a stride leaves two pieces). */
enum generator_kind { KIND_GLOBAL_ROWS, KIND_GLOBAL_COLUMNS, KIND_PREFIX, KIND_BLOCKED, KIND_BLOCK_WINDOW, KIND_WINDOW, KIND_DILATED,
                      KIND_STRIDED, N_KINDS };

/* One generator with its numbers. */
struct term {
    enum generator_kind kind;
    int64_t number[SOFA_GENERATOR_PARAMETERS];
};

#define TERMS_MAX 14

struct terms {
    size_t n;
    struct term term[TERMS_MAX]; /* by kind; no two the same */
};

/* Reads SPEC.  SOFA_E_INPUT names the generator and the parameter. */
enum sofa_code sofa_generator_parse(const char *spec, struct terms *terms, struct sofa_err *err);

/* Row i's columns below `limit` (the number of columns, or i + 1 where causal). */
struct sofa_acsr_row sofa_generator_row(const struct term *term, size_t i, size_t limit);

#endif
