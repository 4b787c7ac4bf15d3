/*
 * The table of design parameters: what a search may turn.
 *
 * One row a parameter; the space file, the sampler's encoding, reports and `list parameters` know
 * a parameter through its row alone.  A space with an outside evaluator brings a table of its own.
 */
#ifndef SOFA_SPACE_PARAMETER_H
#define SOFA_SPACE_PARAMETER_H

#include <stdbool.h>
#include <stddef.h>

#include "arch/design.h"
#include "base/err.h"
#include "space/patterns.h"

enum sofa_parameter_kind {
    SOFA_PARAMETER_INTEGER,  /* int */
    SOFA_PARAMETER_PERMILLE, /* int thousandths, shown as a ratio */
    SOFA_PARAMETER_NUMBER,   /* double in `unit` */
    SOFA_PARAMETER_CHOICE,   /* int, index in `names`; unordered */
};

/* How a value becomes a coordinate in [0,1] for the Gaussian process. */
enum sofa_encoding { SOFA_ENCODING_RANK, SOFA_ENCODING_LOG };

#define SOFA_PARAMETER_KEY_MAX 64 /* bytes of a key, its end included */
struct sofa_parameter {
    const char *key, *unit;
    enum sofa_parameter_kind kind;
    bool per_layer;           /* a setting of the algorithm: lies in struct sofa_layer_settings */
    size_t offset;            /* in struct sofa_layer_settings or struct sofa_design */
    double least, most;       /* in `unit` */
    enum sofa_encoding encoding;
    int accurate;             /* the end that loses least accuracy: +1 largest, -1 smallest, 0 no matter */
    const char *const *names; /* choices, NULL-terminated */
    struct sofa_patterns *patterns; /* the choices are patterns: `names` is its, and reading a new one adds to it */
    const char *help;
};

/* The table; *n its rows. */
const struct sofa_parameter *sofa_parameters(size_t *n);
/* By key, NULL where there is none. */
const struct sofa_parameter *sofa_parameter_find(const char *key);

/* Reads a value as the user writes it ("15 %", "64 KiB", "inf", "rass"); for a choice the index.
 * SOFA_E_INPUT without a place: out of bounds, wrong dimension, a ratio of no whole thousandths. */
enum sofa_code sofa_parameter_parse(const struct sofa_parameter *p, const char *text, double *value,
                                    struct sofa_err *err);

/* Puts a value into a design: into layer `layer`, or into all of them with -1. */
void sofa_parameter_apply(const struct sofa_parameter *p, double value, int layer, struct sofa_design *design);
/* The value a design has (of layer 0 with -1). */
double sofa_parameter_value(const struct sofa_parameter *p, int layer, const struct sofa_design *design);

/* A value in files and for an outside evaluator: a number in the parameter's base unit, the name of a choice,
 * "inf".  NULL when memory is exhausted. */
struct cJSON;
struct cJSON *sofa_parameter_json(const struct sofa_parameter *p, double value);

/* "64 KiB", "15 %", "inf", "rass", for people. */
#define SOFA_PARAMETER_TEXT_MAX SOFA_PATTERN_TEXT_MAX
void sofa_parameter_text(const struct sofa_parameter *p, double value, char buf[SOFA_PARAMETER_TEXT_MAX]);

#endif
